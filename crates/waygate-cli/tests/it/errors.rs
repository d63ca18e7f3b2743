//! Exit codes, and what is said with them.

use insta::assert_snapshot;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::context::{Fleet, shown, waygate};

#[test]
fn g29_what_is_unknown_is_not_found_with_near_matches() {
    let fleet = Fleet::open().with_services();
    assert_snapshot!(fleet.told(&["status", "/api/refund"]), @r#"
        exit: 3
        -- stdout
        -- stderr
        error: no route `/api/refund` is known; near it: payments-service:GET:/api/refunds
        "#);
    assert_snapshot!(fleet.told(&["disable", "GET:/nothing/like/it"]), @r#"
        exit: 3
        -- stdout
        -- stderr
        error: no route `GET:/nothing/like/it` is known
        "#);
    assert_snapshot!(fleet.told(&["status", "--service", "nosuch"]), @r#"
        exit: 3
        -- stdout
        -- stderr
        error: no service `nosuch` is known
          known services: orders-service, payments-service
        "#);
    assert_snapshot!(fleet.told(&["sm", "enable", "paymets-service"]), @r#"
        exit: 3
        -- stdout
        -- stderr
        error: no service `paymets-service` is known; near it: payments-service, orders-service
          `--allow-unknown` takes a service that is yet to come
        "#);
    fleet.ok(&["sm", "enable", "yet-to-come", "--allow-unknown"]);
    let services = fleet.ok(&["services", "-o", "name"]).stdout;
    assert!(String::from_utf8(services).unwrap().lines().any(|service| service == "yet-to-come"));
}

#[test]
fn g30_bare_paths_resolve_in_every_command() {
    let fleet = Fleet::open().with_services();
    let disabled = fleet.json(&["disable", "/api/payments", "--service", "orders-service"]);
    assert_eq!(disabled["path"], "orders-service:GET:/api/payments");
    for route in ["orders-service:/api/payments", "orders-service:GET:/api/payments"] {
        assert_eq!(fleet.json(&["status", route])["status"], "disabled", "{route}");
    }
    assert_eq!(fleet.json(&["status", "/api/payments", "-s", "payments-service"])["status"], "active");
    let gated = fleet.json(&["env", "set", "/api/refunds", "dev", "staging"]);
    assert_eq!(gated["allowed_envs"], serde_json::json!(["dev", "staging"]));
}

#[test]
fn ambiguous_routes_are_a_conflict_that_lists_the_candidates() {
    let fleet = Fleet::open().with_services();
    assert_snapshot!(fleet.told(&["disable", "GET:/api/payments"]), @r#"
        exit: 5
        -- stdout
        -- stderr
        error: ambiguous: 2 routes fit; name one of them
          orders-service:GET:/api/payments
          payments-service:GET:/api/payments
        "#);
    let output = fleet.run(&["disable", "/api/orders", "--json"]);
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["code"], "ambiguous_route");
    assert_eq!(
        error["error"]["candidates"],
        serde_json::json!(["orders-service:GET:/api/orders", "orders-service:POST:/api/orders"])
    );
    assert_eq!(fleet.run(&["disable", "GET:/health", "-s", "orders-service"]).status.code(), Some(5));
}

#[test]
fn g56_an_unreachable_server_is_named_with_where_its_url_comes_from() {
    let home = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let commands: [&[&str]; 8] = [
        &["status"],
        &["services"],
        &["audit"],
        &["whoami"],
        &["enable", "/a"],
        &["global", "enable"],
        &["sm", "status", "x"],
        &["login", "admin", "-p", "secret"],
    ];
    for arguments in commands {
        let output = waygate(home.path()).args(arguments).env("WAYGATE_SERVER_URL", &url).output().unwrap();
        let text = shown(&output);
        assert_eq!(output.status.code(), Some(6), "{text}");
        assert!(text.contains(&url) && text.contains("WAYGATE_SERVER_URL"), "{text}");
    }
}

#[test]
fn logins_are_asked_for_and_refused_with_their_own_code() {
    let fleet = Fleet::guarded();
    assert_snapshot!(fleet.told(&["services"]), @r#"
        exit: 4
        -- stdout
        -- stderr
        error: not logged in to [URL]
          log in with `waygate login`, or set WAYGATE_TOKEN
        "#);
    assert_snapshot!(fleet.told(&["login", "admin", "-p", "wrong"]), @r#"
        exit: 4
        -- stdout
        -- stderr
        error: wrong username or password for [URL]
        "#);
    assert_snapshot!(fleet.told(&["login"]), @r#"
        exit: 2
        -- stdout
        -- stderr
        error: a username is needed: `waygate login USERNAME`
          without a terminal: `printf %s "$PASSWORD" | waygate login USERNAME --password-stdin`
        "#);
    let output = fleet.command(&["status"]).env("WAYGATE_TOKEN", "made-up").output().unwrap();
    assert_snapshot!(fleet.plain(&shown(&output)), @r#"
        exit: 4
        -- stdout
        -- stderr
        error: the token is not accepted by [URL]: it has ended, or another server made it
          log in with `waygate login`, or set WAYGATE_TOKEN
        "#);
}

#[test]
fn g35_arguments_are_checked_before_anything_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let home = tempfile::tempdir().unwrap();
    let commands: [&[&str]; 10] = [
        &["disable", "GET:/a", "--until", "nonsense"],
        &["disable", "GET:/a", "--until", "2020-01-01T00:00Z"],
        &["disable", "pay:BREW:/a"],
        &["maintenance", "GET:/a", "--start", "1h"],
        &["maintenance", "GET:/a", "--start", "2h", "--end", "2020-01-01"],
        &["schedule", "GET:/a", "--start", "2020-01-01", "--end", "2020-01-02"],
        &["global", "enable", "--exempt", "pay:GET:/a"],
        &["sm", "enable", "GET"],
        &["env", "set", "GET:/a", ""],
        &["status", "--page", "0"],
    ];
    for arguments in commands {
        let output = waygate(home.path()).args(["--server", &url]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}\n{}", shown(&output));
        let nobody = listener.accept().unwrap_err();
        assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock, "{arguments:?}");
    }
}

#[test]
fn g35_disable_until_is_one_change_that_stays_disabled() {
    let fleet = Fleet::open().with_services();
    let state = fleet.json(&["disable", "/api/refunds", "--until", "1h30m"]);
    assert_eq!(state["status"], "disabled");
    let until: jiff::Timestamp = state["until"].as_str().unwrap().parse().unwrap();
    let seconds = fleet.json(&["audit", "--action", "disable"])[0]["timestamp"].as_str().unwrap().parse().unwrap();
    let length = until.duration_since(seconds).as_secs();
    assert!((5395..=5400).contains(&length), "{length}");
    assert_eq!(fleet.json(&["audit", "--route", "payments-service:GET:/api/refunds"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let home = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let output = waygate(home.path()).args(["--server", &url, "--timeout", "1", "services"]).output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", shown(&output));
    assert!(began.elapsed() < Duration::from_secs(8));
}

/// Eight at once, each with an edit of its own: all eight are there afterwards.
#[test]
fn g31_no_edit_of_several_at_once_is_lost() {
    let fleet = Fleet::open().with_services();
    let edits: Vec<_> = (0..8)
        .map(|number| fleet.command(&["global", "exempt-add", &format!("/edit-{number}")]).spawn().unwrap())
        .collect();
    for mut edit in edits {
        assert!(edit.wait().unwrap().success());
    }
    assert_eq!(fleet.json(&["global", "status"])["exempt_paths"].as_array().unwrap().len(), 8);
}

#[test]
fn g58_nothing_fails_for_the_locale() {
    let fleet = Fleet::open().with_services();
    for arguments in
        [&["disable", "/api/refunds", "--reason", "é🙂"][..], &["status"], &["log"], &["history"], &["export"]]
    {
        let output = fleet.command(arguments).env("LC_ALL", "C").env("LANG", "C").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    }
}

/// `GET /api/payments` is a route of two services; within one it is one.
#[test]
fn g30_bare_paths_resolve_within_the_service_in_every_command() {
    let fleet = Fleet::open().with_services();
    let commands: [&[&str]; 16] = [
        &["disable", "/api/payments"],
        &["enable", "/api/payments"],
        &["maintenance", "/api/payments"],
        &["env", "set", "/api/payments", "dev"],
        &["env", "clear", "/api/payments"],
        &["schedule", "/api/payments", "--start", "1h", "--end", "1h"],
        &["schedule", "cancel", "/api/payments"],
        &["status", "/api/payments"],
        &["wait", "/api/payments", "--stored"],
        &["history", "/api/payments"],
        &["log", "--route", "/api/payments"],
        &["rl", "set", "/api/payments", "5/minute"],
        &["rl", "get", "/api/payments"],
        &["rl", "reset", "/api/payments"],
        &["rl", "hits", "--route", "/api/payments"],
        &["rl", "delete", "/api/payments"],
    ];
    for arguments in commands {
        let output = fleet.command(arguments).env("WAYGATE_SERVICE", "orders-service").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}\n{}", shown(&output));
    }
    for entry in fleet.json(&["history"]).as_array().unwrap() {
        assert_eq!(entry["service"], "orders-service", "{entry}");
    }
}
