//! What the reference's command line fails at, by the numbers of the list of acceptance that have no test under another
//! name.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::context::{Fleet, waygate};

const REFUNDS: &str = "payments-service:GET:/api/refunds";

fn status(fleet: &Fleet, route: &str) -> Value {
    fleet.json(&["status", route])["status"].clone()
}

#[test]
fn a02_what_is_unknown_is_3_and_the_state_of_a_service_is_its_own() {
    let fleet = Fleet::open().with_services();
    assert_eq!(fleet.run(&["status", "/nope"]).status.code(), Some(3));
    fleet.ok(&["disable", "GET:/api/payments", "--service", "payments-service"]);
    let of = |service| fleet.json(&["status", "/api/payments", "-s", service])["status"].clone();
    assert_eq!((of("payments-service"), of("orders-service")), (json!("disabled"), json!("active")));
}

#[test]
fn a05_a_timed_disable_ends_by_itself_and_an_old_timer_ends_nothing() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", REFUNDS, "--for", "2s"]);
    assert_eq!(status(&fleet, REFUNDS), "disabled");
    fleet.ok(&["wait", REFUNDS, "--for", "active", "--stored", "--within", "20s"]);

    fleet.ok(&["disable", REFUNDS, "--for", "1s"]);
    fleet.ok(&["enable", REFUNDS]);
    fleet.ok(&["disable", REFUNDS]);
    // Once a later timer has ended, that one would have.
    fleet.ok(&["disable", "POST:/api/orders", "--for", "2s"]);
    fleet.ok(&["wait", "POST:/api/orders", "--for", "active", "--stored", "--within", "20s"]);
    assert_eq!(status(&fleet, REFUNDS), "disabled");
}

#[test]
fn a08_a_login_that_is_killed_leaves_a_whole_file() {
    let home = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    assert!(waygate(home.path()).args(["config", "set-url", &url]).status().unwrap().success());
    let file = home.path().join(".waygate/config.json");
    let read = || -> Value { serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap() };
    let before = read();
    for round in 0..20 {
        let mut login = waygate(home.path())
            .args(["login", "admin", "--password", "secret"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        if round == 0 {
            login.kill().unwrap();
            login.wait().unwrap();
            assert_eq!(read(), before, "nothing had been answered");
            continue;
        }
        answer(&mut stream, round);
        login.kill().unwrap();
        login.wait().unwrap();
        let found = read();
        assert_eq!(found["server_url"], before["server_url"], "{found}");
        assert!(found["auth"].is_null() || found["auth"]["username"] == "admin", "{found}");
    }
}

fn answer(stream: &mut TcpStream, round: u32) {
    let token = format!("{}.{round}", "x".repeat(2000));
    let body = json!({ "token": token, "username": "admin", "expires_at": "2099-01-01T00:00:00Z" }).to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
}

#[test]
fn a14_every_reading_command_ends_alike_without_utf_8() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", REFUNDS, "--reason", "é🙂 ✓"]);
    for line in
        ["status", "services", "log", "history", "export", "global status", "schedule list", "rl list", "status /nope"]
    {
        let arguments: Vec<&str> = line.split(' ').collect();
        let with = |locale: &str| fleet.command(&arguments).env("LC_ALL", locale).output().unwrap();
        let (plain, whole) = (with("C"), with("C.UTF-8"));
        assert_eq!((plain.status.code(), &plain.stdout), (whole.status.code(), &whole.stdout), "{line}");
    }
}

#[test]
fn a15_an_offset_is_taken_into_account_wherever_a_time_is_shown() {
    let fleet = Fleet::open().with_services();
    let told = |arguments: &[&str]| String::from_utf8(fleet.ok(arguments).stdout).unwrap();
    let receipt = told(&["schedule", REFUNDS, "--start", "2099-12-01T10:00+02:00", "--end", "2099-12-01T17:30+05:30"]);
    let window = "2099-12-01 08:00 UTC → 2099-12-01 12:00 UTC";
    assert!(receipt.contains(window), "{receipt}");
    assert!(told(&["status", REFUNDS]).contains(window));
    let planned = told(&["schedule", "list"]);
    assert!(planned.contains("2099-12-01 08:00 UTC  2099-12-01 12:00 UTC"), "{planned}");
    assert_eq!(fleet.json(&["status", REFUNDS])["window"]["start"], "2099-12-01T08:00:00Z");

    let receipt = told(&["maintenance", "POST:/api/orders", "--start", "10:00+02:00", "--end", "1h"]);
    assert!(receipt.contains(" 08:00 UTC → ") && receipt.contains(" 09:00 UTC"), "{receipt}");
    let until = told(&["disable", "POST:/api/orders", "--until", "2099-12-01T10:00+02:00"]);
    assert!(until.contains("2099-12-01 08:00 UTC"), "{until}");
}

#[test]
fn a16_gates_limits_and_the_log_reach_routes_of_services() {
    let fleet = Fleet::open().with_services();
    let scope = ["-s", "orders-service"];
    fleet.ok(&[&["env", "set", "/api/payments", "dev"][..], &scope].concat());
    fleet.ok(&[&["rl", "set", "/api/payments", "5/minute"][..], &scope].concat());
    let entries = fleet.json(&[&["log"][..], &scope].concat());
    let paths: Vec<&str> = entries.as_array().unwrap().iter().filter_map(|entry| entry["path"].as_str()).collect();
    assert_eq!(paths, ["orders-service:GET:/api/payments"; 2], "{entries}");
}

#[test]
fn a19_what_was_exported_is_applied_without_a_change() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", REFUNDS, "--reason", "x"]);
    fleet.ok(&["grl", "set", "100/minute"]);
    let text = String::from_utf8(fleet.ok(&["export"]).stdout).unwrap();
    for line in [&["diff", "-f", "-"][..], &["apply", "-f", "-", "--detailed-exitcode"]] {
        let output = Fleet::fed(fleet.command(line), &text);
        assert_eq!(output.status.code(), Some(0), "{}", crate::context::shown(&output));
    }
}
