//! Callers who are known to be denied, so that asking again is of no use.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use waygate_core::Step;

use super::CounterKey;
use super::LimitCharge;

/// Removing those who may ask again costs a pass over all: at most so often.
const SWEEP_AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// Limits that deny a caller, each until it admits one again. Of another amount, period or generation, it is another one.
#[derive(Debug)]
pub(super) struct Blocked {
    most: usize,
    hasher: RandomState,
    inner: Mutex<Inner>,
}

type Name = (CounterKey, u64);

#[derive(Debug, Default)]
struct Inner {
    denials: HashMap<Name, Denied>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Denied {
    since: Instant,
    until: Instant,
    steps: Box<[Step]>,
}

impl Blocked {
    pub(super) fn new(most: usize) -> Self {
        Self { most, hasher: RandomState::new(), inner: Mutex::default() }
    }

    /// The steps of a limit that still denies, with what is left to wait.
    pub(super) fn steps(&self, limit: &LimitCharge, now: Instant) -> Option<Vec<Step>> {
        let inner = self.lock();
        let denied = inner.denials.get(&self.name(limit)).filter(|denied| now < denied.until)?;
        let passed = now.saturating_duration_since(denied.since);
        let later = |step: &Step| Step { reset_after: step.reset_after.saturating_sub(passed), ..*step };
        Some(denied.steps.iter().map(later).collect())
    }

    /// Remembers a limit that denies, where there is room. `since` is a time before it was asked.
    pub(super) fn remember(&self, limit: &LimitCharge, steps: &[Step], since: Instant) {
        let wait = steps.iter().filter(|step| !step.allowed).map(|step| step.reset_after).max();
        let Some(until) = wait.and_then(|wait| since.checked_add(wait)) else { return };
        let mut inner = self.lock();
        let is_due = inner.swept.is_none_or(|swept| since.saturating_duration_since(swept) >= SWEEP_AT_MOST_EVERY);
        if inner.denials.len() >= self.most && is_due {
            inner.denials.retain(|_, denied| since < denied.until);
            inner.swept = Some(since);
        }
        if inner.denials.len() < self.most {
            inner.denials.insert(self.name(limit), Denied { since, until, steps: steps.into() });
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().denials.len()
    }

    fn name(&self, limit: &LimitCharge) -> Name {
        let of = |meter: &waygate_core::Meter| {
            (meter.algorithm as u8, meter.quota.amount, meter.quota.period_seconds, meter.burst)
        };
        (limit.key, self.hasher.hash_one(limit.meters.iter().map(of).collect::<Vec<_>>()))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
