//! Commands about rate limits.

use waygate_core::{
    Action, Change, Command, CommandError, Control, Cursor, Decision, Declaration, LimitTarget, Plan, RateLimitPolicy,
    RateLimitSwitch, Revision, RouteKey, Schedule, Scope, State, Tier, Timestamp,
};

use crate::world::{Request, World, at, declared, parsed, register};

fn limit(text: &str) -> RateLimitPolicy {
    RateLimitPolicy::new(parsed(text))
}

fn of_route(selector: &str) -> LimitTarget {
    LimitTarget::Route(parsed(selector))
}

fn command(target: LimitTarget, to: RateLimitSwitch) -> Command {
    Command::RateLimit { target, to, reason: String::new(), allow_unknown: false, expected: None }
}

fn set(target: LimitTarget, policy: RateLimitPolicy) -> Command {
    command(target, RateLimitSwitch::Set(Box::new(policy)))
}

fn actions(plan: &Plan) -> Vec<Action> {
    plan.records.iter().map(|record| record.action).collect()
}

fn route_scope(key: &str) -> Scope {
    Scope::Route(parsed::<RouteKey>(key))
}

fn policy<'w>(world: &'w World, scope: &Scope) -> &'w RateLimitPolicy {
    world.state.rate_limit(scope).unwrap()
}

#[test]
fn b11_a_route_is_limited_by_path_by_method_or_by_its_whole_key() {
    for selector in ["/a", "GET:/a", "pay:/a", "pay:GET:/a"] {
        let mut world = World::with_routes(&["GET:/a", "GET:/b", "POST:/b"]);
        let plan = world.run(&set(of_route(selector), limit("2/minute")), at(0));
        assert_eq!(plan.limits, [route_scope("pay:GET:/a")], "{selector}");
        assert_eq!(plan.records[0].reason, "2/minute · fixed_window · ip");
    }
    let mut world = World::with_routes(&["GET:/a", "GET:/b", "POST:/b"]);
    let refused = |world: &mut World, selector: &str| {
        world.try_run(&set(of_route(selector), limit("2/minute")), at(0)).unwrap_err()
    };
    assert!(matches!(refused(&mut world, "/b"), CommandError::AmbiguousRoute { matches, .. } if matches.len() == 2));
    assert!(matches!(refused(&mut world, "/ab"), CommandError::UnknownRoute { near, .. } if !near.is_empty()));
    let CommandError::Invalid { field, message } = refused(&mut world, "POST:/a") else { panic!() };
    assert_eq!((field, &*message), ("method", "`pay:/a` has no `POST`; expected `GET` or `ALL`"));
}

#[test]
fn b12_each_scope_is_set_paused_resumed_reset_and_deleted_with_its_own_actions() {
    use Action as A;
    for (target, expected) in [
        (
            LimitTarget::Global,
            [
                A::GlobalRlSet,
                A::GlobalRlUpdated,
                A::GlobalRlDisabled,
                A::GlobalRlEnabled,
                A::GlobalRlReset,
                A::GlobalRlDeleted,
            ],
        ),
        (
            LimitTarget::Service(parsed("pay")),
            [A::SvcRlSet, A::SvcRlUpdated, A::SvcRlDisabled, A::SvcRlEnabled, A::SvcRlReset, A::SvcRlDeleted],
        ),
        (
            of_route("/a"),
            [
                A::RlPolicySet,
                A::RlPolicyUpdated,
                A::RlPolicyDisabled,
                A::RlPolicyEnabled,
                A::RlReset,
                A::RlPolicyDeleted,
            ],
        ),
    ] {
        let mut world = World::with_routes(&["GET:/a"]);
        let steps = [
            RateLimitSwitch::Set(Box::new(limit("2/minute"))),
            RateLimitSwitch::Set(Box::new(limit("3/minute"))),
            RateLimitSwitch::Pause,
            RateLimitSwitch::Resume,
            RateLimitSwitch::Reset,
            RateLimitSwitch::Delete,
        ];
        for (to, expected) in steps.into_iter().zip(expected) {
            let again = !matches!(to, RateLimitSwitch::Reset | RateLimitSwitch::Delete);
            let command = command(target.clone(), to);
            assert_eq!(actions(&world.run(&command, at(0))), [expected]);
            assert!(!again || world.run(&command, at(0)).records.is_empty(), "{expected:?} again changes nothing");
        }
        for to in [RateLimitSwitch::Pause, RateLimitSwitch::Resume, RateLimitSwitch::Reset, RateLimitSwitch::Delete] {
            let refused = world.try_run(&command(target.clone(), to), at(0));
            assert!(matches!(refused, Err(CommandError::UnknownRateLimit { .. })), "{refused:?}");
        }
    }
}

#[test]
fn b42_counts_survive_edits_and_a_generation_never_comes_again() {
    let mut world = World::with_routes(&["GET:/a"]);
    let scope = route_scope("pay:GET:/a");
    let mut generations = Vec::new();
    for to in [
        RateLimitSwitch::Set(Box::new(limit("3/hour"))),
        RateLimitSwitch::Set(Box::new(limit("4/hour"))),
        RateLimitSwitch::Pause,
        RateLimitSwitch::Resume,
        RateLimitSwitch::Reset,
        RateLimitSwitch::Delete,
        RateLimitSwitch::Set(Box::new(limit("3/hour"))),
    ] {
        world.run(&command(of_route("/a"), to), at(0));
        generations.extend(world.state.rate_limit(&scope).map(|policy| policy.generation));
    }
    let [first, edited, paused, resumed, reset, anew] = *generations else { panic!("{generations:?}") };
    assert_eq!([edited, paused, resumed], [first; 3]);
    assert!(reset != first && anew != first && anew != reset, "{generations:?}");
}

#[test]
fn g50_counts_of_a_history_that_was_lost_are_not_taken_up_again() {
    let scope = route_scope("pay:GET:/a");
    let resets = ["0123456789abcdef", "fedcba9876543210"].map(|epoch| {
        let mut world = World::new();
        world.state = State::new(Cursor::start_of(parsed(epoch)));
        world.run(&register("pay", vec![Declaration::active(parsed("GET:/a"))]), at(0));
        world.run(&set(of_route("/a"), limit("3/hour")), at(0));
        world.run(&command(of_route("/a"), RateLimitSwitch::Reset), at(0));
        policy(&world, &scope).clone()
    });
    let [one, other] = &resets;
    assert_eq!(one.changed_at, other.changed_at, "revisions come again");
    assert_ne!(one.generation, other.generation, "generations do not");
}

#[test]
fn g50_reset_names_exactly_its_subject_and_says_how_many() {
    let mut world = World::with_routes(&["GET:/a", "POST:/a", "GET:/ab"]);
    for key in ["GET:/a", "POST:/a", "ALL:/a", "GET:/ab"] {
        world.run(&set(of_route(key), limit("3/hour")), at(0));
    }
    let untouched = policy(&world, &route_scope("pay:GET:/ab")).generation;
    let one = world.run(&command(of_route("GET:/a"), RateLimitSwitch::Reset), at(0));
    assert_eq!(one.limits, [route_scope("pay:GET:/a")]);
    let all = world.run(&command(of_route("/a"), RateLimitSwitch::Reset), at(0));
    assert_eq!(all.limits, [route_scope("pay:/a"), route_scope("pay:GET:/a"), route_scope("pay:POST:/a")]);
    assert_eq!(policy(&world, &route_scope("pay:GET:/ab")).generation, untouched);
    let ambiguous = world.try_run(&command(of_route("/a"), RateLimitSwitch::Delete), at(0));
    assert!(matches!(ambiguous, Err(CommandError::AmbiguousRoute { matches, .. }) if matches.len() == 3));
}

#[test]
fn b23_a_limit_for_all_methods_counts_them_together_unless_one_has_its_own() {
    let mut world = World::with_routes(&["GET:/a", "POST:/a", "PUT:/a"]);
    world.run(&set(of_route("ALL:/a"), limit("3/hour")), at(0));
    world.run(&set(of_route("PUT:/a"), limit("9/hour")), at(0));
    let snapshot = world.snapshot(None);
    let counted = |line| {
        let Decision::Forward(pass) = snapshot.decide(&Request::to(line)) else { panic!() };
        pass.limits.route.map(|(key, policy)| (key.to_string(), policy.limit.to_string()))
    };
    let all = Some(("/a".to_owned(), "3/hour".to_owned()));
    assert_eq!((counted("GET /a"), counted("POST /a")), (all.clone(), all));
    assert_eq!(counted("PUT /a"), Some(("PUT:/a".to_owned(), "9/hour".to_owned())));
}

#[test]
fn b44_what_makes_no_sense_is_refused_by_field() {
    let mut world = World::with_routes(&["GET:/a"]);
    let tier = |name: &str| Tier { name: name.to_owned(), limit: parsed("1/s") };
    let bad = [
        ("burst", RateLimitPolicy { burst: u32::MAX, ..limit("1/s") }),
        ("tiers", RateLimitPolicy { tiers: vec![tier("pro"), tier("pro")], ..limit("1/s") }),
        ("tiers", RateLimitPolicy { tiers: (0..33).map(|n| tier(&n.to_string())).collect(), ..limit("1/s") }),
        ("exempt_roles", RateLimitPolicy { exempt_roles: vec![String::new()], ..limit("1/s") }),
        ("exempt_ips", RateLimitPolicy { exempt_ips: vec![parsed("::1"); 1001], ..limit("1/s") }),
        ("tier_resolver", RateLimitPolicy { tier_resolver: Some("a\n".to_owned()), ..limit("1/s") }),
        ("until", RateLimitPolicy { until: Some(at(0)), ..limit("1/s") }),
        (
            "key_strategy",
            RateLimitPolicy { key_strategy: waygate_core::KeyStrategy::Header("a b".to_owned()), ..limit("1/s") },
        ),
    ];
    for (field, policy) in bad {
        for target in [LimitTarget::Global, LimitTarget::Service(parsed("pay")), of_route("/a")] {
            let refused = world.try_run(&set(target, policy.clone()), at(0)).unwrap_err();
            assert!(matches!(refused, CommandError::Invalid { field: told, .. } if told == field), "{refused:?}");
        }
    }
    let typo = world.try_run(&set(LimitTarget::Service(parsed("pya")), limit("1/s")), at(0));
    assert!(matches!(typo, Err(CommandError::UnknownService { near, .. }) if near == ["pay"]));
}

fn declaring(text: &str) -> Declaration {
    Declaration { rate_limit: Some(Box::new(limit(text))), ..declared("GET:/a", Control::default()) }
}

#[test]
fn a40_a_declared_limit_is_kept_under_an_operators_and_comes_back() {
    let mut world = World::new();
    let scope = route_scope("pay:GET:/a");
    let shown = |world: &World| {
        let policy = policy(world, &scope);
        let under = policy.overrides.as_ref().map(|under| under.limit.to_string());
        (policy.limit.to_string(), policy.declared, under)
    };
    world.run(&register("pay", vec![declaring("5/minute")]), at(0));
    assert_eq!(shown(&world), ("5/minute".to_owned(), true, None));
    assert!(world.run(&register("pay", vec![declaring("5/minute")]), at(0)).records.is_empty());
    let refused = world.try_run(&command(of_route("/a"), RateLimitSwitch::Delete), at(0)).unwrap_err();
    assert!(refused.to_string().contains("set `unlimited`"), "{refused}");

    world.run(&set(of_route("/a"), limit("1/minute")), at(0));
    assert_eq!(shown(&world), ("1/minute".to_owned(), false, Some("5/minute".to_owned())));
    world.run(&register("pay", vec![declaring("7/minute")]), at(0));
    assert_eq!(shown(&world), ("1/minute".to_owned(), false, Some("7/minute".to_owned())));
    world.run(&command(of_route("/a"), RateLimitSwitch::Delete), at(0));
    assert_eq!(shown(&world), ("7/minute".to_owned(), true, None));

    world.run(&register("pay", vec![declared("GET:/a", Control::default())]), at(0));
    assert!(world.state.rate_limit(&scope).is_none());
}

#[test]
fn a_limit_with_an_end_is_written_off_when_it_comes() {
    let mut world = World::with_routes(&["GET:/a"]);
    let until: Option<Timestamp> = Some(at(1000));
    for target in [LimitTarget::Global, LimitTarget::Service(parsed("pay")), of_route("/a")] {
        world.run(&set(target, RateLimitPolicy { until, ..limit("1/s") }), at(0));
    }
    assert_eq!(Schedule::default().next_due(&world.state), until);
    assert!(world.run(&Command::Settle, at(999)).records.is_empty());
    let plan = world.run(&Command::Settle, at(1000));
    assert_eq!(actions(&plan), [Action::GlobalRlDeleted, Action::SvcRlDeleted, Action::RlPolicyDeleted]);
    assert!(plan.records.iter().all(|record| matches!(record.change, Change::RateLimitCleared { .. })));
    assert_eq!(Schedule::default().next_due(&world.state), None);
}

#[test]
fn an_edit_of_what_has_changed_meanwhile_is_refused() {
    let mut world = World::with_routes(&["GET:/a"]);
    let expecting = |revision| Command::RateLimit {
        target: LimitTarget::Global,
        to: RateLimitSwitch::Set(Box::new(limit(&format!("{revision}/s")))),
        reason: String::new(),
        allow_unknown: false,
        expected: Some(Revision(revision)),
    };
    world.run(&expecting(0), at(0));
    assert!(matches!(world.try_run(&expecting(0), at(0)), Err(CommandError::Conflict { .. })));
    world.run(&expecting(2), at(0));
}
