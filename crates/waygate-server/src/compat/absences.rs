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
    ended: Mutex<Ended>,
}

#[derive(Debug, Default)]
struct Ended {
    /// When clients of a service ended that have not come back.
    services: BTreeMap<ServiceId, Vec<Timestamp>>,
    /// When there was no room for one last.
    overflowed: Option<Timestamp>,
    swept: Option<Timestamp>,
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
/// Of how many services absences are remembered: names cost nothing where there is no authentication.
const MOST_SERVICES: usize = 1000;
/// All of them are looked through so often.
const SWEEP: SignedDuration = SignedDuration::from_mins(1);
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
        ended.sweep(now);
        let has_overflowed = ended.overflowed.is_some_and(|at| now - REMEMBERED <= at);
        let mut of_service = ended.services.get_mut(service);
        if let Some(ended) = &mut of_service {
            forget(ended, now);
        }
        let first = of_service.as_ref().and_then(|ended| ended.first().copied());
        // Which of them this is nobody knows; the one that has been away for longest may be still to come.
        if let Some(ended) = of_service {
            ended.pop();
        }
        let oldest = now - REMEMBERED;
        // Somebody who was away before the beginning, or was not taken down, may come back.
        let is_known = self.0.begun <= oldest && !has_overflowed;
        let missed_since = if is_known { oldest.max(first.unwrap_or(now) - UNNOTICED) } else { oldest };
        drop(ended);
        Attendance { absences: self.clone(), service: service.clone(), missed_since }
    }

    fn ended(&self, service: &ServiceId, now: Timestamp) {
        let mut ended = self.lock();
        ended.sweep(now);
        if ended.services.len() >= MOST_SERVICES && !ended.services.contains_key(service) {
            ended.overflowed = Some(now);
            return;
        }
        let of_service = ended.services.entry(service.clone()).or_default();
        forget(of_service, now);
        if of_service.len() < MOST {
            of_service.push(now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ended> {
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

impl Ended {
    fn sweep(&mut self, now: Timestamp) {
        if self.swept.is_some_and(|swept| now - SWEEP < swept) {
            return;
        }
        self.swept = Some(now);
        self.services.retain(|_, of_service| {
            forget(of_service, now);
            !of_service.is_empty()
        });
    }
}

fn forget(of_service: &mut Vec<Timestamp>, now: Timestamp) {
    of_service.retain(|at| now - REMEMBERED <= *at);
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
    fn only_so_many_are_remembered_and_then_everybody_may_have_been_away() {
        let (absences, pay) = (Absences::new("memory", at(0)), "pay".parse().unwrap());
        for number in 0..MOST_SERVICES + 100 {
            absences.ended(&format!("s{number}").parse().unwrap(), at(100));
        }
        assert_eq!(absences.lock().services.len(), MOST_SERVICES);
        let since = |minute| {
            let attendance = absences.attend(&pay, at(minute));
            let since = attendance.missed_since();
            std::mem::forget(attendance);
            since
        };
        assert_eq!(since(110), at(50));
        assert_eq!(since(161), at(160), "an hour later all of that is forgotten");
        assert_eq!(absences.lock().services.len(), 0);
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
