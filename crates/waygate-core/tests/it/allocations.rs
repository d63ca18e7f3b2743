//! What is allocated on the way of a request that passes: nothing.

use allocation_counter::measure;
use serde_json::json;
use waygate_core::{Charged, Decision, LocalCounters, RateLimitPolicy, Scope, Snapshot};

use crate::limits::policy;
use crate::limits_caller::Caller;
use crate::world::{Request, World, at, parsed};

/// How many requests are watched.
const REQUESTS: i64 = 500;

fn allocations(run: impl FnOnce()) -> u64 {
    measure(run).count_total
}

/// A service with limits of all three scopes, and every kind of route.
fn limited(policy: &RateLimitPolicy) -> Snapshot {
    let mut world = World::with_routes(&["GET:/a", "POST:/a", "/b", "GET:/users/{id}"]);
    for scope in ["global", "service", "route"] {
        let scope = match scope {
            "global" => Scope::Global,
            "service" => Scope::Service(parsed("pay")),
            _ => Scope::Route(parsed("pay:GET:/users/{id}")),
        };
        world.change(waygate_core::Change::RateLimitSet { scope, policy: policy.clone().into() });
    }
    world.snapshot(None)
}

fn asked(template: &'static str) -> Request {
    Request { template: Some(template), ..Request::to("GET /users/7") }
}

/// Without it, the others would pass whatever is allocated.
#[test]
fn what_is_allocated_is_seen() {
    assert_eq!(allocations(|| drop(vec![1_u8])), 1);
    let snapshot = limited(&policy(json!({ "limit": "9/second" })));
    let counters = LocalCounters::new();
    let Decision::Forward(pass) = snapshot.decide(&asked("/users/{id}")) else { panic!("shut") };
    let caller = Caller::at("192.0.2.7");
    let first =
        allocations(|| assert!(matches!(counters.charge(&pass.limits, &caller, at(0)), Charged::Admitted { .. })));
    assert!(first > 0, "the first request of a caller makes counters");
}

#[test]
fn decisions_allocate_nothing_where_the_template_is_known() {
    let snapshot = limited(&policy(json!({ "limit": "9/second" })));
    for template in ["/users/{id}", "/a", "/b", "/unknown"] {
        let request = asked(template);
        let allocated = allocations(|| {
            for _ in 0..REQUESTS {
                assert!(matches!(snapshot.decide(&request), Decision::Forward(_)));
            }
        });
        assert_eq!(allocated, 0, "{template}");
    }
}

#[test]
fn three_limits_allocate_nothing_for_callers_who_are_counted() {
    for algorithm in ["fixed_window", "sliding_window", "moving_window", "token_bucket"] {
        for limit in ["100/second", "50/second;1000000/hour"] {
            let policy = policy(json!({ "limit": limit, "algorithm": algorithm }));
            let snapshot = limited(&policy);
            let (counters, caller, request) = (LocalCounters::new(), Caller::at("192.0.2.7"), asked("/users/{id}"));
            // Thirty-three in each second. Logs have their length after the first period that they look back on.
            let passes = |number: i64| {
                let Decision::Forward(pass) = snapshot.decide(&request) else { panic!("shut") };
                assert!(pass.limits.route.is_some());
                matches!(counters.charge(&pass.limits, &caller, at(number * 30)), Charged::Admitted { .. })
            };
            let warm = if algorithm == "moving_window" && limit.contains("hour") { 1_100 } else { 100 };
            assert!((0..warm).all(passes), "{algorithm} {limit}");
            // Less than a second of them, as what has expired is removed at most once a second.
            let allocated = allocations(|| assert!((warm..warm + 30).all(passes), "{algorithm} {limit}"));
            assert_eq!(allocated, 0, "{algorithm} {limit}");
        }
    }
}
