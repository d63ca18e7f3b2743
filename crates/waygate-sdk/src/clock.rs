//! The only place of the crate that reads the clock.

#[cfg(feature = "testing")]
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;

/// The time by which requests are decided: the system's, unless a test has stopped it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    #[cfg(feature = "testing")]
    stopped: Option<Arc<Mutex<Timestamp>>>,
}

impl Clock {
    #[cfg(not(feature = "testing"))]
    #[expect(clippy::unused_self, reason = "with the feature `testing` there is more than one time")]
    pub(crate) fn now(&self) -> Timestamp {
        now()
    }

    #[cfg(feature = "testing")]
    pub(crate) fn now(&self) -> Timestamp {
        self.stopped.as_ref().map_or_else(now, |at| *at.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(feature = "testing")]
impl Clock {
    /// A clock that stands still until it is set.
    pub(crate) fn stopped_at(at: Timestamp) -> Self {
        Self { stopped: Some(Arc::new(Mutex::new(at))) }
    }

    /// Sets it, in all clones. Nothing happens where it was not stopped.
    pub(crate) fn set(&self, at: Timestamp) {
        if let Some(stopped) = &self.stopped {
            *stopped.lock().unwrap_or_else(PoisonError::into_inner) = at;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the SDK is an edge: the time of a request is read here")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// The same, as files tell it.
#[expect(clippy::disallowed_methods, reason = "the age of a file is a matter of the system's clock")]
pub(crate) fn system_now() -> SystemTime {
    SystemTime::now()
}
