//! The streams that instances have had at this node: the latest few of each.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use waygate_api::instances::InstanceId;

use super::record::Name;

/// How many streams of an instance are kept.
const KEPT: usize = 20;
/// The most instances of which any are kept.
const MOST: usize = 5000;

/// One stream, from its beginning to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stay {
    pub(crate) since: Timestamp,
    /// `None` while it is open.
    pub(crate) ended: Option<Timestamp>,
    /// Which start of the instance had it, where that is said.
    pub(crate) process: Option<InstanceId>,
    /// When everything was told anew on it.
    pub(crate) renewed: Option<Timestamp>,
    number: u64,
}

#[derive(Debug, Default)]
pub(super) struct Stays(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    of: BTreeMap<Name, VecDeque<Stay>>,
    /// The same instances, first the one that makes room first.
    by_age: BTreeSet<(Age, Name)>,
}

/// Whether the last stream of an instance is open, and when it has begun if it is, or else ended.
type Age = (bool, Timestamp);

impl Stays {
    pub(super) fn begins(&self, name: &Name, number: u64, process: Option<InstanceId>, at: Timestamp) {
        let mut all = self.all();
        if !all.of.contains_key(name)
            && all.of.len() >= MOST
            && let Some((_, oldest)) = all.by_age.pop_first()
        {
            all.of.remove(&oldest);
        }
        all.change(name, |own| {
            own.push_back(Stay { since: at, ended: None, process, renewed: None, number });
            if own.len() > KEPT {
                own.pop_front();
            }
        });
    }

    pub(super) fn ends(&self, name: &Name, number: u64, at: Timestamp) {
        self.note(name, number, |stay| stay.ended = Some(at));
    }

    pub(super) fn begins_anew(&self, name: &Name, number: u64, at: Timestamp) {
        self.note(name, number, |stay| stay.renewed = Some(at));
    }

    fn note(&self, name: &Name, number: u64, what: impl FnOnce(&mut Stay)) {
        let mut all = self.all();
        if all.of.contains_key(name) {
            all.change(name, |own| {
                if let Some(stay) = own.iter_mut().rev().find(|stay| stay.number == number) {
                    what(stay);
                }
            });
        }
    }

    /// The streams of an instance, the newest first.
    pub(super) fn of(&self, name: &Name) -> Vec<Stay> {
        self.all().of.get(name).into_iter().flatten().rev().cloned().collect()
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    fn change(&mut self, name: &Name, does: impl FnOnce(&mut VecDeque<Stay>)) {
        let own = self.of.entry(name.clone()).or_default();
        let before = age(own);
        does(own);
        let after = age(own);
        if before != after {
            if let Some(before) = before {
                self.by_age.remove(&(before, name.clone()));
            }
            self.by_age.extend(after.map(|after| (after, name.clone())));
        }
    }
}

fn age(own: &VecDeque<Stay>) -> Option<Age> {
    own.back().map(|stay| (stay.ended.is_none(), stay.ended.unwrap_or(stay.since)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_told_from_each_other_and_the_latest_are_kept() {
        let stays = Stays::default();
        let name = Name { service: "pay".parse().unwrap(), id: "pay-1".parse().unwrap() };
        let at = |second: usize| Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
        stays.begins(&name, 1, None, at(1));
        stays.begins(&name, 2, None, at(2));
        // The older ends after the newer has begun.
        stays.ends(&name, 1, at(3));
        let told: Vec<_> = stays.of(&name).into_iter().map(|stay| (stay.since, stay.ended)).collect();
        assert_eq!(told, [(at(2), None), (at(1), Some(at(3)))]);
        for number in 3..40 {
            stays.begins(&name, number, None, at(usize::try_from(number).unwrap()));
        }
        assert_eq!((stays.of(&name).len(), stays.of(&name)[0].since), (KEPT, at(39)));
    }

    #[test]
    fn the_instance_that_has_gone_first_makes_room() {
        let stays = Stays::default();
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let named =
            |number: usize| Name { service: "pay".parse().unwrap(), id: format!("{number:05}").parse().unwrap() };
        for number in 0..MOST {
            stays.begins(&named(number), 1, None, at(i64::try_from(number).unwrap()));
        }
        stays.ends(&named(4000), 1, at(9000));
        stays.ends(&named(3000), 1, at(9001));
        stays.begins(&named(MOST), 1, None, at(9002));
        let known = |number| !stays.of(&named(number)).is_empty();
        assert!(!known(4000), "it has ended first");
        assert!(known(0) && known(3000) && known(MOST), "others stay, whatever they are called");
        stays.begins(&named(3000), 2, None, at(9003));
        stays.begins(&named(MOST + 1), 1, None, at(9004));
        assert!(!known(0) && known(3000), "all are open: the one that has begun first");
    }
}
