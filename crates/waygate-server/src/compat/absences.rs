//! When the reference's clients were away, so that they are told again only of what they may have missed.
//!
//! A deletion of a limit takes the one along that the service's own code declares. Whoever has just started, and asks for
//! everything as one does who comes back, must not hear of an old one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use waygate_core::ServiceId;

use crate::clock;

/// Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Absences(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Of what was before, nobody knows who has missed it.
    begun: Timestamp,
    /// When clients of a service ended that have not come back.
    ended: Mutex<BTreeMap<ServiceId, Vec<Timestamp>>>,
}

/// A client is there as long as this.
#[derive(Debug)]
pub(crate) struct Attendance {
    absences: Absences,
    service: ServiceId,
    missed: Missed,
}

/// What a client may have missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Missed {
    /// Everything from this time on.
    oldest: Timestamp,
    /// Nothing between this time and `since`.
    begun: Timestamp,
    since: Timestamp,
}

/// How long an absence is remembered, and what is told of it.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);
/// A connection that is broken may have looked whole for so long.
const UNNOTICED: SignedDuration = SignedDuration::from_mins(1);
/// A client asks for what is in force before it opens its stream, not longer than this.
const ASKED_BEFORE: SignedDuration = SignedDuration::from_secs(10);
/// How many absences of one service are told apart; the oldest is always kept.
const MOST: usize = 100;

impl Absences {
    /// `store` is what operators are told that the store is: one in memory or in a file has this control plane alone.
    /// Clients of another may have been away from a node that this one knows nothing of, so that all is told again.
    pub(crate) fn new(store: &str, begun: Timestamp) -> Self {
        let is_alone = store == "memory" || store.starts_with("file:");
        Self(Arc::new(Inner { begun: if is_alone { begun } else { Timestamp::MAX }, ended: Mutex::default() }))
    }

    /// Somebody of a service comes, or comes back.
    pub(crate) fn attend(&self, service: &ServiceId, now: Timestamp) -> Attendance {
        let mut ended = self.lock();
        forget(&mut ended, now);
        let of_service = ended.get_mut(service);
        let first = of_service.as_ref().and_then(|ended| ended.first().copied());
        // Which of them this is nobody knows; the one that has been away for longest may be still to come.
        if let Some(ended) = of_service {
            ended.pop();
        }
        let since = first.map_or(now - ASKED_BEFORE, |first| first - UNNOTICED);
        let missed = Missed { oldest: now - REMEMBERED, begun: self.0.begun, since };
        drop(ended);
        Attendance { absences: self.clone(), service: service.clone(), missed }
    }

    fn ended(&self, service: &ServiceId, now: Timestamp) {
        let mut ended = self.lock();
        forget(&mut ended, now);
        let of_service = ended.entry(service.clone()).or_default();
        if of_service.len() < MOST {
            of_service.push(now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ServiceId, Vec<Timestamp>>> {
        self.0.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attendance {
    pub(super) fn missed(&self) -> Missed {
        self.missed
    }
}

impl Missed {
    /// Nothing before this is missed.
    pub(super) fn oldest(&self) -> Timestamp {
        self.oldest
    }

    pub(super) fn holds(&self, at: Timestamp) -> bool {
        self.oldest <= at && (at < self.begun || self.since <= at)
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        self.absences.ended(&self.service, clock::now());
    }
}

fn forget(ended: &mut BTreeMap<ServiceId, Vec<Timestamp>>, now: Timestamp) {
    ended.retain(|_, of_service| {
        of_service.retain(|at| now - REMEMBERED <= *at);
        !of_service.is_empty()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    #[test]
    fn only_who_was_away_is_told_of_what_is_gone() {
        let (absences, pay) = (Absences::new("memory", at(0)), "pay".parse().unwrap());
        let comes = |minute| {
            let attendance = absences.attend(&pay, at(minute));
            let missed = attendance.missed();
            // Its end is said by hand, at a time of the test's.
            std::mem::forget(attendance);
            missed
        };
        let missed = comes(100);
        assert!(!missed.holds(at(99)) && missed.holds(at(100)), "it has just started");
        absences.ended(&pay, at(110));
        absences.ended(&pay, at(120));
        let missed = comes(121);
        assert!(missed.holds(at(110)) && !missed.holds(at(108)), "one of the two, and perhaps the first");
        assert!(comes(122).holds(at(110)), "the other one");
        assert!(!comes(123).holds(at(121)), "everybody is back");
        absences.ended(&pay, at(130));
        assert!(!comes(191).holds(at(130)), "forgotten after an hour");
        assert!(!absences.attend(&"orders".parse().unwrap(), at(131)).missed().holds(at(130)), "another service");
    }

    #[test]
    fn what_was_before_the_control_plane_began_may_have_been_missed_by_anybody() {
        let pay = "pay".parse().unwrap();
        let missed = Absences::new("file:state.json", at(100)).attend(&pay, at(120)).missed();
        assert!(missed.holds(at(99)) && missed.holds(at(60)) && !missed.holds(at(59)) && !missed.holds(at(101)));
        let missed = Absences::new("redis://redis:6379/0", at(100)).attend(&pay, at(120)).missed();
        assert!(missed.holds(at(101)) && !missed.holds(at(59)), "and it may have been at another node");
    }
}
