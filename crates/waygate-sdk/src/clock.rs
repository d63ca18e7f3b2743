//! The only place of the crate that reads the clock.

use std::time::SystemTime;

use jiff::Timestamp;

#[expect(clippy::disallowed_methods, reason = "the SDK is an edge: the time of a request is read here")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// The same, as files tell it.
#[expect(clippy::disallowed_methods, reason = "the age of a file is a matter of the system's clock")]
pub(crate) fn system_now() -> SystemTime {
    SystemTime::now()
}
