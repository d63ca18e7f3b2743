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

/// Each setting, wrong in the ways in which one gets it wrong.
#[test]
fn a_wrong_setting_is_one_line_that_names_it() {
    let home = tempfile::tempdir().unwrap();
    let key = "secret_key = \"0123456789abcdef0123456789abcdef\"\n";
    let redis = |url: &str| format!("{key}backend = \"{url}\"");
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$GzmoWpf9pxwkGDjOz1aSGw$a5IzvYY5ZErcdz8ain7TZjnmOJANFT935S5BbYw1tOg";
    let user = |name: &str, role: &str, more: &str| {
        format!("[[users]]\nname = \"{name}\"\nrole = \"{role}\"\npassword_hash = \"{hash}\"\n{more}")
    };
    fs::write(home.path().join("cert.pem"), "nonsense").unwrap();
    for (text, expected) in [
        ("prot = 9000".to_owned(), "unknown field `prot`"),
        ("port = \"9000\"".to_owned(), "`port`: expected a whole number, from 0 to 65535"),
        ("port = -1".to_owned(), "from 0 to 65535; got `-1`"),
        ("port =".to_owned(), "`port`"),
        ("port = 1\nport = 2".to_owned(), "line 2, `port`: duplicate key"),
        ("host = 7".to_owned(), "`host`"),
        ("host = \"no.such.host.invalid\"".to_owned(), "`host` is `no.such.host.invalid`"),
        ("backend = \"mysql://x\"".to_owned(), "`backend`: expected `memory`"),
        ("backend = \"file:\"".to_owned(), "`backend`: expected `memory`"),
        (format!("backend = \"file:{}\"", home.path().display()), "is a directory"),
        (redis("redis://"), "`backend`: the address of Redis is not understood"),
        (redis("redis://h:99999/0"), "`backend`: the address of Redis is not understood"),
        (redis("redis://h/zero"), "`backend`: the address of Redis is not understood"),
        (redis("redis+sentinel://h/"), "`backend`: the address of Redis is not understood"),
        (redis("redis://h?wait_replicas=two"), "`wait_replicas` is `two`; expected a whole number"),
        (redis("redis://h?wait_replica=1"), "unknown setting `wait_replica`, expected one of `wait_replicas`"),
        ("secret_key = 5".to_owned(), "`secret_key`"),
        ("token_expiry = 0".to_owned(), "`token_expiry`: expected seconds, from 1 to 3155760000; got `0`"),
        ("sdk_token_expiry = \"1d\"".to_owned(), "`sdk_token_expiry`: expected seconds"),
        (
            "instance_liveness = 9223372036854775807".to_owned(),
            "`instance_liveness`: expected seconds, from 1 to 86400",
        ),
        ("max_streams = 99999999999999999999".to_owned(), "`max_streams`: expected a whole number, from 1 to 1000000"),
        ("stream_lifetime = 9.5".to_owned(), "`stream_lifetime`: expected seconds, from 10 to 604800"),
        ("insecure_no_auth = \"yes\"".to_owned(), "`insecure_no_auth`"),
        ("webhook_allow_private = 1".to_owned(), "`webhook_allow_private`"),
        ("trusted_proxies = \"10.0.0.0/8\"".to_owned(), "`trusted_proxies`"),
        ("trusted_proxies = [\"proxy.example\"]".to_owned(), "got `proxy.example`"),
        ("allowed_hosts = [\"a b\"]".to_owned(), "allowed hosts: `a b`"),
        ("tls_cert = \"cert.pem\"".to_owned(), "`tls_cert` and `tls_key`"),
        ("tls_cert = \"gone.pem\"\ntls_key = \"gone.pem\"".to_owned(), "`tls_cert`: cannot read `gone.pem`"),
        ("tls_cert = \"cert.pem\"\ntls_key = \"cert.pem\"".to_owned(), "TLS: the certificate"),
        ("metrics_token = 5".to_owned(), "`metrics_token`"),
        ("log_format = \"xml\"".to_owned(), "`xml`, expected `text` or `json`"),
        ("users = \"admin:secret\"".to_owned(), "`users`"),
        ("[[users]]\nname = \"ada\"".to_owned(), "missing field `password_hash`"),
        (user("ada", "boss", ""), "unknown variant `boss`, expected one of `viewer`"),
        (user("ada", "admin", "services = [\"pay\"]"), "user `ada`: an administrator cannot be limited"),
        (user("ada", "viewer", "services = [\"\"]"), "a service id is"),
        (user("ada", "viewer", &user("ada", "viewer", "")), "user `ada` is given twice"),
        (user("", "viewer", ""), "an actor is 1 to 200 characters"),
        (user("ada", "viewer", "").replace(hash, "secret"), "user `ada`: password_hash"),
        ("[server]\nport = 9000".to_owned(), "unknown field `server`"),
    ] {
        fs::write(home.path().join("wrong.toml"), &text).unwrap();
        let mut command = waygate(home.path());
        let output = command.args(["serve", "--check-config", "--config", "wrong.toml"]).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(matches!(output.status.code(), Some(1 | 2)) && output.stdout.is_empty(), "{text}: {told}");
        assert!(told.starts_with("error: ") && told.contains(expected) && told.lines().count() == 1, "{text}: {told}");
    }
    for (file, expected) in [("gone.toml", "cannot read `gone.toml`"), (".", "cannot read `.`")] {
        let output = waygate(home.path()).args(["serve", "--check-config", "--config", file]).output().unwrap();
        assert!(shown(&output).contains(expected), "{}", shown(&output));
    }
}

#[test]
fn a_wrong_variable_is_called_by_its_name_and_shows_no_password() {
    let home = tempfile::tempdir().unwrap();
    for (variable, value, expected) in [
        ("WAYGATE_PORT", "ninety", "'WAYGATE_PORT': expected a whole number, from 0 to 65535"),
        ("WAYGATE_TOKEN_EXPIRY", "1h", "'WAYGATE_TOKEN_EXPIRY': expected seconds, from 1 to 3155760000"),
        ("WAYGATE_BACKEND", "redi://user:tops3cret@h/0", "'WAYGATE_BACKEND': expected `memory`"),
        ("WAYGATE_BACKEND", "redis://user:tops3cret@h/x", "'WAYGATE_BACKEND': the address of Redis"),
        ("WAYGATE_LOG_FORMAT", "xml", "'WAYGATE_LOG_FORMAT': expected `text` or `json`"),
        ("WAYGATE_INSECURE_NO_AUTH", "maybe", "'WAYGATE_INSECURE_NO_AUTH': expected `true`"),
        ("WAYGATE_CONFIG", "gone.toml", "cannot read `gone.toml`"),
        ("WAYGATE_AUTH", "admin", "WAYGATE_AUTH takes USER:PASSWORD"),
        ("WAYGATE_LOG", "[[", "WAYGATE_LOG and RUST_LOG take a filter"),
    ] {
        let mut command = waygate(home.path());
        let output = command.args(["serve", "--check-config"]).env(variable, value).output().unwrap();
        let told = shown(&output);
        assert_eq!(output.status.code(), Some(2), "{variable}={value}: {told}");
        assert!(told.contains(expected) && !told.contains("tops3cret"), "{variable}={value}: {told}");
    }
    let mut command = waygate(home.path());
    let output = command.args(["serve", "--check-config", "--port", "x"]).env("WAYGATE_PORT", "9000").output().unwrap();
    assert!(shown(&output).contains("'--port <PORT>'"), "{}", shown(&output));
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
