//! Replicas that come, go, crash and start again from their disks, over messages that are late or lost.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use waygate_core::{Division, Granted, Holding, LeaseTerms, Part, Timestamp};

use crate::world::at;

pub(super) const TERMS: LeaseTerms =
    LeaseTerms { lease: Duration::from_mins(1), margin: Duration::from_secs(15), reserve: Duration::from_hours(1) };
pub(super) const AMOUNTS: [u64; 5] = [1, 2, 7, 100, 1_000_000_000];

/// A replica as the SDK is one: one question under way at a time, the lease counts from when it was asked, and what is
/// left without one is on a disk before it is confirmed.
#[derive(Debug, Default)]
pub(super) struct Replica {
    pub(super) holding: Holding,
    pub(super) serial: u64,
    pub(super) ends: Option<i64>,
    pub(super) asking: Option<usize>,
    pub(super) disk: Disk,
}

/// What outlives a replica that crashes: the grant that was written, and what is left of it without a lease.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    pub(super) serial: u64,
    pub(super) left: Part,
}

#[derive(Debug, Clone)]
pub(super) enum Message {
    Asks { who: String, number: usize, serial: u64, sent: i64 },
    Answers { who: String, number: usize, sent: i64, granted: Granted },
    Leaves { who: String },
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Passes(i64),
    Joins,
    Asks(usize),
    GivesUpAsking(usize),
    /// The message at a place of those under way arrives, at a node whose clock is off by so much.
    Arrives(usize, i64),
    IsLost(usize),
    Leaves(usize),
    Crashes(usize),
    /// A crashed or running replica begins anew under its name.
    Restarts(usize),
    /// A crashed one begins anew from its disk, under its name or another one, and hears of nobody at first.
    RestartsFromDisk {
        renamed: bool,
    },
    Writes(usize),
    Reads,
    Forgets(usize),
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) now: i64,
    pub(super) division: Division,
    pub(super) replicas: BTreeMap<String, Replica>,
    crashed: Vec<(String, Disk)>,
    pub(super) messages: Vec<Message>,
    pub(super) numbers: usize,
}

impl World {
    pub(super) fn new() -> Self {
        let division = Division::new(at(0));
        let (replicas, messages) = (BTreeMap::new(), Vec::new());
        Self { now: 0, division, replicas, crashed: Vec::new(), messages, numbers: 0 }
    }

    pub(super) fn named(&self, place: usize) -> Option<String> {
        let count = self.replicas.len();
        self.replicas.keys().nth(place.checked_rem(count)?).cloned()
    }

    fn name(&mut self) -> String {
        self.numbers += 1;
        format!("replica-{:03}", self.numbers * 7919 % 1000)
    }

    pub(super) fn clock(&self, off: i64) -> Timestamp {
        at((self.now + off) * 1000)
    }

    pub(super) fn step(&mut self, step: &Step) {
        match step {
            Step::Passes(seconds) => self.pass(*seconds),
            Step::Joins => {
                let name = self.name();
                self.replicas.insert(name, Replica::default());
            }
            Step::Asks(place) => drop(self.named(*place).map(|who| self.ask(&who))),
            Step::GivesUpAsking(place) => {
                if let Some(replica) = self.named(*place).and_then(|who| self.replicas.get_mut(&who)) {
                    replica.asking = None;
                }
            }
            Step::Arrives(place, off) if !self.messages.is_empty() => {
                let message = self.messages.remove(place % self.messages.len());
                self.arrives(message, *off);
            }
            Step::IsLost(place) if !self.messages.is_empty() => {
                self.messages.remove(place % self.messages.len());
            }
            Step::Arrives(..) | Step::IsLost(_) => {}
            Step::Leaves(place) => {
                if let Some(who) = self.named(*place) {
                    self.replicas.remove(&who);
                    self.messages.push(Message::Leaves { who });
                }
            }
            Step::Crashes(place) => {
                if let Some((who, replica)) = self.named(*place).and_then(|who| self.replicas.remove_entry(&who)) {
                    self.crashed.push((who, replica.disk));
                }
            }
            Step::Writes(place) => {
                if let Some(who) = self.named(*place) {
                    self.write(&who);
                }
            }
            Step::RestartsFromDisk { renamed } => {
                if let Some((who, disk)) = self.crashed.pop() {
                    let who = if *renamed { self.name() } else { who };
                    // No grant of this start is on the disk.
                    let (holding, disk) = (Holding::Lapsed(disk.left.clone()), Disk { serial: 0, ..disk });
                    self.replicas.insert(who, Replica { holding, disk, ..Replica::default() });
                }
            }
            Step::Restarts(place) => {
                let crashed = self.crashed.pop().map(|(who, _)| who);
                if let Some(who) = crashed.or_else(|| self.named(*place)) {
                    self.replicas.insert(who, Replica::default());
                }
            }
            Step::Reads => {
                let text = serde_json::to_string(&self.division).unwrap();
                self.division = serde_json::from_str(&text).unwrap();
            }
            Step::Forgets(place) => {
                if !self.crashed.is_empty() {
                    let (gone, _) = self.crashed.remove(place % self.crashed.len());
                    self.division.forget(&gone, &TERMS, self.clock(0));
                }
            }
        }
        self.check();
    }

    pub(super) fn pass(&mut self, seconds: i64) {
        self.now += seconds;
        for replica in self.replicas.values_mut() {
            if replica.ends.is_some_and(|ends| ends <= self.now) {
                replica.ends = None;
                if let Holding::Leased(part) = &replica.holding {
                    replica.holding = Holding::Lapsed(part.half());
                }
            }
        }
    }

    pub(super) fn ask(&mut self, who: &str) {
        let Some(replica) = self.replicas.get_mut(who).filter(|replica| replica.asking.is_none()) else { return };
        self.numbers += 1;
        replica.asking = Some(self.numbers);
        let (number, serial, sent) = (self.numbers, replica.disk.serial, self.now);
        self.messages.push(Message::Asks { who: who.to_owned(), number, serial, sent });
    }

    pub(super) fn write(&mut self, who: &str) {
        if let Some(replica) = self.replicas.get_mut(who)
            && let Holding::Leased(part) = &replica.holding
        {
            replica.disk = Disk { serial: replica.serial, left: part.half() };
        }
    }

    pub(super) fn arrives(&mut self, message: Message, off: i64) {
        match message {
            Message::Asks { who, number, serial, sent } => {
                let granted = self.division.ask(&who, serial, 0, &TERMS, self.clock(off));
                self.messages.push(Message::Answers { who, number, sent, granted });
            }
            Message::Answers { who, number, sent, granted } => {
                let Some(replica) = self.replicas.get_mut(&who).filter(|known| known.asking == Some(number)) else {
                    return;
                };
                replica.asking = None;
                let ends = sent + i64::try_from(granted.lease.as_secs()).unwrap();
                if ends > self.now {
                    replica.holding = Holding::Leased(granted.part);
                    (replica.serial, replica.ends) = (granted.serial, Some(ends));
                }
            }
            Message::Leaves { who } => self.division.leave(&who),
        }
    }

    pub(super) fn shares(&self, amount: u64) -> Vec<u64> {
        let part = |replica: &Replica| replica.holding.part().map_or(0, |part| part.of(amount));
        self.replicas.values().map(part).collect()
    }

    pub(super) fn check(&self) {
        for amount in AMOUNTS {
            let shares = self.shares(amount);
            assert!(shares.iter().sum::<u64>() <= amount, "{shares:?} of {amount} at {}: {self:?}", self.now);
        }
    }

    /// Everything arrives, and everybody asks as an SDK does.
    pub(super) fn quiet(&mut self, seconds: i64) {
        self.messages.clear();
        for replica in self.replicas.values_mut() {
            replica.asking = None;
        }
        let pause = if seconds > 1000 { 15 } else { 5 };
        for _ in 0..seconds / pause {
            for who in self.replicas.keys().cloned().collect::<Vec<_>>() {
                self.ask(&who);
                while let Some(message) = self.messages.pop() {
                    self.arrives(message, 0);
                    self.check();
                }
                self.write(&who);
            }
            self.pass(pause);
            self.check();
        }
    }
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = || 0..64_usize;
    let step = prop_oneof![
        4 => prop::sample::select(&[1_i64, 1, 5, 15, 30, 70][..]).prop_map(Step::Passes),
        2 => Just(Step::Joins),
        8 => place().prop_map(Step::Asks),
        2 => place().prop_map(Step::GivesUpAsking),
        14 => (place(), -6..7_i64).prop_map(|(place, off)| Step::Arrives(place, off)),
        1 => place().prop_map(Step::IsLost),
        1 => place().prop_map(Step::Leaves),
        2 => place().prop_map(Step::Crashes),
        1 => place().prop_map(Step::Restarts),
        2 => any::<bool>().prop_map(|renamed| Step::RestartsFromDisk { renamed }),
        8 => place().prop_map(Step::Writes),
        1 => Just(Step::Reads),
        1 => place().prop_map(Step::Forgets),
    ];
    // With fewer than so many, nobody is cut off for as long as its half is kept.
    vec(step, 0..120)
}

/// A world in which so many replicas share.
pub(super) fn settled(count: usize) -> World {
    let mut world = World::new();
    (0..count).for_each(|_| world.step(&Step::Joins));
    world.quiet(30);
    world
}
