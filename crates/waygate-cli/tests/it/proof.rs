//! What is proven, what is only stored, and what nobody knows.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use waygate_api::client::{Client, ClientOptions};
use waygate_api::paths;

use crate::context::{Fleet, shown, waygate};

/// What claims that something is in force.
const MARKS: [char; 5] = ['✓', '✗', '⚠', '🔒', '⏰'];
const PATIENCE: Duration = Duration::from_secs(20);

/// An instance that says over and over, for as long as this is there, that it enforces what is in force.
struct Enforcing {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Enforcing {
    fn start(fleet: &Fleet, service: &'static str, instance: &'static str) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let (over, url) = (is_over.clone(), fleet.url.clone());
        let (first, has_said) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(enforce(&url, service, instance, &over, &first));
        });
        has_said.recv_timeout(PATIENCE).unwrap();
        Self { is_over, thread: Some(thread) }
    }
}

impl Drop for Enforcing {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn enforce(url: &str, service: &str, instance: &str, over: &AtomicBool, first: &Sender<()>) {
    let client = Client::new(url.parse().unwrap(), &ClientOptions::default()).unwrap();
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    while !over.load(Ordering::Relaxed) {
        pace.tick().await;
        let Ok(document) = client.document(paths::SNAPSHOT, &[("service", service)], None, None).await else {
            continue;
        };
        let said = json!({"app_id": service, "instance": instance, "cursor": document.cursor});
        if client.post::<Value>(paths::ACKNOWLEDGE, &said).await.is_ok() {
            let _ = first.send(());
        }
    }
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn has_mark(output: &Output) -> bool {
    shown(output).contains(MARKS)
}

fn until(what: &str, mut wanted: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !wanted() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Commands that find everything as they want it.
fn already_so(fleet: &Fleet) -> Vec<Vec<String>> {
    let document = out(&fleet.ok(&["export", "--service", "payments-service"]));
    let path = fleet.home.path().join("wanted.yaml");
    std::fs::File::create(&path).unwrap().write_all(document.as_bytes()).unwrap();
    for name in ["here", "there"] {
        fleet.ok(&["context", "add", name, "--url", &fleet.url]);
    }
    let revision = fleet.json(&["history", "--limit", "1"])[0]["revision"].to_string();
    let lines = [
        "enable /api/refunds".to_owned(),
        "env clear /api/refunds".to_owned(),
        "schedule cancel /api/refunds".to_owned(),
        "sm disable payments-service".to_owned(),
        "srl set payments-service 9/minute".to_owned(),
        "apply -f wanted.yaml".to_owned(),
        format!("rollback --to {revision} --service payments-service"),
        "copy --from here --to there --service payments-service".to_owned(),
    ];
    lines.iter().map(|line| line.split(' ').map(ToOwned::to_owned).collect()).collect()
}

#[test]
fn g57_what_was_already_so_is_waited_for_as_a_change_is() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["srl", "set", "payments-service", "9/minute"]);
    fleet.ok(&["enable", "/api/refunds"]);
    let commands = already_so(&fleet);
    let waiting = |command: &[String], wait: &str| {
        let mut all: Vec<&str> = command.iter().map(String::as_str).collect();
        all.push(wait);
        fleet.run(&all)
    };
    for command in &commands {
        let output = waiting(command, "--wait=100ms");
        assert_eq!(output.status.code(), Some(7), "{command:?}: {}", shown(&output));
        assert!(said(&output).contains("no instance of `payments-service` is connected"), "{}", shown(&output));
        assert!(!has_mark(&output), "{command:?}: {}", shown(&output));
    }
    let detailed = fleet.run(&["apply", "-f", "wanted.yaml", "--detailed-exitcode", "--wait=100ms"]);
    assert_eq!(detailed.status.code(), Some(1), "{}", shown(&detailed));

    let before = fleet.json(&["history"]);
    let _instance = Enforcing::start(&fleet, "payments-service", "one");
    for command in &commands {
        let output = waiting(command, "--wait");
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}", shown(&output));
        assert!(out(&output).contains("1/1 instances enforcing"), "{command:?}: {}", shown(&output));
        assert!(!has_mark(&output), "{command:?}: {}", shown(&output));
    }
    let detailed = fleet.run(&["apply", "-f", "wanted.yaml", "--detailed-exitcode", "--wait"]);
    assert_eq!(detailed.status.code(), Some(0), "{}", shown(&detailed));
    assert!(out(&detailed).contains("1/1 instances enforcing"), "{}", shown(&detailed));
    assert_eq!(fleet.json(&["history"]), before, "none of them has changed anything");
}

#[test]
fn g57_no_mark_stands_before_what_is_only_stored_unproven_or_tried() {
    let fleet = Fleet::open().with_services();
    let lines = [
        "disable /api/refunds",
        "enable /api/refunds --for 1h",
        "maintenance /api/refunds",
        "env set /api/refunds dev",
        "schedule /api/refunds --start 1h --end 1h",
        "rl set /api/refunds 5/minute",
        "rl disable /api/refunds",
        "sm enable payments-service",
        "sm exempt-add payments-service /x",
        "sm disable payments-service",
        "global enable",
        "global exempt-add /x",
        "global disable",
        "grl set 7/minute",
        "grl delete",
        "disable GET:/api/refunds GET:/api/orders",
    ];
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let tried = fleet.ok(&[&words[..], &["--dry-run"]].concat());
        assert!(out(&tried).starts_with("dry run: ") && !has_mark(&tried), "{line}: {}", shown(&tried));
        let stored = fleet.ok(&words);
        assert!(out(&stored).starts_with("stored: ") && !has_mark(&stored), "{line}: {}", shown(&stored));
    }
    fleet.ok(&["enable", "GET:/api/refunds", "GET:/api/orders"]);
    fleet.ok(&["rl", "delete", "/api/refunds"]);
    fleet.ok(&["sm", "exempt-remove", "payments-service", "/x"]);
    fleet.ok(&["global", "exempt-remove", "/x"]);
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let unproven = fleet.run(&[&words[..], &["--wait=50ms"]].concat());
        assert_eq!(unproven.status.code(), Some(7), "{line}: {}", shown(&unproven));
        assert!(out(&unproven).starts_with("stored: ") && !has_mark(&unproven), "{line}: {}", shown(&unproven));
    }
    // What was so before is told apart, and is no mark of success either.
    let again = fleet.ok(&["disable", "/api/refunds"]);
    assert!(out(&again).starts_with("= payments-service:GET:/api/refunds → DISABLED"), "{}", shown(&again));

    let _instances =
        [Enforcing::start(&fleet, "payments-service", "one"), Enforcing::start(&fleet, "orders-service", "two")];
    for (line, mark) in [
        ("enable /api/refunds", '✓'),
        ("disable /api/refunds", '✗'),
        ("maintenance /api/refunds", '⚠'),
        ("env set /api/refunds dev", '🔒'),
        ("schedule /api/refunds --start 1h --end 1h", '⏰'),
        ("sm enable payments-service", '⚠'),
        ("sm disable payments-service", '✓'),
        ("global enable", '⚠'),
        ("grl set 8/minute", '✓'),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let proven = fleet.ok(&[&words[..], &["--wait"]].concat());
        assert!(out(&proven).starts_with(mark), "{line}: {}", shown(&proven));
    }
    let again = fleet.ok(&["sm", "disable", "payments-service", "--wait"]);
    assert!(!has_mark(&again) && out(&again).contains("1/1 instances enforcing"), "{}", shown(&again));
}

#[test]
fn g57_wait_is_for_what_has_arrived() {
    let fleet = Fleet::open().with_services();
    let disabled = ["wait", "/api/refunds", "--for", "disabled"];
    let wait = |more: &[&str]| fleet.run(&[&disabled[..], more].concat());
    fleet.ok(&["disable", "/api/refunds"]);
    let nobody = wait(&["--within", "300ms"]);
    assert_eq!(nobody.status.code(), Some(7), "{}", shown(&nobody));
    assert!(said(&nobody).contains("is DISABLED: stored, but nobody has confirmed it"), "{}", shown(&nobody));
    assert!(said(&nobody).contains("no instance of `payments-service` is connected"), "{}", shown(&nobody));
    let stored = wait(&["--stored"]);
    assert_eq!(out(&stored), "stored: payments-service:GET:/api/refunds is DISABLED\n");
    assert_eq!(said(&stored), "whether it has arrived at the instances was not asked\n");

    let instance = Enforcing::start(&fleet, "payments-service", "one");
    let arrived = wait(&[]);
    let told = out(&arrived);
    assert!(told.starts_with("✓ payments-service:GET:/api/refunds is DISABLED\n1/1 instances enforcing, "), "{told}");
    let document = fleet.json(&disabled);
    assert_eq!((&document["effective"], &document["propagation"]["confirmed"]), (&json!("disabled"), &json!(1)));

    drop(instance);
    fleet.ok(&["enable", "/api/refunds"]);
    let behind = fleet.run(&["wait", "/api/refunds", "--within", "300ms"]);
    assert_eq!(behind.status.code(), Some(7), "{}", shown(&behind));
    assert!(said(&behind).contains("0/1 instances enforcing"), "{}", shown(&behind));
    assert!(said(&behind).contains("payments-service one: "), "{}", shown(&behind));
    let other = wait(&["--within", "200ms"]);
    assert!(said(&other).contains("is ACTIVE, not DISABLED, after 0.2 s"), "{}", shown(&other));

    // It arrives while somebody waits.
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| fleet.run(&["wait", "/api/refunds", "--within", "20s"]));
        let _instance = Enforcing::start(&fleet, "payments-service", "one");
        waiting.join().unwrap()
    });
    assert_eq!(waiting.status.code(), Some(0), "{}", shown(&waiting));
}

#[test]
fn g57_who_is_lost_is_named() {
    let fleet = Fleet::start(&["--instance-liveness", "2"]).with_services();
    drop(Enforcing::start(&fleet, "payments-service", "gone"));
    let _instance = Enforcing::start(&fleet, "payments-service", "one");
    until("it is never lost", || {
        let there = fleet.json(&["instances", "payments-service"]);
        there.as_array().unwrap().iter().any(|one| one["id"] == "gone" && one["state"] == "lost")
    });
    let output = fleet.ok(&["disable", "/api/refunds", "--wait"]);
    assert!(!has_mark(&output), "{}", shown(&output));
    assert!(out(&output).contains("; 1 lost, which may still enforce what was before"), "{}", shown(&output));
    assert!(said(&output).contains("payments-service gone: lost, enforced revision "), "{}", shown(&output));
    let document = fleet.json(&["enable", "/api/refunds", "--wait"]);
    let lost = &document["propagation"]["lost_instances"][0];
    assert_eq!((&lost["instance"], &lost["state"]), (&json!("gone"), &json!("lost")), "{document}");
}

/// What an instance has refused is answered at once, and is not asked for all the faster.
#[test]
fn g57_wait_does_not_ask_without_a_pause() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", "/api/refunds"]);
    let cursor = fleet.json(&["api", "GET", "/api/sdk/snapshot?service=payments-service"])["cursor"].clone();
    let rejected = json!([{"what": "routes GET:/api/refunds", "why": "unknown"}]);
    let said_so = json!({"app_id": "payments-service", "instance": "one", "cursor": cursor, "rejected": rejected});
    fleet.post(paths::ACKNOWLEDGE, &said_so);
    let output = fleet.run(&["wait", "/api/refunds", "--for", "disabled", "--within", "1s", "-v"]);
    assert_eq!(output.status.code(), Some(7), "{}", shown(&output));
    assert!(said(&output).contains("could not apply routes GET:/api/refunds"), "{}", shown(&output));
    let asked = said(&output).matches("/api/propagation").count();
    assert!((1..10).contains(&asked), "{asked}: {}", shown(&output));
}

/// Programs get the steps on stdout; how far they have come is told beside them, once.
#[test]
fn g57_who_is_lost_is_told_beside_the_steps_of_a_document() {
    let fleet = Fleet::start(&["--instance-liveness", "2"]).with_services();
    drop(Enforcing::start(&fleet, "payments-service", "gone"));
    let _instance = Enforcing::start(&fleet, "payments-service", "one");
    until("it is never lost", || {
        let there = fleet.json(&["instances", "payments-service"]);
        there.as_array().unwrap().iter().any(|one| one["id"] == "gone" && one["state"] == "lost")
    });
    let document = "waygate: 1\nservices: {payments-service: {routes: {'GET:/api/refunds': {status: disabled}}}}\n";
    std::fs::write(fleet.home.path().join("wanted.yaml"), document).unwrap();
    let apply = ["apply", "-f", "wanted.yaml", "-o", "json", "--wait"];
    for (command, steps) in [(&apply[..], 1), (&apply[..], 0), (&["undo", "-o", "json", "--wait"], 1)] {
        let output = fleet.ok(command);
        let shown_steps: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(shown_steps.as_array().unwrap().len(), steps, "{}", shown(&output));
        assert_eq!(said(&output).matches("1/1 instances enforcing").count(), 1, "{}", shown(&output));
        assert!(said(&output).contains("payments-service gone: lost, enforced revision "), "{}", shown(&output));
    }
    // Where the answer has it, it is told there.
    let output = fleet.ok(&["disable", "/api/refunds", "-o", "json", "--wait"]);
    assert!(!said(&output).contains("instances enforcing"), "{}", shown(&output));
}

/// What is left out concerns nobody.
#[test]
fn g57_nobody_is_waited_for_where_all_is_left_out() {
    let fleet = Fleet::open().with_services();
    std::fs::write(
        fleet.home.path().join("ghost.yaml"),
        "waygate: 1\nservices: {ghost: {rate_limit: {limit: 5/minute}}}\n",
    )
    .unwrap();
    let output = fleet.ok(&["apply", "-f", "ghost.yaml", "--skip-unknown", "--wait"]);
    assert!(said(&output).contains("nobody is waited for"), "{}", shown(&output));
    assert!(!has_mark(&output), "{}", shown(&output));
}

/// The one that is back says nothing of the others, and after the start they are known by name.
#[test]
fn g57_after_a_restart_one_of_two_is_not_all() {
    let mut fleet = Fleet::kept().with_services();
    let instances =
        [Enforcing::start(&fleet, "payments-service", "one"), Enforcing::start(&fleet, "payments-service", "two")];
    fleet.ok(&["disable", "/api/refunds", "--wait"]);
    let home = fleet.home.path().to_owned();
    until("who is there is never written down", || {
        let files =
            std::fs::read_dir(&home).unwrap().filter_map(|file| std::fs::read_to_string(file.ok()?.path()).ok());
        files.into_iter().any(|text| text.contains("\"fleet\"") && text.contains("two"))
    });
    fleet.stop();
    drop(instances);
    fleet.restart();
    let _instance = Enforcing::start(&fleet, "payments-service", "one");
    let output = fleet.run(&["enable", "/api/refunds", "--wait=500ms"]);
    assert_eq!(output.status.code(), Some(7), "{}", shown(&output));
    assert!(said(&output).contains("1/2 instances enforcing"), "{}", shown(&output));
    assert!(said(&output).contains("payments-service two: behind, has said nothing yet"), "{}", shown(&output));
    let output = fleet.run(&["wait", "/api/refunds", "--within=500ms"]);
    assert_eq!(output.status.code(), Some(7), "{}", shown(&output));
}

/// Takes requests, and does with each connection what a failure does.
fn breaking(end: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 8192]);
            end(stream);
        }
    });
    url
}

#[test]
fn a_change_whose_answer_is_lost_may_have_been_made() {
    let home = tempfile::tempdir().unwrap();
    let document = home.path().join("wanted.yaml");
    std::fs::write(&document, "waygate: 1\nservices: {pay: {maintenance: {enabled: true}}}\n").unwrap();
    let told = |url: &str, line: &str| {
        let output =
            waygate(home.path()).args(["-S", url, "--timeout", "400ms"]).args(line.split(' ')).output().unwrap();
        assert!(!output.status.success(), "{line}: {}", shown(&output));
        assert!(!shown(&output).contains("cannot read `"), "{line}: {}", shown(&output));
        shown(&output).contains("the change may have been made all the same: `waygate history`")
    };
    let (held, holding) = mpsc::channel();
    let stalled = breaking(move |stream| drop(held.send(stream)));
    let closed = breaking(drop);
    let between = breaking(|mut stream| {
        let answer = "HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 7\r\nconnection: close\r\n\r\n<html/>";
        let _ = stream.write_all(answer.as_bytes());
    });
    let changes =
        ["disable GET:/a", "sm enable pay", "rl reset GET:/a", "api POST /api/global/enable", "env set GET:/a dev"];
    for url in [&stalled, &closed, &between] {
        for line in changes {
            assert!(told(url, line), "{url} {line}");
        }
        // It reads before it changes anything, and that is what fails.
        let apply = format!("apply -f {}", document.display());
        for line in ["status", "disable GET:/a --dry-run", "login admin --password secret", "wait GET:/a", &apply] {
            assert!(!told(url, line), "{url} {line}");
        }
    }
    drop(holding);
    // What was never sent was not made.
    let nobody = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    for line in changes {
        assert!(!told(&nobody, line), "{line}");
    }
    // What the server itself refuses is not in doubt.
    let refused = breaking(|mut stream| {
        let body = r#"{"error":"the store is full","code":"store_unavailable"}"#;
        let head = format!("HTTP/1.1 503 Service Unavailable\r\ncontent-length: {}\r\n", body.len());
        let _ = stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes());
    });
    assert!(!told(&refused, "disable GET:/a"));
}
