//! Documents of what is wanted, and the way back.

use std::io::Write as _;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::context::{Fleet, shown, waygate};

fn write(fleet: &Fleet, name: &str, text: &str) -> String {
    let path = fleet.home.path().join(name);
    std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    path.display().to_string()
}

/// Everything that can be set, of every scope.
fn busy(fleet: &Fleet) {
    for command in [
        &["disable", "/api/refunds", "--reason", "gone: \"for\" now"][..],
        &["maintenance", "orders-service:GET:/api/payments", "--until", "2099-01-01T00:00Z", "-r", "é🙂"],
        &["schedule", "orders-service:GET:/api/orders", "--start", "2099-02-01", "--end", "1h", "-r", "move"],
        &["env", "set", "payments-service:GET:/api/payments", "staging", "dev"],
        &["global", "enable", "--exempt", "/health", "--exempt", "GET:/api/orders", "--reason", "no: yes", "--shadow"],
        &["sm", "exempt-add", "orders-service", "/health"],
        &["grl", "set", "1000/minute", "--exempt", "/health"],
        &["srl", "set", "orders-service", "10/second;100/minute", "--key", "api_key", "--burst", "3"],
        &["rl", "set", "payments-service:GET:/api/refunds", "5/minute", "--tier", "pro=50/minute"],
        &["rl", "disable", "payments-service:GET:/api/refunds"],
        &["rl", "set", "orders-service:ALL:/api/orders", "7/minute"],
    ] {
        fleet.ok(command);
    }
}

#[test]
fn what_is_exported_is_applied_without_a_change() {
    let fleet = Fleet::open().with_services();
    busy(&fleet);
    let before = fleet.json(&["history"]);
    for form in ["yaml", "json"] {
        let text = String::from_utf8(fleet.ok(&["export", "-o", form]).stdout).unwrap();
        let file = write(&fleet, &format!("all.{form}"), &text);
        assert_eq!(fleet.run(&["validate", "-f", &file]).status.code(), Some(0));
        assert_eq!(fleet.run(&["diff", "-f", &file, "--prune"]).status.code(), Some(0), "{form}");
        let applied = fleet.run(&["apply", "-f", &file, "--prune", "--detailed-exitcode"]);
        assert_eq!(applied.status.code(), Some(0), "{}", shown(&applied));
        assert!(String::from_utf8_lossy(&applied.stderr).contains("no change"));
    }
    assert_eq!(fleet.json(&["history"]), before);
}

#[test]
fn a_document_makes_another_server_the_same_in_one_change() {
    let from = Fleet::open().with_services();
    busy(&from);
    let text = String::from_utf8(from.ok(&["export"]).stdout).unwrap();
    let to = Fleet::open().with_services();
    let file = write(&to, "wanted.yaml", &text);
    let applied = to.run(&["apply", "-f", &file, "--detailed-exitcode", "--reason", "copy"]);
    assert_eq!(applied.status.code(), Some(2), "{}", shown(&applied));
    assert_eq!(String::from_utf8(to.ok(&["export"]).stdout).unwrap(), text);
    let history = to.json(&["history"]);
    let revisions: std::collections::BTreeSet<u64> =
        history.as_array().unwrap().iter().map(|entry| entry["revision"].as_u64().unwrap()).collect();
    assert_eq!(revisions.len(), 1, "{history}");
    let again = to.run(&["apply", "-f", &file, "--detailed-exitcode"]);
    assert_eq!(again.status.code(), Some(0), "{}", shown(&again));
    // And back to nothing.
    let empty = "waygate: 1\nglobal: {}\nservices:\n  orders-service: {}\n  payments-service: {}\n";
    let file = write(&to, "nothing.yaml", empty);
    to.ok(&["apply", "-f", &file, "--prune"]);
    let document: Value = serde_json::from_slice(&to.ok(&["export", "-o", "json"]).stdout).unwrap();
    assert_eq!(document["global"], json!({"maintenance": {"enabled": false}}));
    assert!(document["services"]["orders-service"].get("rate_limit").is_none(), "{document}");
    assert_eq!(document["services"]["payments-service"]["routes"]["GET:/api/refunds"], json!({"status": "active"}));
}

#[test]
fn a_plan_is_shown_before_it_is_carried_out() {
    let fleet = Fleet::open().with_services();
    let file = write(
        &fleet,
        "wanted.yaml",
        "waygate: 1\nservices:\n  payments-service:\n    maintenance: {enabled: true, reason: move}\n    routes:\n      \
         GET:/api/refunds: {status: disabled, reason: hotfix}\n    rate_limit: {limit: 10/minute}\n",
    );
    assert_snapshot!(fleet.told(&["diff", "-f", &file]), @r#"
        exit: 1
        -- stdout
        SUBJECT                            BEFORE  AFTER
        payments-service maintenance       OFF     ON, move
        payments-service rate limit        none    10/minute, fixed_window, by ip
        payments-service:GET:/api/refunds  ACTIVE  DISABLED: hotfix
        -- stderr
        "#);
    let before = fleet.json(&["history"]);
    fleet.ok(&["apply", "-f", &file, "--dry-run"]);
    assert_eq!(fleet.json(&["history"]), before);
    fleet.ok(&["apply", "-f", &file]);
    assert_eq!(fleet.json(&["status", "/api/refunds"])["status"], "disabled");
    assert_eq!(fleet.run(&["diff", "-f", &file]).status.code(), Some(0));
    let piped = std::fs::read_to_string(&file).unwrap();
    assert_eq!(Fleet::fed(fleet.command(&["diff", "-f", "-"]), &piped).status.code(), Some(0));
}

#[test]
fn what_is_wrong_in_a_document_is_named_and_nothing_is_sent() {
    let home = tempfile::tempdir().unwrap();
    for (text, problem) in [
        ("waygate: 2", "a form that this program does not know"),
        ("waygate: 1\nsurprise: 1", "unknown field `surprise`"),
        ("services: {}", "missing field `waygate`"),
        ("waygate: 1\nglobal: {rate_limit: {limit: much}}", "global.rate_limit: limit"),
        ("waygate: 1\nservices: {pay: {routes: {'BREW:/a': {status: disabled}}}}", "services.pay.routes.BREW:/a"),
        ("waygate: 1\nservices: {pay: {routes: {'GET:/a': {status: gone}}}}", "unknown variant `gone`"),
        ("waygate: 1\nservices: {pay: {routes: {'GET:/a': {statsu: disabled}}}}", "statsu"),
        ("waygate: 1\nservices: {pay: {routes: {'GET:/a': {environments: [dev]}}}}", "only with `status: env_gated`"),
        ("waygate: 1\nglobal: {maintenance: {enabled: false, reason: x}}", "has nothing but `exempt`"),
        (
            "waygate: 1\nservices: {pay: {routes: {'GET:/a': {windows: [{start: 2099-01-02T00:00:00Z, end: 2099-01-01T00:00:00Z}]}}}}",
            "`end` is not after `start`",
        ),
        ("waygate: [", "wanted.yaml"),
        ("", "wanted.yaml"),
    ] {
        let path = home.path().join("wanted.yaml");
        std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        for command in ["validate", "apply", "diff"] {
            let mut waygate = waygate(home.path());
            let output = waygate.args(["--server", "http://127.0.0.1:1", command, "-f"]).arg(&path).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{text}\n{}", shown(&output));
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.contains(problem), "{text}: {said}");
        }
    }
    let schema = waygate(home.path()).arg("schema").output().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&schema.stdout).unwrap()["required"], json!(["waygate"]));
}

#[test]
fn g29_unknown_routes_of_a_document_are_not_found() {
    let fleet = Fleet::open().with_services();
    let text = "waygate: 1\nservices:\n  payments-service:\n    routes:\n      GET:/nosuch: {status: disabled}\n      \
                GET:/api/refunds: {status: disabled}\n";
    let file = write(&fleet, "wanted.yaml", text);
    assert_eq!(fleet.run(&["apply", "-f", &file]).status.code(), Some(3));
    assert_eq!(fleet.json(&["status", "/api/refunds"])["status"], "active");
    fleet.ok(&["apply", "-f", &file, "--skip-unknown"]);
    assert_eq!(fleet.json(&["status", "/api/refunds"])["status"], "disabled");
}

#[test]
fn g31_undo_takes_back_what_nobody_has_changed_since() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["maintenance", "/api/refunds", "--until", "2099-01-01T00:00Z", "--reason", "first"]);
    let before = String::from_utf8(fleet.ok(&["export"]).stdout).unwrap();
    fleet.ok(&["disable", "/api/refunds", "orders-service:GET:/api/orders", "--reason", "second"]);
    let second = fleet.json(&["history"])[0]["revision"].as_u64().unwrap().to_string();
    fleet.ok(&["undo"]);
    assert_eq!(String::from_utf8(fleet.ok(&["export"]).stdout).unwrap(), before);
    // Undoing the undo, which has to be named.
    let undo = fleet.json(&["history"])[0]["revision"].as_u64().unwrap().to_string();
    fleet.ok(&["undo", &undo]);
    assert_eq!(fleet.json(&["status", "/api/refunds"])["reason"], "second");
    fleet.ok(&["enable", "/api/refunds", "--reason", "somebody else"]);
    let output = fleet.run(&["undo", &second]);
    assert_eq!(output.status.code(), Some(5), "{}", shown(&output));
    assert_eq!(fleet.json(&["status", "/api/refunds"])["reason"], "somebody else");
    assert_eq!(fleet.run(&["undo", "999999"]).status.code(), Some(3));
    assert_eq!(fleet.run(&["undo", "no-such-entry"]).status.code(), Some(3));
    let id = fleet.json(&["history"])[0]["id"].as_str().unwrap().to_owned();
    fleet.ok(&["undo", &id, "--dry-run"]);
    fleet.ok(&["undo", &id]);
    assert_eq!(fleet.json(&["status", "/api/refunds"])["reason"], "second");
}

/// What no operator had touched follows the code again, also in what the code says from now on.
#[test]
fn g31_undo_makes_a_route_follow_its_code_again() {
    let fleet = Fleet::open();
    let declares = |status: &str| {
        let route =
            serde_json::json!({"path": "pay:GET:/a", "service": "pay", "status": status, "reason": "of the code"});
        let body = serde_json::json!({"app_id": "pay", "states": [route]});
        fleet.post("/api/sdk/register", &body);
    };
    let status = || fleet.json(&["status", "pay:GET:/a"])["status"].as_str().unwrap().to_owned();
    declares("maintenance");
    for (change, after) in [
        (["disable", "pay:GET:/a", "--reason", "hotfix"], "disabled"),
        (["enable", "pay:GET:/a", "--reason", "done"], "active"),
        (["disable", "pay:GET:/a", "--for", "1h"], "disabled"),
    ] {
        fleet.ok(&change);
        assert_eq!(status(), after);
        fleet.ok(&["undo"]);
        assert_eq!(status(), "maintenance");
        declares("active");
        assert_eq!(status(), "active", "after {change:?} was taken back, the code counts");
        declares("maintenance");
        assert_eq!(status(), "maintenance");
    }
    // The same that the code says, but said by an operator: it stays. Taken back, it does not.
    fleet.ok(&["maintenance", "pay:GET:/a", "--reason", "of the code"]);
    declares("active");
    assert_eq!(status(), "maintenance");
    fleet.ok(&["undo"]);
    assert_eq!(status(), "active");
    // Undoing the undo, which has to be named, makes it an operator's again.
    let undo = fleet.json(&["history"])[0]["revision"].as_u64().unwrap().to_string();
    fleet.ok(&["undo", &undo]);
    assert_eq!(status(), "maintenance");
}

#[test]
fn rollback_goes_back_to_a_revision() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", "/api/refunds", "--reason", "then"]);
    fleet.ok(&["rl", "set", "/api/refunds", "5/minute"]);
    let then = String::from_utf8(fleet.ok(&["export"]).stdout).unwrap();
    let revision = fleet.json(&["history"])[0]["revision"].as_u64().unwrap().to_string();
    busy(&fleet);
    fleet.ok(&["rollback", "--to", &revision, "--dry-run"]);
    assert_ne!(String::from_utf8(fleet.ok(&["export"]).stdout).unwrap(), then);
    fleet.ok(&["rollback", "--to", &revision, "--reason", "bad night"]);
    assert_eq!(String::from_utf8(fleet.ok(&["export"]).stdout).unwrap(), then);
    assert_eq!(fleet.run(&["rollback", "--to", "999999"]).status.code(), Some(3));
    assert_eq!(fleet.run(&["rollback", "--to", "2001-01-01"]).status.code(), Some(3));
    assert_eq!(fleet.run(&["rollback", "--to", "whenever"]).status.code(), Some(2));
    let at = String::from_utf8(fleet.ok(&["export", "--revision", &revision]).stdout).unwrap();
    assert_eq!(at, then);
}

/// Also where services and what is set for them had not been there yet.
#[test]
fn rollback_takes_all_back_that_was_set_since() {
    let set_all = |fleet: &Fleet| {
        for line in [
            "disable /api/refunds --reason x",
            "schedule orders-service:/api/payments --start 2099-01-01 --end 2h",
            "env set payments-service:/api/payments dev --for 2d",
            "sm enable payments-service --exempt /ready",
            "sm exempt-add orders-service /ready",
            "global enable --exempt /health",
            "rl set /api/refunds 5/minute",
            "rl set orders-service:ALL:/api/orders 5/minute",
            "srl set payments-service 6/minute",
            "srl set orders-service 7/minute",
            "grl set 8/minute",
        ] {
            fleet.ok(&line.split(' ').collect::<Vec<_>>());
        }
    };
    for to in ["0", "2"] {
        let fleet = Fleet::open().with_services();
        let before = fleet.json(&["export"]);
        // At revision 2 both services were registered, at 0 none was.
        set_all(&fleet);
        // Of one service first, and nothing else.
        fleet.ok(&["rollback", "--to", to, "--service", "payments-service"]);
        let now = fleet.json(&["export"]);
        assert_eq!(now["services"]["payments-service"], before["services"]["payments-service"], "{to}");
        assert_ne!(now["services"]["orders-service"], before["services"]["orders-service"], "{to}");
        assert_eq!(now["global"]["maintenance"]["enabled"], true);
        fleet.ok(&["rollback", "--to", to]);
        assert_eq!(fleet.json(&["export"]), before, "{to}");
        let again = fleet.ok(&["rollback", "--to", to]);
        assert!(shown(&again).contains("no change"), "{}", shown(&again));
    }
}
