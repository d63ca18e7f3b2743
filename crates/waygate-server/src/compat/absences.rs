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
    /// Who was away before, nobody knows.
    begun: Timestamp,
    /// When clients of a service ended that have not come back.
    ended: Mutex<BTreeMap<ServiceId, Vec<Timestamp>>>,
}

/// A client is there as long as this.
#[derive(Debug)]
pub(crate) struct Attendance {
    absences: Absences,
    service: ServiceId,
    /// What was before, it has not missed.
    missed_since: Timestamp,
}

/// How long an absence is remembered, and what is told of it.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);
/// A connection that is broken may have looked whole for so long, and may still do so when the client is back.
const UNNOTICED: SignedDuration = SignedDuration::from_mins(1);
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
        let oldest = now - REMEMBERED;
        // Somebody who was away before the beginning may come back.
        let is_known = self.0.begun <= oldest;
        let missed_since = if is_known { oldest.max(first.unwrap_or(now) - UNNOTICED) } else { oldest };
        drop(ended);
        Attendance { absences: self.clone(), service: service.clone(), missed_since }
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
    pub(super) fn missed_since(&self) -> Timestamp {
        self.missed_since
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
            let since = attendance.missed_since();
            // Its end is said by hand, at a time of the test's.
            std::mem::forget(attendance);
            since
        };
        assert_eq!(comes(100), at(99), "it has just started");
        absences.ended(&pay, at(110));
        absences.ended(&pay, at(120));
        assert_eq!(comes(121), at(109), "one of the two, and perhaps the first");
        assert_eq!(comes(122), at(109), "the other one");
        assert_eq!(comes(123), at(122), "everybody is back");
        absences.ended(&pay, at(130));
        let orders = absences.attend(&"orders".parse().unwrap(), at(131)).missed_since();
        assert_eq!(orders, at(130), "another service");
        assert_eq!(comes(191), at(190), "forgotten after an hour");
    }

    #[test]
    fn for_an_hour_after_the_start_anybody_may_have_been_away() {
        let pay = "pay".parse().unwrap();
        let since = |store, minute| Absences::new(store, at(100)).attend(&pay, at(minute)).missed_since();
        assert_eq!(since("file:state.json", 159), at(99));
        assert_eq!(since("file:state.json", 160), at(159));
        assert_eq!(since("redis://redis:6379/0", 900), at(840), "and at any time from another node");
    }
}
