//! What those who run the control plane look at: its settings, its log, its numbers.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::context::{shown, waygate};
use crate::serve::{serve, stop};

#[test]
fn settings_are_checked_without_touching_anything() {
    let home = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str]| {
        let output = waygate(home.path()).args(["serve", "--check-config"]).args(arguments).output().unwrap();
        (output.status.code(), shown(&output))
    };
    let (code, text) = check(&["--auth", "admin:secret", "--port", "9000", "--metrics-token", "m"]);
    let expected = "the settings are sound: http://127.0.0.1:9000, state in file:waygate-state.json, people log in, \
                    scrapers have a token";
    assert!(code == Some(0) && text.contains(expected) && !text.contains("WARN"), "{text}");
    let redis = ["--backend", "redis://user:tops3cret@nowhere.invalid:1/0", "--secret-key", "k"];
    let (code, text) = check(&redis);
    assert!(code == Some(0) && !text.contains("tops3cret"), "nobody is called: {text}");
    fs::write(home.path().join("bad.toml"), "host = \"127.0.0.1\"\nprot = 9000\n").unwrap();
    fs::write(home.path().join("cert.pem"), "nonsense").unwrap();
    let users = "[[users]]\nname = \"ada\"\nrole = \"admin\"\npassword_hash = \"nonsense\"\n";
    fs::write(home.path().join("users.toml"), users).unwrap();
    for (arguments, expected) in [
        (&["--config", "bad.toml"][..], "line 2: unknown field `prot`"),
        (&["--config", "users.toml"], "ada"),
        (&["--log-format", "xml"], "expected `text` or `json`"),
        (&["--tls-cert", "cert.pem", "--tls-key", "cert.pem"], "TLS: "),
        (&["--host", "0.0.0.0"], "--insecure-no-auth"),
        (&["--backend", "redis://localhost/0"], "--secret-key"),
    ] {
        let (code, text) = check(arguments);
        assert!(matches!(code, Some(1 | 2)) && text.contains(expected), "{arguments:?}: {code:?} {text}");
    }
    let mut left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["bad.toml", "cert.pem", "users.toml"]);
}

/// From the command line to the commit, one trace.
#[test]
fn a_change_is_logged_with_its_request_its_trace_and_its_revision() {
    let home = tempfile::tempdir().unwrap();
    let (child, url) = serve(home.path(), &["--backend", "memory", "--log-format", "json"], &[]);
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let enable = ["global", "enable", "--reason", "deploy", "--server", &url];
    let output = waygate(home.path()).args(enable).env("TRACEPARENT", trace).output().unwrap();
    assert!(output.status.success(), "{}", shown(&output));
    let disable = ["global", "disable", "--server", &url];
    assert!(waygate(home.path()).args(disable).env("TRACEPARENT", "none").status().unwrap().success());
    let (code, _, err) = stop(child, "-TERM");
    assert_eq!(code, Some(0), "{err}");
    let lines: Vec<Value> = err.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let changes: Vec<&Value> = lines.iter().filter(|line| line["message"] == "a change was committed").collect();
    assert_eq!(changes.len(), 2, "{err}");
    assert_eq!((&changes[0]["revision"], &changes[0]["platform"]), (&1.into(), &"cli".into()), "{err}");
    let span = &changes[0]["span"];
    assert_eq!(span["trace.id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(span["span.parent"], "b7ad6b7169203331");
    assert!(span["request.id"].as_str().is_some_and(|id| !id.is_empty()), "{err}");
    assert!(changes[1]["span"]["request.id"].is_string() && changes[1]["span"]["trace.id"].is_null(), "{err}");
}

#[test]
fn a_scraper_needs_the_token_that_the_server_was_given() {
    let home = tempfile::tempdir().unwrap();
    let variables = [("WAYGATE_METRICS_TOKEN", "only-to-scrape")];
    let (child, url) = serve(home.path(), &["--backend", "memory", "--auth", "admin:secret"], &variables);
    let scrape = |token: &str| {
        let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        let head =
            format!("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = scrape("only-to-scrape");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\nwaygate_revision 0"), "{answer}");
    assert!(scrape("something-else").starts_with("HTTP/1.1 401"));
    let (_, _, err) = stop(child, "-TERM");
    assert!(!err.contains("only-to-scrape"), "{err}");
}
