//! Counters: what a chain of limits does to requests, and what counting them costs.

mod shared;

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Barrier;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use proptest::prelude::*;
use serde_json::json;
use waygate_core::{Algorithm, Charged, Layer, LimitChain, LocalCounters, LocalKey, Meter, RateLimitPolicy, Standing};

use crate::limits_caller::Caller;
use crate::limits_vectors::{self, algorithms, naive, pauses};
use crate::world::{at, parsed};

pub(crate) fn policy(value: serde_json::Value) -> RateLimitPolicy {
    let mut value = value;
    value["enabled"] = json!(true);
    serde_json::from_value(value).unwrap()
}

fn limit(text: &str) -> RateLimitPolicy {
    policy(json!({ "limit": text }))
}

fn global(policy: &RateLimitPolicy) -> LimitChain<'_> {
    LimitChain { global: Some(policy), ..LimitChain::default() }
}

fn passes(charged: &Charged<'_>) -> bool {
    matches!(charged, Charged::Admitted { .. })
}

/// How many of `requests` pass at one moment.
fn passed(counters: &LocalCounters, chain: &LimitChain<'_>, requests: usize, millisecond: i64) -> usize {
    let caller = Caller::at("192.0.2.7");
    (0..requests).filter(|_| passes(&counters.charge(chain, &caller, at(millisecond)))).count()
}

fn tightest<'s>(charged: &Charged<'s>) -> Standing<'s> {
    match charged {
        Charged::Admitted { tightest, .. } => tightest.unwrap(),
        Charged::Exceeded(exceeded) => exceeded.standing,
    }
}

#[test]
fn nothing_is_counted_unless_all_layers_admit() {
    let (outer, inner) = (limit("6/hour"), limit("1/hour"));
    let (a, b): (LocalKey, LocalKey) = (parsed("GET:/a"), parsed("GET:/b"));
    let counters = LocalCounters::new();
    let to_a = LimitChain { global: Some(&outer), route: Some((&a, &inner)), ..LimitChain::default() };
    assert_eq!(passed(&counters, &to_a, 6, 0), 1);
    let denied = counters.charge(&to_a, &Caller::at("192.0.2.7"), at(0));
    assert_eq!((tightest(&denied).layer, tightest(&denied).route), (Layer::RouteLimit, Some(&a)));
    let to_b = LimitChain { route: Some((&b, &outer)), ..to_a };
    assert_eq!(passed(&counters, &to_b, 9, 0), 5, "one of six was used by a");
    // And the inner layer is not charged when the outer one denies.
    let fresh = limit("3/hour");
    let c: LocalKey = parsed("GET:/c");
    let to_c = LimitChain { route: Some((&c, &fresh)), ..to_a };
    assert_eq!(passed(&counters, &to_c, 5, 0), 0);
    assert_eq!(passed(&counters, &LimitChain { global: None, ..to_c }, 5, 0), 3);
}

#[test]
fn the_longest_wait_is_told_and_is_enough() {
    let (minute, hour) = (limit("1/minute"), limit("1/hour"));
    let counters = LocalCounters::new();
    let chain = LimitChain { global: Some(&minute), service: Some(&hour), route: None };
    assert_eq!(passed(&counters, &chain, 2, 0), 1);
    let denied = counters.charge(&chain, &Caller::at("192.0.2.7"), at(500));
    let standing = tightest(&denied);
    assert_eq!((standing.layer, standing.reset_after_seconds()), (Layer::ServiceLimit, 3600), "3599.5 rounded up");
    assert_eq!(standing.reset_at(), at(3_600_000));
    assert_eq!(passed(&counters, &chain, 2, 500 + 3_600_000), 1);
}

#[test]
fn g48_each_term_of_a_joined_limit_is_kept() {
    let joined = limit("50/minute; 2/hour");
    let counters = LocalCounters::new();
    assert_eq!(passed(&counters, &global(&joined), 5, 0), 2);
    let joined = limit("3/second;4/minute");
    let counters = LocalCounters::new();
    assert_eq!(passed(&counters, &global(&joined), 9, 0), 3);
    assert_eq!(passed(&counters, &global(&joined), 9, 1000), 1);
    assert_eq!(passed(&counters, &global(&joined), 9, 2000), 0);
}

#[test]
fn g49_burst_lets_so_many_more_pass() {
    for algorithm in ["fixed_window", "sliding_window", "moving_window", "token_bucket"] {
        let policy = policy(json!({ "limit": "2/hour", "burst": 4, "algorithm": algorithm }));
        assert_eq!(passed(&LocalCounters::new(), &global(&policy), 10, 0), 6, "{algorithm}");
    }
}

#[test]
fn counts_survive_edits_and_end_with_the_generation() {
    for algorithm in ["fixed_window", "sliding_window", "moving_window", "token_bucket"] {
        let edited = |limit: &str, generation: u64| {
            policy(json!({ "limit": limit, "algorithm": algorithm, "generation": generation }))
        };
        let counters = LocalCounters::new();
        assert_eq!(passed(&counters, &global(&edited("3/hour", 0)), 5, 0), 3);
        assert_eq!(passed(&counters, &global(&edited("4/hour", 0)), 5, 0), 1, "{algorithm}: one more");
        assert_eq!(passed(&counters, &global(&edited("5/day", 0)), 5, 0), 1, "{algorithm}: another period");
        assert_eq!(passed(&counters, &global(&edited("9/second;6/day", 0)), 9, 0), 1, "{algorithm}: one term more");
        assert_eq!(passed(&counters, &global(&edited("3/hour", 1)), 5, 0), 3, "{algorithm}: reset");
    }
}

#[test]
fn shadow_policies_count_and_never_block() {
    let enforced = limit("5/hour");
    let shadow = policy(json!({ "limit": "2/hour", "enforcement": "shadow" }));
    let counters = LocalCounters::new();
    let chain = LimitChain { global: Some(&shadow), service: Some(&enforced), route: None };
    let caller = Caller::at("192.0.2.7");
    let mut shadowed = Vec::new();
    for _ in 0..5 {
        let Charged::Admitted { tightest, shadow } = counters.charge(&chain, &caller, at(0)) else { panic!("denied") };
        assert_eq!(tightest.unwrap().layer, Layer::ServiceLimit, "headers are of what is enforced");
        shadowed.push(shadow.map(|exceeded| (exceeded.standing.layer, exceeded.standing.remaining)));
    }
    let exceeded = Some((Layer::GlobalLimit, 0));
    assert_eq!(shadowed, [None, None, exceeded, exceeded, exceeded]);
    assert_eq!(passed(&counters, &chain, 1, 0), 0);
    let raised = LimitChain { global: Some(&limit("3/hour")), ..LimitChain::default() };
    assert_eq!(passed(&counters, &raised, 9, 0), 1, "what it would have denied is not counted");
}

#[test]
fn the_tightest_limit_is_the_one_that_bites_first() {
    let (wide, narrow) = (limit("100/minute"), limit("2/hour"));
    let counters = LocalCounters::new();
    let chain = LimitChain { global: Some(&wide), service: Some(&narrow), route: None };
    let charged = counters.charge(&chain, &Caller::at("192.0.2.7"), at(0));
    let standing = tightest(&charged);
    assert_eq!((standing.layer, standing.capacity, standing.remaining), (Layer::ServiceLimit, 2, 1));
    let unlimited = limit("unlimited");
    let charged = counters.charge(&global(&unlimited), &Caller::at("192.0.2.7"), at(0));
    assert_eq!(charged, Charged::Admitted { tightest: None, shadow: None });
}

#[test]
fn parallel_requests_of_one_caller_pass_exactly_so_often() {
    for algorithm in ["fixed_window", "sliding_window", "moving_window", "token_bucket"] {
        let outer = policy(json!({ "limit": "300/hour", "algorithm": algorithm }));
        let inner = policy(json!({ "limit": "200/hour;250/day", "algorithm": algorithm }));
        let key: LocalKey = parsed("GET:/a");
        let counters = LocalCounters::new();
        let chain = LimitChain { global: Some(&outer), service: Some(&outer), route: Some((&key, &inner)) };
        let (clock, count, start) = (AtomicI64::new(0), AtomicUsize::new(0), Barrier::new(8));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..100 {
                        let now = clock.fetch_add(1, Ordering::Relaxed);
                        count.fetch_add(passed(&counters, &chain, 1, now), Ordering::Relaxed);
                    }
                });
            }
        });
        // In less than a second a bucket gains a part of a token.
        assert_eq!(count.into_inner(), 200, "{algorithm}");
        assert_eq!(counters.memory().counters, 4);
    }
}

fn caller(number: u32) -> Caller {
    Caller { ip: Some(IpAddr::V4(Ipv4Addr::from_bits(number))), ..Caller::default() }
}

#[test]
fn g53_memory_is_bounded_with_any_number_of_keys() {
    flood(60_000, 64 * 220);
}

#[test]
#[ignore = "minutes in the debug profile; `scripts/test-long` runs it in the release profile"]
fn g53_ten_million_keys_stay_inside_the_memory_cap() {
    flood(10_000_000, LocalCounters::DEFAULT_MOST);
}

/// So many callers, of whom far fewer find room.
fn flood(keys: u32, most: usize) {
    for algorithm in ["fixed_window", "moving_window"] {
        let policy = policy(json!({ "limit": "2/hour", "algorithm": algorithm }));
        let chain = global(&policy);
        let counters = LocalCounters::with_most(most);
        // Those who were there before the flood.
        let early = 1000;
        for number in 0..early {
            assert!(passes(&counters.charge(&chain, &caller(number), at(0))));
        }
        let flood = (early..keys).filter(|number| passes(&counters.charge(&chain, &caller(*number), at(1)))).count();
        let memory = counters.memory();
        assert!(memory.counters <= most + 64 * 24, "{memory:?}");
        assert_eq!(memory.shared, 64);
        assert!(memory.bytes < most * 80, "{memory:?}");
        // Who found no room shares a counter of the policy in each shard.
        assert_eq!(flood, memory.counters - early as usize + 64 * 2);
        for number in 0..early {
            assert!(passes(&counters.charge(&chain, &caller(number), at(2))), "the second of two");
            assert!(!passes(&counters.charge(&chain, &caller(number), at(2))));
        }
        // After the hour all is forgotten, and there is room for others.
        for number in keys..keys + 5_000 {
            assert!(passes(&counters.charge(&chain, &caller(number), at(3_700_000))));
        }
        let memory = counters.memory();
        assert_eq!((memory.counters, memory.shared), (5_000, 0));
        assert!(memory.bytes < 5_000 * 300, "{memory:?}");
    }
}

#[test]
fn g53_a_policy_flooded_with_keys_costs_others_no_counts_and_no_limit() {
    let flooded = policy(json!({ "limit": "1/hour", "key_strategy": "api_key" }));
    let route: LocalKey = parsed("GET:/flooded");
    let to_flooded = LimitChain { route: Some((&route, &flooded)), ..LimitChain::default() };
    let other = limit("2/hour");
    let counters = LocalCounters::with_most(64 * 20);
    let known = 0..200;
    for number in known.clone() {
        assert!(passes(&counters.charge(&global(&other), &caller(number), at(0))));
    }
    for number in 0..20_000 {
        counters.charge(&to_flooded, &Caller::with_header("x-api-key", &number.to_string()), at(0));
    }
    assert!(counters.memory().counters < 64 * 22, "{:?}", counters.memory());
    for number in known {
        assert!(passes(&counters.charge(&global(&other), &caller(number), at(1))), "one of two was used before");
        assert!(!passes(&counters.charge(&global(&other), &caller(number), at(1))));
    }
    // Others of that policy, who come first now, share with one another, and not with those of the flood.
    let newcomers = (1_000..9_000).filter(|number| passes(&counters.charge(&global(&other), &caller(*number), at(1))));
    assert_eq!(newcomers.count(), 64 * 2);
}

#[test]
fn g53_long_keys_take_no_more_room_than_short_ones() {
    let policy = policy(json!({ "limit": "9/hour", "key_strategy": "api_key" }));
    let counters = LocalCounters::new();
    for number in 0..3000 {
        let key = format!("{number}{}", "x".repeat(8192));
        assert!(passes(&counters.charge(&global(&policy), &Caller::with_header("x-api-key", &key), at(0))));
    }
    let memory = counters.memory();
    assert_eq!(memory.counters, 3000);
    assert!(memory.bytes < 1 << 20, "{memory:?}");
}

#[test]
fn g53_logs_together_are_bounded_and_stay_strict() {
    const MINUTE: i64 = 60_000;
    let policy = policy(json!({ "limit": "60/hour", "algorithm": "moving_window" }));
    let chain = global(&policy);
    let counters = LocalCounters::with_most(64 * 20);
    let passed = |number: u32, requests: i64, from: i64| {
        let times = (0..requests).map(|request| at(from + request));
        times.filter(|now| passes(&counters.charge(&chain, &caller(number), *now))).count()
    };
    let callers = 0..600;
    let mut after_the_first_half = HashSet::new();
    for number in callers.clone() {
        assert_eq!(passed(number, 30, 0) + passed(number, 40, 30 * MINUTE), 60);
    }
    let memory = counters.memory();
    assert!(memory.bytes < 64 * (32 * 57 + 20 * 3 * 16 + 64 * 16) + memory.counters * 40, "{memory:?}");
    for number in callers.clone() {
        after_the_first_half.insert(passed(number, 40, 61 * MINUTE));
    }
    assert!(after_the_first_half.contains(&30), "those with a log of their own");
    assert!(after_the_first_half.iter().all(|passed| *passed <= 30), "{after_the_first_half:?}");
    assert!(after_the_first_half.len() > 1, "some have had to do with less");
    for number in callers {
        assert_eq!(passed(number, 70, 180 * MINUTE), 60);
    }
}

/// One to two quotas, as text and as they are measured.
fn limits() -> impl Strategy<Value = (Algorithm, u32, Vec<(u64, u64)>)> {
    (algorithms(), 0..3u32, prop::collection::vec((0..8u64, 1..5u64), 1..3))
}

proptest! {
    /// A request passes a chain exactly where it passes each term of each limit by its definition, given those
    /// requests of the caller that have passed the whole chain.
    #[test]
    fn a_chain_admits_what_all_its_limits_admit(limits in [limits(), limits(), limits()], pauses in pauses()) {
        let policies = limits.clone().map(|(algorithm, burst, quotas)| {
            let terms: Vec<_> = quotas.iter().map(|(amount, period)| format!("{amount}/{period} seconds")).collect();
            policy(json!({ "limit": terms.join(";"), "algorithm": algorithm, "burst": burst }))
        });
        let meters: Vec<_> = policies.iter().flat_map(|policy| Meter::of(policy, &policy.limit)).collect();
        let key: LocalKey = parsed("GET:/a");
        let chain =
            LimitChain { global: Some(&policies[0]), service: Some(&policies[1]), route: Some((&key, &policies[2])) };
        let counters = LocalCounters::new();
        let mut admitted: [Vec<u64>; 2] = [Vec::new(), Vec::new()];
        let mut now = 0;
        for (request, pause) in pauses.into_iter().enumerate() {
            now += pause;
            let admitted = &mut admitted[request % 2];
            let expected = meters.iter().all(|meter| naive(meter, admitted, now));
            let charged = counters.charge(&chain, &caller(u32::try_from(request % 2).unwrap()), limits_vectors::at(now));
            prop_assert_eq!(passes(&charged), expected);
            if expected {
                admitted.push(now);
            }
            prop_assert!(expected || tightest(&charged).remaining == 0);
        }
    }
}
