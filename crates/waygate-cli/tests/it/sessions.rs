//! Contexts, tokens that are given, doctor, completion, manuals.

use std::io::Write as _;
use std::net::TcpListener;

use insta::assert_snapshot;

use crate::context::{Fleet, shown, waygate};

#[test]
fn contexts_name_servers_and_each_keeps_its_login() {
    let (one, other) = (Fleet::guarded(), Fleet::guarded());
    one.ok(&["context", "add", "staging", "--url", &one.url]);
    one.ok(&["context", "add", "prod", "--url", &other.url, "--confirm", "always"]);
    one.ok(&["context", "use", "staging"]);
    one.ok(&["login", "admin", "--password", "secret"]);
    assert_eq!(one.run(&["whoami", "--context", "prod"]).status.code(), Some(4));
    one.ok(&["login", "admin", "--password", "secret", "--context", "prod"]);
    one.ok(&["whoami", "--context", "prod"]);
    let by_variable = one.command(&["whoami"]).env("WAYGATE_CONTEXT", "prod").output().unwrap();
    assert!(String::from_utf8_lossy(&by_variable.stdout).contains(&other.url), "{}", shown(&by_variable));
    let output = one.run(&["whoami", "--context", "nosuch"]);
    assert_snapshot!(one.plain(&shown(&output)), @r#"
        exit: 3
        -- stdout
        -- stderr
        error: there is no context `nosuch`
          there are: prod, staging
        "#);
    let listed = one.json(&["context", "list"]);
    assert_eq!(
        (&listed[0]["name"], &listed[0]["confirm"], &listed[1]["in_use"]),
        (&"prod".into(), &"always".into(), &true.into())
    );
    one.ok(&["context", "remove", "prod"]);
    assert_eq!(one.json(&["context", "list"]).as_array().unwrap().len(), 1);
    assert_eq!(one.run(&["context", "add", "a/b", "--url", &one.url]).status.code(), Some(2));
    one.ok(&["logout", "--all"]);
    assert_eq!(one.run(&["whoami"]).status.code(), Some(4));
}

#[test]
fn g47_tokens_come_from_files_variables_and_pipes() {
    let fleet = Fleet::guarded().logged_in();
    let token = fleet.token().unwrap();
    let path = fleet.home.path().join("token");
    std::fs::File::create(&path).unwrap().write_all(format!("{token}\n").as_bytes()).unwrap();
    let empty = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = waygate(empty.path());
        command.args(arguments).env("WAYGATE_SERVER_URL", &fleet.url);
        command
    };
    let file = path.to_str().unwrap();
    assert!(run(&["whoami", "--token-file", file]).output().unwrap().status.success());
    assert!(run(&["whoami"]).env("WAYGATE_TOKEN_FILE", file).output().unwrap().status.success());
    assert_eq!(run(&["whoami", "--token-file", "/nosuch"]).output().unwrap().status.code(), Some(2));
    let printed = run(&["login", "admin", "--password", "secret", "--no-store"]).output().unwrap();
    let printed_token = String::from_utf8(printed.stdout).unwrap();
    assert!(!empty.path().join(".waygate/config.json").exists());
    let kept = Fleet::fed(run(&["login", "--with-token"]), &printed_token);
    assert!(kept.status.success(), "{}", shown(&kept));
    assert!(run(&["whoami"]).output().unwrap().status.success());
    let refused = Fleet::fed(run(&["login", "--with-token"]), "made-up");
    assert_eq!(refused.status.code(), Some(4), "{}", shown(&refused));
}

#[test]
fn doctor_goes_on_until_something_is_in_the_way() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["sm", "exempt-add", "payments-service", "/typo"]);
    let found = fleet.json(&["doctor"]);
    let of = |check: &str| {
        found.as_array().unwrap().iter().find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("{found}"))
    };
    for check in ["configuration", "server", "connection", "readiness", "token", "version", "event stream"] {
        assert_eq!(of(check)["health"], "good", "{found}");
    }
    assert!(of("exemptions")["detail"].as_str().unwrap().contains("`/typo` of payments-service"));

    let guarded = Fleet::guarded();
    let output = guarded.run(&["doctor"]);
    assert_eq!(output.status.code(), Some(4), "{}", shown(&output));
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = guarded.run(&["doctor", "--server", &format!("http://{nowhere}")]);
    assert_eq!(output.status.code(), Some(6), "{}", shown(&output));
}

#[test]
fn shells_complete_commands_routes_and_services() {
    let fleet = Fleet::open().with_services();
    for (shell, word) in [("bash", "complete"), ("zsh", "compdef"), ("fish", "complete")] {
        let script = String::from_utf8(fleet.ok(&["completion", shell]).stdout).unwrap();
        assert!(script.contains(word) && script.contains("WAYGATE_COMPLETE"), "{shell}: {script}");
    }
    let complete = |words: &[&str]| {
        let mut command = fleet.command(&[]);
        command.arg("--").args(words).env("WAYGATE_COMPLETE", "bash");
        command.env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string()).env("_CLAP_IFS", "\n");
        let output = command.output().unwrap();
        assert!(output.stderr.is_empty(), "{}", shown(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(complete(&["waygate", "dis"]).contains("disable"));
    assert!(
        complete(&["waygate", "disable", "payments-service:GET:/api/r"]).contains("payments-service:GET:/api/refunds")
    );
    assert_eq!(complete(&["waygate", "sm", "status", "pay"]).trim(), "payments-service");
    assert!(complete(&["waygate", "status", "--service", "ord"]).contains("orders-service"));
    // A server that is not there is no reason to say anything.
    let mut lost = fleet.command(&["--", "waygate", "sm", "status", ""]);
    lost.env("WAYGATE_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", "3")
        .env("WAYGATE_SERVER_URL", "http://127.0.0.1:1");
    let output = lost.output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", shown(&output));
}

#[test]
fn every_command_has_a_manual_page() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("man1");
    let written = waygate(home.path()).arg("man").arg(&folder).output().unwrap();
    assert!(written.status.success(), "{}", shown(&written));
    for page in ["waygate.1", "waygate-disable.1", "waygate-global-enable.1", "waygate-rate-limits-set.1"] {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.contains(".SH") || text.contains(".TH"), "{page}");
    }
}

#[test]
fn g47_a_login_where_a_file_chooses_the_server_says_so() {
    let (home, other) = (Fleet::guarded(), Fleet::guarded());
    let project = home.home.path().join("cloned");
    std::fs::create_dir(&project).unwrap();
    let mut file = std::fs::File::create(project.join(".waygate")).unwrap();
    writeln!(file, "WAYGATE_SERVER_URL={}", other.url).unwrap();
    let login = ["login", "admin", "--password", "secret"];
    let output = home.command(&login).current_dir(&project).output().unwrap();
    assert!(output.status.success(), "{}", shown(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("chooses the server {}", other.url)));
    assert!(!String::from_utf8_lossy(&home.ok(&login).stderr).contains("chooses"));
}

/// Rules guard a production; they do not go because somebody types its URL again.
#[test]
fn a_context_keeps_its_rules_and_leaves_no_server_without_them() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["context", "add", "prod", "--url", &fleet.url, "--confirm", "always", "--require-reason"]);
    let moved = fleet.ok(&["context", "add", "prod", "--url", "http://127.0.0.1:1"]);
    assert!(shown(&moved).contains("it was") && shown(&moved).contains("confirm always"), "{}", shown(&moved));
    fleet.ok(&["context", "add", "prod", "--url", &fleet.url]);
    let listed = fleet.json(&["context", "list"]);
    assert_eq!((&listed[0]["confirm"], &listed[0]["require_reason"]), (&"always".into(), &true.into()), "{listed}");
    fleet.ok(&["context", "use", "prod"]);
    assert_eq!(fleet.run(&["disable", "/api/refunds", "--reason", "x"]).status.code(), Some(2));

    let removed = fleet.ok(&["context", "remove", "prod"]);
    assert!(shown(&removed).contains("no server is chosen any more"), "{}", shown(&removed));
    let shown_now = fleet.json(&["config", "show"]);
    assert_eq!(shown_now["server_url"], "http://localhost:9000", "{shown_now}");
    fleet.ok(&["context", "add", "prod", "--url", &fleet.url, "--confirm", "always", "--require-reason"]);
    let lifted = fleet.ok(&["context", "add", "prod", "--url", &fleet.url, "--confirm=auto", "--require-reason=false"]);
    assert!(shown(&lifted).contains("now"), "{}", shown(&lifted));
    fleet.ok(&["disable", "/api/refunds", "--context", "prod"]);
}
