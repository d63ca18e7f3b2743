//! `api`: one call as it is typed.

use serde_json::{Value, json};

use crate::context::{Fleet, shown};

fn body(fleet: &Fleet, arguments: &[&str]) -> Value {
    let output = fleet.ok(arguments);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{}", shown(&output)))
}

#[test]
fn a_call_goes_out_with_the_token_and_its_answer_comes_as_it_is() {
    let fleet = Fleet::guarded().logged_in().with_services();
    let routes = body(&fleet, &["api", "get", "/api/routes?service=payments-service"]);
    assert_eq!(routes, fleet.json(&["status", "--service", "payments-service"]));
    let same = body(&fleet, &["api", "GET", "/api/routes", "-f", "service=payments-service"]);
    assert_eq!(same, routes);
    let call = ["api", "POST", "/api/global/exemptions", "-f", r#"add:=["/health"]"#, "--field", "reason=probes"];
    assert_eq!(body(&fleet, &call)["exempt_paths"], json!(["/health"]));
    assert_eq!(fleet.json(&["log", "--per-page", "1"])[0]["reason"], "probes");
    let fed = Fleet::fed(
        fleet.command(&["api", "POST", "/api/services/payments-service/rate-limit", "--input", "-"]),
        r#"{"limit": "10/minute"}"#,
    );
    assert_eq!(fed.status.code(), Some(0), "{}", shown(&fed));
    assert_eq!(fleet.json(&["srl", "get", "payments-service"])["policy"]["limit"], "10/minute");
    let metrics = String::from_utf8(fleet.ok(&["api", "GET", "/metrics"]).stdout).unwrap();
    assert!(metrics.lines().any(|line| line.starts_with("# HELP waygate_")), "{metrics}");

    let stranger = tempfile::tempdir().unwrap();
    let mut command = crate::context::waygate(stranger.path());
    let refused = command.args(["--server", &fleet.url, "api", "GET", "/api/routes"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(4), "{}", shown(&refused));
}

#[test]
fn what_cannot_be_called_is_refused_before_and_a_refusal_has_the_code_of_every_command() {
    let fleet = Fleet::open().with_services();
    let before = fleet.json(&["history"]);
    for (arguments, exit) in [
        (&["BREW", "/api/routes"][..], 2),
        (&["GET", "api/routes"], 2),
        (&["GET", "/api/sdk/events"], 2),
        (&["POST", "/api/global/enable", "-f", "reason"], 2),
        (&["POST", "/api/global/enable", "-f", "shadow:=maybe"], 2),
        (&["POST", "/api/global/enable", "--input", "nosuch.json"], 2),
        (&["GET", "/api/nosuch"], 3),
        (&["POST", "/api/global/enable", "-f", "reason:=7"], 2),
        (&["GET", "/"], 1),
        (&["DELETE", "/api/instances/nosuch", "--dry-run"], 2),
    ] {
        let output = fleet.run(&[&["api"][..], arguments].concat());
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}\n{}", shown(&output));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}\n{}", shown(&output));
    }
    let tried = fleet.ok(&["api", "POST", "/api/global/enable", "--dry-run"]);
    assert!(shown(&tried).contains("dry run: nothing has been changed"), "{}", shown(&tried));
    assert_eq!(fleet.json(&["history"]), before);

    fleet.ok(&["context", "add", "prod", "--url", &fleet.url, "--confirm", "always"]);
    let unasked = fleet.run(&["api", "POST", "/api/global/enable", "--context", "prod"]);
    assert_eq!(unasked.status.code(), Some(2), "{}", shown(&unasked));
    assert_eq!(fleet.json(&["history"]), before);
}

/// What callers find takes a reason; a session, a token or a webhook has none to take.
#[test]
fn a_reason_is_wanted_of_changes_alone() {
    let fleet = Fleet::guarded().logged_in().with_services();
    fleet.ok(&["context", "add", "prod", "--url", &fleet.url, "--require-reason"]);
    let call = ["api", "POST", "/api/global/enable"];
    let refused = fleet.run(&call);
    let text = shown(&refused);
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("`-f reason=TEXT`") && !text.contains("--reason TEXT"), "{text}");
    fleet.ok(&[&call[..], &["-f", "reason=deploy"]].concat());
    let login = ["api", "POST", "/api/auth/login", "-f", "username=admin", "-f", "password=secret"];
    let answer = body(&fleet, &login);
    assert!(answer["token"].is_string(), "{answer}");
}
