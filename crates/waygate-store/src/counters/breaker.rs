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

/// Leave to ask. Let go without an outcome, as by a caller who hangs up, it leaves the try to the next.
#[derive(Debug)]
pub(super) struct Attempt<'b> {
    breaker: &'b Breaker,
    trying_since: Option<Instant>,
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

    /// Leave to ask now, if there is. Where it is open, whoever gets it is the one who tries.
    pub(super) fn allows(&self, now: Instant) -> Option<Attempt<'_>> {
        let mut inner = self.lock();
        match inner.next_try {
            None => Some(Attempt { breaker: self, trying_since: None }),
            Some(at) if now < at => None,
            Some(_) => {
                inner.next_try = Some(now + self.pause);
                Some(Attempt { breaker: self, trying_since: Some(now) })
            }
        }
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

impl Attempt<'_> {
    /// Whether this closed it.
    pub(super) fn succeeded(mut self) -> bool {
        self.trying_since = None;
        let mut inner = self.breaker.lock();
        inner.failures = 0;
        inner.next_try.take().is_some()
    }

    /// Whether this opened it.
    pub(super) fn failed(mut self, now: Instant) -> bool {
        self.trying_since = None;
        let mut inner = self.breaker.lock();
        inner.failures = inner.failures.saturating_add(1);
        inner.failures >= self.breaker.most && inner.open(now + self.breaker.pause)
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(since) = self.trying_since
            && let Some(next_try) = &mut self.breaker.lock().next_try
        {
            *next_try = since;
        }
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
        let attempt = |after| breaker.allows(start + after).unwrap();
        let is_closed_to = |after| breaker.allows(start + after).is_none();
        let zero = Duration::ZERO;
        assert!(!attempt(zero).failed(start));
        assert!(!attempt(zero).succeeded());
        assert!(!attempt(zero).failed(start), "not in a row");
        assert!(attempt(zero).failed(start));
        assert!(is_closed_to(zero));
        let one = attempt(pause);
        assert!(is_closed_to(pause), "one at a time");
        assert!(!one.failed(start + pause), "it was open");
        assert!(is_closed_to(pause * 3 / 2));
        drop(attempt(pause * 2));
        assert!(attempt(pause * 2).succeeded(), "who gave up has left the try to another");
        drop(attempt(pause * 2));
        assert!(!breaker.is_open());
        assert!(breaker.gave_up(start + pause * 3) && !breaker.gave_up(start + pause * 3));
        assert_eq!(breaker.outages(), 2);
    }
}
