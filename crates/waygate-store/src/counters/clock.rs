//! Where counters learn the time.

use std::time::Instant;

use jiff::Timestamp;

#[expect(clippy::disallowed_methods, reason = "the edge of the process: where time comes from")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

pub(super) fn monotonic() -> Instant {
    Instant::now()
}
