//! What is printed where, and that stored text stays text.

use insta::assert_snapshot;

use crate::context::{Fleet, waygate};

#[test]
fn g58_hostile_reasons_are_shown_literally_and_break_nothing() {
    let fleet = Fleet::open().with_services();
    let reason = "[/x] [red]\u{1b}[2J\u{9b}31m\r\nline\u{2028}é🙂\u{202e}";
    fleet.ok(&["disable", "/api/refunds", "--reason", reason]);
    for arguments in
        [&["status", "/api/refunds"][..], &["audit", "--action", "disable"], &["enable", "/api/refunds", "-r", reason]]
    {
        let output = fleet.ok(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(r"[/x] [red]\u{1b}[2J\u{9b}31m\r\nline\u{2028}é🙂\u{202e}"), "{text}");
        let acts = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{2028}' | '\u{202e}');
        assert!(!text.contains(acts), "{text:?}");
    }
    assert_eq!(fleet.json(&["status", "/api/refunds"])["reason"], reason);
}

#[test]
fn piped_tables_are_whole_whatever_the_width() {
    let fleet = Fleet::open().with_services();
    let output = fleet.command(&["status"]).env("COLUMNS", "20").env("FORCE_COLOR", "1").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_snapshot!(text, @r#"
        ROUTE              SERVICE           STATUS  EFFECTIVE              REASON  ENVS  WINDOW
        GET:/api/orders    orders-service    ACTIVE  ACTIVE                 —       —     —
        GET:/api/payments  orders-service    ACTIVE  ACTIVE                 —       —     —
        GET:/health        orders-service    ACTIVE  ACTIVE (force_active)  —       —     —
        POST:/api/orders   orders-service    ACTIVE  ACTIVE                 —       —     —
        GET:/api/payments  payments-service  ACTIVE  ACTIVE                 —       —     —
        GET:/api/refunds   payments-service  ACTIVE  ACTIVE                 —       —     —
        GET:/health        payments-service  ACTIVE  ACTIVE (force_active)  —       —     —
        "#);
    assert_eq!(fleet.json(&["status"]).as_array().unwrap().len(), 7);
    assert_eq!(fleet.json(&["status", "--page", "2", "--per-page", "3"]).as_array().unwrap().len(), 3);
}

#[test]
fn g36_editing_exemptions_switches_nothing() {
    let fleet = Fleet::open().with_services();
    assert_snapshot!(fleet.told(&["global", "exempt-add", "/health"]), @r#"
        exit: 1
        -- stdout
        -- stderr
        error: global maintenance is off, so there is nothing to exempt from
          exempt it when you switch on: waygate global enable --exempt /health
        "#);
    assert_eq!(fleet.json(&["global", "status"])["enabled"], false);
    fleet.ok(&["global", "enable", "--reason", "deploy", "--include-force-active"]);
    assert_snapshot!(fleet.told(&["global", "exempt-add", "health"]), @r#"
        exit: 0
        -- stdout
        ✓ exempt from global maintenance: /health
        -- stderr
        "#);
    let status = fleet.json(&["global", "status"]);
    assert_eq!((&status["reason"], &status["include_force_active"]), (&"deploy".into(), &true.into()));
    fleet.ok(&["global", "exempt-remove", "/health"]);
    let status = fleet.json(&["global", "status"]);
    assert_eq!((&status["enabled"], &status["exempt_paths"]), (&true.into(), &serde_json::json!([])));
}

#[test]
fn planned_maintenance_is_listed_and_cancelled() {
    let fleet = Fleet::open().with_services();
    let schedule = ["schedule", "/api/refunds", "--start", "2099-12-01T10:00+02:00", "--end", "1h", "--reason", "move"];
    assert_snapshot!(fleet.told(&schedule), @r#"
        exit: 0
        -- stdout
        ⏰ payments-service:GET:/api/refunds → ACTIVE, MAINTENANCE planned 2099-12-01 08:00 UTC → 2099-12-01 09:00 UTC
        -- stderr
        "#);
    assert_snapshot!(fleet.told(&["schedule", "list"]), @r#"
        exit: 0
        -- stdout
        ROUTE             SERVICE           STATUS  EFFECTIVE  REASON  ENVS  WINDOW
        GET:/api/refunds  payments-service  ACTIVE  ACTIVE     —       —     2099-12-01 08:00 UTC → 2099-12-01 09:00 UTC
        -- stderr
        "#);
    assert_snapshot!(fleet.told(&["schedule", "cancel", "/api/refunds"]), @r#"
        exit: 0
        -- stdout
        ✓ payments-service:GET:/api/refunds → ACTIVE
        -- stderr
        note: ended: maintenance window 2099-12-01T08:00:00Z to 2099-12-01T09:00:00Z
        "#);
    assert_snapshot!(fleet.told(&["schedule", "list"]), @r#"
        exit: 0
        -- stdout
        -- stderr
        no maintenance is planned
        "#);
    assert_snapshot!(fleet.told(&["env", "clear", "/api/refunds"]), @r#"
        exit: 0
        -- stdout
        -- stderr
        payments-service:GET:/api/refunds is not limited to environments; it stays ACTIVE
        "#);
}

#[test]
fn help_and_version_need_nothing() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [&["--help"][..], &["-h"], &["-V"], &["--version"], &["disable", "--help"], &["sm", "-h"]] {
        let output = waygate(home.path()).args(arguments).output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{arguments:?}");
    }
    let help = waygate(home.path()).args(["global", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("BLOCK every route of every service") && help.contains("Restore every route"), "{help}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}
