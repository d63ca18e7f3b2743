//! One transcript of every command: exit code, stdout, stderr. What differs between runs is put out of the way.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::context::Fleet;

/// What goes on for ever, or prints what is written down elsewhere; each with the module that tests it.
const ELSEWHERE: [(&str, &str); 6] = [
    ("serve", "serve"),
    ("demo", "demo"),
    ("watch", "following"),
    ("completion", "sessions"),
    ("commands", "failures"),
    ("schema", "declare"),
];

const LINES: &[&str] = &[
    "config show",
    "config set-url [URL]",
    "context add prod --url [URL] --confirm always",
    "context use prod",
    "context list",
    "context show",
    "context remove prod",
    "config set-url [URL]",
    "login admin --password secret",
    "whoami",
    "current-service",
    "services",
    "status",
    "status --service payments-service -o wide",
    "disable /api/refunds --reason hotfix",
    "status /api/refunds",
    "enable /api/refunds --for 2d -o name",
    "maintenance /api/refunds --reason db --until 2099-01-01T00:00Z",
    "wait /api/refunds --for maintenance --stored",
    "schedule orders-service:GET:/api/orders --start 2099-02-01 --end 2h --reason move",
    "schedule list",
    "schedule show orders-service:GET:/api/orders",
    "schedule cancel orders-service:GET:/api/orders",
    "env set /api/refunds dev staging",
    "env clear /api/refunds",
    "global enable --reason deploy --exempt /health",
    "global exempt-add /ready",
    "global exempt-remove /ready",
    "global status",
    "global disable",
    "global disable",
    "service-maintenance enable payments-service --reason db --until 2099-01-01T00:00Z",
    "service-maintenance exempt-add payments-service /health",
    "service-maintenance exempt-remove payments-service /health",
    "service-maintenance status payments-service",
    "service-maintenance disable payments-service",
    "rate-limits set /api/refunds 5/minute",
    "rate-limits get /api/refunds",
    "rate-limits list",
    "rate-limits hits",
    "rate-limits disable /api/refunds",
    "rate-limits enable /api/refunds",
    "rate-limits reset /api/refunds",
    "rate-limits delete /api/refunds",
    "global-rate-limit set 1000/minute --exempt /health",
    "global-rate-limit get",
    "global-rate-limit disable",
    "global-rate-limit enable",
    "global-rate-limit reset",
    "global-rate-limit delete",
    "service-rate-limit set payments-service 10/minute --key user",
    "service-rate-limit get payments-service",
    "service-rate-limit disable payments-service",
    "service-rate-limit enable payments-service",
    "service-rate-limit reset payments-service",
    "service-rate-limit delete payments-service",
    "explain GET /api/refunds --service payments-service",
    "export --service payments-service",
    "validate -f wanted.yaml",
    "diff -f wanted.yaml",
    "apply -f wanted.yaml",
    "apply -f wanted.yaml",
    "undo",
    "undo",
    "rollback --to 4 --dry-run",
    "history --limit 3",
    "audit --per-page 3",
    "top --once",
    "dashboard --print-url",
    "context add here --url [URL]",
    "context add there --url [URL]",
    "copy --from here --to there",
    "api GET /api/services",
    "api POST /api/global/exemptions -f add:=[\"/ready\"]",
    "token create --service payments-service --expires 90d",
    "token list --service payments-service",
    "token revoke nosuch",
    "instances",
    "instances forget nosuch",
    "doctor",
    "help exit-codes",
    "man manual",
    "hash-password",
    "backup new.backup",
    "restore nosuch.backup --into file:new.json",
    "import nosuch.json --into file:new.json",
    "logout",
];

const WANTED: &str = "waygate: 1
services:
  payments-service:
    routes:
      GET:/api/refunds: {status: disabled, reason: hotfix}
    rate_limit: {limit: 10/minute}
";

#[test]
fn every_command_says_what_it_has_always_said() {
    let fleet = Fleet::guarded().logged_in().with_services();
    let mut file = std::fs::File::create(fleet.home.path().join("wanted.yaml")).unwrap();
    file.write_all(WANTED.as_bytes()).unwrap();
    let mut transcript = String::new();
    for line in LINES {
        let arguments: Vec<String> = line.split(' ').map(|word| word.replace("[URL]", &fleet.url)).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let told = fleet.told(&arguments).replace(fleet.url.trim_start_matches("http://"), "[SERVER]");
        writeln!(transcript, "$ waygate {line}\n{}", settled(&told)).unwrap();
    }
    insta::assert_snapshot!("commands", transcript);

    let commands = fleet.json(&["commands"]);
    let every: BTreeSet<String> = commands
        .as_array()
        .unwrap()
        .iter()
        .map(|command| {
            command["command"].as_array().unwrap().iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        })
        .collect();
    // A line is of the longest command that it begins with.
    let of = |line: &&str| {
        every.iter().filter(|path| format!("{line} ").starts_with(&format!("{path} "))).max_by_key(|path| path.len())
    };
    let mut told: BTreeSet<&str> = LINES.iter().filter_map(of).map(String::as_str).collect();
    for (command, module) in ELSEWHERE {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(format!("{module}.rs"));
        let tests = std::fs::read_to_string(path).unwrap();
        assert!(tests.contains(&format!("\"{command}\"")), "`waygate {command}` is not tested in {module}");
        assert!(told.insert(command), "`waygate {command}` is in the transcript");
    }
    let untold: Vec<&String> = every.iter().filter(|path| !told.contains(path.as_str())).collect();
    assert!(untold.is_empty(), "in no transcript: {untold:?}");
}

/// Without times of now, without tokens and their ids, and without the widths that they bring about.
fn settled(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut rest = line;
        let mut said = String::new();
        while let Some(c) = rest.chars().next() {
            if let Some(length) = time_of_now(rest) {
                said.push_str("[TIME]");
                rest = &rest[length..];
            } else {
                said.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
        let indent = said.len() - said.trim_start().len();
        let parts: Vec<&str> = said.trim().split("  ").filter(|part| !part.is_empty()).map(str::trim).collect();
        let line = parts.join("  ");
        let words: Vec<&str> = line.split(' ').map(unnamed).collect();
        out.push_str(format!("{}{}", &said[..indent], words.join(" ")).trim_end());
        out.push('\n');
    }
    out
}

/// A word, unless it is a token or the id of one.
fn unnamed(word: &str) -> &str {
    let is_id = word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    match word {
        token if token.starts_with("v4.local.") => "[TOKEN]",
        _ if is_id => "[ID]",
        word => word,
    }
}

/// The length of a time at the beginning of a text, unless it is one that was typed.
fn time_of_now(text: &str) -> Option<usize> {
    let digits =
        |from: usize, to: usize| text.get(from..to).is_some_and(|part| part.bytes().all(|b| b.is_ascii_digit()));
    let is_date =
        digits(0, 4) && text.get(4..5) == Some("-") && digits(5, 7) && text.get(7..8) == Some("-") && digits(8, 10);
    if !is_date || !text.starts_with("20") || text.starts_with("2099") {
        return None;
    }
    let more = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.' | 'T' | 'Z' | '+');
    let mut length = 10 + text[10..].find(|c| !more(c)).unwrap_or(text.len() - 10);
    if text[length..].starts_with(' ')
        && digits(length + 1, length + 3)
        && text.get(length + 3..length + 4) == Some(":")
    {
        length = length + 1 + text[length + 1..].find(|c| !more(c)).unwrap_or(text.len() - length - 1);
    }
    Some(if text[length..].starts_with(" UTC") { length + 4 } else { length })
}
