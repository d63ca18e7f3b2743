//! Divided limits: whatever happens to messages, replicas and the control plane, what is in force together is never more
//! than the limit.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use waygate_core::{
    Division, Granted, Holding, LeaseTerms, OnBackendFailure, Part, RateLimitPolicy, ServiceView, Share, Timestamp,
};

use crate::world::{at, parsed};

const TERMS: LeaseTerms =
    LeaseTerms { lease: Duration::from_mins(1), margin: Duration::from_secs(15), reserve: Duration::from_hours(1) };
const AMOUNTS: [u64; 5] = [1, 2, 7, 100, 1_000_000_000];

/// A replica as the SDK is one: one question under way at a time, and the lease counts from when it was asked.
#[derive(Debug, Default)]
struct Replica {
    holding: Holding,
    serial: u64,
    ends: Option<i64>,
    asking: Option<usize>,
}

#[derive(Debug, Clone)]
enum Message {
    Asks { who: String, number: usize, serial: u64, sent: i64 },
    Answers { who: String, number: usize, sent: i64, granted: Granted },
    Leaves { who: String },
}

#[derive(Debug, Clone)]
enum Step {
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
    Reads,
    Forgets(usize),
}

#[derive(Debug)]
struct World {
    now: i64,
    division: Division,
    replicas: BTreeMap<String, Replica>,
    crashed: Vec<String>,
    messages: Vec<Message>,
    numbers: usize,
}

impl World {
    fn new() -> Self {
        let division = Division::new(at(0));
        let (replicas, messages) = (BTreeMap::new(), Vec::new());
        Self { now: 0, division, replicas, crashed: Vec::new(), messages, numbers: 0 }
    }

    fn named(&self, place: usize) -> Option<String> {
        let count = self.replicas.len();
        self.replicas.keys().nth(place.checked_rem(count)?).cloned()
    }

    fn clock(&self, off: i64) -> Timestamp {
        at((self.now + off) * 1000)
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Passes(seconds) => self.pass(*seconds),
            Step::Joins => {
                self.numbers += 1;
                self.replicas.insert(format!("replica-{:03}", self.numbers * 7919 % 1000), Replica::default());
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
                if let Some(who) = self.named(*place) {
                    self.replicas.remove(&who);
                    self.crashed.push(who);
                }
            }
            Step::Restarts(place) => {
                let crashed = self.crashed.pop();
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
                    let gone = self.crashed.remove(place % self.crashed.len());
                    self.division.forget(&gone, &TERMS, self.clock(0));
                }
            }
        }
        self.check();
    }

    fn pass(&mut self, seconds: i64) {
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

    fn ask(&mut self, who: &str) {
        let Some(replica) = self.replicas.get_mut(who).filter(|replica| replica.asking.is_none()) else { return };
        self.numbers += 1;
        replica.asking = Some(self.numbers);
        let (number, serial, sent) = (self.numbers, replica.serial, self.now);
        self.messages.push(Message::Asks { who: who.to_owned(), number, serial, sent });
    }

    fn arrives(&mut self, message: Message, off: i64) {
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

    fn shares(&self, amount: u64) -> Vec<u64> {
        let part = |replica: &Replica| replica.holding.part().map_or(0, |part| part.of(amount));
        self.replicas.values().map(part).collect()
    }

    fn check(&self) {
        for amount in AMOUNTS {
            let shares = self.shares(amount);
            assert!(shares.iter().sum::<u64>() <= amount, "{shares:?} of {amount} at {}: {self:?}", self.now);
        }
    }

    /// Everything arrives, and everybody asks as an SDK does.
    fn quiet(&mut self, seconds: i64) {
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
            }
            self.pass(pause);
            self.check();
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = || 0..64_usize;
    let step = prop_oneof![
        4 => prop::sample::select(&[1_i64, 1, 5, 15, 30, 70][..]).prop_map(Step::Passes),
        2 => Just(Step::Joins),
        8 => place().prop_map(Step::Asks),
        2 => place().prop_map(Step::GivesUpAsking),
        14 => (place(), -6..7_i64).prop_map(|(place, off)| Step::Arrives(place, off)),
        1 => place().prop_map(Step::IsLost),
        1 => place().prop_map(Step::Leaves),
        1 => place().prop_map(Step::Crashes),
        1 => place().prop_map(Step::Restarts),
        1 => Just(Step::Reads),
        1 => place().prop_map(Step::Forgets),
    ];
    // With fewer than so many, nobody is cut off for as long as its half is kept.
    vec(step, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_in_force_together_is_never_more_than_the_limit(steps in steps()) {
        let mut world = World::new();
        let mut passed = 0;
        for step in &steps {
            if let Step::Passes(seconds) = step {
                passed += seconds;
                if passed > 3000 {
                    break;
                }
            }
            world.step(step);
        }
        world.quiet(4000);
        for amount in AMOUNTS.into_iter().filter(|_| !world.replicas.is_empty()) {
            let shares = world.shares(amount);
            prop_assert_eq!(shares.iter().sum::<u64>(), amount);
            prop_assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1, "{:?}", shares);
        }
    }
}

/// A world in which so many replicas share.
fn settled(count: usize) -> World {
    let mut world = World::new();
    (0..count).for_each(|_| world.step(&Step::Joins));
    world.quiet(30);
    world
}

#[test]
fn replicas_share_evenly_and_a_new_one_gets_its_part_from_the_others() {
    let mut world = settled(3);
    assert_eq!(world.shares(100), [34, 33, 33]);
    world.step(&Step::Joins);
    world.quiet(15);
    assert_eq!(world.shares(100), [25, 25, 25, 25]);
}

#[test]
fn a_new_one_waits_for_those_who_have_not_said_that_they_enforce_less() {
    let mut world = settled(2);
    let (first, second) = (world.named(0).unwrap(), world.named(1).unwrap());
    world.numbers = 5_000;
    world.replicas.insert("zz-new".to_owned(), Replica::default());
    let ask = |world: &mut World, who: &str| {
        world.ask(who);
        while let Some(message) = world.messages.pop() {
            world.arrives(message, 0);
            world.check();
        }
    };
    ask(&mut world, "zz-new");
    assert_eq!(world.shares(100), [50, 50, 0], "nobody has made room");
    assert_eq!(world.division.restless(&TERMS, world.clock(0)), [&*first, &*second].map(str::to_owned));
    ask(&mut world, &second);
    ask(&mut world, "zz-new");
    assert_eq!(world.shares(100), [50, 17, 0], "the second enforces less, but has not said so yet");
    ask(&mut world, &second);
    ask(&mut world, "zz-new");
    assert_eq!(world.shares(100), [50, 17, 33]);
    ask(&mut world, &first);
    ask(&mut world, &first);
    ask(&mut world, &second);
    assert_eq!(world.shares(100), [34, 33, 33]);
    assert!(world.division.restless(&TERMS, world.clock(0)).is_empty());
}

#[test]
fn one_that_is_cut_off_keeps_half_until_it_is_forgotten() {
    let mut world = settled(2);
    let gone = world.named(1).unwrap();
    let cut_off = world.replicas.remove(&gone).unwrap();
    world.quiet(60);
    assert_eq!(world.shares(100), [50], "its lease may not have ended");
    world.quiet(30);
    assert_eq!((world.shares(100), cut_off.holding.part().unwrap().half().of(100)), (vec![75], 25));
    world.division.forget(&gone, &TERMS, world.clock(0));
    world.quiet(15);
    assert_eq!(world.shares(100), [100]);
}

#[test]
fn nothing_is_kept_for_one_that_has_left_and_for_one_that_is_lost_for_long() {
    let mut world = settled(2);
    world.step(&Step::Leaves(0));
    world.step(&Step::Arrives(0, 0));
    world.quiet(15);
    assert_eq!(world.shares(100), [100]);

    let mut world = settled(2);
    world.step(&Step::Crashes(0));
    world.quiet(3600 + 60);
    assert_eq!(world.shares(100), [75]);
    world.quiet(30);
    assert_eq!(world.shares(100), [100]);
}

#[test]
fn one_that_is_forgotten_while_its_lease_lasts_gives_its_part_up_at_its_end() {
    let mut world = settled(2);
    let gone = world.named(1).unwrap();
    world.step(&Step::Crashes(1));
    world.division.forget(&gone, &TERMS, world.clock(0));
    world.quiet(55);
    assert_eq!(world.shares(100), [50]);
    world.quiet(40);
    assert_eq!(world.shares(100), [100]);
}

#[test]
fn after_an_outage_of_the_control_plane_nothing_is_given_away_before_the_others_are_back() {
    let mut world = settled(3);
    // Longer than anything is kept for one who is gone.
    world.step(&Step::Passes(2 * 3600));
    assert_eq!(world.shares(100), [17, 16, 17], "each goes on with half of its part");
    let first = world.named(0).unwrap();
    world.ask(&first);
    while let Some(message) = world.messages.pop() {
        world.arrives(message, 0);
    }
    world.check();
    assert_eq!(world.shares(100)[1..], [16, 17], "what the others still enforce is theirs");
    world.quiet(15);
    assert_eq!(world.shares(100), [34, 33, 33]);
}

#[test]
fn those_who_cannot_take_a_part_count_as_if_they_had_one() {
    let mut division = Division::new(at(0));
    let granted = division.ask("only", 0, 1, &TERMS, at(0));
    assert_eq!((granted.part.of(100), granted.seats, granted.complete), (50, 2, true));
}

#[test]
fn without_a_lease_the_policy_says_what_is_left() {
    use OnBackendFailure::{Closed, Local, Open};
    let of = |on_backend_failure| RateLimitPolicy {
        share: Share::Divided,
        burst: 10,
        on_backend_failure,
        ..RateLimitPolicy::new(parsed("10/second;100/minute"))
    };
    let half = Part::whole().half();
    let amounts = |policy: &RateLimitPolicy, holding: &Holding| {
        let held = policy.held(holding)?;
        assert_eq!(held.limit.as_str(), "10/second;100/minute", "what was written is shown");
        let amounts: Vec<u64> = held.limit.quotas().iter().map(|quota| quota.amount).collect();
        Some((amounts, held.burst))
    };
    let [leased, lapsed, nothing] = [Holding::Leased(half.clone()), Holding::Lapsed(half), Holding::Nothing];
    for rule in [Local, Open, Closed] {
        assert_eq!(amounts(&of(rule), &leased), Some((vec![50, 5], 5)));
    }
    let none = Some((vec![0, 0], 0));
    assert_eq!(amounts(&of(Local), &lapsed), Some((vec![50, 5], 5)));
    assert_eq!([amounts(&of(Closed), &lapsed), amounts(&of(Open), &lapsed)], [none.clone(), None]);
    assert_eq!([Local, Closed, Open].map(|rule| amounts(&of(rule), &nothing)), [none.clone(), none, None]);

    let whole = RateLimitPolicy::new(parsed("100/minute"));
    assert_eq!(whole.held(&Holding::Nothing), Some(whole));
}

#[test]
fn a_view_holds_what_is_divided_in_it() {
    let divided = RateLimitPolicy { share: Share::Divided, ..RateLimitPolicy::new(parsed("100/minute")) };
    let mut view: ServiceView = serde_json::from_value(serde_json::json!({
        "global": {"rate_limit": divided},
        "service": {"rate_limit": RateLimitPolicy::new(parsed("7/minute")), "route_limits": {"GET:/a": divided}},
    }))
    .unwrap();
    assert_eq!(view.divides(), (true, true));
    view.hold(&Holding::Leased(Part::whole().half()), &Holding::Nothing);
    let amount = |policy: &RateLimitPolicy| policy.limit.quotas()[0].amount;
    assert_eq!(amount(view.global.rate_limit.as_ref().unwrap()), 0);
    assert_eq!(amount(view.service.rate_limit.as_ref().unwrap()), 7);
    assert_eq!(amount(&view.service.route_limits[&parsed("GET:/a")]), 50);
}
