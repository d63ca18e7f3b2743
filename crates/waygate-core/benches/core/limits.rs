//! A decision and the charge of three limits, for callers who are already counted.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use criterion::Criterion;
use waygate_core::{Algorithm, Charged, Decision, LocalCounters, Snapshot, SnapshotCell};

use crate::cpu::measured;
use crate::world::{Request, at, limited, requests};

const ROUTES: usize = 1_000;

pub(crate) fn benchmarks(criterion: &mut Criterion) {
    let requests = requests(ROUTES);
    let mut group = criterion.benchmark_group("three_limits");
    for (name, algorithm) in [
        ("fixed_window", Algorithm::FixedWindow),
        ("sliding_window", Algorithm::SlidingWindow),
        ("moving_window", Algorithm::MovingWindow),
        ("token_bucket", Algorithm::TokenBucket),
    ] {
        for threads in [1, 2] {
            let cell = SnapshotCell::new(Snapshot::compile(limited(ROUTES, algorithm), None));
            let counters = LocalCounters::new();
            // A run begins where the one before has ended.
            let clock = AtomicUsize::new(0);
            for index in 0..10 * ROUTES {
                pass(&cell, &counters, &requests[index % ROUTES], clock.fetch_add(1, Ordering::Relaxed));
            }
            group.bench_function(format!("{name}_{threads}"), |bencher| {
                bencher.iter_custom(|iterations| {
                    let from = clock.fetch_add(usize::try_from(iterations).unwrap() + 10_000, Ordering::Relaxed);
                    measured(threads, iterations, |index| {
                        pass(&cell, &counters, &requests[index % ROUTES], from + index);
                    })
                });
            });
        }
    }
    group.finish();
}

/// Panics where a limit is reached: that would be another path.
fn pass(cell: &SnapshotCell, counters: &LocalCounters, request: &Request, millisecond: usize) {
    let snapshot = cell.load();
    let Decision::Forward(pass) = snapshot.decide(black_box(request)) else { panic!("a route is shut") };
    let charged = counters.charge(&pass.limits, &request.caller, at(millisecond));
    assert!(matches!(black_box(charged), Charged::Admitted { .. }), "a limit is reached");
}
