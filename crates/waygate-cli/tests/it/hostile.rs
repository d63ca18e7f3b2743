//! Servers, proxies and documents that are not what they should be: what is wrong is said, and where.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::context::{Fleet, shown, waygate};

/// A server whose every answer begins so and goes on for ever; it is there as long as the test process is.
fn endless(head: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let part = vec![b' '; 1 << 20];
                let mut is_there = stream.write_all(head.as_bytes()).is_ok();
                while is_there {
                    is_there = stream.write_all(&part).is_ok();
                }
            });
        }
    });
    url
}

/// Before, it was kept in memory until the time was over: gigabytes.
#[test]
fn an_answer_without_an_end_is_given_up_by_its_size() {
    let home = tempfile::tempdir().unwrap();
    let json = endless("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n");
    let refusal = endless("HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\n\r\n");
    for url in [&json, &refusal] {
        let output = waygate(home.path()).args(["-S", url, "--timeout", "10m", "status"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
        assert!(shown(&output).contains("larger than 256 MiB, the most that is read"), "{}", shown(&output));
    }
}

/// A change that is answered with what cannot be read may have been made.
#[test]
fn an_answer_that_cannot_be_read_leaves_a_change_in_doubt() {
    let home = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json";
            let _ = stream.write_all(format!("{head}\r\ncontent-length: 5\r\n\r\n{{\"a\":").as_bytes());
        }
    });
    let said = |line: &[&str]| {
        let output = waygate(home.path()).args(["-S", &url]).args(line).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{line:?}: {}", shown(&output));
        shown(&output)
    };
    let doubt = "the change may have been made all the same";
    assert!(said(&["disable", "GET:/a"]).contains(doubt), "{}", said(&["disable", "GET:/a"]));
    assert!(!said(&["disable", "GET:/a", "--dry-run"]).contains(doubt));
    assert!(!said(&["status"]).contains(doubt));
}

#[test]
fn a_proxy_that_is_not_reached_is_named() {
    let fleet = Fleet::open().with_services();
    let nobody = "http://127.0.0.1:1";
    for (variable, is_used) in [("HTTP_PROXY", true), ("http_proxy", true), ("ALL_PROXY", true), ("HTTPS_PROXY", false)]
    {
        let output = fleet.command(&["status"]).env(variable, nobody).output().unwrap();
        assert_eq!(output.status.code(), Some(if is_used { 6 } else { 0 }), "{variable}: {}", shown(&output));
        assert_eq!(shown(&output).contains(&format!("{variable} is set")), is_used, "{}", shown(&output));
    }
    let past = fleet.command(&["status"]).env("HTTP_PROXY", nobody).env("NO_PROXY", "127.0.0.1").output().unwrap();
    assert!(past.status.success(), "{}", shown(&past));
}

/// The rules of a context hold for its URL, so that whoever has named no context is told which one it is.
#[test]
fn a_context_that_asks_or_wants_a_reason_is_named() {
    let fleet = Fleet::open().with_services();
    let url = fleet.url.clone();
    fleet.ok(&["context", "add", "prod", "--url", &url, "--confirm", "always", "--require-reason"]);
    let asked = fleet.run(&["--server", &url, "disable", "/api/refunds", "--reason", "x"]);
    assert_eq!(asked.status.code(), Some(2), "{}", shown(&asked));
    assert!(shown(&asked).contains("the context `prod` asks before every change"), "{}", shown(&asked));
    let bare = fleet.run(&["--server", &url, "--yes", "disable", "/api/refunds"]);
    assert_eq!(bare.status.code(), Some(2), "{}", shown(&bare));
    assert!(shown(&bare).contains("the context `prod` wants a reason for every change"), "{}", shown(&bare));
}

#[test]
fn what_is_wrong_in_a_long_document_is_said_with_its_place() {
    let fleet = Fleet::open().with_services();
    for (text, place) in [
        (
            "services: {pay: {routes: {'GET:/a': {status: gone}}}}",
            "`services.pay.routes.GET:/a`: unknown variant `gone`",
        ),
        ("services: {pay: {rate_limit: {limit: 5}}}", "`services.pay.rate_limit`: invalid type"),
        ("services: {pay: {maintenance: {enabled: 3}}}", "`services.pay.maintenance.enabled`: invalid type"),
        ("services: {pay: {route: {}}}", "unknown field `route`"),
        ("surprise: 1", "`surprise`: unknown field `surprise`"),
    ] {
        let output = Fleet::fed(fleet.command(&["validate", "-f", "-"]), &format!("waygate: 1\n{text}\n"));
        assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
        assert!(shown(&output).contains(place), "{text}: {}", shown(&output));
    }
}

/// A directory may be called `-`; what is asked for is stdin all the same.
#[test]
fn a_directory_of_that_name_does_not_stand_for_stdin() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("-")).unwrap();
    let output = Fleet::fed(
        {
            let mut command = waygate(home.path());
            command.args(["validate", "-f", "-"]);
            command
        },
        "waygate: 1\n",
    );
    assert!(output.status.success(), "{}", shown(&output));
}

#[test]
fn many_unknown_names_are_counted_and_not_all_listed() {
    let fleet = Fleet::open().with_services();
    let routes: Vec<String> = (0..50).map(|n| format!("      GET:/none/{n}: {{status: disabled}}")).collect();
    let text = format!("waygate: 1\nservices:\n  orders-service:\n    routes:\n{}\n", routes.join("\n"));
    let refused = Fleet::fed(fleet.command(&["apply", "-f", "-"]), &text);
    assert_eq!(refused.status.code(), Some(3), "{}", shown(&refused));
    let left_out = Fleet::fed(fleet.command(&["apply", "-f", "-", "--skip-unknown"]), &text);
    assert!(left_out.status.success(), "{}", shown(&left_out));
    for output in [&refused, &left_out] {
        let told = shown(output);
        assert_eq!(told.matches("GET:/none/").count(), 20, "{told}");
        assert!(told.contains("and 30 more"), "{told}");
    }
}

/// The first word of a route is what callers get now.
#[test]
fn a_change_that_ends_by_itself_stands_before_what_comes_then() {
    let fleet = Fleet::open().with_services();
    let before = String::from_utf8(fleet.ok(&["export"]).stdout).unwrap();
    fleet.ok(&["maintenance", "orders-service:GET:/api/orders", "--until", "2099-01-01T00:00Z", "--reason", "x"]);
    let diff = Fleet::fed(fleet.command(&["diff", "-f", "-", "--json"]), &before);
    let rows: Value = serde_json::from_slice(&diff.stdout).unwrap();
    let told = "until 2099-01-01 00:00 UTC MAINTENANCE: x; then ACTIVE";
    let row = json!({"subject": "orders-service:GET:/api/orders", "before": told, "after": "ACTIVE"});
    assert_eq!(rows, json!([row]));
}

#[test]
fn what_is_mistyped_is_one_object_for_programs() {
    let home = tempfile::tempdir().unwrap();
    for line in ["watch --once -o json", "status --jsn --json", "nosuch -ojsonl", "status --page 0 --output=yaml"] {
        let output = waygate(home.path()).args(line.split(' ')).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}: {}", shown(&output));
        let problem: Value = serde_json::from_slice(&output.stderr).unwrap_or_else(|_| panic!("{}", shown(&output)));
        assert_eq!(problem["error"]["exit"], 2, "{problem}");
        let message = problem["error"]["message"].as_str().unwrap();
        assert!(!message.is_empty() && !message.starts_with("error"), "{message}");
    }
    let help = waygate(home.path()).args(["status", "--help", "--json"]).output().unwrap();
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("Usage:"), "{}", shown(&help));
    let set = waygate(home.path()).args(["status", "--page", "0"]).env("WAYGATE_OUTPUT", "json").output().unwrap();
    assert!(set.stderr.starts_with(b"{\"error\""), "{}", shown(&set));
}
