//! The only place of this crate that reads the clock.

use waygate_core::Timestamp;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "this is the edge at which time enters")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
