//! A running admin API and an operator who knows its key.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::admin::{Admin, AdminKey, Serving, router, tell};
use crate::domain::{
    Addresses, Decision, Fact, FactBody, IdToken, Millis, MilliwattHours, Opinion, Permit, Place,
    PolicyRecords, Session, SessionId, Stamp, StationId, Verdict,
};
use crate::files::{Bounds, Depot, Files};
use crate::plugins::{Compiler, Host, HostConfig};
use crate::policy::{Defaults, Policies};
use crate::station::Rim;
use crate::station::machine::Manners;
use crate::station::registry::Registry;
use crate::store::{Commit, Expect, MemoryEngine, OpenSession, StationSession, Store, TokenName};
use crate::tls::{Authority, Own, Source};
use crate::work::{Calls, Inboxes, Observers, Rollout, Transfers, Wishes};

/// When everything in these stories happens: 2026-01-01T00:00:00Z.
pub(crate) const NOW: Millis = Millis(1_767_225_600_000);

pub(crate) struct House {
    pub(crate) admin: SocketAddr,
    pub(crate) key: AdminKey,
    pub(crate) store: Store,
    pub(crate) engine: Arc<MemoryEngine>,
    pub(crate) host: Arc<Host>,
    pub(crate) serving: Serving,
    pub(crate) stopping: CancellationToken,
    client: reqwest::Client,
    _data: tempfile::TempDir,
}

impl House {
    pub(crate) async fn open() -> Self {
        let data = tempfile::tempdir().unwrap();
        let engine = Arc::new(MemoryEngine::new());
        let store = Store::on_engine(engine.clone()).unwrap();
        let records: Arc<dyn PolicyRecords> = Arc::new(store.clone());
        let host = Host::start(plugins_in(data.path()), records).unwrap();
        let rollout = Rollout::new(host.clone(), store.clone(), || NOW);
        let observers = Observers::new(host.clone(), store.clone(), tell);
        let inboxes = Inboxes::new(host.clone(), store.clone());
        let registry = Registry::new(Rim {
            store: store.clone(),
            policies: Arc::new(Policies::new(host.clone(), Defaults::default())),
            manners: Manners {
                heartbeat: Duration::from_secs(300),
                policy_deadline: Duration::from_secs(3),
            },
        });
        let authority = Authority::open_or_create(data.path(), "Plugpoint", NOW).unwrap();
        let names = vec!["localhost".to_owned()];
        let own = Own::open(Source::Authority { names }, &authority, NOW).unwrap();
        let key = AdminKey::open_or_create(data.path()).unwrap();
        let (serving, stopping) = (Serving::default(), CancellationToken::new());
        let calls = Calls::new(host.clone(), store.clone(), registry.clone(), || NOW);
        let files = files_in(data.path(), store.clone());
        let router = router(Admin {
            store: store.clone(),
            transfers: Transfers::new(files, calls.clone(), registry.clone()),
            wishes: Wishes::new(store.clone(), registry.clone(), calls.clone(), || NOW),
            calls,
            registry,
            rollout,
            observers: observers.clone(),
            inboxes,
            own: Arc::new(own),
            authority: Arc::new(authority),
            now: || NOW,
            when_nobody_decides: Defaults::default().authorize,
            key: key.clone(),
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            serving: serving.clone(),
            addresses: Addresses {
                bases: vec!["ws://csms:8080".to_owned()],
                ..Addresses::default()
            },
            stopping: stopping.clone(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = listener.local_addr().unwrap();
        tokio::spawn(observers.keep(stopping.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { admin, key, store, engine, host, serving, stopping, client, _data: data }
    }

    /// A request with the key.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.stranger(method, path).bearer_auth(self.key.reveal())
    }

    /// A request without the key.
    pub(crate) fn stranger(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.admin))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn put(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        Answer::of(self.request(Method::PUT, path).body(body).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &'static str) -> Answer {
        Answer::of(self.request(Method::POST, path).body(body).send().await.unwrap()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path).send().await.unwrap()).await
    }

    /// Something that a station did and the log keeps at once.
    pub(crate) async fn happens(&self, station: &str, body: FactBody) {
        let station = StationId::new(station).ok();
        let mut commit = Commit::new();
        commit.fact(Fact { station, stamp: Stamp::here(NOW), body }, None).synced();
        self.store.commit(commit).await.unwrap();
    }

    /// A session as the station room leaves it.
    pub(crate) async fn session(&self, session: &Session, card: &str) {
        let token = IdToken::new(card).unwrap();
        let station = || session.station.clone();
        let mut commit = Commit::new();
        commit.put(&session.id, session, Expect::Absent);
        commit.put(&(station(), session.id), &StationSession {}, Expect::Absent);
        let pseudonym = self.store.pseudonym(&token);
        commit.put(&pseudonym, &TokenName { token }, Expect::Any);
        if session.is_active() {
            let open = OpenSession { session: session.id };
            commit.put(&(station(), session.place, session.id), &open, Expect::Absent);
        }
        commit.synced();
        self.store.commit(commit).await.unwrap();
    }

    /// A running session that `rfid-list` permitted.
    pub(crate) fn charging(&self, id: u32, station: &str, card: &str) -> Session {
        Session {
            id: SessionId::new(id).unwrap(),
            station: StationId::new(station).unwrap(),
            place: Place::connector(1),
            protocol: "ocpp1.6".into(),
            transaction: id.to_string(),
            token: Some(self.store.pseudonym(&IdToken::new(card).unwrap())),
            decision: Some(permitted()),
            started: Stamp::here(NOW),
            meter_start: Some(MilliwattHours::from_wh(1_000)),
            last_reading: Some((NOW, MilliwattHours(3_500_500))),
            ended: None,
            state: None,
            sequence: None,
            course: vec![],
            terms: None,
            bill: None,
            unpriced: None,
        }
    }
}

/// Plugins that are compiled here and never many.
pub(crate) fn plugins_in(data: &Path) -> HostConfig {
    let config = HostConfig::in_directory(data);
    HostConfig { compiler: Compiler::Here, instances: 8, ..config }
}

pub(crate) fn permitted() -> Decision {
    let permit = Verdict::Permit(Permit { account: Some("ACME".into()), ..Permit::default() });
    Decision {
        verdict: permit.clone(),
        decided_by: "rfid-list".parse().ok(),
        why: "on the operator's list".into(),
        opinions: vec![Opinion {
            plugin: "rfid-list".parse().unwrap(),
            version: "0.1.0".into(),
            verdict: permit,
            failure: None,
            took_micros: 12,
        }],
    }
}

/// Status and body of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// `null` when there is none.
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let status = response.status();
        let text = response.text().await.unwrap();
        let body = match text.as_str() {
            "" => Value::Null,
            json => serde_json::from_str(json).unwrap_or_else(|_| panic!("not JSON: {json}")),
        };
        Self { status, body }
    }

    /// The answer of a request that must have worked.
    pub(crate) fn good(self) -> Value {
        assert!(self.status.is_success(), "{self:?}");
        self.body
    }

    /// Code and message of a request that must not have worked. Every failure says what to do next.
    pub(crate) fn bad(self, status: u16) -> (String, String) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        let error = &self.body["error"];
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        assert!(!text("next").is_empty());
        (text("code"), text("message"))
    }
}

/// Where files would be fetched and sent, if there were a listener.
fn files_in(data: &Path, store: Store) -> Files {
    let hour = Duration::from_secs(3600);
    let size = 1 << 20;
    let bounds = Bounds {
        upload: size,
        firmware: size,
        keep_bytes: size,
        floor: 0,
        keep: hour,
        at_once: 1,
        link: hour,
    };
    Files::new(store, Depot::open(data.join("files"), 0).unwrap(), bounds, None, || NOW)
}
