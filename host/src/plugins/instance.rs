//! Instances of one plugin version: how one is made, lent to a call and taken back. Knows no hook's meaning.
//!
//! An instance is a cache, not a memory. After a trap, or when a call's future is dropped half-way, its store is dead
//! for ever; so a [`Lease`] that is not given back discards it, and [`Lease::settle`] is the only way back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::{Instant, error::Elapsed, timeout_at};
use tracing::debug;
use wasmtime::component::InstancePre;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use super::bindings::exports::plugpoint::plugin::{
    authorizer, inbox, lifecycle, observer, quirks, responder, tariff,
};
use super::context::{Call, Context, LogGate, begin, tidy};
use super::error::CallError;
use super::limits::{Limits, MAX_TEXT, MemoryLedger};
use super::listeners::Listeners;
use crate::domain::{Effects, PluginName, PolicyRecords};

/// Everything that is needed to make instances of one version.
pub(super) struct Blueprint {
    pub(super) plugin: PluginName,
    pub(super) settings: String,
    pub(super) limits: Limits,
    pub(super) code: InstancePre<Context>,
    pub(super) exports: Exports,
    pub(super) records: Arc<dyn PolicyRecords>,
    pub(super) log_gate: Arc<LogGate>,
    pub(super) listeners: Arc<Listeners>,
    /// Places in the engine's pool, shared by all plugins.
    pub(super) places: Arc<Semaphore>,
}

/// Where a component's exports are; `None` for those that it does not have.
pub(super) struct Exports {
    pub(super) lifecycle: Option<lifecycle::GuestIndices>,
    pub(super) authorizer: Option<authorizer::GuestIndices>,
    pub(super) tariff: Option<tariff::GuestIndices>,
    pub(super) observer: Option<observer::GuestIndices>,
    pub(super) inbox: Option<inbox::GuestIndices>,
    pub(super) quirks: Option<quirks::GuestIndices>,
    pub(super) responder: Option<responder::GuestIndices>,
}

/// A component that runs. One call at a time.
pub(super) struct Instance {
    pub(super) store: Store<Context>,
    pub(super) lifecycle: Option<lifecycle::Guest>,
    pub(super) authorizer: Option<authorizer::Guest>,
    pub(super) tariff: Option<tariff::Guest>,
    pub(super) observer: Option<observer::Guest>,
    pub(super) inbox: Option<inbox::Guest>,
    pub(super) quirks: Option<quirks::Guest>,
    pub(super) responder: Option<responder::Guest>,
    calls_left: u32,
    /// Given up after the store.
    _place: OwnedSemaphorePermit,
}

/// The exports of a component that has just started.
struct Guests {
    lifecycle: Option<lifecycle::Guest>,
    authorizer: Option<authorizer::Guest>,
    observer: Option<observer::Guest>,
    tariff: Option<tariff::Guest>,
    inbox: Option<inbox::Guest>,
    quirks: Option<quirks::Guest>,
    responder: Option<responder::Guest>,
}

/// What a guest's function returns through wasmtime, within a deadline.
pub(super) type Outcome<T> = Result<wasmtime::Result<Result<T, String>>, Elapsed>;

impl Blueprint {
    /// An instance that has run nothing but its own start.
    pub(super) async fn build(&self) -> Result<Instance, CallError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| CallError::Saturated)?;
        let context = Context {
            plugin: self.plugin.clone(),
            records: Arc::clone(&self.records),
            memory: MemoryLedger::new(self.limits.memory),
            log_gate: Arc::clone(&self.log_gate),
            listeners: Arc::clone(&self.listeners),
            call: Call::default(),
        };
        let mut store = context.into_store(self.code.engine());
        begin(&mut store, Call::new(self.limits.load_cpu, None));
        match self.instantiate(&mut store).await {
            Ok(guests) => Ok(Instance {
                store,
                lifecycle: guests.lifecycle,
                authorizer: guests.authorizer,
                observer: guests.observer,
                tariff: guests.tariff,
                inbox: guests.inbox,
                quirks: guests.quirks,
                responder: guests.responder,
                calls_left: self.limits.calls_per_instance.get(),
                _place: place,
            }),
            Err(error) => Err(self.broken(&store, &error)),
        }
    }

    async fn instantiate(&self, store: &mut Store<Context>) -> wasmtime::Result<Guests> {
        let instance = self.code.instantiate_async(&mut *store).await?;
        let lifecycle = self.exports.lifecycle.as_ref();
        let lifecycle = lifecycle.map(|at| at.load(&mut *store, &instance)).transpose()?;
        let authorizer = self.exports.authorizer.as_ref();
        let authorizer = authorizer.map(|at| at.load(&mut *store, &instance)).transpose()?;
        let observer = self.exports.observer.as_ref();
        let observer = observer.map(|at| at.load(&mut *store, &instance)).transpose()?;
        let tariff = self.exports.tariff.as_ref();
        let tariff = tariff.map(|at| at.load(&mut *store, &instance)).transpose()?;
        let inbox = self.exports.inbox.as_ref();
        let inbox = inbox.map(|at| at.load(&mut *store, &instance)).transpose()?;
        let quirks = self.exports.quirks.as_ref();
        let quirks = quirks.map(|at| at.load(&mut *store, &instance)).transpose()?;
        let responder = self.exports.responder.as_ref();
        let responder = responder.map(|at| at.load(&mut *store, &instance)).transpose()?;
        Ok(Guests { lifecycle, authorizer, observer, tariff, inbox, quirks, responder })
    }

    /// An instance that is ready to serve.
    async fn configured(&self) -> Result<Instance, CallError> {
        let mut instance = self.build().await?;
        self.configure(&mut instance).await?;
        Ok(instance)
    }

    /// Hands the settings over. They were validated when the plugin was loaded.
    pub(super) async fn configure(&self, instance: &mut Instance) -> Result<(), CallError> {
        let Some(guest) = &instance.lifecycle else { return Ok(()) };
        begin(&mut instance.store, Call::new(self.limits.load_cpu, None));
        let outcome = guest.call_configure(&mut instance.store, &self.settings).await;
        self.judge(&instance.store, outcome)
    }

    /// Sorts a guest's answer from the many ways of having none.
    pub(super) fn judge<T>(
        &self,
        store: &Store<Context>,
        outcome: wasmtime::Result<Result<T, String>>,
    ) -> Result<T, CallError> {
        match outcome {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(words)) => {
                let token = store.data().call.token.as_ref();
                Err(CallError::Told(tidy(&words, MAX_TEXT, token)))
            }
            Err(error) => Err(self.broken(store, &error)),
        }
    }

    fn broken(&self, store: &Store<Context>, error: &wasmtime::Error) -> CallError {
        debug!(plugin = %self.plugin, "{error:?}");
        let context = store.data();
        if context.call.out_of_cpu {
            return CallError::CpuBudget(context.call.cpu);
        }
        if context.memory.denied() {
            return CallError::Memory(self.limits.memory);
        }
        if error.is::<PoolConcurrencyLimitError>() {
            return CallError::Saturated;
        }
        let reason = match error.downcast_ref::<Trap>() {
            Some(trap) => trap.to_string(),
            None => error.root_cause().to_string(),
        };
        CallError::Trap(tidy(&reason, MAX_TEXT, context.call.token.as_ref()))
    }
}

/// How long an instance may be idle before it gives its place in the engine's pool back.
pub(super) const IDLE_FOR: Duration = Duration::from_secs(60);

/// Idle instances that every plugin keeps: the next call after a quiet night should not wait for a start.
const KEPT_WARM: usize = 1;

/// An instance that waits for a call, and since when.
struct Idle {
    instance: Box<Instance>,
    since: Instant,
}

/// The instances of one plugin version that are not at work, and the right to put more to work.
pub(super) struct Pool {
    /// The one used last is lent first, so that the others go cold.
    idle: Mutex<Vec<Idle>>,
    permits: Semaphore,
    size: usize,
}

impl Pool {
    pub(super) fn new(size: u32) -> Self {
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { idle: Mutex::new(Vec::with_capacity(size)), permits: Semaphore::new(size), size }
    }

    /// Takes an instance, makes one if none is idle, or waits until the deadline.
    pub(super) async fn lend<'p>(
        &'p self,
        blueprint: &'p Blueprint,
        deadline: Instant,
    ) -> Result<Lease<'p>, CallError> {
        let permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => match timeout_at(deadline, self.permits.acquire()).await {
                Ok(Ok(permit)) => permit,
                Ok(Err(_)) | Err(_) => return Err(CallError::Saturated),
            },
        };
        let idle = self.idle().pop();
        let instance = match idle {
            Some(Idle { instance, .. }) => instance,
            None => {
                let made = timeout_at(deadline, blueprint.configured()).await;
                Box::new(made.unwrap_or(Err(CallError::Deadline))?)
            }
        };
        Ok(Lease { instance, pool: self, blueprint, _permit: permit })
    }

    /// Puts an instance in that may serve.
    pub(super) fn stock(&self, instance: Box<Instance>) {
        self.idle().push(Idle { instance, since: Instant::now() });
    }

    /// Drops what was idle for [`IDLE_FOR`] at `now`, the coldest first, down to [`KEPT_WARM`]. Places are shared by
    /// all plugins: a burst of one must not keep them from the others for ever.
    pub(super) fn retire_idle(&self, now: Instant) {
        let mut idle = self.idle();
        let cold = idle.iter().take_while(|it| now.duration_since(it.since) >= IDLE_FOR).count();
        let going = cold.min(idle.len().saturating_sub(KEPT_WARM));
        let gone: Vec<Idle> = idle.drain(..going).collect();
        // A store takes its time to go; calls need not wait for it.
        drop(idle);
        drop(gone);
    }

    /// Instances at work, and idle ones.
    pub(super) fn census(&self) -> (usize, usize) {
        (self.size - self.permits.available_permits(), self.idle().len())
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An instance at work. Dropping it discards the instance.
pub(super) struct Lease<'p> {
    /// Boxed: it is handed to and fro with every call.
    pub(super) instance: Box<Instance>,
    pool: &'p Pool,
    blueprint: &'p Blueprint,
    _permit: SemaphorePermit<'p>,
}

impl Lease<'_> {
    /// Ends the call: the answer with its effects, and the instance back into the pool unless it broke.
    pub(super) fn settle<T>(mut self, outcome: Outcome<T>) -> Result<(T, Effects), CallError> {
        let outcome = outcome.map_err(|_| CallError::Deadline)?;
        let answer = self.blueprint.judge(&self.instance.store, outcome);
        let effects = std::mem::take(&mut self.instance.store.data_mut().call.effects);
        if !answer.as_ref().is_err_and(CallError::is_breakage) {
            self.give_back();
        }
        Ok((answer?, effects))
    }

    fn give_back(mut self) {
        self.instance.calls_left = self.instance.calls_left.saturating_sub(1);
        if self.instance.calls_left > 0 {
            self.pool.stock(self.instance);
        }
    }
}
