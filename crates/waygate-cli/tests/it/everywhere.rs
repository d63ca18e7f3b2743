//! Options that every command takes, and help.

use insta::assert_snapshot;

use crate::context::{Fleet, shown, waygate};

#[test]
fn columns_are_chosen_by_name() {
    let fleet = Fleet::open().with_services();
    let chosen = fleet.ok(&["status", "--service", "payments-service", "--columns", "effective,route"]);
    assert_snapshot!(String::from_utf8(chosen.stdout).unwrap(), @r#"
    EFFECTIVE              ROUTE
    ACTIVE                 GET:/api/payments
    ACTIVE                 GET:/api/refunds
    ACTIVE (force_active)  GET:/health
    "#);
    let csv = fleet.ok(&["status", "/api/refunds", "-o", "csv", "--columns=status,service", "--no-headers"]);
    assert_eq!(String::from_utf8(csv.stdout).unwrap(), "ACTIVE,payments-service\n");
    let wrong = fleet.command(&["status", "--columns", "colour"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{}", shown(&wrong));
    assert!(
        shown(&wrong).contains("there is no column `colour`; there are route, service, status"),
        "{}",
        shown(&wrong)
    );
    assert!(wrong.stdout.is_empty());
}

#[test]
fn a_ticket_goes_before_the_reason() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", "/api/refunds", "--reason", "hotfix", "--ticket", "OPS-7"]);
    assert_eq!(fleet.json(&["status", "/api/refunds"])["reason"], "OPS-7: hotfix");
    fleet.ok(&["sm", "enable", "payments-service", "--yes", "--ticket", "OPS-8"]);
    assert_eq!(fleet.json(&["sm", "status", "payments-service"])["reason"], "OPS-8");
    let none = fleet.command(&["status", "--ticket", "OPS-9"]).output().unwrap();
    assert_eq!(none.status.code(), Some(2), "{}", shown(&none));
}

#[test]
fn times_are_shown_here_too_where_that_is_asked_for() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["schedule", "/api/refunds", "--start", "2099-12-01T10:00Z", "--end", "2099-12-01T11:00Z"]);
    let list = |more: &[&str]| {
        let arguments = [&["schedule", "list"], more].concat();
        let output = fleet.command(&arguments).env("TZ", "Asia/Tokyo").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(list(&[]).contains("2099-12-01 10:00 UTC"), "{}", list(&[]));
    let local = list(&["--local"]);
    assert!(local.contains("2099-12-01 19:00 JST (10:00 UTC)"), "{local}");
    assert!(list(&["--local", "--utc"]).contains("2099-12-01 10:00 UTC"));
}

#[test]
fn help_is_grouped_and_has_topics() {
    let home = tempfile::tempdir().unwrap();
    let help = |arguments: &[&str]| {
        let output = waygate(home.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", shown(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let first = help(&["--help"]);
    let titles = ["Routes:", "Fleet:", "Limits:", "Documents:", "Session:", "Server:", "This program:"];
    assert!(titles.iter().all(|title| first.lines().any(|line| line == *title)), "{first}");
    assert!(first.contains("rate-limits          Rate limits of routes [rl]"), "{first}");
    assert_eq!(help(&["help"]).lines().next(), first.lines().next());
    assert!(help(&["help", "rl", "set"]).contains("--on-backend-failure"));
    assert!(help(&["help", "exit-codes"]).contains("  6    the control plane was not reached"));
    for topic in ["routes", "time", "exit-codes", "environment", "output"] {
        assert!(help(&["help", "topics"]).contains(topic));
        assert!(help(&["help", topic]).lines().count() > 5, "{topic}");
    }
    let unknown = waygate(home.path()).args(["help", "nonsense"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(shown(&unknown).contains("topics are routes, time"), "{}", shown(&unknown));
}

#[test]
fn the_dashboard_is_where_the_server_is() {
    let fleet = Fleet::open();
    let output = fleet.ok(&["dashboard"]);
    let url = String::from_utf8(output.stdout).unwrap();
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with("/\n"), "{url}");
}

#[test]
fn doctor_goes_step_by_step() {
    let fleet = Fleet::open();
    let output = fleet.ok(&["doctor", "-o", "json"]);
    let found: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let state =
        |check: &str| found.iter().find(|finding| finding["check"] == check).map(|found| found["health"].clone());
    for check in ["configuration", "server", "name", "port", "connection", "version", "clock", "event stream"] {
        assert!(state(check).is_some_and(|health| health == "good" || health == "odd"), "{check}: {found:#?}");
    }
    let unknown = fleet.command(&["doctor", "--server", "http://nowhere.invalid:9000"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(6), "{}", shown(&unknown));
    assert!(shown(&unknown).contains("`nowhere.invalid` is not known"), "{}", shown(&unknown));
}

/// Something answers only the third time.
#[test]
fn what_only_reads_is_tried_again_and_what_changes_is_not() {
    use std::io::{Read as _, Write as _};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let home = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
            let _ = stream.read(&mut [0; 4096]);
            let answer = match number % 3 {
                1 => continue,
                2 => "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                _ => {
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]"
                }
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let tried = |arguments: &[&str]| {
        calls.store(0, Ordering::SeqCst);
        let output = waygate(home.path()).args(["--server", &url]).args(arguments).output().unwrap();
        (output.status.code(), calls.load(Ordering::SeqCst))
    };
    assert_eq!(tried(&["history", "--retries", "2"]), (Some(0), 3));
    assert_eq!(tried(&["history", "--retries", "1"]), (Some(1), 2));
    assert_eq!(tried(&["history"]), (Some(6), 1));
    assert_eq!(tried(&["grl", "disable", "--retries", "5"]), (Some(6), 1));
}
