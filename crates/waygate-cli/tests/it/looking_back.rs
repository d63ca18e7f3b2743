//! What has changed, since when, by whom; what is planned for one route.

use serde_json::json;

use crate::context::{Fleet, shown};

fn out(fleet: &Fleet, arguments: &[&str]) -> String {
    String::from_utf8(fleet.ok(arguments).stdout).unwrap()
}

#[test]
fn routes_are_found_by_when_they_were_changed() {
    let fleet = Fleet::open().with_services();
    assert_eq!(out(&fleet, &["status", "--changed-since", "1h", "-o", "name"]), "");
    fleet.ok(&["disable", "/api/refunds"]);
    assert_eq!(out(&fleet, &["status", "--changed-since", "1h", "-o", "name"]), "payments-service:GET:/api/refunds\n");
    assert_eq!(out(&fleet, &["status", "--changed-since", "1h", "-s", "orders-service", "-o", "name"]), "");
    assert_eq!(out(&fleet, &["status", "--changed-since", "2099-01-01", "-o", "name"]), "");
    assert_eq!(fleet.run(&["status", "--changed-since", "once"]).status.code(), Some(2));
    // A gate that nothing fits is none.
    assert_eq!(fleet.run(&["status", "--match", "*/nosuch", "--check", "active"]).status.code(), Some(3));
}

#[test]
fn the_log_and_a_rollback_look_back_by_durations() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", "/api/refunds"]);
    assert_eq!(fleet.json(&["log", "--since", "1h"]).as_array().unwrap().len(), 1);
    assert_eq!(fleet.json(&["log", "--until", "1h"]), json!([]));
    assert_eq!(
        fleet.json(&["log", "--since", "yesterday 00:00", "--until", "2099-01-01"]).as_array().unwrap().len(),
        1
    );
    assert_eq!(fleet.run(&["log", "--since", "once"]).status.code(), Some(2));
    let nothing = fleet.run(&["rollback", "--to", "1h"]);
    assert_eq!(nothing.status.code(), Some(3), "{}", shown(&nothing));
}

#[test]
fn every_column_says_who_has_changed_a_route_and_what_limits_it() {
    let fleet = Fleet::guarded().logged_in().with_services();
    fleet.ok(&["disable", "/api/refunds"]);
    fleet.ok(&["rl", "set", "payments-service:ALL:/api/refunds", "5/minute"]);
    let columns = ["status", "-s", "payments-service", "--columns", "route,by,limit", "-o", "csv", "--no-headers"];
    let told = out(&fleet, &columns);
    assert!(told.contains("GET:/api/refunds,admin,5/minute\n") && told.contains("GET:/health,,\n"), "{told}");
    let wide = out(&fleet, &["status", "/api/refunds", "-o", "wide"]);
    let header: Vec<&str> = wide.lines().next().unwrap().split_whitespace().collect();
    assert!(header.ends_with(&["REVISION", "SINCE", "BY", "LIMIT", "INSTANCES"]), "{wide}");
    let services = out(&fleet, &["services", "-o", "wide"]);
    assert!(services.lines().next().unwrap().ends_with("SDK  LAST HEARD"), "{services}");
}

#[test]
fn a_receipt_tells_the_window_that_was_planned_and_show_tells_all() {
    let fleet = Fleet::open().with_services();
    let plan = |start: &str| fleet.told(&["schedule", "/api/refunds", "--start", start, "--end", "1h"]);
    assert!(plan("2099-01-01").contains("2099-01-01 00:00 UTC → 2099-01-01 01:00 UTC"));
    let later = plan("2099-02-01");
    assert!(later.contains("planned 2099-02-01 00:00 UTC → 2099-02-01 01:00 UTC"), "{later}");
    assert!(later.contains("before it: 2099-01-01 00:00 UTC"), "{later}");
    fleet.ok(&["sm", "enable", "payments-service", "--until", "2099-03-01"]);
    fleet.ok(&["sm", "enable", "orders-service", "--until", "2099-03-01"]);
    fleet.ok(&["schedule", "POST:/api/orders", "--start", "2099-01-01", "--end", "1h"]);
    let planned = fleet.json(&["schedule", "show", "/api/refunds"]);
    let of: Vec<(&str, bool)> = planned
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["service"].as_str().unwrap(), entry["route"].is_null()))
        .collect();
    assert_eq!(of.len(), 3, "{planned}");
    assert!(of.iter().all(|(service, _)| *service == "payments-service"), "{planned}");
    assert_eq!(of.iter().filter(|(_, of_service)| *of_service).count(), 1, "{planned}");
    assert_eq!(fleet.run(&["schedule", "show", "/nosuch"]).status.code(), Some(3));
}

#[test]
fn routes_are_named_as_help_says() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", "GET /api/refunds"]);
    assert_eq!(fleet.json(&["status", "get /api/refunds"])["status"], "disabled");
    fleet.ok(&["enable", "payments-service:GET /api/refunds"]);
    fleet.ok(&["maintenance", "GET /api/pay*", "-s", "payments-service"]);
    assert_eq!(
        fleet.json(&["status", "--match", "GET /api/pay*", "--status", "maintenance"]).as_array().unwrap().len(),
        1
    );
    let gated = fleet.json(&["env", "set", "/api/refunds", "dev,staging", "test"]);
    assert_eq!(gated["allowed_envs"], json!(["dev", "staging", "test"]));
}

#[test]
fn a_document_can_be_of_some_kinds() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["grl", "set", "100/minute"]);
    fleet.ok(&["srl", "set", "payments-service", "10/minute"]);
    fleet.ok(&["disable", "/api/refunds"]);
    let limits = fleet.json(&["export", "--kind", "limits"]);
    assert!(limits["global"]["rate_limit"]["limit"] == "100/minute" && limits["global"]["maintenance"].is_null());
    assert!(limits["services"]["payments-service"]["routes"].is_null(), "{limits}");
    assert!(limits["services"]["orders-service"].is_null(), "{limits}");
    let routes = fleet.json(&["export", "--kind", "routes,global"]);
    assert_eq!(routes["services"]["payments-service"]["routes"]["GET:/api/refunds"]["status"], "disabled");
    assert!(routes["services"]["payments-service"]["rate_limit"].is_null(), "{routes}");
    assert!(!routes["global"]["rate_limit"].is_null() && !routes["global"]["maintenance"].is_null(), "{routes}");
}

#[test]
fn the_server_says_whether_the_token_is_good() {
    let fleet = Fleet::guarded().logged_in();
    assert_eq!(fleet.json(&["config", "show"])["token_is"], "accepted by the server");
    let wrong = fleet.command(&["config", "show", "--json"]).env("WAYGATE_TOKEN", "made-up").output().unwrap();
    let wrong: serde_json::Value = serde_json::from_slice(&wrong.stdout).unwrap();
    assert_eq!(wrong["token_is"], "refused: log in again");
    fleet.ok(&["logout"]);
    assert!(fleet.json(&["config", "show"])["token_is"].is_null());
}

#[test]
fn small_things_that_other_tools_have_are_known() {
    let fleet = Fleet::open();
    let told = fleet.ok(&["services", "-v"]);
    assert!(shown(&told).contains("GET http://"), "{}", shown(&told));
    assert_eq!(fleet.run(&["services", "--cacert", "nosuch.pem"]).status.code(), Some(2));
    let coloured = |name: &str, value: &str| {
        let output = fleet.command(&["context", "add", "x", "--url", "http://x:1"]).env(name, value).output().unwrap();
        String::from_utf8(output.stdout).unwrap().contains('\u{1b}')
    };
    assert!(coloured("FORCE_COLOR", "1") && !coloured("FORCE_COLOR", "0") && !coloured("OTHER", "1"));
}
