//! Small things that cost an operator or a script a minute each.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::context::{Fleet, shown, waygate};
use crate::radius::typed;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What the environment says yields to what is typed; only what is typed can contradict itself.
#[test]
fn a_context_of_the_environment_yields_to_a_server_that_is_typed() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["context", "add", "elsewhere", "--url", "http://127.0.0.1:1"]);
    let of_environment =
        |arguments: &[&str]| fleet.command(arguments).env("WAYGATE_CONTEXT", "elsewhere").output().unwrap();
    assert_eq!(of_environment(&["services"]).status.code(), Some(6));
    for line in [&["services", "--server", &fleet.url][..], &["-S", &fleet.url, "status", "/api/refunds"]] {
        let told = of_environment(line);
        assert_eq!(told.status.code(), Some(0), "{line:?}: {}", shown(&told));
    }
    let both = fleet.run(&["services", "--server", &fleet.url, "--context", "elsewhere"]);
    assert_eq!(both.status.code(), Some(2), "{}", shown(&both));
    assert!(shown(&both).contains("both choose a server"), "{}", shown(&both));
    // The rules of a context hold for its server however that is chosen.
    fleet.ok(&["context", "add", "prod", "--url", &fleet.url, "--require-reason"]);
    assert_eq!(of_environment(&["disable", "/api/refunds", "--server", &fleet.url]).status.code(), Some(2));
}

#[test]
fn instances_are_of_a_service_as_everywhere() {
    let fleet = Fleet::open().with_services();
    for line in [&["instances", "-s", "payments-service"][..], &["instances", "--service", "payments-service"]] {
        fleet.ok(line);
    }
    assert_eq!(fleet.run(&["instances", "-s", "nosuch"]).status.code(), Some(3));
    assert_eq!(fleet.run(&["instances", "orders-service", "-s", "payments-service"]).status.code(), Some(2));
    let of_environment = fleet.command(&["instances", "orders-service"]).env("WAYGATE_SERVICE", "nosuch").output();
    assert_eq!(of_environment.unwrap().status.code(), Some(0), "what is typed goes before the environment");
    let forgotten = fleet.command(&["instances", "forget", "none"]).env("WAYGATE_SERVICE", "payments-service").output();
    assert_eq!(forgotten.unwrap().status.code(), Some(3));
}

/// Blank is none, for a ticket as for a reason; and where one is wanted, every change wants it.
#[test]
fn a_blank_reason_is_none_and_every_change_takes_one() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", "/api/refunds", "--reason", "  ", "--ticket", ""]);
    assert_eq!(fleet.json(&["status", "/api/refunds"])["reason"], "");
    fleet.ok(&["services", "--ticket", " "]);
    fleet.ok(&["rl", "set", "/api/refunds", "5/minute"]);
    fleet.ok(&["srl", "set", "payments-service", "5/minute"]);
    fleet.ok(&["grl", "set", "5/minute"]);
    fleet.ok(&["schedule", "/api/refunds", "--start", "2999-01-01", "--end", "1h"]);
    fleet.ok(&["context", "add", "prod", "--url", &fleet.url, "--require-reason"]);
    for line in [
        "global exempt-add /ready",
        "global exempt-remove /ready",
        "sm exempt-add payments-service /ready",
        "sm exempt-remove payments-service /ready",
        "schedule cancel /api/refunds",
        "rl disable /api/refunds",
        "rl enable /api/refunds",
        "rl reset /api/refunds",
        "rl delete /api/refunds",
        "srl disable payments-service",
        "srl enable payments-service",
        "srl reset payments-service",
        "srl delete payments-service",
        "grl disable",
        "grl enable",
        "grl reset",
        "grl delete",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        for blank in [&[][..], &["--reason", " "]] {
            let refused = fleet.run(&[&words[..], blank].concat());
            assert_eq!(refused.status.code(), Some(2), "{line}: {}", shown(&refused));
        }
        fleet.ok(&[&words[..], &["--reason", "because", "--ticket", "OPS-1"]].concat());
        assert_eq!(fleet.json(&["log"])[0]["reason"], "OPS-1: because", "{line}");
    }
    let raw = ["api", "POST", "/api/global/exemptions", "-f", "add:=[\"/x\"]"];
    let refused = fleet.run(&raw);
    assert_eq!(refused.status.code(), Some(2), "{}", shown(&refused));
    assert!(shown(&refused).contains("`-f reason=TEXT`"), "{}", shown(&refused));
    fleet.ok(&[&raw[..], &["-f", "reason=because"]].concat());
}

/// For programs an error is the last line of stderr, and names the server wherever one was talked to.
#[test]
fn errors_for_programs_name_the_server_and_come_last() {
    let fleet = Fleet::open().with_services();
    let error = |arguments: &[&str], code: i32| -> Value {
        let failed = fleet.run(&[arguments, &["-o", "json"]].concat());
        assert_eq!(failed.status.code(), Some(code), "{arguments:?}: {}", shown(&failed));
        serde_json::from_str(text(&failed.stderr).lines().last().unwrap()).unwrap()
    };
    for (arguments, code) in [
        (&["disable", "/api/refunds", "--wait=100ms"][..], 7),
        (&["status", "--match", "nope*"], 3),
        (&["undo", "no-such-entry"], 3),
        (&["status", "/api/refunds", "--check", "maintenance"], 1),
    ] {
        assert_eq!(error(arguments, code)["error"]["server"], json!(fleet.url), "{arguments:?}");
    }
    // What the answer says is not said again beside it.
    let told = fleet.ok(&["global", "enable", "--exempt", "/nosuch", "-o", "json"]);
    let answer: Value = serde_json::from_slice(&told.stdout).unwrap();
    for warning in answer["warnings"].as_array().unwrap() {
        assert!(!text(&told.stderr).contains(warning.as_str().unwrap()), "{}", shown(&told));
    }
}

/// Answers one connection after another with the same bytes.
fn answering(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(bytes);
        }
    });
    port
}

#[test]
fn what_stands_before_the_control_plane_is_named() {
    let home = tempfile::tempdir().unwrap();
    let services = |url: &str| waygate(home.path()).args(["services", "--server", url]).output().unwrap();
    let page = answering(
        b"HTTP/1.1 302 Found\r\nlocation: https://sso.example/login?next=x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    let led_away = services(&format!("http://127.0.0.1:{page}"));
    assert_eq!(led_away.status.code(), Some(1), "{}", shown(&led_away));
    let told = shown(&led_away);
    assert!(told.contains("`https://sso.example/login?next=x`") && told.contains("a proxy"), "{told}");

    let plain = Fleet::open();
    let by_tls = services(&plain.url.replace("http:", "https:"));
    assert_eq!(by_tls.status.code(), Some(6), "{}", shown(&by_tls));
    assert!(shown(&by_tls).contains(&format!("try `{}`", plain.url)), "{}", shown(&by_tls));

    // The alert of a server that expects TLS.
    let tls = answering(b"\x15\x03\x01\x00\x02\x02\x46");
    let by_http = services(&format!("http://127.0.0.1:{tls}"));
    assert_eq!(by_http.status.code(), Some(6), "{}", shown(&by_http));
    assert!(shown(&by_http).contains(&format!("try `https://127.0.0.1:{tls}`")), "{}", shown(&by_http));
}

#[test]
fn times_and_numbers_are_said_as_everywhere() {
    let fleet = Fleet::guarded().logged_in();
    let shown_times = text(&fleet.ok(&["config", "show"]).stdout);
    let expiry = shown_times.lines().find(|line| line.starts_with("Token expires")).unwrap().to_owned();
    let words: Vec<&str> = expiry.split_whitespace().collect();
    assert!(words.len() == 5 && words[2].len() == "2026-12-01".len() && words[4] == "UTC", "{expiry}");
    let state = json!({"path": "pay:GET:/a", "service": "pay", "status": "active"});
    let one = Fleet::open();
    one.post("/api/sdk/register", &json!({"app_id": "pay", "states": [state]}));
    assert!(text(&one.ok(&["status"]).stderr).contains("1 route: 1 active"), "{}", shown(&one.ok(&["status"])));
    let asked = typed(&one, "sm enable pay", "n\n");
    assert!(shown(&asked).contains("1 route of pay"), "{}", shown(&asked));
    std::fs::write(one.home.path().join("one.yaml"), "waygate: 1\nservices: {pay: {routes: {'GET:/a': {}}}}\n")
        .unwrap();
    assert!(text(&one.ok(&["validate", "-f", "one.yaml"]).stderr).contains("1 service, 1 route"));
}
