//! What goes on: the log and routes as they change.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::context::Fleet;

/// A command that goes on, read line by line.
struct Following {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Following {
    fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "it has ended");
        line
    }

    fn json(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_log_goes_on_over_a_restart_and_misses_nothing() {
    let mut fleet = Fleet::kept().with_services();
    fleet.ok(&["disable", "/api/refunds", "--reason", "zero"]);
    let mut log = Following::of(fleet.command(&["log", "-f", "-o", "jsonl"]));
    assert_eq!(log.json()["reason"], "zero");
    fleet.ok(&["enable", "/api/refunds", "--reason", "one"]);
    assert_eq!(log.json()["reason"], "one");
    fleet.restart();
    for reason in ["two", "three"] {
        fleet.ok(&["disable", "/api/refunds", "--reason", reason]);
    }
    assert_eq!(log.json()["reason"], "two");
    assert_eq!(log.json()["reason"], "three");
    fleet.ok(&["grl", "set", "10/minute", "--reason", "four"]);
    assert_eq!(log.json()["reason"], "four");
}

#[test]
fn watch_tells_what_callers_get_as_it_changes() {
    let fleet = Fleet::open().with_services();
    let mut watch = Following::of(fleet.command(&["watch", "--service", "payments-service", "-o", "jsonl"]));
    for _ in 0..3 {
        assert_eq!(watch.json()["effective"], "active");
    }
    fleet.ok(&["disable", "/api/refunds"]);
    let changed = watch.json();
    assert_eq!(
        (&changed["path"], &changed["effective"]),
        (&"payments-service:GET:/api/refunds".into(), &"disabled".into())
    );
    fleet.ok(&["sm", "enable", "payments-service"]);
    let mut covered: Vec<Value> = (0..2).map(|_| watch.json()).collect();
    covered.sort_by_key(|route| route["path"].to_string());
    assert!(covered.iter().all(|route| route["cause"] == "service_maintenance"), "{covered:?}");
    drop(watch);
    let mut watch = Following::of(fleet.command(&["watch", "*refunds", "--service", "payments-service"]));
    assert!(watch.line().starts_with("ROUTE"));
    assert!(watch.line().contains("MAINTENANCE (service maintenance)"));
    fleet.ok(&["sm", "disable", "payments-service"]);
    let line = watch.line();
    assert!(line.contains("payments-service:GET:/api/refunds  MAINTENANCE  DISABLED  route"), "{line}");
}

#[test]
fn denied_requests_are_told_as_they_are_reported() {
    let fleet = Fleet::open().with_services();
    let report = |count: u64| {
        let hit = serde_json::json!({
            "path": "/api/refunds", "method": "GET", "layer": "route_limit", "policy": "GET:/api/refunds", "key": "ip",
            "limit": "1/minute", "count": count, "timestamp": "2026-01-01T00:00:00Z", "reset_at": "2026-01-01T00:01:00Z",
        });
        fleet.post(
            "/api/sdk/hits",
            &serde_json::json!({"app_id": "payments-service", "instance": "one", "hits": [hit]}),
        );
    };
    report(1);
    let mut hits = Following::of(fleet.command(&["rl", "hits", "-f", "-o", "jsonl"]));
    assert_eq!(hits.json()["count"], 1);
    report(2);
    assert_eq!(hits.json()["count"], 2);
}

#[test]
fn wait_returns_when_a_route_is_as_wanted_or_in_time() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["wait", "/api/refunds", "--stored"]);
    fleet.ok(&["disable", "/api/refunds"]);
    let late = fleet.run(&["wait", "/api/refunds", "--stored", "--within", "200ms"]);
    assert_eq!(late.status.code(), Some(7), "{}", crate::context::shown(&late));
    let waiting =
        fleet.command(&["wait", "/api/refunds", "--stored", "-o", "name"]).stdout(Stdio::piped()).spawn().unwrap();
    fleet.ok(&["enable", "/api/refunds"]);
    let output = waiting.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"payments-service:GET:/api/refunds\n"[..]));
    assert_eq!(fleet.run(&["wait", "/nosuch"]).status.code(), Some(3));
}
