//! Which stretch of time is looked at, and how finely.

use jiff::Timestamp;

use super::{DAY, QUARTER};

/// A stretch that ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    Minute,
    Quarter,
    Hour,
    SixHours,
    Day,
}

/// A stretch of time in points of one length; in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(super) name: &'static str,
    pub(super) start: i64,
    /// The end of the last point, which may lie ahead.
    pub(super) end: i64,
    pub(super) step: i64,
    /// When it is looked at.
    pub(super) now: i64,
}

impl Window {
    pub(crate) const ALL: [Self; 5] = [Self::Minute, Self::Quarter, Self::Hour, Self::SixHours, Self::Day];

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|window| window.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "1m",
            Self::Quarter => "15m",
            Self::Hour => "1h",
            Self::SixHours => "6h",
            Self::Day => "24h",
        }
    }

    fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Quarter => QUARTER,
            Self::Hour => 3600,
            Self::SixHours => 6 * 3600,
            Self::Day => DAY,
        }
    }

    /// In some ninety points.
    pub(crate) fn coarse(self, now: Timestamp) -> Span {
        let step = match self {
            Self::Minute => 1,
            Self::Quarter => 10,
            Self::Hour => 60,
            Self::SixHours => 5 * 60,
            Self::Day => 15 * 60,
        };
        self.in_steps(step, now)
    }

    /// As fine as it is kept.
    pub(crate) fn fine(self, now: Timestamp) -> Span {
        self.in_steps(if self.seconds() > QUARTER { 60 } else { 1 }, now)
    }

    fn in_steps(self, step: i64, now: Timestamp) -> Span {
        // Whole points only, but for the last.
        let now = now.as_second();
        let end = now.div_euclid(step) * step + step;
        Span { name: self.as_str(), start: end - self.seconds(), end, step, now }
    }
}

impl Span {
    /// From one time to another, as far as it is kept and as fine; `None` where that is nothing.
    pub(crate) fn between(from: Timestamp, to: Timestamp, now: Timestamp) -> Option<Self> {
        let now = now.as_second();
        let (from, to) = (from.as_second().max(now - DAY), to.as_second().min(now + 1));
        let step = if from >= now - QUARTER { 1 } else { 60 };
        let start = from.div_euclid(step) * step;
        let end = (to + step - 1).div_euclid(step) * step;
        (from < to).then_some(Self { name: "custom", start, end, step, now })
    }

    pub(crate) fn start(self) -> Timestamp {
        Timestamp::from_second(self.start).unwrap_or_default()
    }

    pub(crate) fn contains(self, at: Timestamp) -> bool {
        (self.start..self.end).contains(&at.as_second())
    }

    pub(super) fn points(self) -> usize {
        usize::try_from((self.end - self.start) / self.step).unwrap_or_default()
    }

    /// Which point a second falls into.
    pub(super) fn point(self, at: i64) -> Option<usize> {
        usize::try_from((at - self.start).div_euclid(self.step)).ok().filter(|point| *point < self.points())
    }

    pub(super) fn starts(self) -> impl Iterator<Item = i64> {
        (self.start..self.end).step_by(usize::try_from(self.step).unwrap_or(1))
    }
}
