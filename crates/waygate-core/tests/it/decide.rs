//! The one order in which a request is judged.

use waygate_core::{
    Change, Control, Decision, Denial, Enforcement, Environment, Layer, Lifecycle, MaintenanceScope, MaintenanceSwitch,
    RateLimitPolicy, Scope, Snapshot, Switch, Timestamp, Verdict,
};

use crate::world::{Request, World, at, declared, of_service, on, parsed, planned, register, told};

const FULL_ORDER: [Layer; 6] = [
    Layer::GlobalMaintenance,
    Layer::ServiceMaintenance,
    Layer::Route,
    Layer::GlobalLimit,
    Layer::ServiceLimit,
    Layer::RouteLimit,
];

/// Decides both ways and checks that the trace tells the same story.
fn decided<'s>(snapshot: &'s Snapshot, request: &Request) -> Decision<'s> {
    let mut trace = Vec::new();
    let decision = snapshot.decide(request);
    assert_eq!(snapshot.decide_traced(request, &mut trace), decision, "{request:?}");

    let layers: Vec<Layer> = trace.iter().map(|(layer, _)| *layer).collect();
    assert_eq!(layers, FULL_ORDER[..layers.len()], "{request:?}");
    let verdict_of = |layer: Layer| trace.iter().find(|(at, _)| *at == layer).map(|(_, verdict)| *verdict);
    match &decision {
        Decision::Deny(denial) => {
            assert_eq!(trace.last(), Some(&(denial.layer(), Verdict::Deny(*denial))), "{request:?}");
        }
        Decision::Forward(pass) => {
            assert_eq!(layers, FULL_ORDER, "{request:?}");
            assert!(!trace.iter().any(|(_, verdict)| matches!(verdict, Verdict::Deny(_))), "{request:?}");
            let first_shadow = trace.iter().find_map(|(_, verdict)| match verdict {
                Verdict::Shadow(denial) => Some(*denial),
                _ => None,
            });
            assert_eq!(pass.shadow, first_shadow, "{request:?}");
            for (layer, charged) in [
                (Layer::GlobalLimit, pass.limits.global.is_some()),
                (Layer::ServiceLimit, pass.limits.service.is_some()),
                (Layer::RouteLimit, pass.limits.route.is_some()),
            ] {
                assert_eq!(verdict_of(layer) == Some(Verdict::Charge), charged, "{request:?} {layer:?}");
            }
        }
    }
    decision
}

fn assert_table(snapshot: &Snapshot, table: &[(&'static str, &str)]) {
    for (line, expected) in table {
        assert_eq!(told(&decided(snapshot, &Request::to(line))), *expected, "{line}");
    }
}

fn control(lifecycle: Lifecycle, reason: &str) -> Control {
    Control::new(lifecycle, reason)
}

fn gate(environments: &[&str]) -> Lifecycle {
    Lifecycle::EnvGated(Environment::parse_all(environments.iter().copied()).unwrap())
}

fn limit(text: &str) -> RateLimitPolicy {
    serde_json::from_value(serde_json::json!({ "limit": text, "enabled": true })).unwrap()
}

fn set_limit(world: &mut World, scope: Scope, policy: RateLimitPolicy) {
    world.change(Change::RateLimitSet { scope, policy: policy.into() });
}

fn temporary(lifecycle: Lifecycle, until: Timestamp, enforcement: Enforcement) -> Switch {
    Switch::Control { lifecycle, until: Some(until), enforcement }
}

/// `pay` with a route of each kind, limits everywhere.
fn furnished() -> World {
    let mut world = World::new();
    let mut force_active = declared("GET:/health", control(Lifecycle::Disabled, "never seen"));
    force_active.force_active = true;
    let routes = vec![
        force_active,
        declared("GET:/open", Control::default()),
        declared("GET:/shut", control(Lifecycle::Disabled, "gone")),
        declared("GET:/work", control(Lifecycle::Maintenance, "pipes")),
        declared("GET:/gated", control(gate(&["dev", "staging"]), "")),
        declared("GET:/nowhere", control(gate(&[]), "")),
        declared("/any", control(Lifecycle::Disabled, "any")),
        declared("POST:/any", Control::default()),
        declared("GET:/items/{id}", control(Lifecycle::Disabled, "items")),
    ];
    world.run(&register("pay", routes), at(0));
    set_limit(&mut world, Scope::Global, limit("100/minute"));
    set_limit(&mut world, Scope::Service(parsed("pay")), limit("50/minute"));
    set_limit(&mut world, Scope::Route(parsed("pay:GET:/open")), limit("5/minute"));
    world
}

#[test]
fn the_route_itself_comes_after_maintenance_and_before_the_limits() {
    let world = furnished();
    assert_table(
        &world.snapshot(Some("dev")),
        &[
            ("GET /health", "forward"),
            ("GET /open", "forward +global +service +route"),
            ("GET /shut", "disabled: gone"),
            ("GET /work", "route maintenance: pipes"),
            ("GET /gated", "forward +global +service"),
            ("GET /nowhere", "gated: dev"),
            ("GET /any", "disabled: any"),
            ("BREW /any", "disabled: any"),
            ("POST /any", "forward +global +service"),
            ("GET /items/7", "disabled: items"),
            ("HEAD /items/7", "disabled: items"),
            ("POST /items/7", "forward +global +service"),
            ("HEAD /open", "forward +global +service +route"),
            ("HEAD /shut", "disabled: gone"),
            ("POST /shut", "forward +global +service"),
            ("BREW /shut", "forward +global +service"),
            ("OPTIONS /shut", "forward +global +service"),
            ("get /shut", "forward +global +service"),
            ("GET /shut/", "forward +global +service"),
            ("GET /unknown", "forward +global +service"),
        ],
    );
}

#[test]
fn g13_gates_compare_with_the_environment_that_was_given() {
    let world = furnished();
    for (environment, expected) in [
        (None, "gated: unset"),
        (Some("prod"), "gated: prod"),
        (Some("DEV"), "gated: DEV"),
        (Some("dev"), "forward +global +service"),
        (Some("staging"), "forward +global +service"),
    ] {
        let snapshot = world.snapshot(environment);
        assert_eq!(told(&decided(&snapshot, &Request::to("GET /gated"))), expected, "{environment:?}");
        let nowhere = decided(&snapshot, &Request::to("GET /nowhere"));
        assert!(matches!(nowhere, Decision::Deny(Denial::EnvGated { .. })), "{environment:?}");
    }
}

#[test]
fn global_maintenance_is_before_service_maintenance_is_before_the_route() {
    let mut world = furnished();
    world.maintain(of_service("pay"), on(&["/open", "/shut"]), "service");
    assert_table(
        &world.snapshot(None),
        &[
            ("GET /health", "forward"),
            ("GET /open", "forward +global +service +route"),
            ("GET /shut", "disabled: gone"),
            ("GET /work", "service_maintenance maintenance: service"),
            ("GET /unknown", "service_maintenance maintenance: service"),
        ],
    );
    world.maintain(MaintenanceScope::Global, on(&["/work", "/open"]), "global");
    assert_table(
        &world.snapshot(None),
        &[
            ("GET /health", "forward"),
            ("GET /open", "forward +global +service +route"),
            ("GET /shut", "global_maintenance maintenance: global"),
            ("GET /work", "service_maintenance maintenance: service"),
            ("GET /unknown", "global_maintenance maintenance: global"),
        ],
    );
    let other = Snapshot::compile(world.state.service_view(&parsed("orders")), None);
    assert_table(&other, &[("GET /work", "forward +global"), ("GET /shut", "global_maintenance maintenance: global")]);
}

#[test]
fn force_active_passes_unless_a_maintenance_includes_it() {
    for (global, service, expected) in [
        (None, None, "forward"),
        (Some(false), Some(false), "forward"),
        (Some(true), Some(false), "global_maintenance maintenance: g"),
        (Some(false), Some(true), "service_maintenance maintenance: s"),
        (Some(true), Some(true), "global_maintenance maintenance: g"),
    ] {
        let mut world = furnished();
        let including = |include_force_active| MaintenanceSwitch::On {
            exempt: None,
            include_force_active,
            until: None,
            enforcement: Enforcement::Enforce,
        };
        if let Some(include) = global {
            world.maintain(MaintenanceScope::Global, including(include), "g");
        }
        if let Some(include) = service {
            world.maintain(of_service("pay"), including(include), "s");
        }
        let snapshot = world.snapshot(None);
        for line in ["GET /health", "HEAD /health"] {
            assert_eq!(told(&decided(&snapshot, &Request::to(line))), expected, "{global:?} {service:?} {line}");
        }
    }
}

#[test]
fn an_exemption_lets_even_an_included_force_active_route_through() {
    let mut world = furnished();
    let to = MaintenanceSwitch::On {
        exempt: Some(vec![parsed("/health")]),
        include_force_active: true,
        until: None,
        enforcement: Enforcement::Enforce,
    };
    world.maintain(MaintenanceScope::Global, to, "g");
    assert_table(&world.snapshot(None), &[("GET /health", "forward")]);
}

#[test]
fn exemptions_are_templates_by_path_or_by_method() {
    const SHUT: &str = "global_maintenance maintenance: down";
    let table: &[(&str, &'static str, bool)] = &[
        ("/b", "GET /b", true),
        ("/b", "POST /b", true),
        ("/b", "BREW /b", true),
        ("GET:/b", "GET /b", true),
        ("GET:/b", "HEAD /b", true),
        ("GET:/b", "POST /b", false),
        ("GET:/b", "BREW /b", false),
        ("/whole", "GET /whole", true),
        // The route is for any method, the exemption for one of them.
        ("GET:/whole", "GET /whole", true),
        ("GET:/whole", "HEAD /whole", true),
        ("GET:/whole", "POST /whole", false),
        ("GET:/whole", "BREW /whole", false),
        ("/items/{id}", "GET /items/5", true),
        ("GET:/items/{id}", "GET /items/5", true),
        ("/items/5", "GET /items/5", false),
        ("/nope", "GET /nope", true),
        ("GET:/nope", "GET /nope", true),
        ("GET:/nope", "HEAD /nope", true),
        ("POST:/nope", "GET /nope", false),
        ("/b", "GET /b/", false),
        ("/b/", "GET /b", false),
        ("/B", "GET /b", false),
        ("/", "GET /b", false),
        ("/b*", "GET /b", false),
    ];
    for (exemption, line, passes) in table {
        let mut world = World::with_routes(&["GET:/b", "POST:/b", "/whole", "GET:/items/{id}"]);
        world.maintain(MaintenanceScope::Global, on(&[exemption]), "down");
        let told_ = told(&decided(&world.snapshot(None), &Request::to(line)));
        assert_eq!(told_, if *passes { "forward" } else { SHUT }, "{exemption} {line}");

        let mut world = World::with_routes(&["GET:/b", "POST:/b", "/whole", "GET:/items/{id}"]);
        let mut policy = limit("1/minute");
        policy.exempt_routes = vec![parsed(exemption)];
        set_limit(&mut world, Scope::Global, policy);
        let told_ = told(&decided(&world.snapshot(None), &Request::to(line)));
        assert_eq!(told_, if *passes { "forward" } else { "forward +global" }, "limit: {exemption} {line}");
    }
}

#[test]
fn a_template_from_the_framework_is_believed() {
    let mut world = furnished();
    world.maintain(of_service("pay"), on(&["/later/{id}"]), "service");
    let snapshot = world.snapshot(None);
    let request = Request { template: Some("/later/{id}"), ..Request::to("GET /later/7") };
    assert_eq!(told(&decided(&snapshot, &request)), "forward +global +service");
    let request = Request { template: Some("/items/{id}"), ..Request::to("GET /elsewhere") };
    assert_eq!(told(&decided(&snapshot, &request)), "service_maintenance maintenance: service");
}

#[test]
fn g14_overlapping_templates_are_told_apart_by_method() {
    let mut world = World::with_routes(&[
        "GET:/users/{id}",
        "POST:/users/{name}",
        "GET:/users/me",
        "/users/{any}/{thing}",
        "PUT:/users/{id}/{part}",
    ]);
    world.switch("POST:/users/{name}", Switch::disable(), "no posts", at(0));
    world.switch("PUT:/users/{id}/{part}", Switch::disable(), "no puts", at(0));
    assert_table(
        &world.snapshot(None),
        &[
            ("GET /users/7", "forward"),
            ("HEAD /users/7", "forward"),
            ("POST /users/7", "disabled: no posts"),
            // Statically known for another method only.
            ("POST /users/me", "disabled: no posts"),
            ("GET /users/me", "forward"),
            ("PUT /users/7/x", "disabled: no puts"),
            ("DELETE /users/7/x", "forward"),
        ],
    );
}

#[test]
fn a_window_is_over_a_temporary_control_is_over_the_base() {
    let mut world = World::with_routes(&["GET:/a"]);
    let environments = gate(&["dev"]);
    let base = Switch::Control { lifecycle: environments, until: None, enforcement: Enforcement::Enforce };
    world.switch("/a", base, "", at(0));
    world.switch("/a", temporary(Lifecycle::Disabled, at(3000), Enforcement::Enforce), "temporary", at(0));
    world.switch("/a", planned(at(1000), at(2000)), "window", at(0));
    let snapshot = world.snapshot(None);
    for (millisecond, expected) in [
        (0, "disabled: temporary"),
        (999, "disabled: temporary"),
        (1000, "route maintenance: window"),
        (1999, "route maintenance: window"),
        (2000, "disabled: temporary"),
        (2999, "disabled: temporary"),
        (3000, "gated: unset"),
    ] {
        let request = Request::to("GET /a").at(at(millisecond));
        assert_eq!(told(&decided(&snapshot, &request)), expected, "{millisecond}");
    }
    let until = |millisecond| match decided(&snapshot, &Request::to("GET /a").at(at(millisecond))) {
        Decision::Deny(Denial::Maintenance { until, .. } | Denial::Disabled { until, .. }) => until,
        other => panic!("{other:?}"),
    };
    assert_eq!([until(500), until(1500)], [Some(at(3000)), Some(at(2000))]);
}

#[test]
fn a_maintenance_and_a_limit_end_at_their_until() {
    let mut world = World::with_routes(&["GET:/a"]);
    for scope in [MaintenanceScope::Global, of_service("pay")] {
        let until = if scope == MaintenanceScope::Global { at(1000) } else { at(2000) };
        let to = MaintenanceSwitch::On {
            exempt: None,
            include_force_active: false,
            until: Some(until),
            enforcement: Enforcement::Enforce,
        };
        world.maintain(scope, to, "m");
    }
    let mut policy = limit("1/minute");
    policy.until = Some(at(3000));
    for scope in [Scope::Global, Scope::Service(parsed("pay")), Scope::Route(parsed("pay:GET:/a"))] {
        set_limit(&mut world, scope, policy.clone());
    }
    let snapshot = world.snapshot(None);
    for (millisecond, expected) in [
        (999, "global_maintenance maintenance: m"),
        (1000, "service_maintenance maintenance: m"),
        (1999, "service_maintenance maintenance: m"),
        (2000, "forward +global +service +route"),
        (2999, "forward +global +service +route"),
        (3000, "forward"),
    ] {
        let request = Request::to("GET /a").at(at(millisecond));
        assert_eq!(told(&decided(&snapshot, &request)), expected, "{millisecond}");
    }
}

#[test]
fn each_limit_is_charged_unless_absent_disabled_or_exempt() {
    let scopes = [Scope::Global, Scope::Service(parsed("pay")), Scope::Route(parsed("pay:GET:/a"))];
    for present in 0..8_u8 {
        for spoiled in 0..8_u8 {
            let mut world = World::with_routes(&["GET:/a"]);
            let mut expected = "forward".to_owned();
            for (bit, (scope, name)) in scopes.iter().zip(["global", "service", "route"]).enumerate() {
                if present & (1 << bit) == 0 {
                    continue;
                }
                let mut policy = limit("1/minute");
                if spoiled & (1 << bit) == 0 {
                    expected = format!("{expected} +{name}");
                } else if bit == 1 {
                    policy.enabled = false;
                } else {
                    policy.exempt_routes = vec![parsed("GET:/a")];
                }
                set_limit(&mut world, scope.clone(), policy);
            }
            let snapshot = world.snapshot(None);
            assert_eq!(told(&decided(&snapshot, &Request::to("GET /a"))), expected, "{present} {spoiled}");
        }
    }
}

#[test]
fn shadow_counts_at_every_layer_and_stops_nothing() {
    let shadow = |lifecycle, until| Switch::Control { lifecycle, until, enforcement: Enforcement::Shadow };
    let mut world = World::with_routes(&["GET:/a", "GET:/b"]);
    world.switch("/a", shadow(Lifecycle::Disabled, None), "base", at(0));
    let snapshot = world.snapshot(None);
    assert_table(&snapshot, &[("GET /a", "forward (shadow disabled: base)")]);

    world.switch("/a", shadow(Lifecycle::Maintenance, Some(at(1000))), "timed", at(0));
    let snapshot = world.snapshot(None);
    assert_table(&snapshot, &[("GET /a", "forward (shadow route maintenance: timed)")]);
    let later = Request::to("GET /a").at(at(1000));
    assert_eq!(told(&decided(&snapshot, &later)), "forward (shadow disabled: base)");

    world.switch("/b", shadow(gate(&["dev"]), None), "", at(0));
    assert_table(&world.snapshot(Some("prod")), &[("GET /b", "forward (shadow gated: prod)")]);
    assert_table(&world.snapshot(Some("dev")), &[("GET /b", "forward")]);

    let in_shadow = || MaintenanceSwitch::On {
        exempt: None,
        include_force_active: false,
        until: None,
        enforcement: Enforcement::Shadow,
    };
    world.maintain(of_service("pay"), in_shadow(), "service");
    let service = "forward (shadow service_maintenance maintenance: service)";
    assert_table(&world.snapshot(None), &[("GET /a", service), ("GET /nope", service)]);
    world.maintain(MaintenanceScope::Global, in_shadow(), "global");
    let global = "forward (shadow global_maintenance maintenance: global)";
    assert_table(&world.snapshot(None), &[("GET /a", global), ("GET /b", global)]);

    // What is enforced further in still stops.
    world.switch("/b", Switch::disable(), "enforced", at(0));
    assert_table(&world.snapshot(None), &[("GET /b", "disabled: enforced")]);
}

#[test]
fn a_timed_shadow_does_not_open_what_is_shut_under_it() {
    let mut world = World::with_routes(&["GET:/a"]);
    world.switch("/a", Switch::disable(), "shut", at(0));
    world.switch("/a", temporary(Lifecycle::Maintenance, at(1000), Enforcement::Shadow), "trial", at(0));
    let snapshot = world.snapshot(None);
    assert_table(&snapshot, &[("GET /a", "disabled: shut")]);
    assert!(!world.route("pay:GET:/a").is_open(at(0), None));
}

#[test]
fn what_is_open_in_lists_is_what_is_let_through() {
    let lifecycles = [Lifecycle::Active, Lifecycle::Disabled, Lifecycle::Maintenance, gate(&["dev"])];
    let enforcements = [Enforcement::Enforce, Enforcement::Shadow];
    for (base, base_enforcement) in lifecycles.iter().flat_map(|base| enforcements.map(|how| (base, how))) {
        for (timed, timed_enforcement) in lifecycles.iter().flat_map(|timed| enforcements.map(|how| (timed, how))) {
            let mut world = World::with_routes(&["GET:/a"]);
            let to = Switch::Control { lifecycle: base.clone(), until: None, enforcement: base_enforcement };
            world.switch("/a", to, "base", at(0));
            world.switch("/a", temporary(timed.clone(), at(1000), timed_enforcement), "timed", at(0));
            world.switch("/a", planned(at(2000), at(3000)), "window", at(0));
            for environment in [None, Some("dev"), Some("prod")] {
                let snapshot = world.snapshot(environment);
                for millisecond in [0, 1000, 2000, 3000] {
                    let decision = decided(&snapshot, &Request::to("GET /a").at(at(millisecond)));
                    let open = world.route("pay:GET:/a").is_open(at(millisecond), snapshot.environment());
                    assert_eq!(
                        open,
                        matches!(decision, Decision::Forward(_)),
                        "{base:?} {base_enforcement:?} {timed:?} {timed_enforcement:?} {environment:?} {millisecond}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_deprecated_route_is_forwarded_with_its_announcement() {
    let mut world = World::with_routes(&["GET:/a"]);
    let deprecation =
        waygate_core::Deprecation { since: at(0), sunset: Some("2028-01-01".to_owned()), successor: None };
    world.switch("/a", Switch::Deprecation(Some(deprecation.clone())), "", at(0));
    let snapshot = world.snapshot(None);
    let Decision::Forward(pass) = decided(&snapshot, &Request::to("GET /a")) else { panic!("denied") };
    assert_eq!(pass.deprecation, Some(&deprecation));
}

#[test]
fn nothing_known_lets_everything_through() {
    assert_table(&Snapshot::default(), &[("GET /", "forward"), ("BREW /x", "forward")]);
}

#[test]
fn g17_while_nothing_was_ever_heard_the_choices_for_the_unknown_apply() {
    use waygate_core::{Declaration, Unheard, WhenUnknown};
    let mut world = World::new();
    let always = Declaration { force_active: true, ..declared("GET:/health", Control::default()) };
    let routes = vec![
        always,
        declared("GET:/plain", Control::default()),
        declared("GET:/careful", Control::default()),
        declared("GET:/calm", Control::default()),
        declared("GET:/shut", control(Lifecycle::Disabled, "gone")),
        declared("GET:/dev", control(Lifecycle::EnvGated(Environment::parse_all(["dev"]).unwrap()), "")),
    ];
    world.run(&register("pay", routes), at(0));
    let view = world.state.service_view(&parsed("pay"));
    let unheard = |default| Unheard {
        default,
        routes: [
            (parsed("GET:/careful"), WhenUnknown::Closed),
            (parsed("GET:/calm"), WhenUnknown::Maintenance),
            (parsed("GET:/shut"), WhenUnknown::Open),
            (parsed("GET:/dev"), WhenUnknown::Maintenance),
            (parsed("GET:/health"), WhenUnknown::Closed),
        ]
        .into(),
    };
    let closed = format!("disabled: {}", WhenUnknown::REASON);
    let maintenance = format!("route maintenance: {}", WhenUnknown::REASON);
    for (default, plain) in
        [(WhenUnknown::Open, "forward"), (WhenUnknown::Closed, &closed), (WhenUnknown::Maintenance, &maintenance)]
    {
        let compiled = |environment: Option<&str>| {
            Snapshot::compile_unheard(view.clone(), environment.map(parsed::<Environment>), &unheard(default))
        };
        assert_table(
            &compiled(None),
            &[
                ("GET /health", "forward"),
                ("HEAD /health", "forward"),
                ("GET /plain", plain),
                ("GET /nowhere", plain),
                ("POST /careful", plain),
                ("GET /careful", &closed),
                ("HEAD /careful", &closed),
                ("GET /calm", &maintenance),
                ("GET /shut", "disabled: gone"),
                ("GET /dev", "gated: unset"),
            ],
        );
        assert_table(&compiled(Some("dev")), &[("GET /dev", &maintenance)]);
        assert_table(
            &Snapshot::compile(view.clone(), None),
            &[("GET /careful", "forward"), ("GET /nowhere", "forward")],
        );
    }
    for text in ["open", "closed", "maintenance"] {
        assert_eq!(parsed::<WhenUnknown>(text).to_string(), text);
    }
    assert!("shut".parse::<WhenUnknown>().unwrap_err().to_string().contains("`closed`"));
}
