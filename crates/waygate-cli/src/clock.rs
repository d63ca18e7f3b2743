//! The one place that reads the clock.

use jiff::Timestamp;

#[expect(clippy::disallowed_methods, reason = "this is the edge: everything else is given the time")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
