//! What the parts cost that every message passes: reading a frame, asking a policy, committing. Times the library in
//! this process; what a whole server costs is for `figures` to say.

mod chain;
mod commit;
mod frame;
#[path = "../shared/policy.rs"]
mod policy;

use std::time::Duration;

use criterion::Criterion;

/// For each part.
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURE: Duration = Duration::from_secs(3);

criterion::criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(WARM_UP).measurement_time(MEASURE);
    targets = frame::bench, chain::bench, commit::bench
}
criterion::criterion_main!(benches);
