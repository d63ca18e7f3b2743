//! What begins and ends by itself, to the millisecond, and what ends it early.

use waygate_core::{
    Command, CommandError, Control, Decision, Declaration, Effective, Enforcement, Lifecycle, LifecycleKind, Switch,
    Timestamp,
};

use crate::world::{Request, World, at, declared, parsed, register, switch, told};

const KEY: &str = "pay:GET:/a";

fn window(start: Timestamp, end: Timestamp) -> Switch {
    crate::world::planned(start, end)
}

fn until(lifecycle: Lifecycle, until: Timestamp) -> Switch {
    Switch::Control { lifecycle, until: Some(until), enforcement: Enforcement::Enforce }
}

fn open_at(world: &World, millisecond: i64) -> bool {
    let snapshot = world.snapshot(None);
    let decision = snapshot.decide(&Request::to("GET /a").at(at(millisecond)));
    matches!(decision, Decision::Forward(_))
}

#[test]
fn g33_a_window_shuts_from_its_start_to_just_before_its_end() {
    let mut world = World::with_routes(&["GET:/a"]);
    world.switch("/a", window(at(1000), at(2000)), "pipes", at(0));
    let open: Vec<bool> = [0, 999, 1000, 1999, 2000].iter().map(|millisecond| open_at(&world, *millisecond)).collect();
    assert_eq!(open, [true, true, false, false, true]);
}

#[test]
fn a_window_over_another_state_gives_it_back() {
    for (lifecycle, kind) in
        [(Lifecycle::Disabled, LifecycleKind::Disabled), (Lifecycle::Maintenance, LifecycleKind::Maintenance)]
    {
        let mut world = World::with_routes(&["GET:/a"]);
        let base = Switch::Control { lifecycle, until: None, enforcement: Enforcement::Enforce };
        world.switch("/a", base, "base", at(0));
        world.switch("/a", window(at(1000), at(2000)), "pipes", at(0));
        let route = world.route(KEY);
        let seen = [999, 1000, 1999, 2000].map(|millisecond| route.effective(at(millisecond)).reason().to_owned());
        assert_eq!(seen, ["base", "pipes", "pipes", "base"]);
        assert_eq!(route.status(at(2000)), kind);
    }
}

#[test]
fn a_temporary_switch_ends_at_its_until() {
    let mut world = World::with_routes(&["GET:/a"]);
    world.switch("/a", until(Lifecycle::Disabled, at(1000)), "hotfix", at(0));
    assert_eq!([0, 999, 1000].map(|millisecond| open_at(&world, millisecond)), [false, false, true]);
    assert_eq!(world.route(KEY).status(at(999)), LifecycleKind::Disabled, "G35: it stays disabled until then");
    assert_eq!(world.route(KEY).effective(at(999)).until(), Some(at(1000)));
}

#[test]
fn g34_a_switch_for_good_ends_everything_planned_and_says_so() {
    for to in [Switch::enable(), Switch::disable()] {
        let mut world = World::with_routes(&["GET:/a"]);
        world.switch("/a", window(at(1000), at(2000)), "open", at(0));
        world.switch("/a", window(at(5000), at(6000)), "pending", at(0));
        world.switch("/a", until(Lifecycle::Maintenance, at(700)), "ended long ago", at(0));
        world.switch("/a", window(at(5000), at(6000)), "pending", at(0));
        world.switch("/a", window(at(1000), at(2000)), "open", at(800));
        let plan = world.switch("/a", to.clone(), "now", at(1500));
        assert_eq!(
            plan.ended,
            [
                format!("maintenance window {} to {}", at(1000), at(2000)),
                format!("maintenance window {} to {}", at(5000), at(6000)),
            ]
        );
        let route = world.route(KEY);
        assert!(!route.is_timed());
        assert!(matches!(route.effective(at(1500)), Effective::Base(control) if control.reason == "now"));
        let again = world.switch("/a", to, "now", at(1501));
        assert!(again.records.is_empty() && again.ended.is_empty());
    }
}

#[test]
fn a_timed_switch_ends_only_what_it_overlaps() {
    let mut world = World::with_routes(&["GET:/a"]);
    for (start, end) in [(1000, 2000), (2000, 3000), (2999, 4000), (3000, 4000)] {
        world.switch("/a", window(at(start), at(end)), "", at(0));
    }
    let plan = world.switch("/a", until(Lifecycle::Disabled, at(3000)), "", at(2500));
    assert_eq!(
        plan.ended,
        [
            format!("maintenance window {} to {}", at(2000), at(3000)),
            format!("maintenance window {} to {}", at(2999), at(4000)),
        ],
        "the window that was over already was not ended by this"
    );
    let left: Vec<Timestamp> = world.route(KEY).windows.iter().map(|window| window.start).collect();
    assert_eq!(left, [at(3000)]);

    let plan = world.switch("/a", until(Lifecycle::Disabled, at(2600)), "shorter", at(2500));
    assert_eq!(plan.ended, [format!("disabled until {}", at(3000))]);
}

#[test]
fn the_same_timed_switch_again_commits_nothing_and_ends_nothing() {
    let mut world = World::with_routes(&["GET:/a"]);
    let to = until(Lifecycle::Disabled, at(3000));
    assert_eq!(world.switch("/a", to.clone(), "hotfix", at(0)).records.len(), 1);
    let again = world.switch("/a", to, "hotfix", at(1));
    assert_eq!((again.records.len(), again.ended.len(), again.routes.len()), (0, 0, 1));
}

#[test]
fn windows_are_cancelled_one_by_one_or_all_at_once() {
    let mut world = World::with_routes(&["GET:/a"]);
    for (start, end) in [(5000, 6000), (1000, 2000), (3000, 4000)] {
        world.switch("/a", window(at(start), at(end)), "", at(0));
    }
    let ids: Vec<(u32, Timestamp)> = world.route(KEY).windows.iter().map(|window| (window.id, window.start)).collect();
    assert_eq!(ids, [(2, at(1000)), (3, at(3000)), (1, at(5000))], "listed by start");

    let plan = world.switch("/a", Switch::CancelWindows { id: Some(3) }, "", at(0));
    assert_eq!(plan.ended, [format!("maintenance window {} to {}", at(3000), at(4000))]);
    let unknown = world.try_run(&switch("/a", Switch::CancelWindows { id: Some(3) }, ""), at(0)).unwrap_err();
    assert_eq!(unknown.to_string(), format!("`{KEY}` has no planned window `3`"));
    let plan = world.switch("/a", Switch::CancelWindows { id: None }, "", at(1500));
    assert_eq!(plan.ended.len(), 2);
    assert!(open_at(&world, 1500));
}

#[test]
fn windows_and_ends_that_make_no_sense_are_refused_before_anything_changes() {
    let mut world = World::with_routes(&["GET:/a"]);
    let cases = [
        (window(at(2000), at(1000)), "end"),
        (window(at(2000), at(2000)), "end"),
        (window(at(0), at(999)), "end"),
        (window(at(0), at(1000)), "end"),
        (until(Lifecycle::Disabled, at(1000)), "until"),
        (until(Lifecycle::Active, at(-1)), "until"),
    ];
    for (to, expected) in cases {
        let before = world.state.clone();
        let error = world.try_run(&switch("/a", to.clone(), ""), at(1000)).unwrap_err();
        assert!(matches!(&error, CommandError::Invalid { field, .. } if *field == expected), "{to:?}: {error}");
        assert_eq!(world.state, before);
    }
}

#[test]
fn a_route_has_a_bounded_number_of_windows_that_are_not_over() {
    let mut world = World::with_routes(&["GET:/a"]);
    let most = i64::try_from(waygate_core::MOST_WINDOWS).unwrap();
    for number in 0..most {
        world.switch("/a", window(at(number), at(number + 1000)), "", at(0));
    }
    let one_more = switch("/a", window(at(9000), at(9001)), "");
    assert!(matches!(world.try_run(&one_more, at(999)), Err(CommandError::Invalid { field: "start", .. })));
    world.run(&one_more, at(1000));
    world.run(&Command::Settle, at(1000));
    assert_eq!(world.route(KEY).windows.len(), waygate_core::MOST_WINDOWS);
}

#[test]
fn a_window_declared_in_code_counts_when_the_route_is_new_and_the_window_makes_sense() {
    let of = |start, end| Declaration {
        window: Some((at(start), at(end))),
        ..declared("GET:/a", Control::new(Lifecycle::Active, "pipes"))
    };
    let mut world = World::new();
    let error = world.try_run(&register("pay", vec![of(2000, 1000)]), at(0)).unwrap_err();
    assert!(matches!(error, CommandError::Invalid { field: "end", .. }));
    for (start, end, taken) in [(1000, 2000, true), (0, 501, true), (0, 500, false)] {
        let mut world = World::new();
        world.run(&register("pay", vec![of(start, end)]), at(500));
        assert_eq!(world.route(KEY).windows.len(), usize::from(taken), "{start} {end}");
    }
    let mut world = World::new();
    world.run(&register("pay", vec![of(1000, 2000)]), at(0));
    world.switch("/a", Switch::CancelWindows { id: None }, "", at(0));
    world.run(&register("pay", vec![of(1000, 2000)]), at(0));
    assert!(world.route(KEY).windows.is_empty(), "a cancelled window does not come back by a restart");
    assert_eq!(world.route(KEY).declared.reason, "pipes");
    assert_eq!(parsed::<waygate_core::RouteKey>(KEY).to_string(), KEY);
}

#[test]
fn a_window_s_id_is_never_given_to_another() {
    let mut world = World::with_routes(&["GET:/a"]);
    world.switch("/a", window(at(1000), at(2000)), "", at(0));
    world.switch("/a", Switch::CancelWindows { id: Some(1) }, "", at(0));
    world.switch("/a", window(at(3000), at(4000)), "", at(0));
    assert_eq!(world.route(KEY).windows.iter().map(|window| window.id).collect::<Vec<_>>(), [2]);
    let late = world.try_run(&switch("/a", Switch::CancelWindows { id: Some(1) }, ""), at(0));
    assert!(matches!(late, Err(CommandError::UnknownWindow { id: 1, .. })));
}

#[test]
fn what_was_planned_names_the_commit_that_planned_it() {
    let mut world = World::with_routes(&["GET:/a"]);
    world.switch("/a", window(at(5000), at(6000)), "", at(0));
    let planned = world.state.cursor.revision;
    world.switch("/a", until(Lifecycle::Disabled, at(3000)), "hotfix", at(0));
    let timed = world.state.cursor.revision;
    world.switch("/a", Switch::Deprecation(None), "", at(0));
    let route = world.route(KEY);
    assert_eq!(route.windows.iter().map(|window| window.planned_at).collect::<Vec<_>>(), [planned]);
    assert_eq!(route.temporary.as_ref().map(|temporary| temporary.planned_at), Some(timed));
}

#[test]
fn a_window_that_only_counts_opens_nothing_and_shuts_nothing() {
    let shadow = |start, end| Switch::Window { start: at(start), end: at(end), enforcement: Enforcement::Shadow };
    let mut world = World::with_routes(&["GET:/a"]);
    world.switch("/a", shadow(1000, 2000), "rehearsal", at(0));
    let decided = |world: &World, millisecond| {
        let snapshot = world.snapshot(None);
        told(&snapshot.decide(&Request::to("GET /a").at(at(millisecond))))
    };
    assert_eq!(decided(&world, 999), "forward");
    assert_eq!(decided(&world, 1000), "forward (shadow route maintenance: rehearsal)");
    assert_eq!(decided(&world, 2000), "forward");
    assert_eq!(world.route(KEY).status(at(1500)), LifecycleKind::Active);
    world.run(&Command::Settle, at(1500));
    assert_eq!(world.route(KEY).recorded_status(), LifecycleKind::Active);
    world.switch("/a", window(at(1600), at(1900)), "pipes", at(1500));
    assert_eq!(decided(&world, 1700), "route maintenance: pipes");
    world.switch("/a", Switch::disable(), "gone", at(1500));
    world.switch("/a", shadow(1500, 2000), "rehearsal", at(1500));
    assert_eq!(decided(&world, 1700), "disabled: gone");
}
