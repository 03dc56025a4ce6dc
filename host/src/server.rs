//! The composition root: the only place that knows every room. Decides nothing about charging.
//!
//! Start: data directory → store → plugins → listeners; stations come in last. Stop: the other way round.

mod files;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::admin::{self, Admin, AdminKey, KeyError, Serving};
use crate::config::{Config, DefaultVerdict};
use crate::domain::{Addresses, Millis, PolicyRecords, Refusal, Verdict};
use crate::plugins::{Host, HostConfig, StartError as HostError};
use crate::policy::{Defaults, Policies};
use crate::station::Rim;
use crate::station::admission::Admission;
use crate::station::credentials::Credentials;
use crate::station::door::Door;
use crate::station::machine::Manners;
use crate::station::registry::Registry;
use crate::store::{Health, OpenError, Reserve, Store, StoreError};
use crate::tls::{Authority, AuthorityError, Handshake, Own, OwnError};
use crate::work::{
    Ages, Calls, Certificates, FreeSpace, Inboxes, LateBills, Observers, Outbox, Presence,
    Retention, Rollout, RolloutError, Timers, Transfers, Wishes, observed,
};

/// Connections that may wait to be accepted. With the usual 511 a thousand stations that come back at once lose
/// SYNs and need more than a second.
const BACKLOG: u32 = 4096;

/// Between two clean-ups of what the metrics have gathered; without them histograms grow until somebody scrapes.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// How long requests to the admin API may go on when the server stops: a command may wait minutes for its station.
const ADMIN_GRACE: Duration = Duration::from_secs(5);

/// File descriptors that are not stations: listeners, the store, admin connections, files on their way.
const OTHER_FILES: u64 = 700;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot use {path} as data directory: {source}")]
    DataDirectory { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error(transparent)]
    Records(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("cannot use {path} for files: {source}")]
    FilesDirectory { path: PathBuf, source: std::io::Error },
    #[error("cannot listen on {address}: {source}; is another server running there?")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Plugins(#[from] HostError),
    #[error(transparent)]
    Restore(#[from] RolloutError),
    #[error("the certificate authority in the data directory: {0}")]
    Authority(#[from] AuthorityError),
    #[error("the server's own certificate: {0}")]
    Certificate(#[from] OwnError),
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    #[error("the system gives no random numbers: {0}")]
    Randomness(getrandom::Error),
    #[error("metrics cannot be kept: {0}")]
    Metrics(String),
}

/// A running server. Dropping it without [`Server::shut_down`] loses nothing that was acknowledged.
pub struct Server {
    /// Where stations connect.
    pub stations: SocketAddr,
    /// Where they connect over TLS.
    pub stations_tls: Option<SocketAddr>,
    /// Where they fetch firmware and send logs.
    pub files: Option<SocketAddr>,
    /// Where the admin API is.
    pub admin: SocketAddr,
    /// What the admin API wants to see.
    pub key: AdminKey,
    store: Store,
    registry: Registry,
    presence: Presence,
    serving: Serving,
    stopping: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// What the admin API asks of `work`.
type Followers = (Observers, Inboxes, Calls, Transfers, Wishes);

/// What is shown to stations, and by whom it is signed.
struct Tls {
    authority: Arc<Authority>,
    own: Arc<Own>,
}

impl Tls {
    fn open(config: &Config) -> Result<Self, StartError> {
        let now = wall_clock();
        let authority = Authority::open_or_create(&config.data, &config.organisation, now)?;
        let own = Own::open(config.certificate.clone(), &authority, now)?;
        let until = own.certificate().not_after;
        if config.listen_tls.is_some() && until <= now {
            warn!(
                until = until.rfc3339(),
                "the server's certificate has expired: stations will not come in over TLS"
            );
        }
        Ok(Self { authority: Arc::new(authority), own: Arc::new(own) })
    }
}

impl Server {
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let metrics = metrics_handle()?;
        make_private_directory(&config.data)?;
        make_private_directory(&config.data.join("store"))?;
        warn_of_open_directory(&config.data);
        say_how_many_stations_fit();
        let ages = Ages {
            raw: config.keep_raw,
            meter_values: config.keep_meter_values,
            log: config.keep_log,
            commands: config.keep_commands,
        };
        let reserve = Reserve { soft: config.free_space_low, hard: config.free_space_least };
        let mut space = FreeSpace::of(&config.data, reserve, config.ballast);
        // Before the store opens: to open it takes room, too, and the ballast may have to make it.
        let room = space.look();
        let store = Store::open(&config.data)?;
        store.set_room(room);
        let key = AdminKey::open_or_create(&config.data)?;
        let security = Tls::open(&config)?;
        let records: Arc<dyn PolicyRecords> = Arc::new(store.clone());
        let host = Host::start(HostConfig::in_directory(&config.data), records)?;
        let rollout = Rollout::new(host.clone(), store.clone(), wall_clock);
        let observers = Observers::new(host.clone(), store.clone(), admin::tell);
        let inboxes = Inboxes::new(host.clone(), store.clone());
        let silence = match config.when_nobody_decides {
            DefaultVerdict::Refuse => Verdict::Refuse(Refusal::Unknown),
            DefaultVerdict::Permit => Verdict::Permit(Default::default()),
        };
        let changes = host.changes();
        let policies = Policies::new(host.clone(), Defaults { authorize: silence.clone() });
        let policies = Arc::new(policies);
        let late_bills = LateBills::new(store.clone(), policies.clone(), wall_clock);
        let registry = Registry::new(Rim {
            store: store.clone(),
            policies,
            manners: Manners {
                heartbeat: config.heartbeat,
                policy_deadline: config.policy_deadline,
            },
        });
        let mut server = Self {
            stations: config.listen,
            stations_tls: config.listen_tls,
            files: config.files.listen,
            admin: config.admin,
            key,
            presence: Presence::new(store.clone(), registry.clone()),
            store,
            registry,
            serving: Serving::default(),
            stopping: CancellationToken::new(),
            tasks: Vec::new(),
        };
        let calls =
            Calls::new(host.clone(), server.store.clone(), server.registry.clone(), wall_clock);
        calls.end_what_was_cut_off().await?;
        server.keep_house(space, ages);
        server.keep_metrics(metrics.clone());
        let transfers = server.open_files(&config, &security, &calls)?;
        let wishes = server.keep_settings(calls.clone());
        let followers = (observers.clone(), inboxes.clone(), calls, transfers, wishes);
        // Theirs from now on, and nobody is heard before everything else is ready.
        let doors = (bind(config.listen)?, config.listen_tls.map(bind).transpose()?);
        server.stations = doors.0.local_addr().unwrap_or(config.listen);
        server.stations_tls = doors.1.as_ref().and_then(|door| door.local_addr().ok());
        let addresses = addresses(&config, server.stations, server.stations_tls);
        server.open_admin(rollout.clone(), followers, silence, metrics, &security, addresses)?;
        // May take minutes after an upgrade, when machine code is made anew; the admin API tells that it is starting.
        for plugin in &rollout.restore().await? {
            error!(plugin = %plugin.name, error = %plugin.error, "not running");
        }
        server.tasks.push(tokio::spawn(observers.keep(server.stopping.clone())));
        server.keep_post(&host, inboxes);
        server.keep_certificates(&security);
        server.tasks.push(tokio::spawn(host.retire_idle(server.stopping.clone())));
        server.tasks.push(tokio::spawn(late_bills.keep(changes, server.stopping.clone())));
        server.open_door(&config, &security, doors)?;
        Ok(server)
    }

    /// Brings plugins their messages, and stations what plugins want them to do.
    fn keep_post(&mut self, host: &Arc<Host>, inboxes: Inboxes) {
        let store = || self.store.clone();
        let outbox = Outbox::new(host.clone(), store(), self.registry.clone(), wall_clock);
        let timers = Timers::new(host.clone(), store(), wall_clock);
        let stop = || self.stopping.clone();
        self.tasks.extend([
            tokio::spawn(inboxes.keep(stop())),
            tokio::spawn(outbox.keep(stop())),
            tokio::spawn(timers.keep(stop())),
        ]);
    }

    /// Keeps stations configured as their operators want them.
    fn keep_settings(&mut self, calls: Calls) -> Wishes {
        let wishes = Wishes::new(self.store.clone(), self.registry.clone(), calls, wall_clock);
        self.tasks.push(tokio::spawn(wishes.clone().keep(self.stopping.clone())));
        wishes
    }

    /// Brings stations their certificates, and keeps the server's own fresh.
    fn keep_certificates(&mut self, tls: &Tls) {
        let Tls { authority, own } = tls;
        let (store, registry) = (self.store.clone(), self.registry.clone());
        let certificates = Certificates::new(store, registry, authority.clone(), wall_clock);
        let fresh = own.clone().keep(authority.clone(), wall_clock, self.stopping.clone());
        self.tasks.push(tokio::spawn(fresh));
        self.tasks.push(tokio::spawn(certificates.keep(self.stopping.clone())));
    }

    fn keep_metrics(&mut self, metrics: PrometheusHandle) {
        let stop = self.stopping.clone();
        self.tasks.push(tokio::spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(METRICS_UPKEEP)).await.is_some() {
                metrics.run_upkeep();
            }
        }));
    }

    /// Watches the disk, and deletes what is too old.
    fn keep_house(&mut self, space: FreeSpace, ages: Ages) {
        let (store, stop) = (self.store.clone(), self.stopping.clone());
        self.tasks.push(tokio::spawn(space.watch(store, stop)));
        // Nobody but the API reads the log, and whoever asks there takes what is kept.
        let retention = Retention::new(self.store.clone(), ages, observed, wall_clock);
        self.tasks.push(tokio::spawn(retention.keep(self.stopping.clone())));
    }

    fn open_admin(
        &mut self,
        rollout: Arc<Rollout>,
        (observers, inboxes, calls, transfers, wishes): Followers,
        when_nobody_decides: Verdict,
        metrics: PrometheusHandle,
        tls: &Tls,
        addresses: Addresses,
    ) -> Result<(), StartError> {
        let listener = listen(self.admin)?;
        self.admin = listener.local_addr().unwrap_or(self.admin);
        let router = admin::router(Admin {
            store: self.store.clone(),
            registry: self.registry.clone(),
            calls,
            transfers,
            wishes,
            rollout,
            observers,
            inboxes,
            authority: tls.authority.clone(),
            own: tls.own.clone(),
            now: wall_clock,
            when_nobody_decides,
            key: self.key.clone(),
            metrics,
            serving: self.serving.clone(),
            addresses,
            stopping: self.stopping.clone(),
        });
        let stop = self.stopping.clone().cancelled_owned();
        self.tasks.push(tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
                error!(%error, "the admin listener ended");
            }
        }));
        Ok(())
    }

    fn open_door(
        &mut self,
        config: &Config,
        tls: &Tls,
        (in_the_clear, over_tls): (TcpSocket, Option<TcpSocket>),
    ) -> Result<(), StartError> {
        let listener = open(in_the_clear, self.stations)?;
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(StartError::Randomness)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let admission = Admission {
            store: self.store.clone(),
            credentials: Credentials::new(secret, cores),
            accept_unknown: config.accept_unknown_stations,
            validation: config.validation,
        };
        let path = config.station_path.clone();
        let door = Arc::new(Door { registry: self.registry.clone(), admission, path });
        let stop = || self.stopping.clone();
        self.tasks.push(tokio::spawn(door.clone().serve(listener, None, stop())));
        if let Some((socket, address)) = over_tls.zip(self.stations_tls) {
            let handshake = Handshake::new(tls.own.clone(), &tls.authority);
            let handshake = handshake.map_err(|error| StartError::Tls(error.to_string()))?;
            let listener = open(socket, address)?;
            let serving = door.serve(listener, Some(handshake), self.stopping.clone());
            self.tasks.push(tokio::spawn(serving));
        }
        let presence = self.presence.clone();
        self.tasks.push(tokio::spawn(presence.keep(self.stopping.clone())));
        self.serving.set(true);
        let tls = self.stations_tls.map(|address| address.to_string()).unwrap_or_default();
        info!(stations = %self.stations, tls, admin = %self.admin, "serving");
        Ok(())
    }

    /// Ends when the server cannot go on: then it must be shut down, and started again when the cause is gone.
    pub async fn failed(&self) -> String {
        let mut health = self.store.watch_health();
        match health.wait_for(|health| matches!(health, Health::Failed(_))).await.as_deref() {
            Ok(Health::Failed(error)) => error.to_string(),
            _ => "the store's committer is gone".to_owned(),
        }
    }

    /// Lets nobody in any more, lets what is under way reach the records, and closes them.
    pub async fn shut_down(self) {
        self.serving.set(false);
        self.stopping.cancel();
        self.presence.save().await;
        if !self.registry.shut_down().await {
            warn!("some stations' work did not end in time; what was acknowledged is on record");
        }
        let deadline = tokio::time::Instant::now() + ADMIN_GRACE;
        for mut task in self.tasks {
            // A listener that panicked has said so; nothing is left to do for it.
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
            }
        }
        self.store.close().await;
        info!("stopped");
    }
}

/// What stations are to be given. A server that listens everywhere is reached by the machine's own name, unless its
/// operator says otherwise.
fn addresses(config: &Config, clear: SocketAddr, tls: Option<SocketAddr>) -> Addresses {
    let own = || tls.map(|tls| base("wss", tls)).into_iter().chain([base("ws", clear)]).collect();
    let said = config.station_urls.clone();
    let bases = if said.is_empty() { own() } else { said };
    Addresses { bases, path: config.station_path.clone() }
}

fn base(scheme: &str, listening: SocketAddr) -> String {
    let host = match listening.ip() {
        ip if ip.is_unspecified() => own_name(),
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    };
    format!("{scheme}://{host}:{}", listening.port())
}

/// Of the machine; where the system does not tell it, of every machine.
fn own_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

/// The time of day, for what happens here and not at a station.
fn wall_clock() -> Millis {
    Millis::of(SystemTime::now())
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    open(bind(address)?, address)
}

/// Takes an address, at which everybody is turned away until it is [`open`]ed.
fn bind(address: SocketAddr) -> Result<TcpSocket, StartError> {
    let bind = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    };
    bind().map_err(|source| StartError::Listen { address, source })
}

fn open(socket: TcpSocket, address: SocketAddr) -> Result<TcpListener, StartError> {
    socket.listen(BACKLOG).map_err(|source| StartError::Listen { address, source })
}

/// Records and keys are nobody else's business.
fn make_private_directory(path: &Path) -> Result<(), StartError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| StartError::DataDirectory { path: path.to_owned(), source })
}

fn warn_of_open_directory(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).map(|found| found.permissions().mode()).unwrap_or_default();
    if mode & 0o077 != 0 {
        let path = path.display();
        warn!("others may look into {path}, where keys and cards are kept: chmod 700 {path}");
    }
}

/// One recorder for the process, however many servers a test starts in it.
fn metrics_handle() -> Result<PrometheusHandle, StartError> {
    static HANDLE: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    HANDLE
        .get_or_init(|| PrometheusBuilder::new().install_recorder().map_err(|e| e.to_string()))
        .clone()
        .map_err(StartError::Metrics)
}

/// Every station takes a file descriptor: take as many as the system allows, and say how many that is.
fn say_how_many_stations_fit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    match current {
        Some(files) => {
            let stations = files.saturating_sub(OTHER_FILES);
            info!(files, stations, "the limit of open files allows this many stations");
        }
        None => info!("there is no limit of open files"),
    }
}
