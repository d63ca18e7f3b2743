//! A context that asks always: no command changes anything there without a yes. The list of commands is the program's
//! own, so that a new one is asked about as well.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::context::{Fleet, shown, waygate};
use crate::failures::{LOCAL, line};
use crate::radius::typed;

/// What changes nothing that others rely on.
const READS: [&str; 25] = [
    "login",
    "logout",
    "whoami",
    "services",
    "instances",
    "status",
    "schedule list",
    "schedule show",
    "wait",
    "watch",
    "top",
    "audit",
    "global status",
    "service-maintenance status",
    "rate-limits get",
    "rate-limits list",
    "rate-limits hits",
    "global-rate-limit get",
    "service-rate-limit get",
    "explain",
    "export",
    "diff",
    "history",
    "doctor",
    "token list",
];

/// A control plane that lets nobody in, and how often it was called.
fn counting() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]);
            let body = r#"{"error":"a token is needed","code":"unauthorized"}"#;
            let head = "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-type: application/json";
            let _ = stream.write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes());
        }
    });
    (url, calls)
}

#[test]
fn a12_every_change_in_a_context_that_asks_always_needs_a_yes_and_nothing_is_sent_without_one() {
    let home = tempfile::tempdir().unwrap();
    let (url, calls) = counting();
    std::fs::write(home.path().join("waygate.yaml"), "waygate: 1\nglobal:\n  maintenance:\n    enabled: true\n")
        .unwrap();
    for (name, confirm) in [("prod", "always"), ("staging", "auto")] {
        let add = ["context", "add", name, "--url", &url, "--confirm", confirm];
        assert!(waygate(home.path()).args(add).output().unwrap().status.success());
    }
    let run = |line: &[String], more: &[&str]| -> (Output, usize) {
        let before = calls.load(Ordering::SeqCst);
        let output = waygate(home.path()).args(line).args(more).output().unwrap();
        (output, calls.load(Ordering::SeqCst) - before)
    };
    let commands = waygate(home.path()).args(["commands", "--json"]).output().unwrap();
    let commands: Vec<Value> = serde_json::from_slice(&commands.stdout).unwrap();
    let mut tried = 0;
    for command in &commands {
        let path: Vec<&str> = command["command"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let name = path.join(" ");
        if READS.contains(&name.as_str()) || LOCAL.contains(&name.as_str()) {
            continue;
        }
        let (line, more) = match name.as_str() {
            "copy" => (["copy", "--from", "staging", "--to", "prod"].map(ToOwned::to_owned).to_vec(), vec![]),
            "api" => (["api", "POST", "/api/global/enable"].map(ToOwned::to_owned).to_vec(), vec!["--context", "prod"]),
            _ => (line(command, home.path()), vec!["--context", "prod"]),
        };
        let (refused, sent) = run(&line, &more);
        assert_eq!((refused.status.code(), sent), (Some(2), 0), "{name}: {}", shown(&refused));
        assert!(shown(&refused).contains("`--yes` says yes"), "{name}: {}", shown(&refused));
        // However the server is chosen.
        if name != "copy" {
            let (refused, sent) = run(&line, &["--server", &url]);
            assert_eq!((refused.status.code(), sent), (Some(2), 0), "{name}: {}", shown(&refused));
        }
        let (agreed, sent) = run(&line, &[&more[..], &["--yes"]].concat());
        assert_eq!((agreed.status.code(), sent > 0), (Some(4), true), "{name}: {}", shown(&agreed));
        tried += 1;
    }
    assert!(tried >= 35, "{tried}");
}

#[test]
fn a_person_is_asked_before_every_change_there() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["context", "add", "prod", "--url", &fleet.url, "--confirm", "always"]);
    for (command, what) in [
        ("disable /api/refunds", &["status", "/api/refunds"][..]),
        ("undo", &["status", "/api/refunds"]),
        ("rl set /api/refunds 5/minute", &["rl", "list"]),
        ("global exempt-add /ready", &["global", "status"]),
        ("api POST /api/global/exemptions -f 'add:=[\"/health\"]'", &["global", "status"]),
    ] {
        let before = fleet.json(what);
        let refused = typed(&fleet, command, "n\n");
        assert_eq!(refused.status.code(), Some(1), "{command}: {}", shown(&refused));
        assert!(
            shown(&refused).contains("(context prod)") || shown(&refused).contains(&fleet.url),
            "{}",
            shown(&refused)
        );
        assert_eq!(fleet.json(what), before, "{command}");
        let agreed = typed(&fleet, command, "y\n");
        assert_eq!(agreed.status.code(), Some(0), "{command}: {}", shown(&agreed));
        assert_ne!(fleet.json(what), before, "{command}");
    }
    // A question of its own is asked once.
    let once = typed(&fleet, "sm enable payments-service", "y\n");
    assert_eq!(once.status.code(), Some(0), "{}", shown(&once));
}

/// Wherever it is asked back, a limit of more than a route is one of the larger changes.
#[test]
fn a_limit_of_everything_asks_and_one_that_admits_nothing_wants_the_name_of_the_server() {
    let fleet = Fleet::open().with_services();
    let refused = typed(&fleet, "grl set 0/second", "y\n");
    assert_eq!(refused.status.code(), Some(1), "{}", shown(&refused));
    assert!(shown(&refused).contains("admits no request at all"), "{}", shown(&refused));
    assert!(typed(&fleet, "grl set 1000/second", "y\n").status.success());
    assert!(typed(&fleet, "srl set payments-service 10/second", "y\n").status.success());
    assert_eq!(typed(&fleet, "srl set payments-service 20/second", "n\n").status.code(), Some(1));
    assert_eq!(fleet.json(&["srl", "get", "payments-service"])["policy"]["limit"], "10/second");
}
