//! The plugins in service, and the way into and out of it. Knows no record and no log of changes: who loads a plugin
//! commits the change first and publishes then.
//!
//! The table is immutable and swapped as a whole. A call that has begun keeps the version that it began with, which
//! goes away by itself when the last such call has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use wasmtime::Engine;

use super::compile::Compiler;
use super::engine;
use super::error::{LoadError, StartError};
use super::files::Files;
use super::instance::IDLE_FOR;
use super::journal::{Journal, Journals};
use super::limits::Limits;
use super::listeners::Listeners;
use super::manifest::{Capability, Hook, ObserverSettings};
use super::plugin::{Plugin, PluginStatus};
use crate::domain::{
    Digest, Effects, MAX_PLUGINS, OrderedHook, PluginName, PluginVersion, PolicyRecords,
};

/// Instances of all plugins together, idle ones included. Each reserves some 6 GiB of address space and nothing else.
const INSTANCES: u32 = 256;

/// The running binary, even when an upgrade has put another file in its place: both have to agree on the engine.
const THIS_BINARY: &str = "/proc/self/exe";

/// How the plugin host is set up.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Where components and their machine code are kept.
    pub dir: PathBuf,
    pub compiler: Compiler,
    /// For every plugin.
    pub limits: Limits,
    /// What the operator lets plugins use, if they ask for it.
    pub grants: BTreeSet<Capability>,
    /// Instances of all plugins together.
    pub instances: u32,
}

impl HostConfig {
    /// The usual settings, with files below a server's data directory. Everything that this version of the contract
    /// offers is granted, since all of it is local and bounded.
    pub fn in_directory(data: &Path) -> Self {
        Self {
            dir: data.join("plugins"),
            compiler: Compiler::Child { exe: THIS_BINARY.into() },
            limits: Limits::default(),
            grants: Capability::ALL.into(),
            instances: INSTANCES,
        }
    }
}

/// One per process.
pub struct Host {
    pub(super) config: HostConfig,
    pub(super) engine: Engine,
    pub(super) files: Arc<Files>,
    pub(super) records: Arc<dyn PolicyRecords>,
    /// Places in the engine's pool.
    pub(super) places: Arc<Semaphore>,
    /// One new file at a time. A rollback does not wait for it.
    pub(super) loading: Mutex<()>,
    /// One compilation at a time.
    pub(super) compiling: Semaphore,
    pub(super) listeners: Arc<Listeners>,
    table: ArcSwap<Table>,
    journals: Journals,
    /// Told after every change of the table.
    changed: watch::Sender<()>,
}

/// Who is in service. Never changed, only replaced.
#[derive(Default)]
struct Table {
    plugins: BTreeMap<PluginName, Arc<Plugin>>,
    orders: Orders,
    /// In the order in which they are asked.
    authorizers: Arc<[Arc<Plugin>]>,
    /// Likewise.
    tariffs: Arc<[Arc<Plugin>]>,
    quirks: Arc<[Arc<Plugin>]>,
    responders: Arc<[Arc<Plugin>]>,
    observers: Arc<[Arc<Plugin>]>,
    inboxes: Arc<[Arc<Plugin>]>,
    /// Which one it is: no two tables of a process have the same number. The empty one is 0.
    generation: u64,
}

/// Who comes first, in the operator's words. Names of plugins that are not in service mean nothing until they are.
type Orders = BTreeMap<OrderedHook, Vec<PluginName>>;

impl Table {
    fn of(plugins: BTreeMap<PluginName, Arc<Plugin>>, orders: Orders, generation: u64) -> Self {
        let ordered = |hook| in_order(&plugins, &orders, hook);
        let (authorizers, tariffs) =
            (ordered(OrderedHook::Authorizer), ordered(OrderedHook::Tariff));
        let (quirks, responders) = (ordered(OrderedHook::Quirks), ordered(OrderedHook::Responder));
        let by_name = |hook| {
            let answering = plugins.values().filter(|plugin| plugin.answers(hook));
            answering.cloned().collect()
        };
        let (observers, inboxes) = (by_name(Hook::Observer), by_name(Hook::Inbox));
        Self {
            plugins,
            orders,
            authorizers,
            tariffs,
            quirks,
            responders,
            observers,
            inboxes,
            generation,
        }
    }
}

/// Who answers a hook: as the operator says, then by priority, then by name.
fn in_order(
    plugins: &BTreeMap<PluginName, Arc<Plugin>>,
    orders: &Orders,
    hook: OrderedHook,
) -> Arc<[Arc<Plugin>]> {
    let first = orders.get(&hook).map(Vec::as_slice).unwrap_or_default();
    let place = |plugin: &Plugin| first.iter().position(|name| name == plugin.name());
    let mut order: Vec<_> =
        plugins.values().filter(|plugin| plugin.answers(hook.into())).cloned().collect();
    // Stable: equals stay in the order of their names.
    order.sort_by_key(|plugin| (place(plugin).unwrap_or(usize::MAX), plugin.priority(hook)));
    order.into()
}

/// A version that is ready to serve and does not yet.
pub struct Prepared {
    pub(super) plugin: Arc<Plugin>,
    pub(super) effects: Effects,
    pub(super) replaces: Option<PluginVersion>,
}

impl Prepared {
    pub fn name(&self) -> &PluginName {
        self.plugin.name()
    }

    pub fn version(&self) -> &PluginVersion {
        self.plugin.version()
    }

    /// The version in service when this one was prepared.
    pub fn replaces(&self) -> Option<&PluginVersion> {
        self.replaces.as_ref()
    }

    /// What `migrate` did to the plugin's state. Belongs into the commit that makes this version the active one.
    pub fn effects(&self) -> &Effects {
        &self.effects
    }

    pub fn status(&self) -> PluginStatus {
        self.plugin.status()
    }

    /// How the version wants to be told what happens; `None` when it does not observe.
    pub fn observes(&self) -> Option<&ObserverSettings> {
        self.plugin.observes()
    }
}

impl Host {
    pub fn start(
        config: HostConfig,
        records: Arc<dyn PolicyRecords>,
    ) -> Result<Arc<Self>, StartError> {
        let engine = engine::running(config.instances)
            .map_err(|error| StartError::Engine(format!("{error:#}")))?;
        engine::start_ticker(&engine)?;
        let files = Files::open(&config.dir, engine::compatibility(&engine))?;
        let places = usize::try_from(config.instances).unwrap_or(Semaphore::MAX_PERMITS);
        Ok(Arc::new(Self {
            config,
            engine,
            files: Arc::new(files),
            records,
            places: Arc::new(Semaphore::new(places)),
            loading: Mutex::new(()),
            compiling: Semaphore::new(1),
            listeners: Arc::default(),
            table: ArcSwap::default(),
            journals: Journals::default(),
            changed: watch::Sender::new(()),
        }))
    }

    /// Puts a prepared version into service, in place of another of the same name.
    pub fn publish(&self, prepared: Prepared) {
        self.change(|plugins, _| {
            plugins.insert(prepared.name().clone(), Arc::clone(&prepared.plugin));
        });
    }

    /// Asks these plugins first from the next question on, in this order. Rounds that have begun keep theirs.
    pub fn set_order(&self, hook: OrderedHook, first: &[PluginName]) {
        self.change(|_, orders| drop(orders.insert(hook, first.to_vec())));
    }

    /// Takes a plugin out of service. False if there was none of this name.
    pub fn retire(&self, name: &PluginName) -> bool {
        let before = self.table.load_full();
        self.change(|plugins, _| drop(plugins.remove(name)));
        before.plugins.contains_key(name)
    }

    fn change(&self, edit: impl Fn(&mut BTreeMap<PluginName, Arc<Plugin>>, &mut Orders)) {
        self.table.rcu(|table| {
            let (mut plugins, mut orders) = (table.plugins.clone(), table.orders.clone());
            edit(&mut plugins, &mut orders);
            Table::of(plugins, orders, table.generation + 1)
        });
        self.listeners.follow(self.table.load().inboxes.iter());
        self.changed.send_replace(());
    }

    /// Marked as changed whenever a plugin came into service or went out of it.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The plugins that want to be told what happens, by name.
    pub fn observers(&self) -> Arc<[Arc<Plugin>]> {
        Arc::clone(&self.table.load().observers)
    }

    /// The plugins that want messages, by name.
    pub fn inboxes(&self) -> Arc<[Arc<Plugin>]> {
        Arc::clone(&self.table.load().inboxes)
    }

    /// How many events of others found the inbox of a plugin full, since the server was started.
    pub fn missed_by(&self, name: &PluginName) -> u64 {
        self.listeners.missed_by(name)
    }

    /// The authorisers in the order in which they are asked. Holding on to the answer holds on to its versions.
    pub fn authorizers(&self) -> Arc<[Arc<Plugin>]> {
        Arc::clone(&self.table.load().authorizers)
    }

    /// The tariffs in the order in which they are asked for terms.
    pub fn tariffs(&self) -> Arc<[Arc<Plugin>]> {
        Arc::clone(&self.table.load().tariffs)
    }

    /// The quirks in the order in which they are asked, and the number of the table that they stand in.
    pub fn quirks(&self) -> (u64, Arc<[Arc<Plugin>]>) {
        let table = self.table.load();
        (table.generation, Arc::clone(&table.quirks))
    }

    /// Which table is in force. Another number: whatever was concluded from the plugins may be wrong.
    pub fn generation(&self) -> u64 {
        self.table.load().generation
    }

    /// The responders in the order in which they are asked.
    pub fn responders(&self) -> Arc<[Arc<Plugin>]> {
        Arc::clone(&self.table.load().responders)
    }

    /// The plugins of a hook in the order in which they are asked.
    pub fn asked(&self, hook: OrderedHook) -> Arc<[Arc<Plugin>]> {
        match hook {
            OrderedHook::Authorizer => self.authorizers(),
            OrderedHook::Tariff => self.tariffs(),
            OrderedHook::Quirks => self.quirks().1,
            OrderedHook::Responder => self.responders(),
        }
    }

    pub fn plugin(&self, name: &PluginName) -> Option<Arc<Plugin>> {
        self.table.load().plugins.get(name).cloned()
    }

    /// Where the lines of a plugin go, whether it is in service or not.
    pub fn journal(&self, name: &PluginName) -> Arc<Journal> {
        self.journals.of(name)
    }

    /// `None` if nothing was ever written by a plugin of this name, or about it.
    pub fn find_journal(&self, name: &PluginName) -> Option<Arc<Journal>> {
        self.journals.find(name)
    }

    /// All plugins in service, by name.
    pub fn status(&self) -> Vec<PluginStatus> {
        self.table.load_full().plugins.values().map(|plugin| plugin.status()).collect()
    }

    /// Lets idle instances give their places back, until told to stop.
    pub async fn retire_idle(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(IDLE_FOR / 4)).await.is_some() {
            self.retire_idle_at(Instant::now());
        }
    }

    pub(super) fn retire_idle_at(&self, now: Instant) {
        for plugin in self.table.load_full().plugins.values() {
            plugin.pool.retire_idle(now);
        }
    }

    /// Drops the files of all components but these, which the records name. Returns how many it dropped.
    pub fn forget_all_but(&self, keep: &[Digest]) -> std::io::Result<usize> {
        self.files.forget_all_but(keep)
    }

    pub(super) fn has_room_for(&self, name: &PluginName) -> Result<(), LoadError> {
        let table = self.table.load();
        if table.plugins.contains_key(name) || table.plugins.len() < MAX_PLUGINS {
            Ok(())
        } else {
            Err(LoadError::TooMany(MAX_PLUGINS))
        }
    }
}
