//! Does one thing a given number of times: `instructions CASE COUNT`. Without arguments it lists the cases.
//!
//! Under callgrind two runs with different counts give the instructions of one operation.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program of ours alone: what goes wrong ends it"
)]

#[path = "../../../crates/waygate-core/benches/core/world.rs"]
mod world;

use std::env;
use std::hint::black_box;

use waygate_api::stream::encode;
use waygate_core::{Algorithm, Change, Charged, Cursor, Decision, LocalCounters, Revision, Snapshot, SnapshotCell};

const ROUTES: usize = 100;
/// How many requests fill the counters, one each millisecond: logs have their length then.
const WARM: usize = 2_000;
const CASES: [&str; 7] =
    ["decide", "decide_unknown", "fixed_window", "sliding_window", "moving_window", "token_bucket", "encode_commit"];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &*arguments {
        [] => println!("{}", CASES.join("\n")),
        [case, count] => run(case, count.parse().unwrap()),
        _ => panic!("expected a case and a count"),
    }
}

fn run(case: &str, count: usize) {
    match case {
        "decide" => decide(count, ROUTES),
        "decide_unknown" => decide(count, 4),
        "fixed_window" => limits(count, Algorithm::FixedWindow),
        "sliding_window" => limits(count, Algorithm::SlidingWindow),
        "moving_window" => limits(count, Algorithm::MovingWindow),
        "token_bucket" => limits(count, Algorithm::TokenBucket),
        "encode_commit" => encode_commit(count),
        other => panic!("there is no case `{other}`"),
    }
}

/// Decisions of a service that knows `known` of the routes that are asked for.
fn decide(count: usize, known: usize) {
    let requests = world::requests(ROUTES);
    let cell = SnapshotCell::new(Snapshot::compile(world::view(known), None));
    for index in 0..count {
        black_box(cell.load().decide(black_box(&requests[index % ROUTES])));
    }
}

/// Decisions with three limits, of callers who are already counted.
fn limits(count: usize, algorithm: Algorithm) {
    let requests = world::requests(ROUTES);
    let cell = SnapshotCell::new(Snapshot::compile(world::limited(ROUTES, algorithm), None));
    let counters = LocalCounters::new();
    for index in 0..count + WARM {
        let request = &requests[index % ROUTES];
        let snapshot = cell.load();
        let Decision::Forward(pass) = snapshot.decide(black_box(request)) else { panic!("a route is shut") };
        let charged = counters.charge(&pass.limits, &request.caller, world::at(index));
        assert!(matches!(black_box(charged), Charged::Admitted { .. }), "a limit is reached");
    }
}

fn encode_commit(count: usize) {
    let cursor: Cursor = "0123456789abcdef:7:0000000000000001".parse().unwrap();
    let view = world::view(1);
    let (key, route) = view.service.routes.iter().next().unwrap();
    let key = format!("payments-service:{key}").parse().unwrap();
    let change = Change::RouteSet { key, route: route.clone() };
    for _ in 0..count {
        black_box(encode::commit(&cursor, Revision(6), [black_box(&change)]).unwrap());
    }
}
