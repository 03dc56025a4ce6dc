//! What the host knows while a guest runs: who it is, what it has read and written, what it has left.
//!
//! Identity comes from here and never from an argument: a plugin cannot name another plugin's keys.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;
use wasmtime::{Store, StoreContextMut, UpdateDeadline};

use super::journal::Journal;
use super::limits::{
    BOUNDARY_BYTES, HANDLES, LINES_PER_CALL, LINES_PER_SECOND, MAX_LOOKUPS, MemoryLedger, ticks,
};
use super::listeners::Listeners;
use crate::domain::{Effects, IdToken, LineLevel, PluginName, PolicyRecords, Speaker};

/// The data of one instance's store.
pub(super) struct Context {
    pub(super) plugin: PluginName,
    pub(super) records: Arc<dyn PolicyRecords>,
    pub(super) memory: MemoryLedger,
    pub(super) log_gate: Arc<LogGate>,
    pub(super) listeners: Arc<Listeners>,
    pub(super) call: Call,
}

/// What belongs to one call and is gone with it.
#[derive(Default)]
pub(super) struct Call {
    /// The whole budget, and what is left of it in epochs that the guest may still see.
    pub(super) cpu: Duration,
    ticks_left: u32,
    /// It was stopped because there were none left.
    pub(super) out_of_cpu: bool,
    pub(super) effects: Effects,
    /// The token it was asked about, kept out of whatever it logs.
    pub(super) token: Option<IdToken>,
    /// How many of its commands and messages wait, once it has been looked up.
    pub(super) post: Option<usize>,
    pub(super) emitted: u32,
    lookups: u32,
    lines: u32,
}

impl Context {
    /// A store in which nothing has run yet.
    pub(super) fn into_store(self, engine: &wasmtime::Engine) -> Store<Self> {
        let mut store = Store::new(engine, self);
        store.limiter(|context| &mut context.memory);
        store.set_hostcall_fuel(BOUNDARY_BYTES);
        store.set_max_component_handles(HANDLES);
        store.epoch_deadline_callback(on_tick);
        store
    }
}

impl Call {
    pub(super) fn new(cpu: Duration, token: Option<IdToken>) -> Self {
        Self { cpu, ticks_left: ticks(cpu), token, ..Self::default() }
    }

    /// Counts a look-up; false when there were enough.
    pub(super) fn may_look_up(&mut self) -> bool {
        self.lookups += 1;
        self.lookups <= MAX_LOOKUPS
    }
}

/// Readies a store for a call. The deadline is armed anew: an idle instance's has long passed.
pub(super) fn begin(store: &mut Store<Context>, call: Call) {
    store.data_mut().call = call;
    store.set_epoch_deadline(1);
}

/// Runs when the epoch has moved on while guest code was executing; time spent waiting costs one tick at most.
///
/// It gives way to the runtime by tokio's own yield: a plain one keeps the worker, and with it every timer.
#[expect(clippy::unnecessary_wraps, reason = "the signature is wasmtime's")]
fn on_tick(mut store: StoreContextMut<'_, Context>) -> wasmtime::Result<UpdateDeadline> {
    let call = &mut store.data_mut().call;
    match call.ticks_left.checked_sub(1) {
        Some(left) => {
            call.ticks_left = left;
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        }
        None => {
            call.out_of_cpu = true;
            Ok(UpdateDeadline::Interrupt)
        }
    }
}

/// How much one version of a plugin may log, over all of its instances, and where its lines are kept.
#[derive(Default)]
pub(super) struct LogGate {
    second: Mutex<Option<Second>>,
    journal: Arc<Journal>,
    version: String,
}

#[derive(Debug)]
struct Second {
    began: Instant,
    lines: u32,
    dropped: u64,
}

impl LogGate {
    pub(super) fn new(journal: Arc<Journal>, version: String) -> Self {
        Self { second: Mutex::default(), journal, version }
    }

    /// Keeps a line for whoever looks at this plugin. Whether it may be written has been asked before.
    pub(super) fn keep(&self, level: LineLevel, by: Speaker, text: impl Into<String>) {
        self.journal.write(level, by, &self.version, text);
    }

    pub(super) fn admit(&self, plugin: &PluginName, now: Instant) -> bool {
        let mut guard = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        let second = guard.get_or_insert(Second { began: now, lines: 0, dropped: 0 });
        if now.duration_since(second.began) >= Duration::from_secs(1) {
            if second.dropped > 0 {
                let dropped = second.dropped;
                warn!(%plugin, dropped, "the plugin logs too much; lines were dropped");
                let told = format!("logs too much; {dropped} lines were dropped");
                self.keep(LineLevel::Warn, Speaker::Host, told);
            }
            *second = Second { began: now, lines: 0, dropped: 0 };
        }
        second.lines += 1;
        let admitted = second.lines <= LINES_PER_SECOND;
        second.dropped += u64::from(!admitted);
        admitted
    }
}

impl Context {
    /// May another line of this call be logged?
    pub(super) fn may_log(&mut self) -> bool {
        self.call.lines += 1;
        match self.call.lines {
            ..=LINES_PER_CALL => self.log_gate.admit(&self.plugin, Instant::now()),
            lines => {
                if lines == LINES_PER_CALL + 1 {
                    warn!(plugin = %self.plugin, "one call logged {LINES_PER_CALL} lines; the rest of it is dropped");
                    let told =
                        format!("one call logged {LINES_PER_CALL} lines; the rest was dropped");
                    self.log_gate.keep(LineLevel::Warn, Speaker::Host, told);
                }
                false
            }
        }
    }
}

/// A plugin's words made fit for the log and the records: one line, cut, without the token that it was asked about.
pub(super) fn tidy(text: &str, longest: usize, token: Option<&IdToken>) -> String {
    let mut end = text.len().min(longest);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let line: String = text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match token {
        Some(token) => line.replace(token.reveal(), &token.to_string()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugins_words_stay_on_one_line_and_keep_the_token_to_themselves() {
        let token = IdToken::new("04A2B3C4").unwrap();
        let told = tidy("no 04A2B3C4\nhere: é", 18, Some(&token));
        assert_eq!(told, "no …B3C4 here: ");
    }

    #[test]
    fn a_plugin_that_logs_all_the_time_is_heard_a_hundred_times_a_second() {
        let gate = LogGate::default();
        let plugin = PluginName::new("chatty").unwrap();
        let start = Instant::now();
        let heard = |now| (0..500).filter(|_| gate.admit(&plugin, now)).count();
        assert_eq!(heard(start), 100);
        assert_eq!(heard(start + Duration::from_secs(1)), 100);
    }
}
