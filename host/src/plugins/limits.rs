//! What a plugin may use: the bounds, with their units, and the ledger of one instance's memory. Decides nothing else.

use std::num::NonZeroU32;
use std::time::Duration;

use wasmtime::ResourceLimiter;

/// How often the epoch moves on. The grain of CPU budgets, and the longest that a guest keeps a worker from others.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// Elements of one table. Python guests have 5,672, JavaScript guests 7,689.
pub(super) const TABLE_ELEMENTS: usize = 100_000;

/// Core instances, memories and tables of one component. Interpreters come in many pieces.
pub(super) const CORE_INSTANCES: usize = 64;
pub(super) const MEMORIES: usize = 4;
pub(super) const TABLES: usize = 16;

/// Largest linear memory that any plugin can be given, in bytes: what one slot of the pool can hold.
pub(super) const MEMORY_CEILING: usize = 256 << 20;

/// Bytes that one call across the boundary may carry to the host.
pub(super) const BOUNDARY_BYTES: usize = 1 << 20;

/// Handles of resources that a guest may hold. The contract has no resources.
pub(super) const HANDLES: usize = 16;

/// Keys and values of plugin state, in bytes, and how many a call may touch.
pub(super) const MAX_KEY: usize = 256;
pub(super) const MAX_VALUE: usize = crate::domain::MAX_STATE_VALUE;
pub(super) const MAX_WRITES: usize = 64;
/// Look-ups of any kind in one call.
pub(super) const MAX_LOOKUPS: u32 = 64;
/// Keys in one page of `list-keys`.
pub(super) const KEYS_PER_PAGE: usize = 256;

/// Bytes of one log line, lines of one call, and lines of one plugin in a second.
pub(super) const MAX_LINE: usize = 1024;
pub(super) const LINES_PER_CALL: u32 = 16;
pub(super) const LINES_PER_SECOND: u32 = 100;

/// Bytes of any text that a plugin puts into an answer.
pub(super) const MAX_TEXT: usize = 256;
/// EVSEs that one permit may name.
pub(super) const MAX_EVSES: usize = 64;

/// Bytes of the terms that a tariff offers and of a bill, as JSON: both are kept with the session, in one record.
pub(super) const MAX_TERMS: usize = 16 << 10;
pub(super) const MAX_BILL: usize = 12 << 10;
/// Bytes of what the driver reads of the terms.
pub(super) const MAX_DRIVER_TEXT: usize = 1024;
/// Lines of one bill, bytes of a line's kind, and named extras of one line.
pub(super) const MAX_LINES: usize = 64;
pub(super) const MAX_KIND: usize = 64;
pub(super) const MAX_EXTRAS: usize = 8;

/// Bytes of a frame that a quirk makes of another: as long as a station's own may be.
pub(super) const MAX_FRAME: usize = 1 << 20;

/// Bytes of a responder's answer. The longest that OCPP 2.1 has a use for are certificates of 18,000 characters.
pub(super) const MAX_REPLY: usize = 64 << 10;

/// Commands that one call may enqueue, and those of a plugin that may wait for one station.
pub(super) const MAX_COMMANDS: usize = 16;
pub(super) const MAX_FOR_STATION: usize = 32;
/// Bytes of an action's name. The longest of OCPP 2.1 has 32.
pub(super) const MAX_ACTION: usize = 64;
/// How long a command may wait to be sent.
pub(super) const EXPIRES_SOONEST: Duration = Duration::from_secs(1);
pub(super) const EXPIRES_LATEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Events that one call may emit, and bytes of the body of each.
pub(super) const MAX_EVENTS: u32 = 16;
pub(super) const MAX_EVENT_BODY: usize = 16 << 10;

/// Wall time of one call of an observer or an inbox, waiting for an instance included. Nobody waits for it but the next
/// batch or message.
pub(super) const BACKGROUND_WALL: Duration = Duration::from_secs(10);

/// What one plugin may use. The operator's word; the defaults suit plugins in any language.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of linear memory in one instance.
    pub memory: usize,
    /// CPU time of one hook call. Waiting is not billed.
    pub call_cpu: Duration,
    /// CPU time of one batch of an observer, and of one message of an inbox.
    pub background_cpu: Duration,
    /// CPU time of each of `validate`, `configure` and `migrate`.
    pub load_cpu: Duration,
    /// Wall time of bringing one instance into service.
    pub load_wall: Duration,
    /// Instances that serve at once; further calls wait for one.
    pub instances: NonZeroU32,
    /// Calls after which an instance is replaced by a fresh one. 1 gives every call an instance of its own.
    pub calls_per_instance: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, |n| n.get());
        let instances = u32::try_from(2 * cores).unwrap_or(u32::MAX).min(64);
        Self {
            memory: 64 << 20,
            call_cpu: Duration::from_millis(20),
            background_cpu: Duration::from_millis(200),
            load_cpu: Duration::from_millis(2000),
            load_wall: Duration::from_secs(10),
            instances: NonZeroU32::new(instances).unwrap_or(NonZeroU32::MIN),
            calls_per_instance: NonZeroU32::new(10_000).unwrap_or(NonZeroU32::MIN),
        }
    }
}

/// A CPU budget in ticks. A guest that starts just before a tick loses most of one, so the budget is rounded up.
pub(super) fn ticks(budget: Duration) -> u32 {
    let ticks = budget.as_nanos().div_ceil(TICK.as_nanos()) + 1;
    u32::try_from(ticks).unwrap_or(u32::MAX)
}

/// Keeps one instance's memories and tables within bounds, and remembers that it had to.
#[derive(Debug)]
pub(super) struct MemoryLedger {
    limit: usize,
    used: usize,
    denied: bool,
}

impl MemoryLedger {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, used: 0, denied: false }
    }

    /// The guest wanted more than it may have. Most guests then trap by themselves.
    pub(super) fn denied(&self) -> bool {
        self.denied
    }
}

impl ResourceLimiter for MemoryLedger {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        let fits = used <= self.limit;
        if fits {
            self.used = used;
        }
        self.denied |= !fits;
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}
