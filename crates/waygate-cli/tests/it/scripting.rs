//! What scripts rely on: forms of answers, rehearsals, no questions.

use insta::assert_snapshot;

use crate::context::{Fleet, waygate};

fn out(fleet: &Fleet, arguments: &[&str]) -> String {
    String::from_utf8(fleet.ok(arguments).stdout).unwrap()
}

#[test]
fn every_form_of_an_answer() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", "/api/refunds", "--reason", "a, \"b\""]);
    let status = ["status", "--service", "payments-service"];
    let form = |form: &str| out(&fleet, &[&status[..], &["-o", form]].concat());
    assert_snapshot!(form("name"), @r#"
        payments-service:GET:/api/payments
        payments-service:GET:/api/refunds
        payments-service:GET:/health
        "#);
    assert_eq!(form("jsonl").lines().count(), 3);
    for line in form("jsonl").lines() {
        let route: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(route["path"].as_str().unwrap().starts_with("payments-service:"));
    }
    let csv = form("csv");
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("route,status,effective,reason,envs,window,until"), "{csv}");
    assert!(lines[2].starts_with("GET:/api/refunds,DISABLED,DISABLED,\"a, \"\"b\"\"\","), "{csv}");
    let wide = form("wide");
    assert!(wide.lines().next().unwrap().contains("  REVISION  ") && wide.contains("DISABLED"), "{wide}");
    assert!(!out(&fleet, &["status", "--no-headers"]).contains("ROUTE"));
    let yaml = out(&fleet, &["status", "/api/refunds", "-o", "yaml"]);
    assert!(
        yaml.contains("path: payments-service:GET:/api/refunds\n") && yaml.contains("status: disabled\n"),
        "{yaml}"
    );
    assert!(yaml.contains("reason: \"a, \\\"b\\\"\"\n"), "{yaml}");
    let quiet = fleet.ok(&["status", "--service", "payments-service", "-q"]);
    assert!(quiet.stderr.is_empty());
    let by_variable = fleet.command(&["services"]).env("WAYGATE_OUTPUT", "name").output().unwrap();
    assert_eq!(String::from_utf8(by_variable.stdout).unwrap(), "orders-service\npayments-service\n");
    assert_eq!(out(&fleet, &["disable", "/api/refunds", "-o", "name"]), "payments-service:GET:/api/refunds\n");
}

#[test]
fn colours_are_for_terminals_unless_asked_for() {
    let fleet = Fleet::open().with_services();
    let bold = |arguments: &[&str]| out(&fleet, arguments).contains('\u{1b}');
    assert!(!bold(&["disable", "/api/refunds"]));
    assert!(bold(&["disable", "/api/refunds", "--color", "always"]));
    let plain = fleet.command(&["disable", "/api/refunds"]).env("NO_COLOR", "1").output().unwrap();
    assert!(!String::from_utf8(plain.stdout).unwrap().contains('\u{1b}'));
}

#[test]
fn g57_a_rehearsal_changes_nothing_and_says_so() {
    let fleet = Fleet::open().with_services();
    let before = fleet.json(&["history"]);
    assert_snapshot!(fleet.told(&["disable", "/api/refunds", "--reason", "hotfix", "--dry-run"]), @r#"
        exit: 0
        -- stdout
        dry run: payments-service:GET:/api/refunds → DISABLED
        dry run:   Reason: hotfix
        -- stderr
        dry run: nothing has been changed
        "#);
    for command in [
        &["maintenance", "GET:/api/*", "--dry-run"][..],
        &["global", "enable", "--dry-run"],
        &["sm", "enable", "payments-service", "--dry-run"],
        &["rl", "set", "/api/refunds", "10/minute", "--dry-run"],
        &["grl", "set", "10/minute", "--dry-run"],
        &["env", "set", "/api/refunds", "dev", "--dry-run"],
        &["schedule", "/api/refunds", "--start", "1h", "--end", "2h", "--dry-run"],
    ] {
        let output = fleet.ok(command);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("dry run: nothing has been changed"), "{command:?} {said}");
    }
    assert_eq!(fleet.json(&["history"]), before);
    assert_eq!(fleet.run(&["config", "set-url", "http://x:1", "--dry-run"]).status.code(), Some(2));
    assert_eq!(fleet.run(&["token", "create", "--service", "payments-service", "--dry-run"]).status.code(), Some(2));
}

#[test]
fn every_switch_takes_a_duration() {
    let fleet = Fleet::open().with_services();
    for command in [
        &["enable", "/api/refunds", "--for", "30m"][..],
        &["disable", "/api/refunds", "--for", "30m"],
        &["maintenance", "/api/refunds", "--for", "1h30m"],
        &["env", "set", "/api/refunds", "dev", "--for", "2d"],
        &["sm", "enable", "payments-service", "--for", "90s"],
        &["global", "enable", "--for", "30m"],
        &["disable", "/api/refunds", "--until", "tomorrow 02:00"],
        &["rl", "set", "/api/refunds", "5/minute", "--for", "30m"],
    ] {
        let state = fleet.json(command);
        assert!(state["until"].is_string(), "{command:?} {state}");
    }
    for bad in
        [&["disable", "/api/refunds", "--for", "18:00"][..], &["global", "enable", "--for", "1m", "--until", "2m"]]
    {
        assert_eq!(fleet.run(bad).status.code(), Some(2), "{bad:?}");
    }
}

#[test]
fn several_routes_are_one_change() {
    let fleet = Fleet::open().with_services();
    assert_snapshot!(fleet.told(&["disable", "orders-service:GET:/api/*", "payments-service:/api/refunds", "-r", "out"]), @r#"
        exit: 0
        -- stdout
        stored: orders-service:GET:/api/orders → DISABLED
          Reason: out
        stored: orders-service:GET:/api/payments → DISABLED
          Reason: out
        stored: payments-service:GET:/api/refunds → DISABLED
          Reason: out
        -- stderr
        stored at [URL]; `--wait` waits until every instance enforces it
        "#);
    let history = fleet.json(&["history"]);
    let revisions: std::collections::BTreeSet<u64> =
        history.as_array().unwrap().iter().take(3).map(|entry| entry["revision"].as_u64().unwrap()).collect();
    assert_eq!(revisions.len(), 1, "{history}");
    // Nothing is changed where one of them is not there.
    assert_eq!(fleet.run(&["enable", "orders-service:GET:/api/*", "/nosuch"]).status.code(), Some(3));
    assert_eq!(fleet.run(&["enable", "/api/orders", "/api/refunds"]).status.code(), Some(5));
    fleet.ok(&["enable", "/api/orders", "--all-methods"]);
    let listed = Fleet::fed(fleet.command(&["status", "--status", "disabled", "-o", "name"]), "");
    assert_eq!(String::from_utf8(listed.stdout.clone()).unwrap().lines().count(), 2);
    let enabled = Fleet::fed(fleet.command(&["enable", "-"]), &String::from_utf8(listed.stdout).unwrap());
    assert!(enabled.status.success());
    fleet.ok(&["status", "--match", "orders-service:GET:/api/*", "--check", "active"]);
}

#[test]
fn gates_for_scripts() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["status", "/api/refunds", "--check", "active"]);
    fleet.ok(&["sm", "enable", "payments-service"]);
    assert_snapshot!(fleet.told(&["status", "/api/refunds", "--check", "active"]), @r#"
        exit: 1
        -- stdout
        -- stderr
        error: payments-service:GET:/api/refunds is MAINTENANCE, not ACTIVE
        "#);
    fleet.ok(&["status", "/api/refunds", "--check", "maintenance"]);
}

/// B6: what the reference's scripts and the guide type runs without a terminal and without a question.
#[test]
fn a_script_is_asked_nothing_unless_the_context_asks_always() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["global", "enable", "--include-force-active"]);
    fleet.ok(&["global", "disable"]);
    fleet.ok(&["context", "add", "prod", "--url", &fleet.url, "--confirm", "always", "--require-reason"]);
    for command in [&["global", "enable"][..], &["sm", "enable", "payments-service"], &["disable", "GET:/api/*"]] {
        let named = [command, &["--context", "prod", "--reason", "x"]].concat();
        let output = fleet.run(&named);
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("--yes"));
    }
    assert_eq!(fleet.json(&["global", "status"])["enabled"], false);
    assert_eq!(fleet.run(&["disable", "/api/refunds", "--context", "prod"]).status.code(), Some(2));
    assert_eq!(fleet.run(&["disable", "/api/refunds", "--context", "prod", "--reason", "x"]).status.code(), Some(2));
    fleet.ok(&["disable", "/api/refunds", "--context", "prod", "--reason", "x", "--yes"]);
    fleet.ok(&["disable", "/api/refunds", "--context", "prod", "--reason", "x", "--dry-run"]);
    fleet.ok(&["global", "enable", "--context", "prod", "--reason", "x", "--yes"]);
    assert_eq!(fleet.json(&["global", "status"])["enabled"], true);
}

#[test]
fn calls_are_told_with_verbose_and_never_the_token() {
    let fleet = Fleet::guarded().logged_in();
    let token = fleet.token().unwrap();
    let output = fleet.ok(&["services", "--verbose"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with(&format!("GET {}/api/services?details=true 200 ", fleet.url)), "{said}");
    assert!(!said.contains(&token));
    let nowhere = waygate(fleet.home.path()).args(["--timeout", "2h", "services"]).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(2));
}
