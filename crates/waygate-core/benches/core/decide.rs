//! A decision without limits against its floor: an `ArcSwap` that is loaded, and a look-up of the same keys.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use criterion::Criterion;
use foldhash::fast::RandomState;
use waygate_core::{RouteMethod, ServiceView, Snapshot, SnapshotCell};

use crate::cpu::measured;
use crate::world::{Request, requests, view};

/// Every how often a writer replaces everything.
const WRITES_EVERY: Duration = Duration::from_millis(5);

/// The least that a decision has to do.
struct Floor(ArcSwap<HashMap<Box<str>, [u32; RouteMethod::COUNT], RandomState>>);

impl Floor {
    fn of(view: &ServiceView) -> Self {
        Self(ArcSwap::from_pointee(Self::map(view)))
    }

    fn map(view: &ServiceView) -> HashMap<Box<str>, [u32; RouteMethod::COUNT], RandomState> {
        let mut map = HashMap::<Box<str>, _, RandomState>::default();
        for (position, key) in view.service.routes.keys().enumerate() {
            let table = map.entry(key.path.as_str().into()).or_insert([u32::MAX; RouteMethod::COUNT]);
            table[key.method as usize] = u32::try_from(position).unwrap();
        }
        map
    }

    fn look_up(&self, request: &Request) -> Option<u32> {
        self.0.load().get(request.template.as_str()).map(|table| table[request.method as usize])
    }
}

fn decide(cell: &SnapshotCell, request: &Request) {
    black_box(cell.load().decide(black_box(request)));
}

fn compile(view: &ServiceView) -> Snapshot {
    Snapshot::compile(view.clone(), None)
}

pub(crate) fn benchmarks(criterion: &mut Criterion) {
    for (size, routes) in [("1k", 1_000), ("100k", 100_000)] {
        let (view, requests) = (view(routes), requests(routes));
        let (floor, cell) = (Floor::of(&view), SnapshotCell::new(compile(&view)));
        let request = |index: usize| &requests[index % requests.len()];
        let mut group = criterion.benchmark_group(format!("decide_{size}"));
        for threads in [1, 2] {
            group.bench_function(format!("floor_{threads}"), |bencher| {
                bencher.iter_custom(|iterations| {
                    measured(threads, iterations, |index| {
                        black_box(floor.look_up(black_box(request(index))));
                    })
                });
            });
            group.bench_function(format!("decide_{threads}"), |bencher| {
                bencher.iter_custom(|iterations| measured(threads, iterations, |index| decide(&cell, request(index))));
            });
        }
        if routes == 1_000 {
            let write_floor = || floor.0.store(Arc::new(Floor::map(&view)));
            group.bench_function("floor_written", |bencher| {
                bencher.iter_custom(|iterations| {
                    written(write_floor, || {
                        measured(1, iterations, |index| {
                            black_box(floor.look_up(black_box(request(index))));
                        })
                    })
                });
            });
            let write_cell = || cell.store(compile(&view));
            group.bench_function("decide_written", |bencher| {
                bencher.iter_custom(|iterations| {
                    written(write_cell, || measured(1, iterations, |index| decide(&cell, request(index))))
                });
            });
            group.bench_function("compile", |bencher| bencher.iter(|| compile(&view)));
        }
        group.finish();
    }
}

/// Runs something while somebody writes.
fn written<T>(write: impl Fn() + Sync, run: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                write();
                thread::sleep(WRITES_EVERY);
            }
        });
        let result = run();
        done.store(true, Ordering::Relaxed);
        result
    })
}
