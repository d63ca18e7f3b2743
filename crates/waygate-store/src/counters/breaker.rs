//! Stops asking who does not answer.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Closed at first; open after some failures in a row. After a pause one at a time may try, until one succeeds.
#[derive(Debug)]
pub(super) struct Breaker {
    most: u32,
    pause: Duration,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    failures: u32,
    /// Where it is open, when somebody may try.
    next_try: Option<Instant>,
    outages: u64,
    total: u64,
}

impl Breaker {
    pub(super) fn new(most: u32, pause: Duration) -> Self {
        Self { most: most.max(1), pause, inner: Mutex::default() }
    }

    /// Whether to ask now. Where it is open, whoever is told so is the one who tries.
    pub(super) fn allows(&self, now: Instant) -> bool {
        let mut inner = self.lock();
        match inner.next_try {
            None => true,
            Some(at) if now < at => false,
            Some(_) => {
                inner.next_try = Some(now + self.pause);
                true
            }
        }
    }

    /// Whether this closed it.
    pub(super) fn succeeded(&self) -> bool {
        let mut inner = self.lock();
        inner.failures = 0;
        inner.next_try.take().is_some()
    }

    /// Whether this opened it.
    pub(super) fn failed(&self, now: Instant) -> bool {
        let mut inner = self.lock();
        inner.failures = inner.failures.saturating_add(1);
        inner.failures >= self.most && inner.open(now + self.pause)
    }

    /// Opens it at once, where failing is certain. Whether this opened it.
    pub(super) fn gave_up(&self, now: Instant) -> bool {
        self.lock().open(now + self.pause)
    }

    /// Counts a request that got no answer, or was not asked for.
    pub(super) fn count(&self) {
        self.lock().total += 1;
    }

    pub(super) fn is_open(&self) -> bool {
        self.lock().next_try.is_some()
    }

    pub(super) fn total(&self) -> u64 {
        self.lock().total
    }

    /// How often it was opened.
    pub(super) fn outages(&self) -> u64 {
        self.lock().outages
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn open(&mut self, next_try: Instant) -> bool {
        let opened = self.next_try.replace(next_try).is_none();
        self.outages += u64::from(opened);
        opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_try_after_the_pause() {
        let pause = Duration::from_secs(1);
        let breaker = Breaker::new(2, pause);
        let start = Instant::now();
        assert!(!breaker.failed(start));
        assert!(!breaker.succeeded());
        assert!(!breaker.failed(start), "not in a row");
        assert!(breaker.allows(start));
        assert!(breaker.failed(start));
        assert!(!breaker.allows(start));
        assert!(breaker.allows(start + pause));
        assert!(!breaker.allows(start + pause), "one at a time");
        assert!(!breaker.failed(start + pause), "it was open");
        assert!(!breaker.allows(start + pause * 3 / 2));
        assert!(breaker.allows(start + pause * 2));
        assert!(breaker.succeeded());
        assert!(breaker.allows(start + pause * 2) && !breaker.is_open());
        assert!(breaker.gave_up(start + pause * 3) && !breaker.gave_up(start + pause * 3));
        assert_eq!(breaker.outages(), 2);
    }
}
