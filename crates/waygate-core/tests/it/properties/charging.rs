//! Charging limits, whatever they are, whenever requests come and however the policy changes meanwhile. Also run by
//! the fuzzer.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use waygate_core::{
    Algorithm, CallerFacts, Charged, LimitChain, LimitExpression, LocalCounters, RateLimitPolicy, Standing, Timestamp,
};

/// A request and the policy that is in force when it comes.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) limit: LimitExpression,
    pub(crate) algorithm: Algorithm,
    pub(crate) burst: u32,
    /// The last part of the caller's address.
    pub(crate) caller: u8,
    /// How long after the one before, in nanoseconds; also before it.
    pub(crate) later: i64,
}

pub(crate) const ALGORITHMS: [Algorithm; 4] =
    [Algorithm::FixedWindow, Algorithm::SlidingWindow, Algorithm::MovingWindow, Algorithm::TokenBucket];

struct At(u8);

impl CallerFacts for At {
    fn client_ip(&self) -> Option<IpAddr> {
        Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, self.0)))
    }

    fn header(&self, _: &str) -> Option<&[u8]> {
        None
    }

    fn user(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn custom_key(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn tier(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }

    fn has_role(&self, _: &str) -> bool {
        false
    }
}

/// What is told is possible, and who waits as long as he is told to passes. `most` is how many counters there may be.
pub(crate) fn tells_the_truth(arrivals: &[Arrival], most: usize) {
    let counters = LocalCounters::with_most(most);
    let (mut now, mut latest) = (1_800_000_000_000_000_000_i64, 0);
    for arrival in arrivals {
        // Beyond these years the counters hold the clock still.
        now = now.saturating_add(arrival.later).clamp(0, 9_000_000_000_000_000_000);
        // To one who comes too early the wait is told as of the time that the counter has already seen.
        let is_in_order = now >= latest;
        latest = latest.max(now);
        let policy = RateLimitPolicy {
            algorithm: arrival.algorithm,
            burst: arrival.burst,
            ..RateLimitPolicy::new(arrival.limit.clone())
        };
        let chain = LimitChain { global: Some(&policy), ..LimitChain::default() };
        match counters.charge(&chain, &At(arrival.caller), at(now)) {
            Charged::Admitted { tightest, shadow } => {
                assert_eq!((shadow, tightest.is_none()), (None, arrival.limit.quotas().is_empty()));
                if let Some(standing) = tightest {
                    is_possible(&standing);
                }
            }
            Charged::Exceeded(exceeded) => {
                let standing = exceeded.standing;
                is_possible(&standing);
                assert_eq!((standing.remaining, exceeded.missing_key), (0, false));
                if is_in_order && arrival.limit.quotas().iter().all(|quota| quota.amount > 0) {
                    let waited = at(now).checked_add(standing.reset_after).unwrap();
                    let charged = counters.charge(&chain, &At(arrival.caller), waited);
                    assert!(matches!(charged, Charged::Admitted { .. }), "{arrival:?}: {:?}", standing.reset_after);
                    now = i64::try_from(waited.as_nanosecond()).unwrap();
                    latest = now;
                }
            }
        }
    }
    assert!(counters.memory().counters <= most.max(64), "{:?}", counters.memory());
}

fn is_possible(standing: &Standing<'_>) {
    assert!(standing.remaining <= standing.capacity, "{standing:?}");
    assert!(standing.reset_after_seconds() >= 1);
    let (values, ends) = standing.header_values();
    assert!(values.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{values:?}");
    assert!(ends.is_sorted() && ends.last() == Some(&values.len()), "{values:?} {ends:?}");
}

fn at(nanosecond: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanosecond.into()).unwrap()
}
