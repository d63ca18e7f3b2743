//! What a service declares, against what operators have set.

use waygate_core::{
    CommandError, Control, Declaration, Deprecation, Enforcement, Lifecycle, LifecycleKind, MOST_ROUTES, Switch,
    Timestamp,
};

use crate::world::{World, at, declared, parsed, planned, register};

const KEY: &str = "pay:GET:/a";

fn control(lifecycle: Lifecycle) -> Control {
    Control::new(lifecycle, "")
}

fn deprecated(since: Timestamp, sunset: &str) -> Declaration {
    let deprecation = Deprecation { since, sunset: Some(sunset.to_owned()), successor: None };
    Declaration { deprecation: Some(deprecation), ..declared("GET:/a", Control::default()) }
}

fn sunset(world: &World) -> Option<&str> {
    world.route(KEY).deprecation.as_ref()?.sunset.as_deref()
}

#[test]
fn a_route_is_what_it_was_declared_as_when_it_is_new() {
    let mut world = World::new();
    let shut = declared("GET:/a", Control::new(Lifecycle::Disabled, "not yet"));
    world.run(&register("pay", vec![shut]), at(0));
    assert_eq!(world.route(KEY).status(at(0)), LifecycleKind::Disabled);
    assert_eq!(world.route(KEY).changed_at, world.state.cursor.revision);
}

#[test]
fn the_same_registration_again_commits_nothing() {
    let mut world = World::new();
    let routes = vec![deprecated(at(0), "2028-01-01"), declared("POST:/a", control(Lifecycle::Disabled))];
    assert_eq!(world.run(&register("pay", routes), at(0)).records.len(), 2);
    // A process that starts later dates its announcement later.
    let routes = vec![deprecated(at(5000), "2028-01-01"), declared("POST:/a", control(Lifecycle::Disabled))];
    let plan = world.run(&register("pay", routes), at(5000));
    assert_eq!((plan.records.len(), plan.routes.len()), (0, 2));
    assert_eq!(world.route(KEY).deprecation.as_ref().unwrap().since, at(0));
}

#[test]
fn an_untouched_route_follows_its_declaration() {
    let mut world = World::new();
    for lifecycle in [Lifecycle::Maintenance, Lifecycle::Active, Lifecycle::Disabled] {
        world.run(&register("pay", vec![declared("GET:/a", control(lifecycle.clone()))]), at(0));
        assert_eq!(world.route(KEY).base.lifecycle, lifecycle);
    }
}

#[test]
fn what_an_operator_has_switched_stays() {
    let mut world = World::new();
    world.run(&register("pay", vec![declared("GET:/a", control(Lifecycle::Maintenance))]), at(0));
    world.switch("/a", Switch::enable(), "done", at(0));
    for lifecycle in [Lifecycle::Maintenance, Lifecycle::Disabled, Lifecycle::Active] {
        world.run(&register("pay", vec![declared("GET:/a", control(lifecycle.clone()))]), at(0));
        assert_eq!(world.route(KEY).base, Control::new(Lifecycle::Active, "done"));
        assert_eq!(world.route(KEY).declared.lifecycle, lifecycle);
    }
}

#[test]
fn timed_switches_and_windows_survive_a_registration() {
    let mut world = World::new();
    world.run(&register("pay", vec![declared("GET:/a", control(Lifecycle::Active))]), at(0));
    let to =
        Switch::Control { lifecycle: Lifecycle::Disabled, until: Some(at(1000)), enforcement: Enforcement::Enforce };
    world.switch("/a", to, "", at(0));
    world.switch("/a", planned(at(2000), at(3000)), "", at(0));
    world.run(&register("pay", vec![declared("GET:/a", control(Lifecycle::Maintenance))]), at(0));
    let kinds = [999, 1000, 2000, 3000].map(|millisecond| world.route(KEY).status(at(millisecond)).as_str());
    assert_eq!(kinds, ["disabled", "maintenance", "maintenance", "maintenance"]);
    assert_eq!(world.route(KEY).windows.len(), 1);
}

#[test]
fn g37_force_active_comes_and_goes_with_the_code() {
    let mut world = World::new();
    let always = Declaration { force_active: true, ..declared("GET:/a", Control::default()) };
    world.run(&register("pay", vec![always.clone()]), at(0));
    let refused = world.try_run(&crate::world::switch("/a", Switch::disable(), ""), at(0));
    assert!(matches!(refused, Err(CommandError::ForceActive { key }) if key.to_string() == KEY));

    world.run(&register("pay", vec![declared("GET:/a", Control::default())]), at(0));
    world.switch("/a", Switch::disable(), "now it can be", at(0));
    world.run(&register("pay", vec![always]), at(0));
    assert!(world.route(KEY).force_active);
    assert_eq!(world.route(KEY).base.lifecycle, Lifecycle::Disabled, "and what was switched comes back after it");
}

#[test]
fn g37_a_deprecation_follows_the_code_until_an_operator_takes_it_over() {
    let mut world = World::new();
    world.run(&register("pay", vec![deprecated(at(0), "2028-01-01")]), at(0));
    world.run(&register("pay", vec![deprecated(at(0), "2029-01-01")]), at(0));
    assert_eq!(sunset(&world), Some("2029-01-01"));
    world.switch("/a", Switch::disable(), "", at(0));
    world.switch("/a", Switch::enable(), "", at(0));
    assert_eq!(world.route(KEY).status(at(0)), LifecycleKind::Deprecated, "it survives other switches");
    world.run(&register("pay", vec![declared("GET:/a", Control::default())]), at(0));
    assert_eq!(sunset(&world), None);

    world.run(&register("pay", vec![deprecated(at(0), "2028-01-01")]), at(0));
    world.switch("/a", Switch::Deprecation(None), "not yet", at(0));
    world.run(&register("pay", vec![deprecated(at(0), "2028-01-01")]), at(0));
    assert_eq!(sunset(&world), None, "taken back by an operator, it stays so");
}

#[test]
fn routes_that_are_no_longer_declared_stay() {
    let mut world = World::with_routes(&["GET:/a", "GET:/b"]);
    let plan = world.run(&register("pay", vec![Declaration::active(parsed("GET:/a"))]), at(0));
    assert!(plan.records.is_empty());
    assert!(world.state.route(&parsed("pay:GET:/b")).is_some());
}

#[test]
fn the_last_declaration_of_a_route_wins() {
    let mut world = World::new();
    let routes = vec![declared("GET:/a", control(Lifecycle::Disabled)), Declaration::active(parsed("GET:/a"))];
    let plan = world.run(&register("pay", routes), at(0));
    assert_eq!(plan.records.len(), 1);
    assert_eq!(world.route(KEY).base.lifecycle, Lifecycle::Active);
}

#[test]
fn a_registration_is_whole_or_refused() {
    let mut world = World::with_routes(&["GET:/a"]);
    let before = world.state.clone();
    let mut too_many: Vec<Declaration> =
        (0..MOST_ROUTES).map(|number| Declaration::active(parsed(&format!("GET:/{number}")))).collect();
    let long = "x".repeat(waygate_core::LONGEST_REASON + 1);
    let wordy = declared("GET:/b", Control::new(Lifecycle::Disabled, long));
    for (routes, expected) in [
        (too_many.clone(), "states"),
        (vec![Declaration::active(parsed("GET:/b")), wordy], "reason"),
        (vec![Declaration::active(parsed("GET:/b")), deprecated(at(0), "20\n28")], "sunset_date"),
    ] {
        let error = world.try_run(&register("pay", routes), at(0)).unwrap_err();
        assert!(matches!(&error, CommandError::Invalid { field, .. } if *field == expected), "{error}");
        assert_eq!(world.state, before);
    }
    too_many.truncate(MOST_ROUTES - 1);
    world.run(&register("pay", too_many), at(0));
    assert_eq!(world.commits.len(), 2, "however many routes: one commit");
}

#[test]
fn g37_a_switch_that_equals_the_code_stays_when_the_code_changes() {
    let mut world = World::new();
    let by_code = |lifecycle| register("pay", vec![declared("GET:/a", Control::new(lifecycle, ""))]);
    world.run(&by_code(Lifecycle::Active), at(0));
    world.switch("/a", waygate_core::Switch::enable(), "", at(0));
    world.run(&by_code(Lifecycle::Disabled), at(0));
    assert_eq!(world.route(KEY).base.lifecycle, Lifecycle::Active, "an operator has said so");
    let mut world = World::new();
    world.run(&by_code(Lifecycle::Active), at(0));
    world.run(&by_code(Lifecycle::Disabled), at(0));
    assert_eq!(world.route(KEY).base.lifecycle, Lifecycle::Disabled, "nobody has said anything");
}
