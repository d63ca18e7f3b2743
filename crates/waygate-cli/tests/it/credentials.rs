//! Tokens: where they lie and where they go.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use serde_json::json;

use crate::context::{Fleet, shown, waygate};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn g47_the_file_is_private_whatever_the_umask() {
    let fleet = Fleet::guarded();
    let directory = fleet.home.path().join(".waygate");
    fs::remove_dir_all(&directory).unwrap();
    let script =
        format!("umask 0; exec {} login admin -p secret --server {}", env!("CARGO_BIN_EXE_waygate"), fleet.url);
    let mut shell = Command::new("/bin/sh");
    let output = shell.args(["-c", &script]).env_clear().env("HOME", fleet.home.path()).output().unwrap();
    assert!(output.status.success(), "{}", shown(&output));
    let config = directory.join("config.json");
    assert_eq!((mode(&directory), mode(&config)), (0o700, 0o600));

    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).unwrap();
    fleet.ok(&["whoami"]);
    assert_eq!((mode(&directory), mode(&config)), (0o700, 0o600));
}

#[test]
fn g47_a_token_is_never_sent_to_another_origin() {
    let fleet = Fleet::guarded().logged_in();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let elsewhere = format!("http://{}", listener.local_addr().unwrap());
    let heard = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 1024];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").unwrap();
            requests.push(String::from_utf8(request).unwrap().to_lowercase());
        }
        requests
    });
    let token = fleet.token().unwrap().to_lowercase();
    let project = fleet.home.path().join("cloned");
    fs::create_dir(&project).unwrap();
    fs::write(project.join(".waygate"), format!("WAYGATE_SERVER_URL={elsewhere}\n")).unwrap();

    let by_file = fleet.command(&["services"]).current_dir(&project).output().unwrap();
    assert_eq!(by_file.status.code(), Some(4), "{}", shown(&by_file));
    fleet.run(&["services", "--server", &elsewhere]);
    let by_variable = fleet.command(&["services"]).current_dir(&project).env("WAYGATE_TOKEN", &token).output().unwrap();
    assert!(shown(&by_variable).contains("WAYGATE_TOKEN is not sent"), "{}", shown(&by_variable));
    for request in heard.join().unwrap() {
        assert!(request.starts_with("get /api/services"), "{request}");
        assert!(!request.contains(&token) && !request.contains("x-waygate-token"), "{request}");
    }
}

#[test]
fn variables_do_without_a_login_and_without_a_home() {
    let fleet = Fleet::guarded().logged_in();
    let token = fleet.token().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_waygate"));
    command.args(["services", "--json"]).env_clear().current_dir("/");
    let empty = tempfile::tempdir().unwrap();
    command.env("WAYGATE_SERVER_URL", &fleet.url).env("WAYGATE_TOKEN", &token).env("HOME", empty.path());
    let output = command.output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"[]\n"[..]), "{}", shown(&output));
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
}

#[test]
fn the_file_of_the_reference_is_read_and_kept_readable() {
    let fleet = Fleet::guarded().logged_in();
    let token = fleet.token().unwrap();
    let path = fleet.home.path().join(".waygate/config.json");
    let reference = json!({
        "server_url": fleet.url,
        "auth": {"token": token, "username": "admin", "expires_at": "2099-11-24T23:15:00.476190+00:00"},
    });
    fs::write(&path, serde_json::to_vec_pretty(&reference).unwrap()).unwrap();
    assert!(shown(&fleet.ok(&["whoami"])).contains("admin (cli)"));
    assert_eq!(fleet.config(), reference);

    fleet.ok(&["config", "set-url", "http://other:9000"]);
    let config = fleet.config();
    assert_eq!((&config["server_url"], &config["auth"]), (&json!("http://other:9000"), &json!(null)));
    assert_eq!(config["servers"][&fleet.url], reference["auth"]);
    fleet.ok(&["config", "set-url", &fleet.url]);
    assert_eq!(fleet.config(), reference);
}

#[test]
fn a_file_that_cannot_be_understood_is_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("config.json");
    for corrupt in ["{\"server_url\": ", "[1]", "\u{0}", "{\"auth\": {\"token\": 7}}"] {
        fs::write(&path, corrupt).unwrap();
        let commands: [&[&str]; 4] =
            [&["status"], &["config", "show"], &["config", "set-url", "http://x:1"], &["login", "a", "-p", "b"]];
        for arguments in commands {
            let output = waygate(home.path()).args(arguments).env("WAYGATE_CONFIG_DIR", home.path()).output().unwrap();
            let text = shown(&output);
            assert_eq!(output.status.code(), Some(1), "{text}");
            assert!(text.contains("cannot understand") && text.contains("config.json"), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), corrupt);
        }
    }
}

#[test]
fn expired_tokens_stay_at_home_and_logout_always_forgets() {
    let fleet = Fleet::guarded().logged_in();
    let token = fleet.token().unwrap();
    assert_snapshot!(fleet.told(&["logout"]), @r#"
        exit: 0
        -- stdout
        ✓ logged out of [URL]
        -- stderr
        "#);
    assert_snapshot!(fleet.told(&["logout"]), @r#"
        exit: 0
        -- stdout
        -- stderr
        nobody is logged in to [URL]
        "#);
    let output = fleet.command(&["services"]).env("WAYGATE_TOKEN", token).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "the server has ended it too: {}", shown(&output));

    let path = fleet.home.path().join(".waygate/config.json");
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let session = json!({"token": "t", "username": "ada", "expires_at": "2099-01-01T00:00:00+00:00"});
    let config = json!({"server_url": format!("http://{nowhere}"), "auth": session});
    fs::write(&path, config.to_string()).unwrap();
    let output = fleet.run(&["logout"]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert_eq!(fleet.config()["auth"], json!(null));
}

#[test]
fn config_show_says_where_each_value_comes_from() {
    let fleet = Fleet::guarded();
    assert_snapshot!(fleet.told(&["config", "show"]), @r#"
        exit: 0
        -- stdout
        SETTING        VALUE
        Server URL     [URL]  ([HOME]/.waygate/config.json)
        Username       (not logged in)
        Token expires  (no token)
        Config file    [HOME]/.waygate/config.json
        -- stderr
        "#);
    let output = fleet.command(&["config", "show"]).env("WAYGATE_SERVER_URL", "http://a:1/waygate/").output().unwrap();
    assert!(shown(&output).contains("http://a:1/waygate  (WAYGATE_SERVER_URL)"), "{}", shown(&output));
    for bad in ["notaurl", "127.0.0.1:9000", "ftp://x/y"] {
        assert_eq!(fleet.run(&["config", "set-url", bad]).status.code(), Some(2), "{bad}");
    }
    let empty = tempfile::tempdir().unwrap();
    let output = waygate(empty.path()).args(["config", "show", "--json"]).output().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["server_url"], "http://localhost:9000");
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
}
