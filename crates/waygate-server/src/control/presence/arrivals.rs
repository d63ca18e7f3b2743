//! When instances have confirmed which revisions: the latest few of each, as this node has heard it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use waygate_core::Revision;

use super::record::Name;

/// How many confirmations of an instance are kept.
const KEPT: usize = 32;
/// The most instances of which any are kept.
const MOST: usize = 5000;

#[derive(Debug, Default)]
pub(super) struct Arrivals(Mutex<BTreeMap<Name, VecDeque<(Revision, Timestamp)>>>);

impl Arrivals {
    /// Takes down that an instance enforces a revision from now on.
    pub(super) fn note(&self, name: &Name, revision: Revision, at: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(name) && all.len() >= MOST {
            all.pop_first();
        }
        let own = all.entry(name.clone()).or_default();
        match own.back() {
            Some((last, _)) if *last == revision => return,
            // Another history has begun.
            Some((last, _)) if *last > revision => own.clear(),
            _ => {}
        }
        own.push_back((revision, at));
        if own.len() > KEPT {
            own.pop_front();
        }
    }

    /// The revisions that an instance has confirmed lately, and when, the newest first.
    pub(super) fn of(&self, name: &Name) -> Vec<(Revision, Timestamp)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(name).into_iter().flatten().rev().copied().collect()
    }

    /// When an instance has first confirmed a revision, or a later one; `None` where that was not heard here, or is too
    /// long ago.
    pub(super) fn first(&self, name: &Name, revision: Revision) -> Option<Timestamp> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.get(name)?;
        let at = own.iter().position(|(confirmed, _)| revision <= *confirmed)?;
        // What came before the oldest that is kept is not known.
        let is_first = at > 0 || own[0].0 == revision;
        is_first.then(|| own[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_confirmation_counts_and_what_was_not_heard_is_not_guessed() {
        let arrivals = Arrivals::default();
        let name = Name { service: "pay".parse().unwrap(), id: "pay-1".parse().unwrap() };
        let at = |second| Timestamp::from_second(second).unwrap();
        let first = |revision| arrivals.first(&name, Revision(revision));
        for (revision, second) in [(5, 10), (7, 20), (7, 30), (9, 40)] {
            arrivals.note(&name, Revision(revision), at(second));
        }
        assert_eq!(
            [first(4), first(5), first(6), first(7), first(9), first(10)],
            [None, Some(at(10)), Some(at(20)), Some(at(20)), Some(at(40)), None]
        );
        arrivals.note(&name, Revision(2), at(50));
        assert_eq!([first(2), first(7)], [Some(at(50)), None]);
    }
}
