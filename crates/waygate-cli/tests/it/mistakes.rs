//! What people and scripts mistype: said clearly, with the right exit code, and nothing is widened or swallowed.

use std::fs::File;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::context::{Fleet, shown, waygate};
use crate::radius::typed;

fn exits(fleet: &Fleet, code: i32, told: &str, lines: &[&str]) {
    for line in lines {
        let output =
            fleet.command(&line.split(' ').map(|word| word.trim_matches('\'')).collect::<Vec<_>>()).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}: {}", shown(&output));
        assert!(shown(&output).contains(told), "{line}: {}", shown(&output));
    }
}

/// `-s ''` of a script whose variable was not set would mean everything.
#[test]
fn an_empty_value_is_a_mistake_and_an_empty_variable_is_not_set() {
    let fleet = Fleet::open().with_services();
    let before = fleet.json(&["history"]);
    exits(
        &fleet,
        2,
        "nothing is given for",
        &[
            "status -s ''",
            "disable GET:/api/* -s ''",
            "rollback --to 1 --service ''",
            "export --service=",
            "instances ''",
            "log --route ''",
            "token create --service ''",
            "sm enable ''",
            "env set /api/refunds ''",
            "status --context ''",
            "watch ''",
        ],
    );
    assert_eq!(fleet.json(&["history"]), before);
    for name in
        ["WAYGATE_SERVICE", "WAYGATE_CONTEXT", "WAYGATE_OUTPUT", "WAYGATE_TIMEOUT", "WAYGATE_TOKEN", "WAYGATE_CA_FILE"]
    {
        for value in ["", " "] {
            let output = fleet.command(&["status", "-o", "name"]).env(name, value).output().unwrap();
            assert!(output.status.success(), "{name}: {}", shown(&output));
            assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 7, "{name}: {}", shown(&output));
        }
    }
    fleet.ok(&["disable", "/api/refunds", "--reason", ""]);
}

#[test]
fn what_is_read_has_an_end_and_says_where() {
    let fleet = Fleet::open().with_services();
    let endless = || Stdio::from(File::open("/dev/zero").unwrap());
    for (line, most) in [
        ("apply -f /dev/zero", "16 MiB"),
        ("validate -f -", "16 MiB"),
        ("api POST /api/batch --input /dev/zero", "16 MiB"),
        ("api POST /api/batch --input -", "16 MiB"),
        ("disable -", "1 MiB"),
        ("status --token-file /dev/zero", "64 KiB"),
        ("login admin --password-stdin", "64 KiB"),
        ("login --with-token", "64 KiB"),
        ("hash-password", "64 KiB"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let output = fleet.command(&words).stdin(endless()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}: {}", shown(&output));
        assert!(shown(&output).contains(&format!("larger than {most}, the most that is read")), "{}", shown(&output));
    }
}

#[test]
fn a_period_of_nothing_is_no_limit_wherever_it_is_typed() {
    let fleet = Fleet::open().with_services();
    exits(
        &fleet,
        2,
        "a period of 0 is none",
        &[
            "rl set /api/refunds 1/0minute",
            "grl set 5/second;1/0minute",
            "srl set payments-service 1/0seconds",
            "srl set payments-service 5/minute --tier pro=1/0minute",
            "api POST /api/services/payments-service/rate-limit -f limit=1/0minute",
        ],
    );
    std::fs::write(
        fleet.home.path().join("limit.yaml"),
        "waygate: 1\nservices:\n  payments-service:\n    rate_limit: {limit: 1/0minute}\n",
    )
    .unwrap();
    exits(&fleet, 2, "a period of 0 is none", &["validate -f limit.yaml", "apply -f limit.yaml"]);
}

#[test]
fn what_the_arguments_say_wrongly_is_2() {
    let fleet = Fleet::open().with_services();
    let long = "x".repeat(2001);
    let output = fleet.run(&["disable", "/api/refunds", "--reason", &long]);
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
    assert!(shown(&output).contains("the reason has 2001 characters; at most 2000 are kept"), "{}", shown(&output));
    exits(
        &fleet,
        2,
        "error: ",
        &[
            "explain GET /api/refunds --service payments-service --ip bogus",
            "log --action nope",
            "rollback --to nonsense",
            "schema -o csv",
            "api GET /api/routes -o name",
        ],
    );
    let guarded = Fleet::guarded().logged_in();
    exits(&guarded, 2, "expected seconds, from ", &["token create --service payments-service --expires 1s"]);
    exits(&fleet, 2, "`--to tomorrow` is yet to come", &["rollback --to tomorrow"]);
    for path in ["/api/routes\n", "/api/routes\n?service=x", "/api/ro utes"] {
        let output = fleet.run(&["api", "GET", path]);
        assert_eq!(output.status.code(), Some(2), "{path}: {}", shown(&output));
        assert!(shown(&output).contains("must be written as `%"), "{}", shown(&output));
    }
    for token in ["one\ntwo", "a b", "é"] {
        let output = fleet.command(&["status"]).env("WAYGATE_TOKEN", token).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
        assert!(shown(&output).contains("WAYGATE_TOKEN is no token"), "{}", shown(&output));
    }
    let output = fleet.run(&["login"]);
    assert!(output.status.code() == Some(2) && shown(&output).contains("--password-stdin"), "{}", shown(&output));
    let output = fleet.run(&["login", "admin"]);
    assert!(output.status.code() == Some(2) && shown(&output).contains("--password-stdin"), "{}", shown(&output));
}

#[test]
fn g29_an_unknown_service_and_an_unknown_revision_are_3_in_every_command() {
    let fleet = Fleet::open().with_services();
    exits(
        &fleet,
        3,
        "nosuch",
        &[
            "status -s nosuch",
            "watch -s nosuch",
            "top --once -s nosuch",
            "log -s nosuch",
            "history -s nosuch",
            "export -s nosuch",
            "instances nosuch",
            "schedule list -s nosuch",
            "rl list -s nosuch",
            "rl hits -s nosuch",
            "srl get nosuch",
            "srl set nosuch 5/minute",
            "srl disable nosuch",
            "srl enable nosuch",
            "srl reset nosuch",
            "srl delete nosuch",
            "sm status nosuch",
            "sm enable nosuch",
            "sm disable nosuch",
            "sm exempt-add nosuch /health",
            "sm exempt-remove nosuch /health",
            "rollback --to 1 -s nosuch",
            "explain GET /api/x -s nosuch",
            "disable /api/refunds -s nosuch",
        ],
    );
    exits(
        &fleet,
        3,
        "there is no revision 999 yet: it is at 2",
        &["rollback --to 999", "export --revision 999", "undo 999"],
    );
}

/// Something else answers at the URL.
#[test]
fn g56_what_is_no_waygate_server_is_said_to_be_none() {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(
                b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-type: text/html\r\ncontent-length: 9\r\n\r\nNot Found",
            );
        }
    });
    let home = tempfile::tempdir().unwrap();
    for line in ["status", "status /api/x", "services", "disable GET:/api/x", "log", "watch", "sm enable pay"] {
        let output = waygate(home.path()).args(["-S", &url]).args(line.split(' ')).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}: {}", shown(&output));
        let text = shown(&output);
        assert!(text.contains("this is not a Waygate server") && text.contains("--server"), "{line}: {text}");
    }
}

#[test]
fn a_tick_is_for_what_was_done() {
    let fleet = Fleet::open().with_services();
    for line in [
        "enable /api/refunds",
        "schedule cancel /api/refunds",
        "rl set /api/refunds 5/minute",
        "rl enable /api/refunds",
        "rl reset /api/refunds",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        fleet.ok(&words);
        let again = fleet.ok(&words);
        let text = shown(&again);
        if line.ends_with("minute") || line.starts_with("rl reset") {
            continue;
        }
        assert!(!text.contains('✓') && text.contains("already so"), "{line}: {text}");
    }
    let again = fleet.ok(&["rl", "set", "/api/refunds", "5/minute"]);
    assert!(shown(&again).contains("= Rate limit of") && shown(&again).contains("already so"), "{}", shown(&again));
    // Nobody is there to enforce it.
    let output = fleet.run(&["rl", "set", "/api/refunds", "6/minute", "--wait=100ms"]);
    assert_eq!(output.status.code(), Some(7), "{}", shown(&output));
    assert!(shown(&output).contains("stored: Rate limit of") && !shown(&output).contains('✓'), "{}", shown(&output));
    assert!(shown(&output).contains("no instance of `payments-service` is connected"), "{}", shown(&output));
    let output = fleet.run(&["sm", "enable", "payments-service", "--wait=100ms", "-o", "json"]);
    assert_eq!(output.status.code(), Some(7), "{}", shown(&output));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["propagation"]["absent"], json!(["payments-service"]), "{answer}");
    let output = fleet.run(&["api", "POST", "/api/global/disable", "--wait=100ms"]);
    assert_eq!(output.status.code(), Some(7), "{}", shown(&output));
    assert_eq!(fleet.run(&["import", "x.json", "--wait"]).status.code(), Some(2));
}

#[test]
fn every_form_is_honoured_or_refused() {
    let fleet = Fleet::open().with_services();
    let out = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        String::from_utf8(fleet.ok(&words).stdout).unwrap()
    };
    fleet.ok(&["rl", "set", "/api/refunds", "5/minute"]);
    assert_eq!(out("rl list -o name"), "payments-service:GET:/api/refunds\n");
    assert_eq!(out("rl get /api/refunds -o name"), "payments-service:GET:/api/refunds\n");
    assert!(out("rl get /api/refunds -o csv").starts_with("service,method,path,limit,"));
    assert_eq!(out("rl set /api/refunds 6/minute -o name"), "payments-service:GET:/api/refunds\n");
    assert_eq!(out("grl set 100/second -o name"), "global\n");
    assert_eq!(out("grl disable -o csv"), "limit,is\nglobal,PAUSED\n");
    assert_eq!(out("srl get payments-service -o name"), "");
    for empty in
        ["rl hits -o jsonl", "schedule list -o jsonl", "instances -o jsonl", "status --status disabled -o jsonl"]
    {
        assert_eq!(out(empty), "", "{empty}");
    }
    assert!(out("schema -o yaml").lines().any(|line| line.trim_start_matches('"').starts_with("$schema")));
    assert!(serde_json::from_str::<serde_json::Value>(&out("schema -o jsonl")).is_ok());
    let url = serde_json::from_str::<serde_json::Value>(&out("dashboard --print-url -o json")).unwrap();
    assert_eq!(url["url"], format!("{}/", fleet.url));
    assert!(out("api GET /api/services -o yaml").starts_with("- "));
    // What programs read is the same everywhere.
    fleet.ok(&["schedule", "/api/refunds", "--start", "2099-12-01T10:00Z", "--end", "2099-12-01T11:00Z"]);
    let csv = fleet.command(&["schedule", "list", "-o", "csv", "--local"]).env("TZ", "Asia/Tokyo").output().unwrap();
    assert!(String::from_utf8_lossy(&csv.stdout).contains("2099-12-01 10:00 UTC"), "{}", shown(&csv));
}

/// What programs get as it is stored does nothing to a terminal.
#[test]
fn g58_no_form_sends_stored_text_raw_to_a_terminal() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", "/api/refunds", "--reason", "\u{1b}[2Jgone\u{9b}1m\u{7}"]);
    for form in ["table", "wide", "json", "jsonl", "yaml", "csv", "name"] {
        for command in ["status", "log", "history", "export"] {
            let output = typed(&fleet, &format!("{command} -o {form} --color never"), "");
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{7}']), "{command} -o {form}: {text:?}");
        }
    }
    let piped = fleet.ok(&["status", "-o", "csv"]).stdout;
    assert!(String::from_utf8(piped).unwrap().contains("\u{1b}[2Jgone"), "programs get it whole");
}

#[test]
fn a_terminal_that_does_not_know_its_width_shows_whole_words() {
    let fleet = Fleet::open().with_services();
    let binary = env!("CARGO_BIN_EXE_waygate");
    for (columns, line) in [("0", "status"), ("0", "--help"), ("80", "status"), ("80", "--help")] {
        let mut script = Command::new("script");
        let line = format!("stty cols {columns} rows {columns}; exec {binary} {line}");
        script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        script.env("HOME", fleet.home.path()).env("TERM", "dumb").env("COLUMNS", columns);
        let output = script.current_dir(fleet.home.path()).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let whole = if line.ends_with("status") { "GET:/api/refunds" } else { "Let a route answer again" };
        assert!(output.status.success() && text.contains(whole), "{line}: {}", shown(&output));
    }
}
