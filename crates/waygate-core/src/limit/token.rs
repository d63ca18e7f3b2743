//! The token bucket, as the generic cell rate algorithm sees it: how much has been taken out and not yet refilled.

use super::meter::{Meter, Nanos, divided, divided_up, settled};

/// What is missing in the bucket: whole tokens, and a part of one as the nanoseconds of a period that it stands for
/// times the amount. Whole tokens so that they survive another amount or period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TokenBucket {
    pub(super) at: Nanos,
    tokens: u64,
    part: u64,
}

impl TokenBucket {
    /// Whether at least `count` tokens, and not none, are missing.
    pub(crate) fn uses(&self, count: u64, meter: &Meter, now: Nanos) -> bool {
        u128::from(count - 1) * u128::from(meter.period()) < self.missing(meter, now)
    }

    /// How many tokens are missing, and how long until there are only so many as `target` makes of that.
    pub(crate) fn stands(&self, target: impl FnOnce(u64) -> u64, meter: &Meter, now: Nanos) -> (u64, u64) {
        let missing = self.missing(meter, now);
        let used = divided_up(missing, meter.period());
        (used, self.until_at_most(target(used), missing, meter, now))
    }

    fn until_at_most(&self, target: u64, missing: u128, meter: &Meter, now: Nanos) -> u64 {
        let surplus = missing.saturating_sub(u128::from(target) * u128::from(meter.period()));
        let ahead = settled(self.at, now, meter.period()) - now;
        ahead.saturating_add(divided_up(surplus, meter.quota.amount.max(1)))
    }

    pub(crate) fn add(&mut self, meter: &Meter, now: Nanos) {
        let period = meter.period();
        let missing = self.missing(meter, now);
        let whole = divided(missing, period);
        self.at = settled(self.at, now, period);
        self.tokens = whole + 1;
        self.part = u64::try_from(missing - u128::from(whole) * u128::from(period)).unwrap_or(0);
    }

    pub(crate) fn expires_at(&self, meter: &Meter) -> Nanos {
        self.at.saturating_add(self.until_at_most(0, self.missing(meter, self.at), meter, self.at))
    }

    /// Tokens missing, in the `period`th part of one: a whole number that falls by `amount` each nanosecond.
    fn missing(&self, meter: &Meter, now: Nanos) -> u128 {
        let period = meter.period();
        let taken = u128::from(self.tokens) * u128::from(period) + u128::from(self.part.min(period - 1));
        let elapsed = settled(self.at, now, period).saturating_sub(self.at);
        taken.saturating_sub(u128::from(meter.quota.amount) * u128::from(elapsed))
    }
}
