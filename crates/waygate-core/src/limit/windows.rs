//! Windows that only count: the fixed one and the sliding estimate.

use super::meter::{Meter, Nanos, settled, share, share_up};

/// A window that begins with its first request and ends a period later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FixedWindow {
    pub(super) start: Nanos,
    count: u64,
}

impl FixedWindow {
    pub(crate) fn used(&self, meter: &Meter, now: Nanos) -> u64 {
        if now >= self.expires_at(meter) { 0 } else { self.count }
    }

    /// How long until the window is over.
    pub(crate) fn until_over(&self, meter: &Meter, now: Nanos) -> u64 {
        // A request from before the window's first one was only late.
        (self.start.min(now) + meter.period()).saturating_sub(now)
    }

    pub(crate) fn add(&mut self, meter: &Meter, now: Nanos) {
        if self.used(meter, now) == 0 {
            *self = Self { start: now, count: 0 };
        }
        self.start = self.start.min(now);
        self.count += 1;
    }

    pub(crate) fn expires_at(&self, meter: &Meter) -> Nanos {
        self.start + meter.period()
    }
}

/// Two counts of periods that are aligned to 1970: that of the latest request, and the one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SlidingWindow {
    pub(super) latest: Nanos,
    previous: u64,
    current: u64,
}

/// The counts as of one time.
struct View {
    previous: u64,
    current: u64,
    /// How much is left of the current period, at least 1.
    left: u64,
    /// How far the time is ahead of the clock.
    ahead: u64,
}

impl SlidingWindow {
    /// Whether at least `count` is used.
    pub(crate) fn uses(&self, count: u64, meter: &Meter, now: Nanos) -> bool {
        let View { previous, current, left, .. } = self.at(meter, now);
        let Some(lacking) = count.checked_sub(current) else { return true };
        // As `share` has it, without dividing.
        u128::from(lacking) * u128::from(meter.period()) <= u128::from(previous) * u128::from(left)
    }

    /// How much is used, and how long until it is at most what `target` makes of that. The share of the previous period
    /// falls as time passes; after the period's end, the current count does so.
    pub(crate) fn stands(&self, target: impl FnOnce(u64) -> u64, meter: &Meter, now: Nanos) -> (u64, u64) {
        let period = meter.period();
        let View { previous, current, left, ahead } = self.at(meter, now);
        let used = current + share(previous, left, period);
        // The most that may be left of a period for a share of `count` that is at most `most`, rounded down.
        let left_for = |most: u64, count: u64| (share_up(most + 1, period, count) - 1).min(period);
        let target = target(used);
        let wait = match target.checked_sub(current) {
            Some(most) if previous > 0 => left - left_for(most, previous).min(left),
            Some(_) => 0,
            None => left + period - left_for(target, current),
        };
        (used, ahead + wait)
    }

    pub(crate) fn add(&mut self, meter: &Meter, now: Nanos) {
        let view = self.at(meter, now);
        self.latest = settled(self.latest, now, meter.period());
        self.previous = view.previous;
        self.current = view.current + 1;
    }

    pub(crate) fn expires_at(&self, meter: &Meter) -> Nanos {
        (self.latest / meter.period() + 2) * meter.period()
    }

    fn at(&self, meter: &Meter, now: Nanos) -> View {
        let period = meter.period();
        let settled = settled(self.latest, now, period);
        let into = settled % period;
        let (begun, latest) = (settled - into, self.latest.min(settled));
        let (previous, current) = if begun <= latest {
            (self.previous, self.current)
        } else if begun <= latest + period {
            (self.current, 0)
        } else {
            (0, 0)
        };
        View { previous, current, left: period - into, ahead: settled - now }
    }
}
