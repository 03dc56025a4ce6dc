//! A policy asked through the chain, and the same component called by wasmtime and nothing else: the same file, the
//! same question, the same imports, both warm. The difference is what the host adds: pool, breaker, budgets, figures,
//! and the decision itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use plugpoint::domain::{
    AskedStation, AuthorizeAsk, IdToken, Millis, Place, PluginName, PolicyRecords, Purpose,
    ReadFailed, Session, SessionId, Stamp, StationId, StationRecord, TokenRecord, Verdict,
    Versioned,
};
use plugpoint::plugins::{Capability, Compiler, Host, HostConfig};
use plugpoint::policy::{Defaults, Policies};
use tempfile::TempDir;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
};

use bindings::exports::plugpoint::plugin::authorizer::{Ask, Guest, GuestIndices, Token};
use bindings::exports::plugpoint::plugin::{authorizer, lifecycle};
use bindings::plugpoint::plugin::tokens;
use bindings::plugpoint::plugin::types::{HostError, StationParam};

/// The policy of the demo, as `make guests` built it.
const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/guests/rfid-list.wasm");

/// Longer than the whole run: the deadline is there and never comes.
const AMPLE: Duration = Duration::from_secs(3600);

/// Instances that either side may have.
const INSTANCES: u32 = 16;

/// The component, if it is there.
pub(crate) fn policy() -> Vec<u8> {
    std::fs::read(POLICY)
        .unwrap_or_else(|error| panic!("{POLICY}: {error}; `make guests` builds it"))
}

const CARD: &str = "04A1B2C3D4E5F6";

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit/0.1.0",
        world: "plugin-host",
        ownership: Borrowing { duplicate_if_necessary: true },
        imports: { default: trappable },
        exports: { default: async },
    });
}

/// One card, on the list.
struct OneCard;

impl PolicyRecords for OneCard {
    fn state(&self, _: &PluginName, _: &str) -> Result<Versioned<Option<Vec<u8>>>, ReadFailed> {
        Err(ReadFailed)
    }

    fn state_keys(
        &self,
        _: &PluginName,
        _: &str,
        _: Option<&str>,
        _: usize,
    ) -> Result<Vec<String>, ReadFailed> {
        Err(ReadFailed)
    }

    fn token(&self, token: &IdToken) -> Result<Option<TokenRecord>, ReadFailed> {
        Ok((token.reveal() == CARD).then(TokenRecord::default))
    }

    fn station(&self, _: &StationId) -> Result<Option<StationRecord>, ReadFailed> {
        Err(ReadFailed)
    }

    fn session(&self, _: SessionId) -> Result<Option<Session>, ReadFailed> {
        Err(ReadFailed)
    }

    fn post(&self, _: &PluginName, _: usize) -> Result<usize, ReadFailed> {
        Err(ReadFailed)
    }

    fn commands(&self, _: &PluginName, _: &StationId, _: usize) -> Result<usize, ReadFailed> {
        Err(ReadFailed)
    }
}

fn question() -> AuthorizeAsk {
    let id = |text: &str| StationId::new(text).expect("a station's id");
    AuthorizeAsk {
        station: AskedStation {
            id: id("CS-0001"),
            protocol: "ocpp1.6",
            vendor: Some("Vendor".to_owned()),
            model: Some("Model 22".to_owned()),
            serial: None,
            firmware: None,
            zone: "Europe/Berlin".to_owned(),
            tags: Vec::new(),
        },
        place: Some(Place::connector(1)),
        session: SessionId::new(4711),
        stamp: Stamp::here(Millis(1_772_384_531_000)),
        offline: false,
        purpose: Purpose::Start,
        token: IdToken::new(CARD).expect("a card"),
        token_kind: None,
    }
}

/// The policy in service, as a server would have it.
pub(crate) struct Chain {
    policies: Policies,
    ask: AuthorizeAsk,
    deadline: tokio::time::Instant,
    _dir: TempDir,
}

impl Chain {
    pub(crate) async fn new(wasm: Vec<u8>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let config = HostConfig {
            compiler: Compiler::Here,
            instances: INSTANCES,
            grants: BTreeSet::from(Capability::ALL),
            ..HostConfig::in_directory(dir.path())
        };
        let host = Host::start(config, Arc::new(OneCard)).expect("the host starts");
        let name = PluginName::new("rfid-list").expect("a plugin's name");
        let prepared = host.prepare(&name, wasm, "{}").await;
        host.publish(prepared.expect("the policy loads"));
        let policies = Policies::new(host, Defaults::default());
        let deadline = tokio::time::Instant::now() + AMPLE;
        Self { policies, ask: question(), deadline, _dir: dir }
    }

    pub(crate) async fn call(&self) {
        let (decision, _) = self.policies.authorize(&self.ask, self.deadline).await;
        assert!(matches!(decision.verdict, Verdict::Permit(_)), "{decision:?}");
    }
}

/// What the bare guest is given to import. It reads the same list.
struct Imports(Arc<dyn PolicyRecords>);

impl tokens::Host for Imports {
    fn get(&mut self, value: String) -> wasmtime::Result<Result<Option<tokens::Entry>, HostError>> {
        let Ok(token) = IdToken::new(&value) else { return Ok(Ok(None)) };
        let Ok(record) = self.0.token(&token) else { return Ok(Err(HostError::Unavailable)) };
        Ok(Ok(record.map(|record| tokens::Entry {
            blocked: record.blocked,
            expires: record.expires.map(|expires| expires.0),
            group: record.group,
            account: record.account,
        })))
    }
}

impl bindings::plugpoint::plugin::types::Host for Imports {}

/// The same component in wasmtime alone: what decides how its code is made is set as in the server.
pub(crate) struct Bare {
    store: Store<Imports>,
    guest: Guest,
    ask: AuthorizeAsk,
}

impl Bare {
    pub(crate) async fn new(wasm: &[u8]) -> wasmtime::Result<Self> {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(INSTANCES)
            .total_memories(INSTANCES)
            .total_stacks(INSTANCES)
            .total_core_instances(INSTANCES * 16)
            .total_tables(INSTANCES * 4)
            .pagemap_scan(Enabled::Auto);
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .concurrency_support(false)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config)?;
        let component = Component::new(&engine, wasm)?;
        let mut linker = Linker::new(&engine);
        tokens::add_to_linker::<_, HasSelf<Imports>>(&mut linker, |imports| imports)?;
        let code = linker.instantiate_pre(&component)?;
        let mut store = Store::new(&engine, Imports(Arc::new(OneCard)));
        // Nobody moves the epoch of this engine on.
        store.set_epoch_deadline(1);
        let instance = code.instantiate_async(&mut store).await?;
        let lifecycle = lifecycle::GuestIndices::new(&code)?.load(&mut store, &instance)?;
        let configured = lifecycle.call_configure(&mut store, "{}").await?;
        configured.map_err(wasmtime::Error::msg)?;
        let guest = GuestIndices::new(&code)?.load(&mut store, &instance)?;
        Ok(Self { store, guest, ask: question() })
    }

    /// One call; that it permits is all that is done with the answer.
    pub(crate) async fn call(&mut self) {
        let ask = &self.ask;
        let tags: Vec<&str> = ask.station.tags.iter().map(String::as_str).collect();
        let session = ask.session.map(|session| session.to_string());
        let question = Ask {
            station: StationParam {
                id: ask.station.id.as_str(),
                protocol: ask.station.protocol,
                vendor: ask.station.vendor.as_deref(),
                model: ask.station.model.as_deref(),
                zone: &ask.station.zone,
                tags: &tags,
                more: &[],
            },
            evse: ask.place.and_then(Place::outlet),
            session: session.as_deref(),
            at: ask.stamp.best().0,
            received: ask.stamp.received.0,
            clock_ok: ask.stamp.clock_ok,
            offline: ask.offline,
            more: &[],
        };
        let token = Token { value: ask.token.reveal(), kind: "rfid", more: &[] };
        let purpose = ask.purpose.as_str();
        let said = self.guest.call_authorize(&mut self.store, question, purpose, token).await;
        assert!(matches!(said, Ok(Ok(authorizer::Verdict::Permit(_)))), "{said:?}");
    }
}
