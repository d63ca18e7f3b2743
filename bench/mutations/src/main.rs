//! What a change costs: how many are made in a second on each store, how long until a service enforces one, and whether
//! the routes of others make it dearer. Run by `scripts/bench mutations`, `enforced` and `routes`.
//!
//! Environment: `WAYGATE_TEST_REDIS_URL` (none: without Redis), `WAYGATE_BENCH_SERVER` (the `waygate` beside this
//! program), `TMPDIR` (where the files are that are measured).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of ours alone: what goes wrong ends it"
)]

mod counted;
mod enforced;
mod floor;
mod http;
mod notes;
mod rates;
mod routes;
mod world;

use std::env;

use tokio::runtime::{Builder, Runtime};

fn main() {
    match env::args().nth(1).as_deref() {
        Some("rates") => runtime().block_on(rates::measure()),
        Some("enforced") => enforced::measure(&runtime()),
        Some("routes") => routes::measure(&runtime()),
        other => panic!("expected rates, enforced or routes, not {other:?}"),
    }
}

/// As `waygate serve` has it on two cores.
fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// What is written into the data file, by name.
fn figure(name: &str, value: f64) {
    println!("# {name} {value:.4}");
}

/// The place `share` of the way up.
fn at(sorted: &[f64], share: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place")]
    let place = (sorted.len() as f64 * share) as usize;
    sorted[place.min(sorted.len() - 1)]
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    at(&figures, 0.5)
}
