//! wasmtime's settings, the ticker behind CPU budgets, and the one place where machine code is trusted.
//!
//! The numbers were measured with Rust, JavaScript and Python guests. What differs between the engine that compiles
//! and the engine that runs must not change the code: only allocation does.

use std::hash::{Hash, Hasher};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use tracing::warn;
use wasmtime::component::Component;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::limits::{CORE_INSTANCES, MEMORIES, MEMORY_CEILING, TABLE_ELEMENTS, TABLES, TICK};
use crate::domain::hex;

/// Deepest recursion of a guest, and the whole stack on which a call runs, in bytes.
const GUEST_STACK: usize = 512 << 10;
const CALL_STACK: usize = 1 << 20;

/// Bytes that a slot keeps resident between two instances. Worth it only with `PAGEMAP_SCAN` (Linux 6.7), which
/// tells which pages the guest has touched.
const KEEP_MEMORY: usize = 1 << 20;
const KEEP_TABLE: usize = 64 << 10;

/// Bytes of wasmtime's own bookkeeping for one component or core instance. Python guests need more than the default.
const INSTANCE_SIZE: usize = 4 << 20;

/// The engine that runs plugins, with room for `instances` at once.
pub(super) fn running(instances: u32) -> wasmtime::Result<Engine> {
    let mut config = settings();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)));
    Engine::new(&config).or_else(|error| {
        // Every slot reserves address space, which `ulimit -v` or a small container may deny.
        warn!(%error, "instances cannot be pooled here; each is allocated on its own, which is slower");
        Engine::new(&settings())
    })
}

/// The engine that only compiles. Its code runs in [`running`].
pub(super) fn compiling() -> wasmtime::Result<Engine> {
    Engine::new(&settings())
}

fn settings() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // No guest of this contract is asynchronous, and the event loop behind it doubles the cost of a call.
        .concurrency_support(false)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(CALL_STACK);
    config
}

fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_memories(instances)
        .total_stacks(instances)
        .total_core_instances(instances.saturating_mul(16))
        .total_tables(instances.saturating_mul(4))
        .max_core_instances_per_component(CORE_INSTANCES as u32)
        .max_memories_per_component(MEMORIES as u32)
        .max_tables_per_component(TABLES as u32)
        .max_memory_size(MEMORY_CEILING)
        .table_elements(TABLE_ELEMENTS)
        .max_component_instance_size(INSTANCE_SIZE)
        .max_core_instance_size(INSTANCE_SIZE)
        .linear_memory_keep_resident(KEEP_MEMORY)
        .table_keep_resident(KEEP_TABLE)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Starts the thread that moves the engine's epoch on. It ends by itself when the engine is gone.
///
/// A thread and not a task: it has to tick above all when guests keep every worker of the runtime busy.
pub(super) fn start_ticker(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            #[expect(
                clippy::disallowed_methods,
                reason = "the ticker must not depend on a runtime"
            )]
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new().name("plugin-ticker".to_owned()).spawn(tick).map(drop)
}

/// Names everything on which compiled code depends: wasmtime's version, its settings and the processor.
pub(super) fn compatibility(engine: &Engine) -> String {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut sha = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sha);
    hex(&sha.0.finalize()[..8])
}

/// Maps code that [`compiling`] made.
#[expect(
    unsafe_code,
    reason = "compiled code cannot be checked; it comes from our own child process, lies in a directory that \
              only this user can write, and is named by the digest of what it was compiled from"
)]
pub(super) fn open_compiled(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: see the reason above. Files that others hand in are refused by `inspect`.
    unsafe { Component::deserialize_file(engine, path) }
}
