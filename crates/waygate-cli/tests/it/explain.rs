//! What a request would get, and why.

use insta::assert_snapshot;

use crate::context::Fleet;

/// What the snapshot leaves out: times and revisions.
fn told(fleet: &Fleet, arguments: &[&str]) -> String {
    let text = fleet.told(&[&["explain"], arguments].concat());
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("  At:")).collect();
    lines.join("\n") + "\n"
}

#[test]
fn g55_the_layer_that_decides_is_named() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", "/api/refunds", "--reason", "hotfix"]);
    fleet.ok(&["srl", "set", "payments-service", "10/minute"]);
    let refunds = ["GET", "/api/refunds", "--service", "payments-service"];
    assert_snapshot!(told(&fleet, &refunds), @r#"
        exit: 0
        -- stdout
        GET /api/refunds at payments-service is denied: 503 ROUTE_DISABLED
          Reason: hotfix
          Route:  payments-service:GET:/api/refunds
          1. global maintenance   pass
          2. service maintenance  pass
          3. route                deny         disabled: hotfix
        -- stderr
        "#);
    fleet.ok(&["global", "enable", "--reason", "deploy", "--exempt", "/api/payments"]);
    assert_snapshot!(told(&fleet, &["get", "/api/payments", "--service", "payments-service", "--ip", "10.0.0.7"]), @r#"
        exit: 0
        -- stdout
        GET /api/payments at payments-service is let through
          Route:  payments-service:GET:/api/payments
          1. global maintenance   exempt
          2. service maintenance  pass
          3. route                pass
          4. global limit         pass
          5. service limit        charge       10/minute (fixed_window, by ip)
          6. route limit          pass
        -- stderr
        "#);
    assert_snapshot!(told(&fleet, &["POST", "/unheard", "--service", "payments-service"]), @r#"
        exit: 0
        -- stdout
        POST /unheard at payments-service is denied: 503 MAINTENANCE_MODE
          Reason: deploy
          Route:  none is known for it
          1. global maintenance   deny         maintenance: deploy
        -- stderr
        "#);
    let answer = fleet.json(&["explain", "GET", "/health", "--service", "payments-service"]);
    assert_eq!((&answer["outcome"], &answer["steps"][0]["verdict"]), (&"forward".into(), &"force_active".into()));
}

#[test]
fn time_and_environment_count() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["schedule", "/api/refunds", "--start", "2099-01-01T10:00Z", "--end", "1h", "--reason", "move"]);
    let code = |arguments: &[&str]| {
        let answer = fleet.json(&[&["explain", "GET", "/api/refunds", "-s", "payments-service"], arguments].concat());
        answer["code"].as_str().map(ToOwned::to_owned)
    };
    assert_eq!(code(&[]), None);
    assert_eq!(code(&["--at", "2099-01-01T10:30Z"]).as_deref(), Some("MAINTENANCE_MODE"));
    assert_eq!(code(&["--at", "2099-01-01T11:00Z"]), None);
    fleet.ok(&["env", "set", "/api/refunds", "dev", "--until", "2098-01-01"]);
    assert_eq!(code(&["--environment", "production"]).as_deref(), Some("ENV_GATED"));
    assert_eq!(code(&["--environment", "dev"]), None);
}

#[test]
fn g29_a_service_that_is_unknown_or_not_said_is_no_answer() {
    let fleet = Fleet::open().with_services();
    assert_eq!(fleet.run(&["explain", "GET", "/a", "--service", "nosuch"]).status.code(), Some(3));
    for wrong in
        [&["GET", "/a"][..], &["BREW", "/a", "-s", "payments-service"], &["GET", "a", "-s", "payments-service"]]
    {
        assert_eq!(fleet.run(&[&["explain"], wrong].concat()).status.code(), Some(2), "{wrong:?}");
    }
}
