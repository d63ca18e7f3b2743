//! The one place that reads the clock.

use jiff::Timestamp;

/// The present time, to the microsecond: what the reference's clients can read.
pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the edge where time comes in")]
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
