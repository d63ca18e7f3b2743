//! Divided limits: whatever happens to messages, replicas and the control plane, what is in force together is never more
//! than the limit.

mod fleet;

use proptest::prelude::*;
use waygate_core::{Division, Holding, OnBackendFailure, Part, RateLimitPolicy, ServiceView, Share};

use self::fleet::{AMOUNTS, Replica, Step, TERMS, World, settled, steps};
use crate::world::{at, parsed};

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
        world.write(who);
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
fn one_that_starts_again_from_its_disk_has_half_of_its_part_and_nobody_else_does() {
    for renamed in [false, true] {
        let mut world = settled(2);
        world.step(&Step::Crashes(1));
        world.step(&Step::RestartsFromDisk { renamed });
        let shares = world.shares(100);
        assert_eq!((shares.iter().sum::<u64>(), shares.iter().min()), (75, Some(&25)), "the half, at once");
        // The other goes on, for almost as long as the half is kept; this one is still cut off.
        let who = world.replicas.iter().find(|(_, one)| matches!(one.holding, Holding::Lapsed(_)));
        let who = who.map(|(who, _)| who.clone()).unwrap();
        let cut_off = world.replicas.remove(&who).unwrap();
        world.quiet(3500);
        assert_eq!(world.shares(100), [75]);
        world.replicas.insert(who, cut_off);
        world.check();
        world.quiet(4000);
        assert_eq!(world.shares(100), [50, 50]);
    }
}

#[test]
fn what_is_not_on_the_disk_yet_is_not_given_to_others() {
    let mut world = settled(2);
    world.step(&Step::Joins);
    let joined: Vec<String> =
        world.replicas.iter().filter(|(_, one)| one.serial == 0).map(|(who, _)| who.clone()).collect();
    // Everybody asks and nobody writes: those who were there enforce less, and may still begin anew with half of more.
    for _ in 0..4 {
        for who in world.replicas.keys().cloned().collect::<Vec<_>>() {
            world.ask(&who);
            while let Some(message) = world.messages.pop() {
                world.arrives(message, 0);
            }
        }
    }
    assert_eq!(world.replicas[&joined[0]].holding.of(100), 0);
    world.quiet(15);
    assert_eq!(world.shares(100), [34, 33, 33]);
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
    let [leased, lapsed] = [Holding::Leased(half.clone()), Holding::Lapsed(half)];
    let [nothing, alone] = [Holding::Nothing, Holding::Alone];
    for rule in [Local, Open, Closed] {
        assert_eq!(amounts(&of(rule), &leased), Some((vec![50, 5], 5)));
    }
    let none = Some((vec![0, 0], 0));
    assert_eq!(amounts(&of(Local), &lapsed), Some((vec![50, 5], 5)));
    assert_eq!([amounts(&of(Closed), &lapsed), amounts(&of(Open), &lapsed)], [none.clone(), None]);
    assert_eq!([Local, Closed, Open].map(|rule| amounts(&of(rule), &nothing)), [none.clone(), none.clone(), None]);
    let all = Some((vec![100, 10], 10));
    assert_eq!([Local, Closed, Open].map(|rule| amounts(&of(rule), &alone)), [all, none, None]);

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
