//! What everything in one run shares: the time, the record, and whether anything is still being broken.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::truth::Truth;

/// One run's world.
#[derive(Debug)]
pub struct World {
    pub truth: Truth,
    begun: Instant,
    calm: AtomicBool,
    trace: Mutex<Vec<String>>,
    violations: Mutex<Vec<String>>,
}

impl World {
    pub fn new(truth: Truth) -> Arc<Self> {
        let (trace, violations) = (Mutex::default(), Mutex::default());
        Arc::new(Self { truth, begun: Instant::now(), calm: AtomicBool::new(false), trace, violations })
    }

    /// The time that the simulated clocks are set by. It lies beyond the real one, so that what only the real clock of a
    /// server could bring about does not happen.
    pub fn now(&self) -> Timestamp {
        let start = Timestamp::from_second(4_000_000_000).expect("the year 2096 can be told");
        start + SignedDuration::try_from(self.begun.elapsed()).unwrap_or_default()
    }

    /// Waits for the next time that belongs to somebody: each acts in milliseconds of its own, so that nothing depends on
    /// whom the runtime wakes first.
    pub async fn turn(&self, slot: usize) {
        const SLOTS: u64 = 20;
        let now = u64::try_from(self.begun.elapsed().as_millis()).expect("it does not run for ages");
        let own = now - now % SLOTS + slot as u64 % SLOTS;
        let next = if own <= now { own + SLOTS } else { own };
        tokio::time::sleep_until(self.begun + Duration::from_millis(next)).await;
    }

    /// Nothing is broken from now on.
    pub fn calm_down(&self) {
        self.calm.store(true, Ordering::Relaxed);
        self.note("world", "calm");
    }

    pub fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// Writes down what somebody does.
    pub fn note(&self, who: &str, what: impl Display) {
        let line = format!("{:>8} {who:<10} {what}", self.begun.elapsed().as_millis());
        self.trace.lock().expect("nobody panics with it").push(line);
    }

    /// Something has happened that must not.
    pub fn violated(&self, who: &str, what: impl Display) {
        self.note(who, format!("VIOLATION {what}"));
        let line = format!("{who} at {} ms: {what}", self.begun.elapsed().as_millis());
        self.violations.lock().expect("nobody panics with it").push(line);
    }

    /// All that was written down, and all that was violated.
    pub fn record(&self) -> (Vec<String>, Vec<String>) {
        let take = |lines: &Mutex<Vec<String>>| std::mem::take(&mut *lines.lock().expect("nobody panics with it"));
        (take(&self.trace), take(&self.violations))
    }
}
