//! One transcript of every command: exit code, stdout, stderr. What differs between runs is put out of the way.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::Value;

use crate::context::Fleet;

/// What prints something else each time, goes on for ever or is no call; each is tested by itself.
const ELSEWHERE: [&str; 18] = [
    "serve",
    "demo",
    "backup",
    "restore",
    "import",
    "watch",
    "doctor",
    "completion",
    "man",
    "commands",
    "schema",
    "hash-password",
    "token create",
    "token list",
    "token revoke",
    "instances",
    "instances forget",
    "upgrade",
];

const LINES: &[&str] = &[
    "config show",
    "config set-url [URL]",
    "context add prod --url [URL] --confirm always",
    "context use prod",
    "context list",
    "context show",
    "context remove prod",
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
    "wait /api/refunds --for maintenance",
    "schedule orders-service:GET:/api/orders --start 2099-02-01 --end 2h --reason move",
    "schedule list",
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
    "help exit-codes",
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
        writeln!(transcript, "$ waygate {line}\n{}", settled(&fleet.told(&arguments))).unwrap();
    }
    insta::assert_snapshot!("commands", transcript);

    let commands = fleet.json(&["commands"]);
    for command in commands.as_array().unwrap() {
        let path: Vec<&str> = command["command"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let path = path.join(" ");
        let is_told = LINES.iter().any(|line| line.starts_with(&path));
        assert!(is_told || ELSEWHERE.contains(&path.as_str()), "`waygate {path}` is in no transcript");
    }
}

/// Without times of now, and without the widths that they bring about.
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
        let words: Vec<&str> = said.trim().split("  ").filter(|word| !word.is_empty()).map(str::trim).collect();
        out.push_str(format!("{}{}", &said[..indent], words.join("  ")).trim_end());
        out.push('\n');
    }
    out
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
