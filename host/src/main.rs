//! Arguments → exit code. Everything else is in the library.

use std::process::ExitCode;

/// A message passes several threads, and what one of them takes another gives back: the system's allocator spent a
/// fifth of a busy server's time on that (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    plugpoint::cli::main()
}
