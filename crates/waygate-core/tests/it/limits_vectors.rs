//! Worked vectors of each algorithm, and each against a naive list of the times at which requests passed.
//!
//! Any other store of counters has to give the same answers; the vectors are in `tests/limit_vectors.json`.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::FakeRelativeClock;
use proptest::prelude::*;
use serde::Deserialize;
use waygate_core::{Algorithm, Meter, Quota, Step, Timestamp, Usage};

const SECOND: u64 = 1_000_000_000;
const EVERY: [Algorithm; 4] =
    [Algorithm::FixedWindow, Algorithm::SlidingWindow, Algorithm::MovingWindow, Algorithm::TokenBucket];

fn meter(algorithm: Algorithm, amount: u64, period_seconds: u64, burst: u32) -> Meter {
    Meter { algorithm, quota: Quota { amount, period_seconds }, burst }
}

/// Nanoseconds after 1,700,000,000 s, which is a multiple of ten seconds.
pub(crate) fn at(nanos: u64) -> Timestamp {
    Timestamp::from_nanosecond(1_700_000_000 * i128::from(SECOND) + i128::from(nanos)).unwrap()
}

fn request(usage: &mut Usage, meter: &Meter, nanos: u64) -> Step {
    let step = usage.peek(meter, at(nanos));
    if step.allowed { Step { allowed: true, ..usage.commit(meter, at(nanos)) } } else { step }
}

/// One of the vectors that every store of counters has to meet.
#[derive(Deserialize)]
struct Vectors {
    algorithm: Algorithm,
    amount: u64,
    period_seconds: u64,
    burst: u32,
    /// At which second, whether it is allowed, what remains, and the reset in nanoseconds.
    requests: Vec<(f64, bool, u64, u64)>,
}

fn assert_vectors(algorithm: Algorithm) {
    let all: Vec<Vectors> = serde_json::from_str(include_str!("../limit_vectors.json")).unwrap();
    let vectors = all.into_iter().find(|vectors| vectors.algorithm == algorithm).unwrap();
    let meter = meter(algorithm, vectors.amount, vectors.period_seconds, vectors.burst);
    let mut usage = Usage::new(algorithm);
    for (second, allowed, remaining, reset) in vectors.requests {
        let step = request(&mut usage, &meter, Duration::from_secs_f64(second).as_nanos().try_into().unwrap());
        let expected = Step { allowed, remaining, reset_after: Duration::from_nanos(reset) };
        // A denied request stands where a request that passed would have left it.
        assert_eq!(step, expected, "{algorithm:?} at {second}");
    }
}

/// As the reference, in every value.
#[test]
fn the_fixed_window_begins_with_its_first_request() {
    assert_vectors(Algorithm::FixedWindow);
}

/// Admits and leaves what the reference does. Its resets are off: at 0 it says that nothing has to be reset, at 10 that
/// 3.333 s have to pass although half a second is enough. A share of exactly one request still counts, so that ours
/// are a nanosecond later than its others.
#[test]
fn the_sliding_window_estimates() {
    assert_vectors(Algorithm::SlidingWindow);
}

/// Admits what the reference does. A request that is exactly a period old still counts, as there; but there it does so for
/// the decision only, so that at 10 it denies with one left, and at 12 it leaves one more than it would admit.
#[test]
fn the_moving_window_remembers_each_request() {
    assert_vectors(Algorithm::MovingWindow);
}

/// The reference has none. A token comes every 3 1/3 seconds.
#[test]
fn the_token_bucket_refills_evenly() {
    assert_vectors(Algorithm::TokenBucket);
}

#[test]
fn g49_burst_adds_to_what_passes_at_once() {
    for algorithm in EVERY {
        let meter = meter(algorithm, 2, 3600, 4);
        let mut usage = Usage::new(algorithm);
        let passed = (0..10).filter(|_| request(&mut usage, &meter, 0).allowed).count();
        assert_eq!(passed, 6, "{algorithm:?}");
        // Two hours later windows are new, and a bucket has gained two tokens in each.
        let passed = (0..10).filter(|_| request(&mut usage, &meter, 2 * 3600 * SECOND + 2).allowed).count();
        assert_eq!(passed, if algorithm == Algorithm::TokenBucket { 4 } else { 6 }, "{algorithm:?}");
    }
}

#[test]
fn g51_zero_admits_nothing_whatever_the_burst() {
    for algorithm in EVERY {
        let meter = meter(algorithm, 0, 60, 5);
        let step = Usage::new(algorithm).peek(&meter, at(0));
        assert_eq!(step, Step { allowed: false, remaining: 0, reset_after: Duration::from_mins(1) });
    }
}

#[test]
fn counts_survive_another_amount_and_another_period() {
    for algorithm in EVERY {
        let mut usage = Usage::new(algorithm);
        for _ in 0..3 {
            assert!(request(&mut usage, &meter(algorithm, 3, 3600, 0), 0).allowed);
        }
        assert!(!request(&mut usage, &meter(algorithm, 3, 3600, 0), 0).allowed, "{algorithm:?}");
        assert!(!request(&mut usage, &meter(algorithm, 1, 86_400, 0), 0).allowed, "{algorithm:?}");
        let passed = (0..9).filter(|_| request(&mut usage, &meter(algorithm, 4, 86_400, 0), 0).allowed).count();
        assert_eq!(passed, 1, "{algorithm:?}");
        assert!(request(&mut usage, &meter(algorithm, 4, 60, 0), 3601 * SECOND).allowed, "{algorithm:?}");
    }
}

#[test]
fn a_clock_set_back_locks_nobody_out() {
    const YEAR: u64 = 360 * 86_400 * SECOND;
    for algorithm in EVERY {
        let meter = meter(algorithm, 1, 60, 0);
        let mut usage = Usage::new(algorithm);
        assert!(request(&mut usage, &meter, YEAR).allowed);
        usage.follow_clock(&meter, at(0));
        let step = usage.peek(&meter, at(0));
        assert!(!step.allowed, "{algorithm:?}: no fresh quota");
        assert!(step.reset_after <= Duration::from_mins(2), "{algorithm:?}: {step:?}");
        assert!(usage.peek(&meter, at(0) + step.reset_after).allowed, "{algorithm:?}");
        // Counting notices it too.
        let meter = self::meter(algorithm, 2, 60, 0);
        let mut usage = Usage::new(algorithm);
        assert!(request(&mut usage, &meter, YEAR).allowed);
        assert!(request(&mut usage, &meter, 0).allowed);
        let step = usage.peek(&meter, at(0));
        assert!(!step.allowed, "{algorithm:?}: no fresh quota");
        assert!(usage.peek(&meter, at(120 * SECOND)).allowed, "{algorithm:?}");
    }
}

/// The definitions, over the times at which requests have passed.
pub(crate) fn naive(meter: &Meter, passed: &[u64], now: u64) -> bool {
    let (amount, capacity) = (meter.quota.amount, meter.capacity());
    let period = meter.quota.period_seconds * SECOND;
    let count = |of: &dyn Fn(u64) -> bool| passed.iter().filter(|time| of(**time)).count() as u64;
    if capacity == 0 {
        return false;
    }
    match meter.algorithm {
        Algorithm::FixedWindow => {
            let mut start = None;
            for time in passed {
                start = start.filter(|start| *time < start + period).or(Some(*time));
            }
            start.is_none_or(|start| now >= start + period || count(&|time| time >= start) < capacity)
        }
        Algorithm::SlidingWindow => {
            // Whole periods of any length do not divide 1,700,000,000 s.
            let origin = 1_700_000_000 * SECOND;
            let bucket = |time: u64| (origin + time) / period;
            let current = count(&|time| bucket(time) == bucket(now));
            let previous = count(&|time| bucket(time) + 1 == bucket(now));
            let left = period - (origin + now) % period;
            previous * left / period + current < capacity
        }
        Algorithm::MovingWindow => count(&|time| time + period >= now) < capacity,
        // In no stretch of time more than the bucket holds and gains meanwhile.
        Algorithm::TokenBucket => passed.iter().enumerate().all(|(index, time)| {
            let with_this = (passed.len() - index + 1) as u64;
            with_this.saturating_sub(capacity) * period <= amount * (now - time)
        }),
    }
}

pub(crate) fn algorithms() -> impl Strategy<Value = Algorithm> {
    prop::sample::select(&EVERY[..])
}

/// Pauses that meet the edges of periods often.
pub(crate) fn pauses() -> impl Strategy<Value = Vec<u64>> {
    let pause = prop_oneof![
        4 => Just(0),
        2 => Just(1),
        4 => (0..6u64).prop_map(|halves| halves * SECOND / 2),
        2 => (1..6u64).prop_map(|halves| halves * SECOND / 2 - 1),
        2 => (0..6u64).prop_map(|halves| halves * SECOND / 2 + 1),
        4 => 0..4 * SECOND,
    ];
    prop::collection::vec(pause, 1..60)
}

proptest! {
    #[test]
    fn each_algorithm_does_what_its_definition_says(
        algorithm in algorithms(), amount in 0..6u64, burst in 0..4u32, period in 1..5u64, pauses in pauses(),
    ) {
        let meter = meter(algorithm, amount, period, burst);
        let mut usage = Usage::new(algorithm);
        let mut passed = Vec::new();
        let mut now = 0;
        for pause in pauses {
            now += pause;
            prop_assert_eq!(usage.peek(&meter, at(now)).allowed, naive(&meter, &passed, now));
            if request(&mut usage, &meter, now).allowed {
                passed.push(now);
            }
        }
    }

    /// What is left is what passes; the reset is the first moment at which more passes, to the nanosecond.
    #[test]
    fn g54_remaining_and_reset_are_exact(
        algorithm in algorithms(), amount in 1..6u64, burst in 0..4u32, period in 1..5u64, pauses in pauses(),
        lowered in 1..6u64,
    ) {
        let before = meter(algorithm, amount, period, burst);
        let mut usage = Usage::new(algorithm);
        let mut now = 0;
        for pause in pauses {
            now += pause;
            request(&mut usage, &before, now);
        }
        for meter in [before, meter(algorithm, lowered, period, 0)] {
            let step = usage.peek(&meter, at(now));
            let mut tried = usage.clone();
            let passed = (0..20).filter(|_| request(&mut tried, &meter, now).allowed).count() as u64;
            prop_assert_eq!(step.remaining, passed);
            prop_assert_eq!(step.allowed, passed > 0);
            let reset = u64::try_from(step.reset_after.as_nanos()).unwrap();
            if reset > 0 {
                prop_assert!(usage.peek(&meter, at(now + reset)).remaining > step.remaining);
                prop_assert_eq!(usage.peek(&meter, at(now + reset - 1)).remaining, step.remaining);
            } else {
                prop_assert_eq!(step.remaining, meter.capacity());
            }
            let whole = step.reset_after.as_nanos().div_ceil(u128::from(SECOND)).max(1);
            let waited = now + u64::try_from(whole).unwrap() * SECOND;
            prop_assert!(usage.peek(&meter, at(waited)).allowed, "waiting {} s is enough", whole);
        }
    }

    /// An oracle that we did not write. Its rate is so many nanoseconds for a token, so the amount divides the period.
    #[test]
    fn the_token_bucket_agrees_with_governor(
        amount in prop::sample::select(vec![1u64, 2, 4, 5, 8, 10, 100]), burst in 0..20u32, pauses in pauses(),
    ) {
        let meter = meter(Algorithm::TokenBucket, amount, 1, burst);
        let capacity = NonZeroU32::new(u32::try_from(meter.capacity()).unwrap()).unwrap();
        let each = Duration::from_nanos(SECOND / amount);
        let clock = FakeRelativeClock::default();
        let oracle = governor::RateLimiter::direct_with_clock(
            governor::Quota::with_period(each).unwrap().allow_burst(capacity),
            clock.clone(),
        );
        let mut usage = Usage::new(meter.algorithm);
        let mut now = 0;
        for pause in pauses {
            // Several requests at once, so that also a large bucket runs dry.
            for _ in 0..3 {
                prop_assert_eq!(request(&mut usage, &meter, now).allowed, oracle.check().is_ok());
            }
            now += pause / 4;
            clock.advance(Duration::from_nanos(pause / 4));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Above 1,024 the log rounds times up to the 1,024th part of the period.
    #[test]
    fn large_moving_windows_are_never_lax_and_hardly_strict(
        amount in 1025..1400u64, pauses in prop::collection::vec(0..750_000u64, 3000),
    ) {
        let meter = meter(Algorithm::MovingWindow, amount, 1, 0);
        let grid = SECOND / 1024;
        let mut usage = Usage::new(meter.algorithm);
        let mut passed = Vec::new();
        let (mut oldest, mut oldest_rounded, mut now) = (0, 0, 0);
        for pause in pauses {
            now += pause;
            while passed.get(oldest).is_some_and(|time| time + SECOND < now) {
                oldest += 1;
            }
            while passed.get(oldest_rounded).is_some_and(|time| time + SECOND + grid < now) {
                oldest_rounded += 1;
            }
            let allowed = request(&mut usage, &meter, now).allowed;
            prop_assert!(!allowed || ((passed.len() - oldest) as u64) < amount, "lax");
            prop_assert!(allowed || (passed.len() - oldest_rounded) as u64 >= amount, "strict");
            if allowed {
                passed.push(now);
            }
        }
        prop_assert!(passed.len() < 3000, "some were denied");
    }
}
