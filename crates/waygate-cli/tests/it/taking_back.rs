//! `undo` and `rollback`: in which order, what is asked, and what cannot be taken back.

use serde_json::{Value, json};

use crate::context::{Fleet, shown};
use crate::radius::typed;

fn status(fleet: &Fleet, route: &str) -> Value {
    fleet.json(&["status", route])["status"].clone()
}

fn latest(fleet: &Fleet) -> String {
    fleet.json(&["history"])[0]["revision"].as_u64().unwrap().to_string()
}

/// As in an editor: each goes one change further back; what was taken back and the taking back are passed over.
#[test]
fn g31_undo_without_a_revision_goes_further_back_each_time() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", "/api/refunds", "--reason", "first"]);
    fleet.ok(&["grl", "set", "100/minute"]);
    fleet.ok(&["disable", "POST:/api/orders", "--reason", "third"]);
    fleet.ok(&["undo"]);
    assert_eq!(status(&fleet, "POST:/api/orders"), "active");
    let taken_back = latest(&fleet);
    let second = fleet.ok(&["undo"]);
    assert!(shown(&second).contains("taken back already"), "{}", shown(&second));
    assert_eq!(status(&fleet, "POST:/api/orders"), "active", "an undo is not undone unless it is named");
    assert_eq!(fleet.json(&["grl", "get"])["policy"], Value::Null);
    fleet.ok(&["undo"]);
    assert_eq!(status(&fleet, "/api/refunds"), "active");
    let none = fleet.run(&["undo"]);
    assert_eq!(none.status.code(), Some(3), "{}", shown(&none));
    assert!(shown(&none).contains("`waygate undo REVISION`"), "{}", shown(&none));
    // What is named is taken back, an undo as well; then it is the undo's own change that counts.
    fleet.ok(&["undo", &taken_back]);
    assert_eq!(status(&fleet, "POST:/api/orders"), "disabled");
    // An operator's own way back is a change like any other.
    fleet.ok(&["disable", "/api/refunds"]);
    fleet.ok(&["enable", "/api/refunds"]);
    fleet.ok(&["undo"]);
    assert_eq!(status(&fleet, "/api/refunds"), "disabled");
    let log = fleet.json(&["log"]);
    assert!(log[0]["undoes"].is_u64() && log[1].get("undoes").is_none(), "{log}");
}

#[test]
fn g31_a_trial_of_undo_takes_nothing_back() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", "/api/refunds"]);
    fleet.ok(&["undo", "--dry-run"]);
    fleet.ok(&["undo"]);
    assert_eq!(status(&fleet, "/api/refunds"), "active");
}

/// What is asked is asked in proportion to what comes, as by the commands that do the same.
#[test]
fn a_way_back_asks_in_proportion_to_what_it_brings_and_shows_it() {
    let fleet = Fleet::open().with_services();
    let word = fleet.url.strip_prefix("http://").unwrap().to_owned();
    let is_on = || fleet.json(&["global", "status"])["enabled"] == true;
    fleet.ok(&["global", "enable", "--reason", "deploy"]);
    let on = latest(&fleet);
    fleet.ok(&["global", "disable"]);
    let off = latest(&fleet);
    let rollback = format!("rollback --to {on}");
    let undo = format!("undo {off}");
    for command in ["undo", &undo, &rollback] {
        let refused = typed(&fleet, command, "y\n");
        let text = shown(&refused);
        assert_eq!(refused.status.code(), Some(1), "{command}: {text}");
        assert!(text.contains(&format!("Type `{word}`")), "{command}: {text}");
        for part in ["BEFORE", "global maintenance", "ON, deploy", "7 routes of 2 services", "0 live instances"] {
            assert!(text.contains(part), "{command}: {part}: {text}");
        }
        assert!(!is_on(), "{command}");
    }
    assert!(typed(&fleet, "undo", &format!("{word}\n")).status.success());
    assert!(is_on());
    // The other way is harmless, as `global disable` is.
    let harmless = typed(&fleet, &format!("rollback --to {off}"), "");
    assert!(harmless.status.success() && !is_on(), "{}", shown(&harmless));

    fleet.ok(&["sm", "enable", "payments-service", "--reason", "db"]);
    fleet.ok(&["sm", "disable", "payments-service"]);
    let of_service = typed(&fleet, "undo", "n\n");
    assert_eq!(of_service.status.code(), Some(1), "{}", shown(&of_service));
    assert!(shown(&of_service).contains("3 routes of payments-service"), "{}", shown(&of_service));
    fleet.ok(&["disable", "/api/refunds"]);
    assert!(typed(&fleet, "undo", "").status.success(), "one route asks nothing");
    fleet.ok(&["disable", "GET:/api/*", "--reason", "many"]);
    let several = typed(&fleet, "undo", "n\n");
    assert_eq!(several.status.code(), Some(1), "{}", shown(&several));
    assert!(shown(&several).contains("4 routes"), "{}", shown(&several));
    // Nobody to ask: it goes on.
    fleet.ok(&["undo"]);
    assert_eq!(status(&fleet, "/api/refunds"), "active");
}

#[test]
fn a_document_asks_in_proportion_to_what_it_brings_and_shows_it() {
    let fleet = Fleet::open().with_services();
    let word = fleet.url.strip_prefix("http://").unwrap().to_owned();
    let write = |text: &str| std::fs::write(fleet.home.path().join("wanted.yaml"), text).unwrap();
    let exit = |input: &str| typed(&fleet, "apply -f wanted.yaml", input).status.code();
    write("waygate: 1\nglobal: {maintenance: {enabled: true, reason: deploy}}\n");
    let refused = typed(&fleet, "apply -f wanted.yaml", "y\n");
    assert_eq!(refused.status.code(), Some(1), "{}", shown(&refused));
    assert!(shown(&refused).contains("7 routes of 2 services"), "{}", shown(&refused));
    assert_eq!(exit(&format!("{word}\n")), Some(0));
    fleet.ok(&["global", "disable"]);
    write("waygate: 1\nglobal: {rate_limit: {limit: 0/second}}\n");
    assert_eq!(exit("y\n"), Some(1), "it admits nothing");
    write("waygate: 1\nglobal: {rate_limit: {limit: 5/second}}\n");
    assert_eq!((exit("n\n"), exit("y\n")), (Some(1), Some(0)));
    write("waygate: 1\nservices: {payments-service: {maintenance: {enabled: true, include_force_active: true}}}\n");
    assert_eq!((exit("y\n"), exit("payments-service\n")), (Some(1), Some(0)));
    write("waygate: 1\nservices: {payments-service: {routes: {'GET:/api/refunds': {status: disabled}}}}\n");
    assert_eq!(exit(""), Some(0), "one route asks nothing");
    let pruned = typed(&fleet, "apply -f wanted.yaml --prune", "y\n");
    assert_eq!(pruned.status.code(), Some(1), "{}", shown(&pruned));
}

#[test]
fn a_context_that_asks_always_is_told_what_would_change() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", "/api/refunds", "--reason", "hotfix"]);
    fleet.ok(&["context", "add", "prod", "--url", &fleet.url, "--confirm", "always"]);
    let refused = typed(&fleet, "undo", "n\n");
    let text = shown(&refused);
    assert_eq!(refused.status.code(), Some(1), "{text}");
    assert!(
        text.contains("DISABLED: hotfix") && text.contains("1 route of payments-service, 0 live instances"),
        "{text}"
    );
    assert_eq!(text.matches("Go on?").count(), 1, "{text}");
    let direct = typed(&fleet, "enable /api/refunds --reason 'all clear'", "n\n");
    assert!(shown(&direct).contains("`enable /api/refunds --reason 'all clear'`"), "{}", shown(&direct));
    let without = fleet.run(&["undo"]);
    assert_eq!(without.status.code(), Some(2), "{}", shown(&without));
    assert_eq!(status(&fleet, "/api/refunds"), "disabled");
}

/// A limit may be set for what is yet to come; going back brings it back.
#[test]
fn g31_limits_of_routes_and_services_that_nobody_knows_come_back() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["rl", "set", "payments-service:GET:/ghost", "5/minute", "--allow-unknown"]);
    fleet.ok(&["srl", "set", "ghosts", "6/minute", "--allow-unknown"]);
    fleet.ok(&["sm", "enable", "ghosts", "--reason", "not yet", "--allow-unknown"]);
    let then = latest(&fleet);
    let before = fleet.json(&["export"]);
    fleet.ok(&["rl", "delete", "payments-service:GET:/ghost"]);
    fleet.ok(&["undo"]);
    assert_eq!(fleet.json(&["export"]), before);
    fleet.ok(&["rl", "delete", "payments-service:GET:/ghost"]);
    fleet.ok(&["api", "DELETE", "/api/services/ghosts"]);
    fleet.ok(&["rollback", "--to", &then]);
    assert_eq!(fleet.json(&["export"]), before);
}

/// What cannot be brought back is said, to people and to programs.
#[test]
fn g31_what_is_gone_and_stays_so_is_named() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", "/api/refunds", "--reason", "then"]);
    fleet.ok(&["disable", "/api/orders", "--all-methods"]);
    let then = latest(&fleet);
    fleet.ok(&["api", "DELETE", "/api/services/payments-service"]);
    fleet.ok(&["enable", "POST:/api/orders"]);
    let tried = fleet.ok(&["rollback", "--to", &then, "--dry-run"]);
    assert!(shown(&tried).contains("stays away: payments-service:GET:/api/refunds"), "{}", shown(&tried));
    let told = fleet.json(&["rollback", "--to", &then]);
    let left_out = json!({"subject": "payments-service:GET:/api/refunds", "before": "not known", "after": "not known", "left_out": true});
    assert!(told.as_array().unwrap().contains(&left_out), "{told}");
    assert_eq!(told.as_array().unwrap().len(), 2, "{told}");
    assert_eq!(status(&fleet, "POST:/api/orders"), "disabled");
}

/// Of a reset, of what has ended by itself, and of a removal nothing is left: the change before it is the one that is meant.
#[test]
fn g31_undo_goes_on_where_nothing_is_left_to_take_back() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", "/api/refunds", "--reason", "stays"]);
    fleet.ok(&["rl", "set", "POST:/api/orders", "5/minute"]);
    fleet.ok(&["rl", "reset", "POST:/api/orders"]);
    fleet.ok(&["disable", "POST:/api/orders", "--for", "1s"]);
    let lapsing = latest(&fleet);
    let began = std::time::Instant::now();
    while status(&fleet, "POST:/api/orders") != "active" {
        assert!(began.elapsed().as_secs() < 20, "it never ends");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let first = fleet.ok(&["undo"]);
    assert!(shown(&first).contains(&format!("{lapsing}, ")), "{}", shown(&first));
    assert!(shown(&first).contains("what has ended by itself"), "{}", shown(&first));
    let limits = fleet.json(&["rl", "list"]);
    assert_eq!(limits, json!([]), "{}", shown(&first));
    assert_eq!(status(&fleet, "/api/refunds"), "disabled");
    fleet.ok(&["undo"]);
    assert_eq!(status(&fleet, "/api/refunds"), "active");
    assert_eq!(fleet.run(&["undo"]).status.code(), Some(3));

    fleet.ok(&["disable", "POST:/api/orders"]);
    fleet.ok(&["api", "DELETE", "/api/services/payments-service"]);
    fleet.ok(&["undo"]);
    assert_eq!(status(&fleet, "POST:/api/orders"), "active");
}

#[test]
fn g31_undo_without_a_revision_asks_for_twenty_at_most() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", "/api/refunds"]);
    fleet.ok(&["rl", "set", "/api/refunds", "5/minute"]);
    for _ in 0..20 {
        fleet.ok(&["rl", "reset", "/api/refunds"]);
    }
    let output = fleet.run(&["undo"]);
    assert_eq!(output.status.code(), Some(3), "{}", shown(&output));
    assert!(shown(&output).contains("nothing is left to take back of 20 changes"), "{}", shown(&output));
}

/// Whoever takes back what somebody else has done leaves them what they did before it.
#[test]
fn g31_what_others_have_taken_back_is_passed_over() {
    let fleet = Fleet::start(&["--auth", "admin:secret", "--auth", "bob:hidden"]).logged_in().with_services();
    fleet.ok(&["disable", "POST:/api/orders", "--reason", "before"]);
    fleet.ok(&["disable", "GET:/api/orders", "--reason", "taken back"]);
    let revision = latest(&fleet);
    let bob = tempfile::tempdir().unwrap();
    let by_bob = |arguments: &[&str]| {
        let mut command = crate::context::waygate(bob.path());
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", shown(&output));
    };
    by_bob(&["config", "set-url", &fleet.url]);
    by_bob(&["login", "bob", "--password", "hidden"]);
    by_bob(&["undo", &revision]);
    let undone = fleet.ok(&["undo"]);
    assert!(shown(&undone).contains(&format!("passed over: revision {revision}: ")), "{}", shown(&undone));
    assert_eq!(status(&fleet, "POST:/api/orders"), "active");
}

/// That nothing can be done is no success.
#[test]
fn g31_what_is_gone_is_not_said_to_be_taken_back() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["api", "DELETE", "/api/services/payments-service"]);
    let removal = latest(&fleet);
    let output = fleet.run(&["undo", &removal]);
    let text = shown(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains(&format!("nothing of revision {removal} can be taken back")), "{text}");
    assert!(!text.contains("everything is so already"), "{text}");
    let bare = fleet.run(&["undo"]);
    assert_eq!(bare.status.code(), Some(3), "{}", shown(&bare));

    fleet.ok(&["disable", "POST:/api/orders"]);
    fleet.ok(&["api", "DELETE", "/api/services/orders-service"]);
    let output = fleet.run(&["undo", &latest(&fleet)]);
    assert_eq!(output.status.code(), Some(3), "{}", shown(&output));
    assert!(shown(&output).contains("can be taken back: what it was about has gone"), "{}", shown(&output));
}
