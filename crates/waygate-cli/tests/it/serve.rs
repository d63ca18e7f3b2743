//! `waygate serve`: settings, start and end.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::context::{shown, waygate};

/// A server of its own, and its URL.
pub(crate) fn serve(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (Child, String) {
    let mut command = waygate(home);
    command.args(["serve", "--port", "0"]).args(arguments).envs(variables.iter().copied());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    child.stdout = Some(stdout.into_inner());
    let url = line.trim().strip_prefix("waygate listening on ").unwrap_or_default().to_owned();
    (child, url)
}

pub(crate) fn stop(mut child: Child, signal: &str) -> (Option<i32>, String, String) {
    assert!(Command::new("/bin/kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    let status = child.wait().unwrap();
    let mut texts = [String::new(), String::new()];
    child.stdout.unwrap().read_to_string(&mut texts[0]).unwrap();
    child.stderr.unwrap().read_to_string(&mut texts[1]).unwrap();
    let [out, err] = texts;
    (status.code(), out, err)
}

fn logs_in(home: &Path, url: &str, user: &str, password: &str) -> bool {
    let output = waygate(home).args(["login", user, "-p", password, "--server", url]).output().unwrap();
    output.status.success()
}

#[test]
fn it_says_one_line_and_ends_well_on_both_signals() {
    for signal in ["-TERM", "-INT"] {
        let home = tempfile::tempdir().unwrap();
        let (child, url) = serve(home.path(), &["--backend", "memory", "--auth", "admin:secret"], &[]);
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        let (code, out, err) = stop(child, signal);
        assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
        let warnings: Vec<&str> = err.lines().filter(|line| line.contains("WARN")).collect();
        assert_eq!(warnings.len(), 1, "{err}");
        assert!(warnings[0].contains("secret key"), "{err}");
    }
}

#[test]
fn tokens_and_state_outlive_a_restart_on_a_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let arguments = ["--auth", "admin:secret"];
    let (child, url) = serve(home.path(), &arguments, &[]);
    assert!(logs_in(home.path(), &url, "admin", "secret"));
    let enable = ["global", "enable", "--reason", "deploy", "--server", &url];
    assert!(waygate(home.path()).args(enable).status().unwrap().success());
    assert_eq!(stop(child, "-TERM").0, Some(0));
    let secret = home.path().join("waygate-state.json.secret");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);

    let config: serde_json::Value =
        serde_json::from_slice(&fs::read(home.path().join(".waygate/config.json")).unwrap()).unwrap();
    let (child, url) = serve(home.path(), &arguments, &[]);
    let mut command = waygate(home.path());
    command.args(["global", "status", "--json", "--server", &url]);
    let output = command.env("WAYGATE_TOKEN", config["auth"]["token"].as_str().unwrap()).output().unwrap();
    let state: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", shown(&output)));
    assert_eq!((&state["enabled"], &state["reason"]), (&true.into(), &"deploy".into()));

    let mut second = waygate(home.path());
    let second = second.args(["serve", "--port", "0"]).args(arguments).output().unwrap();
    assert_eq!(second.status.code(), Some(1), "{}", shown(&second));
    assert!(shown(&second).contains("waygate-state.json"), "{}", shown(&second));
    stop(child, "-TERM");
}

#[test]
fn settings_come_from_the_environment_too() {
    let home = tempfile::tempdir().unwrap();
    let variables = [
        ("WAYGATE_AUTH", "alice:pw1,bob:pw:2"),
        ("WAYGATE_BACKEND", "memory"),
        ("WAYGATE_SECRET_KEY", "stable for all of thirty-two bytes"),
        ("WAYGATE_HOST", "localhost"),
        ("WAYGATE_TOKEN_EXPIRY", "60"),
        ("WAYGATE_INSECURE_NO_AUTH", "no"),
    ];
    let (child, url) = serve(home.path(), &[], &variables);
    assert!(logs_in(home.path(), &url, "alice", "pw1") && logs_in(home.path(), &url, "bob", "pw:2"));
    assert!(!logs_in(home.path(), &url, "alice", "pw2"));
    assert!(!home.path().join("waygate-state.json").exists());
    let (code, _, err) = stop(child, "-TERM");
    let warned = err.lines().filter(|line| line.contains("WARN") && !line.contains("failed login")).count();
    assert_eq!((code, warned), (Some(0), 0), "{err}");
}

#[test]
fn g45_no_credentials_where_others_can_reach_it_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = waygate(home.path());
        command.args(["serve", "--port", "0", "--backend", "memory"]).args(arguments).envs(variables.iter().copied());
        let output = command.output().unwrap();
        (output.status.code(), shown(&output))
    };
    let (code, text) = refused(&["--host", "0.0.0.0"], &[]);
    assert!(code == Some(2) && text.contains("--insecure-no-auth") && text.contains("--auth"), "{text}");
    let (code, text) = refused(&["--host", "0.0.0.0"], &[("WAYGATE_INSECURE_NO_AUTH", "false")]);
    assert_eq!(code, Some(2), "{text}");
    let (code, text) = refused(&[], &[("WAYGATE_INSECURE_NO_AUTH", "maybe")]);
    assert_eq!(code, Some(2), "{text}");
    let (code, text) = refused(&["--auth", "admin"], &[]);
    assert!(code == Some(2) && text.contains("USER:PASSWORD"), "{text}");
    let (code, text) = refused(&["--backend", "redis://redis:6379/0"], &[]);
    assert!(code == Some(2) && text.contains("--secret-key"), "{text}");
    let unreachable = ["--backend", "redis://user:tops3cret@127.0.0.1:1/?connect_timeout=0s", "--secret-key", "k"];
    let (code, text) = refused(&unreachable, &[]);
    assert!(code == Some(1) && text.contains("Redis") && !text.contains("tops3cret"), "{text}");

    let (child, url) = serve(home.path(), &["--host", "0.0.0.0", "--backend", "memory", "--insecure-no-auth"], &[]);
    assert!(url.starts_with("http://0.0.0.0:"), "{url}");
    assert!(stop(child, "-TERM").2.contains("everybody"));
}

/// What `waygate` with these arguments prints to stdout when it is given `input`.
fn run(home: &Path, arguments: &[&str], token: &str, input: &str) -> (Option<i32>, String, String) {
    use std::io::Write as _;
    let mut command = waygate(home);
    command.args(arguments).env("WAYGATE_TOKEN", token);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_file_of_settings_gives_users_their_roles_and_flags_go_before_it() {
    let home = tempfile::tempdir().unwrap();
    let (code, hash, err) = run(home.path(), &["hash-password"], "", "correct horse\n");
    assert_eq!(code, Some(0), "{err}");
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    let file = home.path().join("waygate.toml");
    let text = format!(
        "host = \"127.0.0.1\"\nport = 1\nbackend = \"memory\"\nsecret_key = \"stable\"\ntoken_expiry = 60\n\n\
         [[users]]\nname = \"vera\"\nrole = \"viewer\"\nservices = [\"payments\"]\npassword_hash = \"{}\"\n",
        hash.trim()
    );
    fs::write(&file, &text).unwrap();
    let file = file.to_str().unwrap();
    // The port of `serve` here is a flag, and goes before the file's.
    let (child, url) = serve(home.path(), &["--config", file, "--auth", "root:secret"], &[]);
    assert!(url.starts_with("http://127.0.0.1:") && !url.ends_with(":1"), "{url}");
    assert!(logs_in(home.path(), &url, "root", "secret") && logs_in(home.path(), &url, "vera", "correct horse"));
    assert!(!logs_in(home.path(), &url, "vera", "secret"));
    let mut refused = waygate(home.path());
    let refused = refused.args(["global", "enable", "--server", &url]).output().unwrap();
    assert_eq!(refused.status.code(), Some(4), "{}", shown(&refused));
    let (code, _, err) = stop(child, "-TERM");
    assert_eq!(code, Some(0), "{err}");
    assert!(!err.contains("correct horse") && !err.contains("$argon2id$"), "{err}");

    fs::write(file, text.replace("token_expiry", "token_expirey")).unwrap();
    let (code, _, err) = run(home.path(), &["serve", "--config", file], "", "");
    assert!(code == Some(2) && err.contains("line 5: unknown field `token_expirey`"), "{err}");
    fs::write(file, text.replace("viewer", "admin")).unwrap();
    let (code, _, err) = run(home.path(), &["serve", "--config", file, "--port", "0"], "", "");
    assert!(code == Some(1) && err.contains("user `vera`: an administrator cannot be limited"), "{err}");
}

#[test]
fn tokens_of_services_are_made_listed_and_ended() {
    let home = tempfile::tempdir().unwrap();
    let (child, url) = serve(home.path(), &["--backend", "memory", "--auth", "admin:secret"], &[]);
    assert!(logs_in(home.path(), &url, "admin", "secret"));
    let call = |arguments: &[&str], token: &str| {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--server", &url]).collect();
        run(home.path(), &arguments, token, "")
    };
    let (code, token, err) = call(&["token", "create", "--service", "payments", "--expires", "90d"], "");
    assert_eq!(code, Some(0), "{err}");
    assert!(token.starts_with("v4.local.") && token.lines().count() == 1 && !err.contains(token.trim()), "{err}");
    let (code, _, err) = call(&["status"], token.trim());
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(call(&["global", "enable"], token.trim()).0, Some(4));
    let (_, list, _) = call(&["token", "list", "--service", "payments", "--json"], "");
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let id = list[0]["id"].as_str().unwrap();
    let (_, table, _) = call(&["token", "list"], "");
    assert!(table.contains(id) && table.contains("admin") && !table.contains("v4.local."), "{table}");
    assert_eq!(call(&["token", "revoke", id], "").0, Some(0));
    assert_eq!(call(&["token", "revoke", id], "").0, Some(3));
    assert_eq!(call(&["status"], token.trim()).0, Some(4));
    stop(child, "-TERM");
}

#[test]
fn tls_takes_a_certificate_and_its_key() {
    let home = tempfile::tempdir().unwrap();
    let (code, _, err) = run(home.path(), &["serve", "--port", "0", "--tls-cert", "cert.pem"], "", "");
    assert!(code == Some(2) && err.contains("--tls-key"), "{err}");
    let arguments = ["serve", "--port", "0", "--tls-cert", "cert.pem", "--tls-key", "key.pem", "--backend", "memory"];
    let (code, _, err) = run(home.path(), &arguments, "", "");
    assert!(code == Some(2) && err.contains("cannot read `cert.pem`"), "{err}");
    let (code, _, err) = run(home.path(), &["serve", "--trusted-proxy", "10.0.0.0/33"], "", "");
    assert!(code == Some(2) && err.contains("10.0.0.0/33"), "{err}");
}

/// DNS rebinding: without a token to ask for, the name in `Host` is all that gives a foreign page away.
#[test]
fn g40_an_open_server_answers_to_the_names_that_it_is_told() {
    let status = |url: &str, host: &str| {
        let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        let request = format!("GET /api/routes HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("settings.toml"), "allowed_hosts = [\"waygate.example\"]\n").unwrap();
    for (arguments, variables) in [
        (&["--allowed-host", "waygate.example"][..], &[][..]),
        (&[], &[("WAYGATE_ALLOWED_HOST", "other.example,waygate.example")]),
        (&["--config", "settings.toml"], &[]),
    ] {
        let (child, url) = serve(home.path(), &[&["--backend", "memory"], arguments].concat(), variables);
        for (host, expected) in
            [("127.0.0.1", 200), ("localhost:9000", 200), ("waygate.example", 200), ("evil.example", 421)]
        {
            assert_eq!(status(&url, host), expected, "{host} {arguments:?}");
        }
        stop(child, "-TERM");
    }
    let (child, _) = serve(home.path(), &["--backend", "memory", "--allowed-host", "http://x"], &[]);
    let output = child.wait_with_output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && words.contains("`http://x` is no host"), "{words}");
}

/// Many systems let a process have 1,024 files open until it asks for more.
#[test]
fn it_makes_room_for_as_many_streams_as_it_is_told() {
    let limited = |hard: &str, arguments: &str| {
        let home = tempfile::tempdir().unwrap();
        let line = format!(
            "ulimit -Sn 256; ulimit -Hn {hard}; exec {} serve --port 0 --backend memory {arguments}",
            env!("CARGO_BIN_EXE_waygate")
        );
        let mut command = Command::new("sh");
        let mut child = command
            .args(["-c", &line])
            .current_dir(home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        child.stdout = Some(stdout.into_inner());
        let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let soft = files.split_whitespace().nth(3).unwrap().parse::<u64>().unwrap();
        (soft, stop(child, "-TERM").2)
    };
    let (files, err) = limited("4096", "--max-streams 1000");
    assert!((1192..1400).contains(&files) && !err.contains("there is room"), "{files}: {err}");
    let (files, err) = limited("1000", "--max-streams 1000");
    assert!(files == 1000 && err.contains("there is room for fewer than 1000 streams"), "{files}: {err}");
    let home = tempfile::tempdir().unwrap();
    for (name, value) in [("--max-streams", "0"), ("--stream-lifetime", "5")] {
        let (code, _, err) = run(home.path(), &["serve", name, value], "", "");
        assert!(code == Some(2) && err.contains(name), "{err}");
    }
}
