//! How one quota is measured: the arithmetic of a step, common to all algorithms.
//!
//! Each [`Algorithm`] only says how much of a quota is used, when so much will be free again, and how a request is added.

use std::time::Duration;

use jiff::Timestamp;

use super::expression::{LONGEST_PERIOD, Quota};
use super::moving::MovingLog;
use super::token::TokenBucket;
use super::windows::{FixedWindow, SlidingWindow};
use super::{Algorithm, LimitExpression, RateLimitPolicy};

/// A time in nanoseconds since 1970, bounded so that adding some of the longest periods cannot overflow.
pub(crate) type Nanos = u64;

pub(crate) const SECOND: u64 = 1_000_000_000;

/// What is measured: one quota of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meter {
    pub algorithm: Algorithm,
    pub quota: Quota,
    pub burst: u32,
}

/// Where a counter stands with its meter at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Whether a request would pass.
    pub allowed: bool,
    /// How many requests would pass at once.
    pub remaining: u64,
    /// How long until `remaining` next rises if nothing passes meanwhile: where `allowed` is false, how long to wait
    /// until a request passes. Zero where nothing is used. For `0/period`, where no wait is enough, the period.
    pub reset_after: Duration,
}

/// What has been used of one quota by one caller. The [`Default`] is nothing.
///
/// Times that come slightly out of order, as from several threads, never admit more. Where the clock was set back by
/// more than a period, what was counted counts as of now from the next call of [`Usage::commit`] or
/// [`Usage::follow_clock`] on, so that nobody waits for the old time to come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage(pub(crate) Used);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Used {
    Fixed(FixedWindow),
    Sliding(SlidingWindow),
    Moving(MovingLog),
    Tokens(TokenBucket),
}

impl Meter {
    /// The meters of a policy for a limit of it (its own, or that of a tier).
    pub fn of<'p>(policy: &'p RateLimitPolicy, limit: &'p LimitExpression) -> impl Iterator<Item = Self> + 'p {
        limit.quotas().iter().map(|quota| Self { algorithm: policy.algorithm, quota: *quota, burst: policy.burst })
    }

    /// How many requests pass at once where nothing is used: the amount and the burst, or none for an amount of 0.
    pub fn capacity(&self) -> u64 {
        if self.quota.amount == 0 { 0 } else { self.quota.amount.saturating_add(self.burst.into()) }
    }

    /// The period in nanoseconds: never 0, and never longer than a limit may say.
    pub(crate) fn period(&self) -> u64 {
        self.quota.period_seconds.clamp(1, LONGEST_PERIOD) * SECOND
    }
}

impl Step {
    /// Whether less is left than there, or as much for longer.
    pub(crate) fn is_tighter(&self, other: &Self) -> bool {
        (self.remaining, other.reset_after) < (other.remaining, self.reset_after)
    }
}

impl Usage {
    /// Nothing used.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::FixedWindow => Used::Fixed(FixedWindow::default()),
            Algorithm::SlidingWindow => Used::Sliding(SlidingWindow::default()),
            Algorithm::MovingWindow => Used::Moving(MovingLog::default()),
            Algorithm::TokenBucket => Used::Tokens(TokenBucket::default()),
        })
    }

    /// Where the counter stands at `now`, before a request.
    pub fn peek(&self, meter: &Meter, now: Timestamp) -> Step {
        self.step(meter, nanos(now))
    }

    /// Counts one request, which [`Usage::peek`] has allowed, and says where the counter stands after it. What was
    /// counted under another algorithm is forgotten; counts survive other amounts, bursts and periods.
    pub fn commit(&mut self, meter: &Meter, now: Timestamp) -> Step {
        let now = nanos(now);
        self.add(meter, now, true);
        self.step(meter, now)
    }

    /// Notices that the clock was set back.
    pub fn follow_clock(&mut self, meter: &Meter, now: Timestamp) {
        self.rebase(meter, nanos(now));
    }

    pub(crate) fn step(&self, meter: &Meter, now: Nanos) -> Step {
        let capacity = meter.capacity();
        if capacity == 0 {
            return Step { allowed: false, remaining: 0, reset_after: Duration::from_nanos(meter.period()) };
        }
        let (used, reset_after) = self.stands(capacity, meter, now);
        Step {
            allowed: used < capacity,
            remaining: capacity.saturating_sub(used),
            reset_after: Duration::from_nanos(reset_after),
        }
    }

    /// The step at `now` where no request passes. Where one does, nothing is worked out beyond that.
    pub(crate) fn denial(&self, meter: &Meter, now: Nanos) -> Option<Step> {
        let capacity = meter.capacity();
        (capacity == 0 || self.uses(capacity, meter, now)).then(|| self.step(meter, now))
    }

    /// Adds one request. A log that may not grow makes do with less precision, to the caller's disadvantage.
    pub(crate) fn add(&mut self, meter: &Meter, now: Nanos, may_grow: bool) {
        if !self.is_of(meter.algorithm) {
            *self = Self::new(meter.algorithm);
        }
        self.rebase(meter, now);
        match &mut self.0 {
            Used::Fixed(window) => window.add(meter, now),
            Used::Sliding(window) => window.add(meter, now),
            Used::Moving(log) => log.add(meter, now, may_grow),
            Used::Tokens(bucket) => bucket.add(meter, now),
        }
    }

    /// Puts what lies more than a period ahead of the clock at `now`.
    pub(crate) fn rebase(&mut self, meter: &Meter, now: Nanos) {
        let latest = match &mut self.0 {
            Used::Fixed(window) => &mut window.start,
            Used::Sliding(window) => &mut window.latest,
            Used::Moving(log) => return log.rebase(meter, now),
            Used::Tokens(bucket) => &mut bucket.at,
        };
        if is_ahead(*latest, now, meter.period()) {
            *latest = now;
        }
    }

    /// From when on the counter says no more than a new one would.
    pub(crate) fn expires_at(&self, meter: &Meter) -> Nanos {
        match &self.0 {
            Used::Fixed(window) => window.expires_at(meter),
            Used::Sliding(window) => window.expires_at(meter),
            Used::Moving(log) => log.expires_at(meter),
            Used::Tokens(bucket) => bucket.expires_at(meter),
        }
    }

    fn is_of(&self, algorithm: Algorithm) -> bool {
        match &self.0 {
            Used::Fixed(_) => algorithm == Algorithm::FixedWindow,
            Used::Sliding(_) => algorithm == Algorithm::SlidingWindow,
            Used::Moving(_) => algorithm == Algorithm::MovingWindow,
            Used::Tokens(_) => algorithm == Algorithm::TokenBucket,
        }
    }

    /// Whether at least so much is used, which is more than nothing.
    fn uses(&self, count: u64, meter: &Meter, now: Nanos) -> bool {
        self.is_of(meter.algorithm)
            && match &self.0 {
                Used::Fixed(window) => window.used(meter, now) >= count,
                Used::Sliding(window) => window.uses(count, meter, now),
                Used::Moving(log) => log.used(meter, now) >= count,
                Used::Tokens(bucket) => bucket.uses(count, meter, now),
            }
    }

    /// How much is used, and how long until it is less than that and than the capacity; 0 where nothing is used.
    fn stands(&self, capacity: u64, meter: &Meter, now: Nanos) -> (u64, u64) {
        if !self.is_of(meter.algorithm) {
            return (0, 0);
        }
        let less = |used: u64| used.min(capacity).saturating_sub(1);
        let (used, until) = match &self.0 {
            Used::Fixed(window) => (window.used(meter, now), window.until_over(meter, now)),
            Used::Sliding(window) => window.stands(less, meter, now),
            Used::Moving(log) => {
                let used = log.used(meter, now);
                (used, log.until_at_most(less(used), meter, now))
            }
            Used::Tokens(bucket) => bucket.stands(less, meter, now),
        };
        (used, if used == 0 { 0 } else { until })
    }
}

/// The time as the meters count it. What is before 1970 or after 2500 counts as these.
pub(crate) fn nanos(at: Timestamp) -> Nanos {
    const LATEST: i128 = (1 << 64) - (1 << 60);
    u64::try_from(at.as_nanosecond().clamp(0, LATEST)).unwrap_or(0)
}

/// Whether `latest` can only have been counted before the clock was set back.
pub(crate) fn is_ahead(latest: Nanos, now: Nanos, period: u64) -> bool {
    latest > now && latest - now > period
}

/// The time to count with where something has been counted at `latest`: never before it, unless the clock was set back.
pub(crate) fn settled(latest: Nanos, now: Nanos, period: u64) -> Nanos {
    if is_ahead(latest, now, period) { now } else { now.max(latest) }
}

/// `count * nanoseconds / divisor`, rounded down. The divisor is not 0; what does not fit is the largest number.
pub(crate) fn share(count: u64, nanoseconds: u64, divisor: u64) -> u64 {
    divided(u128::from(count) * u128::from(nanoseconds), divisor)
}

/// `count * nanoseconds / divisor`, rounded up.
pub(crate) fn share_up(count: u64, nanoseconds: u64, divisor: u64) -> u64 {
    divided_up(u128::from(count) * u128::from(nanoseconds), divisor)
}

/// `number / divisor`, rounded up.
pub(crate) fn divided_up(number: u128, divisor: u64) -> u64 {
    divided(number + u128::from(divisor - 1), divisor)
}

/// `number / divisor`, rounded down.
pub(crate) fn divided(number: u128, divisor: u64) -> u64 {
    // Dividing 128 bits is slow, and hardly ever needed.
    match u64::try_from(number) {
        Ok(number) => number / divisor,
        Err(_) => u64::try_from(number / u128::from(divisor)).unwrap_or(u64::MAX),
    }
}
