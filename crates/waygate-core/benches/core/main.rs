//! What a request costs: the decision, and the limits that it is charged to. `scripts/bench core` prints the ratios.
//!
//! Times are of the thread's own CPU, so that neighbours on the machine count little.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a benchmark that cannot go on has failed")]

mod cpu;
mod decide;
mod limits;
mod world;

use criterion::{criterion_group, criterion_main};

criterion_group!(core, decide::benchmarks, limits::benchmarks);
criterion_main!(core);
