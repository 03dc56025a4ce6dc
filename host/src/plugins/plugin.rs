//! One version of a plugin in service: its pool, its breaker, its figures, and its hooks as Rust functions.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::bindings::exports::plugpoint::plugin::authorizer::{self as wit, Ask, Token};
use super::breaker::{Admission, Breaker};
use super::context::{Call, begin, tidy};
use super::error::CallError;
use super::filters::Filters;
use super::inspect::Inspection;
use super::instance::{Blueprint, Instance, Pool};
use super::lent::{Lists, lend_station};
use super::limits::{MAX_EVSES, MAX_TEXT};
use super::manifest::{AuthorizerSettings, Capability, Hook, Manifest};
use crate::domain::{
    AuthorizeAsk, Digest, Effects, IdToken, Limits, LineLevel, Millis, OrderedHook, Permit, Place,
    PluginName, PluginVersion, Refusal, Speaker, Verdict,
};

/// The protocol's word for the kind of token, where the protocol has only one.
const RFID: &str = "rfid";

/// One version of a plugin, ready to be asked.
pub struct Plugin {
    version: PluginVersion,
    inspection: Inspection,
    pub(super) blueprint: Blueprint,
    pub(super) pool: Pool,
    breaker: Mutex<Breaker>,
    /// False while the breaker is closed and has nothing to count, which spares nearly every call the lock.
    uneasy: AtomicBool,
    figures: Figures,
}

/// Counters since this version came into service.
#[derive(Default)]
struct Figures {
    calls: AtomicU64,
    micros: AtomicU64,
    failures: [AtomicU64; CallError::KINDS.len()],
    last_failure: Mutex<Option<String>>,
}

/// How a call went, and how long it took, waiting included.
#[derive(Debug)]
pub struct Timed<T> {
    pub result: Result<T, CallError>,
    pub micros: u64,
}

/// A plugin as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginStatus {
    pub name: PluginName,
    pub version: String,
    pub digest: Digest,
    pub summary: Option<String>,
    /// JSON text.
    pub settings: String,
    pub hooks: Vec<Hook>,
    pub imports: Vec<Capability>,
    /// The stations that it is asked about.
    pub filters: Filters,
    pub authorizer: Option<AuthorizerSettings>,
    /// Since this version came into service, failed ones included.
    pub calls: u64,
    /// Time that the calls took together, waiting included.
    pub micros: u64,
    /// By kind: `deadline`, `cpu-budget`, `memory`, `trap`, `saturated`, `breaker-open`, `told`,
    /// `nonsense`.
    pub failures: Vec<(&'static str, u64)>,
    pub last_failure: Option<String>,
    /// `closed`: it is asked. `open`: it is not, for a while. `probing`: one call is trying it.
    pub breaker: &'static str,
    pub instances_busy: usize,
    pub instances_idle: usize,
}

impl Plugin {
    pub(super) fn new(
        version: PluginVersion,
        inspection: Inspection,
        blueprint: Blueprint,
        first: Instance,
    ) -> Self {
        let pool = Pool::new(blueprint.limits.instances.get());
        pool.stock(Box::new(first));
        Self {
            version,
            inspection,
            blueprint,
            pool,
            breaker: Mutex::new(Breaker::new()),
            uneasy: AtomicBool::new(false),
            figures: Figures::default(),
        }
    }

    /// The name under which the operator loaded it.
    pub fn name(&self) -> &PluginName {
        &self.blueprint.plugin
    }

    pub fn version(&self) -> &PluginVersion {
        &self.version
    }

    pub fn manifest(&self) -> &Manifest {
        &self.inspection.manifest
    }

    pub(super) fn answers(&self, hook: Hook) -> bool {
        self.inspection.hooks.contains(&hook)
    }

    /// When it wants to be asked, as its manifest says. Lower numbers come first.
    pub fn priority(&self, hook: OrderedHook) -> i32 {
        let hooks = &self.manifest().hooks;
        match hook {
            OrderedHook::Authorizer => hooks.authorizer.priority,
            OrderedHook::Tariff => hooks.tariff.priority,
            OrderedHook::Quirks => hooks.quirks.priority,
            OrderedHook::Responder => hooks.responder.priority,
        }
    }

    /// Asks whether a token may charge. A call that fails has no effects.
    pub async fn authorize(
        &self,
        ask: &AuthorizeAsk,
        deadline: Instant,
    ) -> Timed<(Verdict, Effects)> {
        self.booked(pin!(self.ask_authorizer(ask, deadline))).await
    }

    /// Makes a call unless the breaker forbids it, and books how it went. The call stays where it is: to hand its
    /// future on from one to the next would copy it each time.
    pub(super) async fn booked<T>(
        &self,
        call: Pin<&mut impl Future<Output = Result<T, CallError>>>,
    ) -> Timed<T> {
        let began = Instant::now();
        let result = match self.admit(began) {
            Admission::Ask => call.await,
            Admission::DoNotAsk => Err(CallError::BreakerOpen),
        };
        let micros = self.note(began, result.as_ref().err());
        Timed { result, micros }
    }

    async fn ask_authorizer(
        &self,
        ask: &AuthorizeAsk,
        deadline: Instant,
    ) -> Result<(Verdict, Effects), CallError> {
        let mut lease = self.pool.lend(&self.blueprint, deadline).await?;
        let Instance { store, authorizer: Some(guest), .. } = &mut *lease.instance else {
            return Ok((Verdict::Pass, Effects::default()));
        };
        begin(store, Call::new(self.blueprint.limits.call_cpu, Some(ask.token.clone())));
        let lists = Lists::of(&ask.station);
        let session = ask.session.map(|session| session.to_string());
        let outcome = {
            let call = pin!(guest.call_authorize(
                &mut *store,
                lend(ask, &lists, session.as_deref()),
                ask.purpose.as_str(),
                Token {
                    value: ask.token.reveal(),
                    kind: ask.token_kind.as_deref().unwrap_or(RFID),
                    more: &[],
                },
            ));
            timeout_at(deadline, call).await
        };
        let (verdict, effects) = lease.settle(outcome)?;
        Ok((take(verdict, &ask.token), effects))
    }

    fn admit(&self, now: Instant) -> Admission {
        if !self.uneasy.load(Ordering::Relaxed) {
            return Admission::Ask;
        }
        self.breaker().admit(now.into_std())
    }

    /// Books a call and moves the breaker. Returns how many microseconds the call took.
    fn note(&self, began: Instant, failure: Option<&CallError>) -> u64 {
        let took = self.book(began, failure);
        match failure {
            Some(error) if error.is_breakage() => {
                let mut breaker = self.breaker();
                let opens = breaker.broke(std::time::Instant::now());
                self.uneasy.store(true, Ordering::Relaxed);
                drop(breaker);
                if opens {
                    let (plugin, version) = (self.name(), &self.version.version);
                    warn!(%plugin, version, "the plugin keeps failing and is not asked for a while");
                    self.keep(LineLevel::Warn, "keeps failing and is not asked for a while");
                }
            }
            // One that says that it could not find out works, too.
            None | Some(CallError::Told(_)) if self.uneasy.load(Ordering::Relaxed) => {
                let mut breaker = self.breaker();
                let recovers = breaker.succeeded();
                self.uneasy.store(!breaker.is_calm(), Ordering::Relaxed);
                drop(breaker);
                if recovers {
                    self.keep(LineLevel::Info, "answers again and is asked as before");
                }
            }
            None | Some(_) => {}
        }
        took
    }

    /// Books a call: figures and, when it broke, a line in the log. Returns how many microseconds it took.
    pub(super) fn book(&self, began: Instant, failure: Option<&CallError>) -> u64 {
        let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.figures.calls.fetch_add(1, Ordering::Relaxed);
        self.figures.micros.fetch_add(took, Ordering::Relaxed);
        let Some(error) = failure else { return took };
        self.figures.failures[error.index()].fetch_add(1, Ordering::Relaxed);
        let mut last = self.figures.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(error.to_string());
        drop(last);
        let (plugin, breakage) = (self.name(), error.is_breakage());
        let tells = breakage || matches!(error, CallError::Told(_));
        if tells && self.blueprint.log_gate.admit(plugin, std::time::Instant::now()) {
            let level = if breakage { LineLevel::Error } else { LineLevel::Warn };
            self.keep(level, error.to_string());
            if breakage {
                warn!(%plugin, version = self.version.version, "the plugin {error}");
            }
        }
        took
    }

    /// Keeps a line of the host's about this plugin, for whoever looks at its journal.
    pub fn keep(&self, level: LineLevel, text: impl Into<String>) {
        self.blueprint.log_gate.keep(level, Speaker::Host, text);
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn status(&self) -> PluginStatus {
        let manifest = &self.inspection.manifest;
        let (instances_busy, instances_idle) = self.pool.census();
        let last = self.figures.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = self.figures.failures.iter().map(|count| count.load(Ordering::Relaxed));
        PluginStatus {
            name: self.name().clone(),
            version: self.version.version.clone(),
            digest: self.version.digest.clone(),
            summary: manifest.summary.clone(),
            settings: self.version.settings.clone(),
            hooks: self.inspection.hooks.iter().copied().collect(),
            imports: self.inspection.imports.iter().copied().collect(),
            filters: manifest.filters.clone(),
            authorizer: self.answers(Hook::Authorizer).then(|| manifest.hooks.authorizer.clone()),
            calls: self.figures.calls.load(Ordering::Relaxed),
            micros: self.figures.micros.load(Ordering::Relaxed),
            failures: CallError::KINDS.into_iter().zip(failures).collect(),
            last_failure: last.clone(),
            breaker: self.breaker().as_str(),
            instances_busy,
            instances_idle,
        }
    }
}

/// The question in the contract's types, all of it borrowed.
pub(super) fn lend<'a>(
    ask: &'a AuthorizeAsk,
    lists: &'a Lists<'a>,
    session: Option<&'a str>,
) -> Ask<'a> {
    Ask {
        station: lend_station(&ask.station, lists),
        evse: ask.place.and_then(Place::outlet),
        session,
        at: ask.stamp.best().0,
        received: ask.stamp.received.0,
        clock_ok: ask.stamp.clock_ok,
        offline: ask.offline,
        more: &[],
    }
}

/// The answer in the domain's types, every text cut to size.
fn take(verdict: wit::Verdict, token: &IdToken) -> Verdict {
    match verdict {
        wit::Verdict::Pass => Verdict::Pass,
        wit::Verdict::Refuse(why) => {
            Verdict::Refuse(Refusal::from_text(&tidy(&why, MAX_TEXT, Some(token))))
        }
        wit::Verdict::Permit(permit) => Verdict::Permit(Permit {
            account: permit.account.map(|account| tidy(&account, MAX_TEXT, None)),
            group: permit.group.map(|group| tidy(&group, MAX_TEXT, None)),
            expires: permit.expires.map(Millis),
            limits: Limits {
                max_mwh: permit.max_mwh,
                max_seconds: permit.max_seconds,
                max_cost_micros: permit.max_cost,
                evses: permit.evses.into_iter().take(MAX_EVSES).collect(),
            },
        }),
    }
}
