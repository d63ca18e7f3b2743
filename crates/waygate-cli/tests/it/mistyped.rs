//! What is mistyped is said at once: never waited for, never taken for nothing, never read without end.

use std::fmt::Write as _;
use std::process::Output;

use serde_json::Value;

use crate::context::{Fleet, shown, waygate};
use crate::radius::typed;

fn write(fleet: &Fleet, text: &str) {
    std::fs::write(fleet.home.path().join("wanted.yaml"), text).unwrap();
}

fn exits(output: &Output, code: i32, part: &str) {
    assert_eq!(output.status.code(), Some(code), "{}", shown(output));
    assert!(shown(output).contains(part), "{part}: {}", shown(output));
}

#[test]
fn a_wrong_value_before_the_command_is_said_as_one_behind_it() {
    let fleet = Fleet::open();
    for (command, part) in [
        (&["--wait=junk", "disable", "GET:/a"][..], "'junk'"),
        (&["--wait=0s", "enable", "GET:/a"], "'0s'"),
        (&["--no-input=maybe", "rl", "set", "x", "5/minute"], "'maybe'"),
        (&["--timeout", "junk", "-o", "json", "status"], "junk"),
        (&["status", "--timeout", "junk"], "junk"),
    ] {
        let told = fleet.run(command);
        exits(&told, 2, part);
        assert!(!shown(&told).contains("panicked"), "{}", shown(&told));
    }
    let command = |variable: &str, words: &[&str]| {
        let mut command = fleet.command(words);
        command.env("WAYGATE_TIMEOUT", variable).output().unwrap()
    };
    exits(&command("junk", &["status", "--timeout", "1s"]), 2, "WAYGATE_TIMEOUT");
    let told = command("1s", &["status", "--timeout", "rubbish"]);
    exits(&told, 2, "rubbish");
    assert!(!shown(&told).contains("WAYGATE_TIMEOUT"), "{}", shown(&told));
}

#[test]
fn what_only_counts_is_said_so_where_it_is_made() {
    let fleet = Fleet::open().with_services();
    let told = fleet.ok(&["disable", "/api/refunds", "--shadow"]);
    assert!(shown(&told).contains("→ DISABLED (shadow: counts only)"), "{}", shown(&told));
    let told = fleet.ok(&["global", "enable", "--shadow"]);
    assert!(shown(&told).contains("ENABLED (shadow: counts only)"), "{}", shown(&told));
}

#[test]
fn g29_what_goes_on_for_ever_does_not_wait_for_a_name_that_nobody_knows() {
    let fleet = Fleet::open().with_services();
    for (command, part) in [
        (&["watch", "nope"][..], "no route fits `nope`"),
        (&["watch", "GET:/api/refund"], "payments-service:GET:/api/refunds"),
        (&["watch", "nope*"], "no route fits `nope*`"),
        (&["watch", "-s", "nope"], "known services: orders-service, payments-service"),
        (&["log", "-f", "-s", "nope"], "known services"),
        (&["log", "-f", "--route", "GET:/api/refund"], "payments-service:GET:/api/refunds"),
        (&["rl", "hits", "-f", "-s", "nope"], "known services"),
        (&["rl", "hits", "-f", "-r", "GET:/api/refund"], "payments-service:GET:/api/refunds"),
        (&["log", "--route", "/nope"], "/nope"),
        (&["history", "/nope"], "/nope"),
        (&["rl", "hits", "-r", "/nope"], "/nope"),
    ] {
        exits(&fleet.run(command), 3, part);
    }
    exits(&typed(&fleet, "top -s nope", ""), 3, "known services");
    // What is yet to come can be waited for, where that is said.
    let waits = |command: &[&str]| {
        let mut child = fleet.command(command).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let state = serde_json::json!({"path": "nope:GET:/nope", "service": "nope", "status": "active"});
        fleet.post("/api/sdk/register", &serde_json::json!({"app_id": "nope", "states": [state]}));
        fleet.ok(&["disable", "nope:GET:/nope", "--reason", "heard"]);
        fleet.ok(&["enable", "nope:GET:/nope"]);
        let lines = std::io::BufReader::new(child.stdout.take().unwrap());
        let heard = std::io::BufRead::lines(lines).map_while(Result::ok).any(|line| line.contains("nope:GET:/nope"));
        child.kill().unwrap();
        child.wait().unwrap();
        fleet.ok(&["api", "DELETE", "/api/services/nope"]);
        heard
    };
    assert!(waits(&["watch", "nope:*", "--allow-unknown", "-o", "jsonl"]));
    assert!(waits(&["log", "-f", "-s", "nope", "--allow-unknown", "-o", "jsonl"]));
}

#[test]
fn g29_a_pattern_that_fits_no_route_is_not_found_and_a_filter_that_fits_none_is_empty() {
    let fleet = Fleet::open().with_services();
    for output in [&[][..], &["-o", "json"], &["-o", "name"]] {
        let run = |more: &[&str]| fleet.run(&[&["status"][..], more, output].concat());
        exits(&run(&["--match", "nope*"]), 3, "no route fits `nope*`");
        exits(&run(&["--match", "GET:/api/refund"]), 3, "payments-service:GET:/api/refunds");
        assert_eq!(run(&["--match", "*refunds", "--status", "disabled"]).status.code(), Some(0));
        assert_eq!(run(&["--status", "disabled"]).status.code(), Some(0));
    }
}

#[test]
fn g29_a_document_that_names_what_nobody_knows_is_not_found_whatever_it_says_of_it() {
    let fleet = Fleet::open().with_services();
    for (text, name) in [
        ("services: {payments-service: {routes: {'GET:/nope': {status: active}}}}", "payments-service:GET:/nope"),
        ("services: {nope: {routes: {'GET:/nope': {status: active}}}}", "nope:GET:/nope"),
        ("services: {nope: {}}", "nope"),
        ("services: {nope: {maintenance: {enabled: false}}}", "nope"),
    ] {
        write(&fleet, &format!("waygate: 1\n{text}\n"));
        exits(&fleet.run(&["apply", "-f", "wanted.yaml"]), 3, name);
        exits(&fleet.run(&["diff", "-f", "wanted.yaml"]), 1, name);
        exits(&fleet.run(&["apply", "-f", "wanted.yaml", "--skip-unknown"]), 0, "left out, not known there");
    }
    let exported = String::from_utf8(fleet.ok(&["export"]).stdout).unwrap();
    write(&fleet, &exported);
    exits(&fleet.run(&["apply", "-f", "wanted.yaml"]), 0, "no change");
}

#[test]
fn settings_without_an_end_are_not_read_to_it() {
    let home = tempfile::tempdir().unwrap();
    exits(&waygate(home.path()).args(["serve", "--config", "/dev/zero"]).output().unwrap(), 2, "larger than 1 MiB");
    std::fs::create_dir(home.path().join(".waygate")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", home.path().join(".waygate/config.json")).unwrap();
    exits(&waygate(home.path()).arg("services").output().unwrap(), 1, "larger than 1 MiB");
}

/// What the server takes at once is said before anything is sent, and before anybody is asked.
#[test]
fn a_change_that_is_larger_than_the_server_takes_is_refused_before_it_is_sent() {
    let fleet = Fleet::open();
    let routes: Vec<String> = (0..1001).map(|number| format!("GET:/r{number}")).collect();
    let states: Vec<Value> = routes
        .iter()
        .map(|route| serde_json::json!({"path": format!("pay:{route}"), "service": "pay", "status": "active"}))
        .collect();
    for some in states.chunks(500) {
        fleet.post("/api/sdk/register", &serde_json::json!({"app_id": "pay", "states": some}));
    }
    let document = |routes: &[String], reason: &str| {
        let mut text = "waygate: 1\nservices:\n  pay:\n    routes:\n".to_owned();
        for route in routes {
            writeln!(text, "      {route}: {{status: disabled, reason: {reason}}}").unwrap();
        }
        text
    };
    write(&fleet, &document(&routes, "x"));
    exits(&fleet.run(&["apply", "-f", "wanted.yaml"]), 2, "1001 commands; the server takes 1000 at once");
    write(&fleet, &document(&routes[..600], &"x".repeat(1990)));
    let large = fleet.run(&["apply", "-f", "wanted.yaml", "-v"]);
    exits(&large, 2, "the server takes 1 MiB at once");
    assert!(!shown(&large).contains("POST"), "{}", shown(&large));
    write(&fleet, &document(&routes[..500], "x"));
    assert_eq!(fleet.run(&["apply", "-f", "wanted.yaml"]).status.code(), Some(0));
}

/// A client takes no more than a hundred lines in the head of an answer, where warnings stand.
#[test]
fn a_change_with_many_warnings_is_answered() {
    let fleet = Fleet::open().with_services();
    let many = (0..300).map(|number| format!("/p{number}")).collect::<Vec<_>>().join(", ");
    write(&fleet, &format!("waygate: 1\nglobal: {{maintenance: {{enabled: false, exempt: [{many}]}}}}\n"));
    exits(&fleet.run(&["apply", "-f", "wanted.yaml"]), 0, "and 260 more");
    assert_eq!(fleet.json(&["global", "status"])["exempt_paths"].as_array().unwrap().len(), 300);
}

/// `validate` knows the rules of the server: it is the server's own code that reads and plans.
#[test]
fn validate_refuses_what_apply_would_be_refused() {
    let fleet = Fleet::open().with_services();
    let long = "x".repeat(2001);
    let many = (0..1001).map(|number| format!("/p{number}")).collect::<Vec<_>>().join(", ");
    let route = |told: &str| format!("services: {{payments-service: {{routes: {{'GET:/api/refunds': {told}}}}}}}");
    for (text, part) in [
        (route(&format!("{{status: disabled, reason: {long}}}")), "2000 characters"),
        (
            route(&format!("{{temporary: {{status: disabled, reason: {long}, until: 2999-01-01T00:00:00Z}}}}")),
            "2000 characters",
        ),
        (
            route(&format!(
                "{{windows: [{{start: 2999-01-01T00:00:00Z, end: 2999-01-02T00:00:00Z, reason: {long}}}]}}"
            )),
            "2000 characters",
        ),
        (format!("global: {{maintenance: {{enabled: true, reason: {long}}}}}"), "2000 characters"),
        (format!("global: {{maintenance: {{enabled: true, exempt: [{many}]}}}}"), "exempt"),
        (route("{deprecation: {sunset: soon}}"), "sunset"),
        ("global: {rate_limit: {limit: 5/minute, burst: 2000000000}}".to_owned(), "burst"),
    ] {
        write(&fleet, &format!("waygate: 1\n{text}\n"));
        let applied = fleet.run(&["apply", "-f", "wanted.yaml"]);
        assert_eq!(applied.status.code(), Some(2), "{part}: {}", shown(&applied));
        exits(&fleet.run(&["validate", "-f", "wanted.yaml"]), 2, part);
    }
    let told: Value = fleet.json(&["export"]);
    write(&fleet, &told.to_string());
    assert_eq!(fleet.run(&["validate", "-f", "wanted.yaml"]).status.code(), Some(0));
}
