//! Counters in Redis against those of a process.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use waygate_core::{Algorithm, Meter, OnBackendFailure, Quota, Step, Timestamp, Usage};
use waygate_store::{
    ChargeAnswer, ChargeOutcome, ChargeRequest, CounterKey, CounterOptions, CounterStore, Fallback, LimitCharge,
    RedisCounters,
};

use crate::redis::{Server, eventually, is_available, prefix, url};

const EVERY: [Algorithm; 4] =
    [Algorithm::FixedWindow, Algorithm::SlidingWindow, Algorithm::MovingWindow, Algorithm::TokenBucket];

fn meter(algorithm: Algorithm, amount: u64, period_seconds: u64, burst: u32) -> Meter {
    Meter { algorithm, quota: Quota { amount, period_seconds }, burst }
}

fn limit(name: &str, meters: Vec<Meter>) -> LimitCharge {
    let key = CounterKey::new([name.as_bytes()]);
    LimitCharge { key, meters, shadow: false, on_failure: OnBackendFailure::Local }
}

fn request(limits: impl IntoIterator<Item = LimitCharge>) -> ChargeRequest {
    ChargeRequest { limits: limits.into_iter().collect() }
}

fn options(prefix: String) -> CounterOptions {
    // Machines that run tests are slow.
    CounterOptions { prefix, deadline: Duration::from_secs(5), ..CounterOptions::default() }
}

async fn connect() -> RedisCounters {
    RedisCounters::connect(&url(), options(prefix())).await.unwrap()
}

fn answer(outcome: ChargeOutcome) -> ChargeAnswer {
    match outcome {
        ChargeOutcome::Charged(answer) => Some(answer),
        ChargeOutcome::Unavailable(_) => None,
    }
    .unwrap()
}

/// Microseconds after 1,700,000,000 s.
fn at(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(1_700_000_000_000_000 + micros).unwrap()
}

/// The counters of a process, with resets in whole microseconds.
#[derive(Default)]
struct Local(Vec<Vec<Usage>>);

impl Local {
    fn charge(&mut self, request: &ChargeRequest, now: Timestamp) -> (bool, Vec<Vec<Step>>) {
        if self.0.is_empty() {
            let fresh = |limit: &LimitCharge| limit.meters.iter().map(|meter| Usage::new(meter.algorithm)).collect();
            self.0 = request.limits.iter().map(fresh).collect();
        }
        let lines = || request.limits.iter().zip(&self.0);
        let mut steps: Vec<Vec<Step>> = lines()
            .map(|(limit, usages)| {
                limit.meters.iter().zip(usages).map(|(meter, usage)| usage.peek(meter, now)).collect()
            })
            .collect();
        let allows = |steps: &[Step]| steps.iter().all(|step| step.allowed);
        let admitted = request.limits.iter().zip(&steps).all(|(limit, steps)| limit.shadow || allows(steps));
        for ((limit, usages), steps) in request.limits.iter().zip(&mut self.0).zip(&mut steps) {
            if admitted && allows(steps) {
                for ((meter, usage), step) in limit.meters.iter().zip(usages).zip(&mut *steps) {
                    *step = Step { allowed: true, ..usage.commit(meter, now) };
                }
            }
        }
        for step in steps.iter_mut().flatten() {
            let micros = step.reset_after.as_nanos().div_ceil(1000);
            step.reset_after = Duration::from_micros(u64::try_from(micros).unwrap());
        }
        (admitted, steps)
    }
}

const YEAR: i64 = 360 * 86_400 * 1_000_000;

/// Charges both alike and compares every value.
async fn compare(counters: &RedisCounters, local: &mut Local, request: &ChargeRequest, now: Timestamp) -> bool {
    let shared = answer(counters.charge_at(request, now).await);
    let (admitted, steps) = local.charge(request, now);
    assert_eq!((shared.admitted, &shared.limits), (admitted, &steps), "{request:?} at {now}");
    assert_eq!(shared.at, now);
    admitted
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn pauses() -> impl Strategy<Value = Vec<i64>> {
    let pause = prop_oneof![
        4 => Just(0),
        2 => Just(1),
        4 => (0..6i64).prop_map(|halves| halves * 500_000),
        2 => (1..6i64).prop_map(|halves| halves * 500_000 - 1),
        2 => (0..6i64).prop_map(|halves| halves * 500_000 + 1),
        4 => 0..4_000_000i64,
    ];
    prop::collection::vec(pause, 1..40)
}

fn meters() -> impl Strategy<Value = Meter> {
    (prop::sample::select(&EVERY[..]), 0..6u64, 0..4u32, 1..5u64)
        .prop_map(|(algorithm, amount, burst, period)| meter(algorithm, amount, period, burst))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn shared_counters_say_what_local_ones_say(
        limits in prop::collection::vec((prop::collection::vec(meters(), 1..3), prop::bool::weighted(0.2)), 1..4),
        pauses in pauses(),
    ) {
        if is_available() {
            runtime().block_on(async {
                let counters = connect().await;
                let limits = limits.into_iter().enumerate();
                let request = request(limits.map(|(number, (meters, shadow))| {
                    // All meters of a limit have the algorithm of its policy.
                    let algorithm = meters[0].algorithm;
                    let meters = meters.into_iter().map(|meter| Meter { algorithm, ..meter }).collect();
                    LimitCharge { shadow, ..limit(&number.to_string(), meters) }
                }));
                let (mut local, mut now) = (Local::default(), 0);
                for pause in pauses {
                    now += pause;
                    compare(&counters, &mut local, &request, at(now)).await;
                }
            });
        }
    }

    /// Amounts and periods at which products do not fit into a double.
    #[test]
    fn large_numbers_are_exact(
        algorithm in prop::sample::select(vec![Algorithm::SlidingWindow, Algorithm::TokenBucket]),
        amount in 1..1_000_000_000u64, burst in any::<u32>(), period in 1..3650 * 86_400u64,
        pauses in prop::collection::vec(0..200_000_000_000_000i64, 1..20),
    ) {
        if is_available() {
            runtime().block_on(async {
                let counters = connect().await;
                let request = request([limit("large", vec![meter(algorithm, amount, period, burst)])]);
                let (mut local, mut now) = (Local::default(), 0);
                for pause in pauses {
                    now += pause;
                    compare(&counters, &mut local, &request, at(now)).await;
                }
            });
        }
    }
}

#[derive(serde::Deserialize)]
struct Vectors {
    algorithm: Algorithm,
    amount: u64,
    period_seconds: u64,
    burst: u32,
    requests: Vec<(f64, bool, u64, u64)>,
}

#[tokio::test]
async fn the_worked_vectors_of_the_local_counters_hold() {
    if !is_available() {
        return;
    }
    let all: Vec<Vectors> =
        serde_json::from_str(include_str!("../../../waygate-core/tests/limit_vectors.json")).unwrap();
    assert_eq!(all.len(), EVERY.len());
    for vectors in all {
        let counters = connect().await;
        let meter = meter(vectors.algorithm, vectors.amount, vectors.period_seconds, vectors.burst);
        let request = request([limit("vectors", vec![meter])]);
        for (second, allowed, remaining, reset) in vectors.requests {
            let micros = i64::try_from(Duration::from_secs_f64(second).as_micros()).unwrap();
            let shared = answer(counters.charge_at(&request, at(micros)).await);
            let reset_after = Duration::from_micros(reset.div_ceil(1000));
            assert_eq!(shared.limits, [[Step { allowed, remaining, reset_after }]], "{meter:?} at {second}");
        }
    }
}

#[tokio::test]
async fn counts_survive_another_amount_in_redis_as_in_a_process() {
    if !is_available() {
        return;
    }
    for algorithm in EVERY {
        let (counters, mut local) = (connect().await, Local::default());
        let of = |amount| request([limit("edited", vec![meter(algorithm, amount, 60, 0)])]);
        for second in 0..20 {
            compare(&counters, &mut local, &of(20), at(second * 1_000_000)).await;
        }
        for (amount, second) in [(3, 20), (5, 61), (17, 62), (2, 65), (19, 79), (1, 130)] {
            compare(&counters, &mut local, &of(amount), at(second * 1_000_000 + 7)).await;
        }
    }
}

#[tokio::test]
async fn counts_survive_another_period_in_redis_as_in_a_process() {
    if !is_available() {
        return;
    }
    for algorithm in [Algorithm::FixedWindow, Algorithm::SlidingWindow, Algorithm::MovingWindow] {
        let (counters, mut local) = (connect().await, Local::default());
        let of = |amount, period| request([limit("edited", vec![meter(algorithm, amount, period, 0)])]);
        for number in 0..240 {
            compare(&counters, &mut local, &of(10, 1), at(number * 200_000)).await;
        }
        // What passed long ago counts no more, although a longer period would hold it.
        for (amount, period, second) in [(1000, 3600, 48), (1000, 3600, 49), (4, 1, 50), (4, 60, 51), (9, 60, 52)] {
            compare(&counters, &mut local, &of(amount, period), at(second * 1_000_000 + 7)).await;
        }
        let now = answer(counters.charge_at(&of(1000, 3600), at(53_000_000)).await);
        assert!(now.admitted && now.limits[0][0].remaining > 900, "{algorithm:?}: {now:?}");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_brings_no_old_counts_back() {
    if !is_available() {
        return;
    }
    let request = request([limit("back", vec![meter(Algorithm::MovingWindow, 50, 60, 0)])]);
    for back in [100_000, 1_000_000, 3_600_000_000] {
        let counters = connect().await;
        for number in 0..200 {
            assert!(answer(counters.charge_at(&request, at(YEAR + number * 5_000_000)).await).admitted);
        }
        let now = answer(counters.charge_at(&request, at(YEAR + 199 * 5_000_000 - back)).await);
        assert!(now.admitted && now.limits[0][0].remaining >= 35, "{back}: {now:?}");
    }
}

#[tokio::test]
async fn what_is_kept_is_kept_as_long_as_an_edit_wants() {
    if !is_available() {
        return;
    }
    for algorithm in EVERY {
        for used in [1, 5] {
            let server = Server::start().await;
            let counters = RedisCounters::connect(&server.url(), options(prefix())).await.unwrap();
            let of = |period| request([limit("edited", vec![meter(algorithm, 5, period, 0)])]);
            for _ in 0..used {
                assert!(answer(counters.charge(&of(1)).await).admitted);
            }
            counters.charge(&of(60)).await;
            assert!(lives(&server).await > 50_000, "{algorithm:?} with {used} used");
        }
        // A clock that is set back leaves nothing for ever, either.
        let server = Server::start().await;
        let counters = RedisCounters::connect(&server.url(), options(prefix())).await.unwrap();
        let request = request([limit("back", vec![meter(algorithm, 1, 60, 0)])]);
        assert!(answer(counters.charge_at(&request, at(YEAR)).await).admitted);
        assert!(!answer(counters.charge_at(&request, at(0)).await).admitted);
        assert!(lives(&server).await > 0, "{algorithm:?}");
    }
}

/// For how many milliseconds the only key is kept; negative for ever.
async fn lives(server: &Server) -> i64 {
    let key: Vec<String> = keys(server).await;
    assert_eq!(key.len(), 1);
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("PTTL").arg(&key[0]).query_async(&mut connection).await.unwrap()
}

async fn keys(server: &Server) -> Vec<String> {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap()
}

#[tokio::test]
async fn large_moving_windows_keep_few_members_and_are_never_lax() {
    if !is_available() {
        return;
    }
    let counters = connect().await;
    let request = request([limit("large", vec![meter(Algorithm::MovingWindow, 1500, 1, 0)])]);
    let mut passed: Vec<i64> = Vec::new();
    for number in 0..3000 {
        let now = number * 500;
        if answer(counters.charge_at(&request, at(now)).await).admitted {
            passed.push(now);
        }
        assert!(passed.iter().filter(|time| **time + 1_000_000 >= now).count() <= 1500);
    }
    assert!(passed.len() < 3000 && passed.len() > 1900, "{}", passed.len());
}

#[tokio::test]
async fn a_clock_of_redis_that_is_set_back_locks_nobody_out() {
    if !is_available() {
        return;
    }
    for algorithm in EVERY {
        let counters = connect().await;
        let request = request([limit("back", vec![meter(algorithm, 1, 60, 0)])]);
        assert!(answer(counters.charge_at(&request, at(YEAR)).await).admitted);
        let denied = answer(counters.charge_at(&request, at(0)).await);
        assert!(!denied.admitted, "{algorithm:?}: no fresh quota");
        assert!(!answer(counters.charge_at(&request, at(1_000_000)).await).admitted);
        assert!(denied.limits[0][0].reset_after <= Duration::from_mins(2), "{algorithm:?}: {denied:?}");
        assert!(answer(counters.charge_at(&request, at(121 * 1_000_000)).await).admitted, "{algorithm:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_connections_hold_one_hundred_a_minute_exactly() {
    if !is_available() {
        return;
    }
    for algorithm in EVERY {
        let prefix = prefix();
        let mut tasks = Vec::new();
        for _ in 0..6 {
            let counters = Arc::new(RedisCounters::connect(&url(), options(prefix.clone())).await.unwrap());
            for _ in 0..4 {
                let counters = counters.clone();
                tasks.push(tokio::spawn(async move {
                    // A burst of a bucket refills while the test runs; an hour is too long for that to matter.
                    let hour = if algorithm == Algorithm::TokenBucket { 36_000 } else { 60 };
                    let request = request([limit("shared", vec![meter(algorithm, 100, hour, 0)])]);
                    let mut admitted = 0;
                    for _ in 0..25 {
                        admitted += u32::from(answer(counters.charge(&request).await).admitted);
                    }
                    admitted
                }));
            }
        }
        let mut admitted = 0;
        for task in tasks {
            admitted += task.await.unwrap();
        }
        assert_eq!(admitted, 100, "{algorithm:?}");
    }
}

#[tokio::test]
async fn a_denied_caller_costs_no_round_trip_until_he_is_admitted_again() {
    if !is_available() {
        return;
    }
    let mut server = Server::start().await;
    let counters = RedisCounters::connect(&server.url(), options(prefix())).await.unwrap();
    let hourly = request([limit("attacker", vec![meter(Algorithm::FixedWindow, 1, 3600, 0)])]);
    assert!(answer(counters.charge(&hourly).await).admitted);
    let denied = answer(counters.charge(&hourly).await);
    assert!(!denied.admitted);
    let short = request([limit("patient", vec![meter(Algorithm::FixedWindow, 1, 1, 0)])]);
    assert!(answer(counters.charge(&short).await).admitted);
    assert!(!answer(counters.charge(&short).await).admitted);
    assert_eq!(counters.health().blocked, 2);
    eventually(async || answer(counters.charge(&short).await).admitted).await;

    server.kill();
    let known = answer(counters.charge(&hourly).await);
    assert!(!known.admitted);
    assert!(known.limits[0][0].reset_after <= denied.limits[0][0].reset_after);
    assert!(known.limits[0][0].reset_after > Duration::from_mins(59));
    let raised = request([limit("attacker", vec![meter(Algorithm::FixedWindow, 2, 3600, 0)])]);
    let asked = counters.charge(&raised).await;
    assert!(matches!(asked, ChargeOutcome::Unavailable(_)), "an edited limit is asked again: {asked:?}");
}

#[tokio::test]
async fn the_policies_decide_while_redis_is_away() {
    if !is_available() {
        return;
    }
    let mut server = Server::start().await;
    let options = CounterOptions { prefix: prefix(), ..CounterOptions::default() };
    let counters = RedisCounters::connect(&server.url(), options).await.unwrap();
    let of = |choices: &[(OnBackendFailure, bool)]| {
        request(choices.iter().enumerate().map(|(number, (on_failure, shadow))| LimitCharge {
            on_failure: *on_failure,
            shadow: *shadow,
            ..limit(&number.to_string(), vec![meter(Algorithm::FixedWindow, 1000, 60, 0)])
        }))
    };
    let (local, open, closed) = (OnBackendFailure::Local, OnBackendFailure::Open, OnBackendFailure::Closed);
    server.kill();
    for (choices, expected) in [
        (vec![(open, false)], Fallback::Open),
        (vec![(open, false), (local, false), (local, true)], Fallback::Local { limits: vec![1, 2] }),
        (vec![(local, false), (open, false), (closed, false)], Fallback::Closed { limit: 2 }),
        (vec![(closed, true), (open, false)], Fallback::Open),
    ] {
        assert_eq!(counters.charge(&of(&choices)).await, ChargeOutcome::Unavailable(expected), "{choices:?}");
    }
    let request = of(&[(local, false)]);
    eventually(async || {
        counters.charge(&request).await;
        counters.health().is_open
    })
    .await;
    assert!(counters.health().unavailable >= 5);
    let begun = std::time::Instant::now();
    for _ in 0..1000 {
        assert!(matches!(counters.charge(&request).await, ChargeOutcome::Unavailable(_)));
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "nobody waits while the breaker is open");
    server.bring_back().await;
    eventually(async || matches!(counters.charge(&request).await, ChargeOutcome::Charged(_))).await;
    assert!(!counters.health().is_open);
}

#[tokio::test]
async fn a_redis_that_forgets_scripts_or_has_no_room_loses_no_count() {
    if !is_available() {
        return;
    }
    let server = Server::start().await;
    let options = CounterOptions { failures: 1, pause: Duration::ZERO, ..options(prefix()) };
    let counters = RedisCounters::connect(&server.url(), options).await.unwrap();
    let request = request([limit("caller", vec![meter(Algorithm::MovingWindow, 4, 3600, 0)])]);
    let remaining = async || answer(counters.charge(&request).await).limits[0][0].remaining;
    assert_eq!(remaining().await, 3);
    server.tell(&["SCRIPT", "FLUSH"]).await;
    assert_eq!(remaining().await, 2);
    server.tell(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let outcome = counters.charge(&request).await;
    assert_eq!(outcome, ChargeOutcome::Unavailable(Fallback::Local { limits: vec![0] }));
    server.tell(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(remaining().await, 1, "nothing was counted, and nothing was lost");
}
