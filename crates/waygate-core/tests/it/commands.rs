//! Commands apart from their timing: refusals, resolution, maintenance, tokens, bundles.

use waygate_core::{
    Action, Change, Command, CommandError, Commit, Declaration, Deprecation, Draft, IssuedToken, LONGEST_REASON,
    Lifecycle, MOST_TOKENS, MaintenanceScope, MaintenanceSwitch, Platform, Revision, Scope, Switch, TokenKind,
};

use crate::world::{World, at, commit_after, empty_state, maintain, of_service, on, parsed, register, switch};

/// `pay` and `orders`, with one path in common.
fn two_services() -> World {
    let mut world = World::with_routes(&["GET:/payments", "POST:/payments", "/whole", "GET:/whole", "DELETE:/one"]);
    let routes = ["GET:/payments", "GET:/orders"].map(|key| Declaration::active(parsed(key)));
    world.run(&register("orders", routes.into()), at(0));
    world
}

fn resolved(world: &World, selector: &str) -> Result<String, (String, Vec<String>)> {
    match world.state.resolve(&parsed(selector)) {
        Ok(key) => Ok(key.to_string()),
        Err(CommandError::UnknownRoute { near, .. }) => Err(("unknown".to_owned(), near)),
        Err(CommandError::AmbiguousRoute { matches, .. }) => Err(("ambiguous".to_owned(), matches)),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn g30_selectors_resolve_within_a_service_or_across_all() {
    let world = two_services();
    for (selector, key) in [
        ("pay:GET:/payments", "pay:GET:/payments"),
        ("POST:/payments", "pay:POST:/payments"),
        ("post:/payments", "pay:POST:/payments"),
        ("/orders", "orders:GET:/orders"),
        ("orders:/payments", "orders:GET:/payments"),
        ("pay:/whole", "pay:/whole"),
        ("/whole", "pay:/whole"),
        ("pay:ALL:/whole", "pay:/whole"),
        ("pay:GET:/whole", "pay:GET:/whole"),
        ("/one", "pay:DELETE:/one"),
    ] {
        assert_eq!(resolved(&world, selector), Ok(key.to_owned()), "{selector}");
    }
}

#[test]
fn g29_several_matches_are_all_named() {
    let world = two_services();
    for (selector, matches) in [
        ("pay:/payments", vec!["pay:GET:/payments", "pay:POST:/payments"]),
        ("GET:/payments", vec!["orders:GET:/payments", "pay:GET:/payments"]),
        ("/payments", vec!["orders:GET:/payments", "pay:GET:/payments", "pay:POST:/payments"]),
    ] {
        let matches = matches.into_iter().map(str::to_owned).collect();
        assert_eq!(resolved(&world, selector), Err(("ambiguous".to_owned(), matches)), "{selector}");
    }
    let error = world.state.resolve(&parsed("pay:/payments")).unwrap_err().to_string();
    assert_eq!(error, "`pay:/payments` names 2 routes: pay:GET:/payments, pay:POST:/payments");
}

#[test]
fn g29_an_unknown_route_is_refused_with_near_matches() {
    let world = two_services();
    for (selector, near) in [
        ("/paymets", vec!["orders:GET:/payments", "pay:GET:/payments", "pay:POST:/payments"]),
        ("pay:PUT:/whole", vec!["pay:/whole", "pay:GET:/whole", "pay:DELETE:/one"]),
        ("nobody:GET:/orders", vec!["orders:GET:/orders"]),
        ("/one/", vec!["pay:DELETE:/one"]),
        ("/something/else/entirely", vec![]),
    ] {
        let near = near.into_iter().map(str::to_owned).collect();
        assert_eq!(resolved(&world, selector), Err(("unknown".to_owned(), near)), "{selector}");
    }
}

#[test]
fn a_long_path_costs_no_long_comparison() {
    let mut world = two_services();
    let long = format!("/{}", "x".repeat(1023));
    world.run(&register("orders", vec![Declaration::active(parsed(&long))]), at(0));
    let asked = format!("/{}", "x".repeat(1022));
    assert_eq!(resolved(&world, &asked), Err(("unknown".to_owned(), vec![])));
}

#[test]
fn g29_an_unknown_service_is_refused_with_near_matches_unless_allowed() {
    let mut world = two_services();
    for (name, near) in [("order", vec!["orders"]), ("Pay", vec!["pay"]), ("elsewhere-entirely", vec![])] {
        let scope = of_service(name);
        let error = world.try_run(&maintain(scope.clone(), on(&[]), ""), at(0)).unwrap_err();
        let near: Vec<String> = near.into_iter().map(str::to_owned).collect();
        assert_eq!(error, CommandError::UnknownService { service: parsed(name), near });
        assert!(!world.state.services.contains_key(&parsed::<waygate_core::ServiceId>(name)));

        let remove = Command::RemoveService { service: parsed(name), reason: String::new(), expected: None };
        assert!(matches!(world.try_run(&remove, at(0)), Err(CommandError::UnknownService { .. })));
    }
    let allowed = Command::Maintenance {
        scope: of_service("later"),
        to: on(&[]),
        reason: String::new(),
        allow_unknown: true,
        expected: None,
    };
    world.run(&allowed, at(0));
    assert!(world.state.services.contains_key(&parsed::<waygate_core::ServiceId>("later")), "then it is listed");
}

#[test]
fn g36_editing_exemptions_never_switches() {
    for enabled in [false, true] {
        let mut world = two_services();
        if enabled {
            world.maintain(MaintenanceScope::Global, on(&["/orders"]), "m");
        }
        let edit = MaintenanceSwitch::Exemptions { add: vec![parsed("/one")], remove: vec![parsed("/orders")] };
        let plan = world.maintain(MaintenanceScope::Global, edit.clone(), "");
        assert_eq!(plan.records[0].action, Action::GlobalMaintenanceEdit);
        let maintenance = &world.state.global.maintenance;
        assert_eq!((maintenance.enabled, &*maintenance.exempt), (enabled, &[parsed("/one")][..]));
        assert_eq!(maintenance.reason, if enabled { "m" } else { "" });
        assert!(world.maintain(MaintenanceScope::Global, edit, "").records.is_empty());
    }
}

#[test]
fn an_exemption_both_added_and_removed_stays_where_it_is() {
    let mut world = two_services();
    world.maintain(MaintenanceScope::Global, on(&["/one", "/orders"]), "m");
    let both = MaintenanceSwitch::Exemptions { add: vec![parsed("/one")], remove: vec![parsed("/one")] };
    assert!(world.maintain(MaintenanceScope::Global, both, "").records.is_empty());
}

#[test]
fn exemptions_are_remembered_and_replaced_as_asked() {
    let mut world = two_services();
    world.maintain(of_service("pay"), on(&["/one", "/one", "GET:/one"]), "m");
    let exempt = |world: &World| {
        let maintenance = world.state.maintenance(&of_service("pay")).unwrap();
        maintenance.exempt.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(exempt(&world), ["/one", "GET:/one"]);
    world.maintain(of_service("pay"), MaintenanceSwitch::Off, "");
    assert_eq!(exempt(&world), ["/one", "GET:/one"]);
    let same = MaintenanceSwitch::On {
        exempt: None,
        include_force_active: false,
        until: None,
        enforcement: waygate_core::Enforcement::Enforce,
    };
    world.maintain(of_service("pay"), same, "again");
    assert_eq!(exempt(&world), ["/one", "GET:/one"]);
    world.maintain(of_service("pay"), on(&[]), "again");
    assert_eq!(exempt(&world), Vec::<String>::new());
}

#[test]
fn an_exemption_that_matches_nothing_is_told() {
    let mut world = two_services();
    let plan = world.maintain(of_service("pay"), on(&["/orders", "PUT:/one", "PUT:/whole", "/one"]), "");
    assert_eq!(
        plan.warnings,
        ["exemption `/orders` matches no known route", "exemption `PUT:/one` matches no known route"]
    );
    assert!(world.maintain(MaintenanceScope::Global, on(&["/orders"]), "").warnings.is_empty());
}

#[test]
fn g31_the_later_of_two_edits_of_one_thing_is_told() {
    let mut world = two_services();
    let seen = world.route("pay:DELETE:/one").changed_at;
    world.run(&register("orders", vec![Declaration::active(parsed("GET:/more"))]), at(0));
    let edit = |to, expected| Command::Route { route: parsed("/one"), to, reason: String::new(), expected };
    world.run(&edit(Switch::disable(), Some(seen)), at(0));
    let now = world.route("pay:DELETE:/one").changed_at;
    assert_eq!(now, world.state.cursor.revision);
    let conflict = world.try_run(&edit(Switch::enable(), Some(seen)), at(0)).unwrap_err();
    assert_eq!(conflict, CommandError::Conflict { subject: "pay:DELETE:/one".to_owned(), expected: seen, actual: now });
    let remove = Command::RemoveRoute { route: parsed("/one"), reason: String::new(), expected: Some(seen) };
    assert!(matches!(world.try_run(&remove, at(0)), Err(CommandError::Conflict { .. })));

    for scope in [MaintenanceScope::Global, of_service("pay")] {
        let edit = |expected| Command::Maintenance {
            scope: scope.clone(),
            to: on(&["/one"]),
            reason: "m".to_owned(),
            allow_unknown: false,
            expected: Some(expected),
        };
        world.run(&edit(Revision::ZERO), at(0));
        assert!(matches!(world.try_run(&edit(Revision::ZERO), at(0)), Err(CommandError::Conflict { .. })));
        world.run(&edit(world.state.cursor.revision), at(0));
    }
}

#[test]
fn g28_texts_that_are_too_long_are_refused_and_change_nothing() {
    let mut world = two_services();
    let before = world.state.clone();
    let fits = "é".repeat(LONGEST_REASON);
    let long = "é".repeat(LONGEST_REASON + 1);
    let deprecation = |successor: &str| {
        Switch::Deprecation(Some(Deprecation { since: at(0), sunset: None, successor: Some(successor.to_owned()) }))
    };
    let exempt = (0..=waygate_core::MOST_EXEMPTIONS).map(|number| parsed(&format!("/{number}"))).collect();
    for (command, expected) in [
        (switch("/one", Switch::disable(), &long), "reason"),
        (maintain(MaintenanceScope::Global, on(&[]), &long), "reason"),
        (Command::RemoveService { service: parsed("pay"), reason: long.clone(), expected: None }, "reason"),
        (switch("/one", deprecation(&"x".repeat(1001)), ""), "successor_path"),
        (switch("/one", deprecation("a\rb"), ""), "successor_path"),
        (
            maintain(MaintenanceScope::Global, MaintenanceSwitch::Exemptions { add: exempt, remove: Vec::new() }, ""),
            "exempt_paths",
        ),
    ] {
        let error = world.try_run(&command, at(0)).unwrap_err();
        assert!(matches!(&error, CommandError::Invalid { field, .. } if *field == expected), "{error}");
        assert_eq!(world.state, before);
    }
    world.switch("/one", Switch::disable(), &fits, at(0));
}

#[test]
fn a_route_is_restored_to_what_operators_had_made_of_it_or_to_what_its_code_says() {
    let mut world = two_services();
    let key = parsed("pay:DELETE:/one");
    let untouched = world.state.route(&key).unwrap().clone();
    let window = Switch::Window { start: at(50), end: at(60), enforcement: waygate_core::Enforcement::Enforce };
    world.switch("/one", window, "move", at(0));
    let planned = world.state.route(&key).unwrap().clone();
    world.switch("/one", Switch::disable(), "INC-1", at(1));
    assert!(world.state.route(&key).unwrap().windows.is_empty());
    world.switch("/one", Switch::Restore(Box::new((*planned).clone())), "undo", at(2));
    let restored = world.state.route(&key).unwrap();
    assert!(restored.same_as(&planned) && !restored.switched, "{restored:?}");
    world.switch("/one", Switch::disable(), "INC-2", at(3));
    // The window is over by then, and does not come again.
    world.switch("/one", Switch::Restore(Box::new((*planned).clone())), "undo", at(70));
    let restored = world.state.route(&key).unwrap();
    assert!(restored.windows.is_empty() && restored.base == untouched.base && !restored.switched, "{restored:?}");
    world.switch("/one", Switch::disable(), "INC-3", at(71));
    world.switch("/one", Switch::Declared, "undo", at(72));
    let route = world.state.route(&key).unwrap();
    assert!(route.base == untouched.declared && !route.switched, "{route:?}");
}

#[test]
fn removing_forgets_and_registering_brings_back_as_new() {
    let mut world = two_services();
    world.switch("/one", Switch::disable(), "", at(0));
    let limited = Scope::Route(parsed("pay:DELETE:/one"));
    let policy = serde_json::from_value(serde_json::json!({ "limit": "5/minute", "enabled": true })).unwrap();
    world.change(Change::RateLimitSet { scope: limited.clone(), policy });
    let remove = Command::RemoveRoute { route: parsed("/one"), reason: "old".to_owned(), expected: None };
    assert_eq!(world.run(&remove, at(0)).records[0].reason, "old");
    assert!(matches!(world.try_run(&remove, at(0)), Err(CommandError::UnknownRoute { .. })));
    assert!(world.state.rate_limit(&limited).is_none(), "the limit goes with its route");
    world.run(&register("pay", vec![Declaration::active(parsed("DELETE:/one"))]), at(0));
    assert_eq!(world.route("pay:DELETE:/one").base.lifecycle, Lifecycle::Active);

    world.maintain(of_service("pay"), on(&[]), "m");
    let remove = |expected| Command::RemoveService { service: parsed("pay"), reason: String::new(), expected };
    let seen = world.state.services[&parsed::<waygate_core::ServiceId>("pay")].changed_at();
    assert_eq!(seen, world.state.cursor.revision, "its maintenance was the last to change");
    let before = Some(Revision(seen.0 - 1));
    assert!(
        matches!(world.try_run(&remove(before), at(0)), Err(CommandError::Conflict { actual, .. }) if actual == seen)
    );
    world.run(&remove(Some(seen)), at(0));
    world.run(&register("pay", vec![Declaration::active(parsed("DELETE:/one"))]), at(0));
    assert!(!world.state.maintenance(&of_service("pay")).unwrap().enabled);
}

#[test]
fn an_env_gate_without_a_reason_says_what_it_does() {
    let mut world = two_services();
    for (allowed, expected) in [
        (&["staging", "dev"][..], "restricted to: dev, staging"),
        (&[], "restricted to no environment: blocked everywhere"),
    ] {
        let allowed = waygate_core::Environment::parse_all(allowed.iter().copied()).unwrap();
        let to = Switch::Control {
            lifecycle: Lifecycle::EnvGated(allowed),
            until: None,
            enforcement: waygate_core::Enforcement::Enforce,
        };
        let plan = world.switch("/one", to, "", at(0));
        assert_eq!((plan.records[0].action, plan.records[0].reason.as_str()), (Action::EnvGate, expected));
    }
}

#[test]
fn revocations_are_kept_until_the_token_would_have_ended() {
    let mut world = two_services();
    let revoke = |id: &str, expires| Command::RevokeToken { id: parsed(id), expires: at(expires) };
    world.run(&revoke("one", 1000), at(0));
    world.run(&revoke("two", 5000), at(0));
    assert!(world.run(&revoke("one", 1000), at(0)).records.is_empty());
    assert!(world.run(&revoke("over", 0), at(0)).records.is_empty());
    assert_eq!(world.run(&revoke("later", 10), at(0)).records.len(), 1);
    assert_eq!(world.run(&revoke("later", 3000), at(10)).records.len(), 1, "an entry that is over does not count");
    assert_eq!(world.state.revoked_tokens.len(), 3);
}

/// Of a clock that was wrong for a moment, and of a fleet that logs out all the time.
#[test]
fn g42_a_clock_that_jumps_makes_no_revocation_void() {
    const YEAR: i64 = 365 * 86_400;
    let mut world = two_services();
    let revoke =
        |number: i64| Command::RevokeToken { id: parsed(&format!("token-{number:05}")), expires: at(1000 + number) };
    for number in 0..1500 {
        world.run(&revoke(number), at(0));
    }
    for later in [999, 3000, 86_000] {
        world.switch("/one", if later == 3000 { Switch::enable() } else { Switch::disable() }, "", at(later));
        assert_eq!(world.state.revoked_tokens.len(), 1500, "what has ended is remembered for a day");
    }
    let left = |world: &World| world.state.revoked_tokens.len();
    world.switch("/one", Switch::enable(), "", at(100 * YEAR));
    assert_eq!(left(&world), 1484, "one commit forgets little, whatever the time");
    assert!(!world.state.revoked_tokens.contains_key("token-00000"), "the first to end goes first");
    for number in 0..100 {
        let to = if number % 2 == 0 { Switch::disable() } else { Switch::enable() };
        world.switch("/one", to, "", at(100 * YEAR + number));
    }
    assert_eq!(left(&world), 1000, "so many are remembered whatever the time, and no more");
    assert!(world.state.revoked_tokens.contains_key("token-01499"));
}

#[test]
fn g38_logging_out_is_told_apart_from_being_shut_out() {
    let mut world = two_services();
    for (command, action) in [
        (Command::LogOut { id: parsed("mine"), expires: at(1000) }, Action::Logout),
        (Command::RevokeToken { id: parsed("yours"), expires: at(1000) }, Action::TokenRevoke),
    ] {
        let records = world.run(&command, at(0)).records;
        assert_eq!(records.iter().map(|record| record.action).collect::<Vec<_>>(), [action]);
        assert!(world.run(&command, at(0)).records.is_empty(), "once is enough");
    }
    assert_eq!(world.state.revoked_tokens.len(), 2);
}

#[test]
fn issued_tokens_are_kept_until_they_end_and_the_oldest_give_way() {
    let mut world = two_services();
    let token = |holder: &str, issued: i64| IssuedToken {
        holder: parsed(holder),
        kind: TokenKind::Login,
        platform: Platform::Cli,
        service: None,
        issued: at(issued),
        expires: at(100_000),
    };
    let issue = |id: &str, token: IssuedToken| Command::IssueToken { id: parsed(id), token };
    world.run(&issue("of-another", token("bob", 0)), at(0));
    for number in 0..MOST_TOKENS {
        let issued = i64::try_from(number).unwrap();
        let plan = world.run(&issue(&format!("token-{number}"), token("ada", issued)), at(issued));
        assert_eq!(plan.records.len(), 1);
    }
    let plan = world.run(&issue("one-more", token("ada", 5000)), at(5000));
    let actions: Vec<Action> = plan.records.iter().map(|record| record.action).collect();
    assert_eq!(actions, [Action::Login, Action::TokenRevoke]);
    assert!(!world.state.tokens.contains_key("token-0") && world.state.revoked_tokens.contains_key("token-0"));
    assert_eq!(world.state.tokens.len(), MOST_TOKENS + 1);
    world.run(&Command::RevokeToken { id: parsed("one-more"), expires: at(100_000) }, at(5000));
    assert!(!world.state.tokens.contains_key("one-more"));
    assert!(world.try_run(&issue("late", token("ada", 0)), at(100_000)).is_err());
    for number in 0..MOST_TOKENS {
        let to = if number % 2 == 0 { Switch::disable() } else { Switch::enable() };
        world.switch("/one", to, "", at(200_000));
    }
    assert_eq!(world.state.tokens.len(), 1000, "what has ended is forgotten but for so many");
}

#[test]
fn a_note_is_a_commit_that_changes_nothing() {
    let mut world = two_services();
    let note = Command::Note { action: Action::Login, subject: "ada".to_owned(), reason: String::new() };
    let before = world.state.clone();
    assert_eq!(world.run(&note, at(0)).records.len(), 1);
    assert_ne!(world.state.cursor, before.cursor);
    world.state.cursor = before.cursor.clone();
    assert_eq!(world.state, before);
}

#[test]
fn a_bundle_is_all_or_nothing() {
    let mut world = two_services();
    let good = switch("/one", Switch::disable(), "");
    let bad = switch("/nowhere", Switch::disable(), "");
    let before = world.state.clone();
    let refusal = world.try_run(&Command::All(vec![good.clone(), bad]), at(0)).unwrap_err();
    assert!(matches!(&refusal, CommandError::OneOfAll { index: 1, .. }), "{refusal}");
    assert!(refusal.to_string().starts_with("commands[1]: no route `/nowhere` is known"), "{refusal}");
    assert_eq!(world.state, before);
    let plan = world.run(&Command::All(vec![good.clone(), good, switch("/orders", Switch::disable(), "")]), at(0));
    assert_eq!((plan.records.len(), plan.routes.len()), (2, 3));
    assert_eq!(world.commits.len(), 3);
}

#[test]
fn only_the_very_next_commit_of_the_same_history_is_applied() {
    let mut world = two_services();
    let (first, second) = (world.commits[0].clone(), world.commits[1].clone());
    let mut state = empty_state();
    let mut foreign: Commit = first.clone();
    foreign.cursor.epoch = parsed("ffffffffffffffff");
    for commit in [&second, &foreign] {
        let before = state.clone();
        assert!(state.apply(commit).is_err());
        assert_eq!(state, before);
    }
    state.apply(&first).unwrap();
    assert!(state.apply(&first).is_err());
    state.apply(&second).unwrap();
    assert_eq!(state, world.state);

    let records = world.run(&switch("/one", Switch::disable(), ""), at(0)).records;
    let placed = commit_after(&state, records, at(1));
    let id = "another-draft-0000".to_owned().try_into().unwrap();
    let other = Commit::after(&state.cursor, Draft { id, ..placed.draft.clone() });
    assert_eq!(placed.cursor.revision, other.cursor.revision);
    assert_ne!(placed.cursor.lineage, other.cursor.lineage, "the same revision of another history is told apart");
}
