//! The only place of the crate that reads the clock.

use jiff::Timestamp;

#[expect(clippy::disallowed_methods, reason = "the SDK is an edge: the time of a request is read here")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
