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
        exit: 0
        -- stdout
        stored: exempt from global maintenance: /health
        -- stderr
        Global maintenance is OFF, as before
        stored at [URL]; `--wait` waits until every instance enforces it
        "#);
    assert_eq!(fleet.json(&["global", "status"])["enabled"], false);
    fleet.ok(&["global", "enable", "--reason", "deploy", "--include-force-active"]);
    assert_snapshot!(fleet.told(&["global", "exempt-add", "get:/api/orders"]), @r#"
        exit: 0
        -- stdout
        stored: exempt from global maintenance: GET:/api/orders
        -- stderr
        Global maintenance is ON, as before
        stored at [URL]; `--wait` waits until every instance enforces it
        "#);
    assert_snapshot!(fleet.told(&["global", "exempt-add", "GET:/api/orders"]), @r#"
        exit: 0
        -- stdout
        -- stderr
        the exemptions are already so
        "#);
    let status = fleet.json(&["global", "status"]);
    assert_eq!((&status["reason"], &status["include_force_active"]), (&"deploy".into(), &true.into()));
    fleet.ok(&["global", "exempt-remove", "GET:/api/orders"]);
    let status = fleet.json(&["global", "status"]);
    assert_eq!((&status["enabled"], &status["exempt_paths"]), (&true.into(), &serde_json::json!([])));
    assert_snapshot!(fleet.told(&["sm", "exempt-add", "payments-service", "/health"]), @r#"
        exit: 0
        -- stdout
        stored: exempt from service maintenance (payments-service): /health
        -- stderr
        Service maintenance (payments-service) is OFF, as before
        stored at [URL]; `--wait` waits until every instance enforces it
        "#);
    fleet.ok(&["sm", "exempt-remove", "payments-service", "/health"]);
    assert_eq!(fleet.json(&["sm", "status", "payments-service"])["exempt_paths"], serde_json::json!([]));
}

#[test]
fn planned_maintenance_is_listed_and_cancelled() {
    let fleet = Fleet::open().with_services();
    let schedule = ["schedule", "/api/refunds", "--start", "2099-12-01T10:00+02:00", "--end", "1h", "--reason", "move"];
    assert_snapshot!(fleet.told(&schedule), @r#"
        exit: 0
        -- stdout
        stored: payments-service:GET:/api/refunds → ACTIVE, MAINTENANCE planned 2099-12-01 08:00 UTC → 2099-12-01 09:00 UTC
        -- stderr
        stored at [URL]; `--wait` waits until every instance enforces it
        "#);
    assert_snapshot!(fleet.told(&["schedule", "list"]), @r#"
        exit: 0
        -- stdout
        ROUTE                              ID  STATUS       STATE    START                 END                   BY         REASON
        payments-service:GET:/api/refunds  1   MAINTENANCE  planned  2099-12-01 08:00 UTC  2099-12-01 09:00 UTC  anonymous  move
        -- stderr
        "#);
    assert_snapshot!(fleet.told(&["schedule", "cancel", "/api/refunds"]), @r#"
        exit: 0
        -- stdout
        stored: payments-service:GET:/api/refunds → ACTIVE
        -- stderr
        note: ended: maintenance window 2099-12-01T08:00:00Z to 2099-12-01T09:00:00Z
        stored at [URL]; `--wait` waits until every instance enforces it
        "#);
    assert_snapshot!(fleet.told(&["schedule", "list"]), @r#"
        exit: 0
        -- stdout
        -- stderr
        nothing is planned
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

/// B40, B41: with a service from the environment.
#[test]
fn g35_gates_windows_and_timed_switches_are_scoped_and_undone() {
    let fleet = Fleet::open().with_services();
    let scoped = |arguments: &[&str]| {
        let mut command = fleet.command(arguments);
        let output = command.env("WAYGATE_SERVICE", "payments-service").output().unwrap();
        assert!(output.status.success(), "{}", crate::context::shown(&output));
        crate::context::shown(&output)
    };
    scoped(&["env", "set", "/api/payments", "dev", "staging", "--shadow"]);
    let route = |service: &str| fleet.json(&["status", "/api/payments", "--service", service]);
    assert!(route("payments-service").to_string().contains("env_gated"));
    assert!(route("orders-service").to_string().contains("active"));
    scoped(&["env", "clear", "/api/payments"]);
    assert!(!route("payments-service").to_string().contains("env_gated"));
    scoped(&["disable", "/api/payments", "--until", "2099-01-01T00:00Z"]);
    for start in ["2099-02-01", "2099-03-01"] {
        scoped(&["schedule", "/api/payments", "--start", start, "--end", "1h"]);
    }
    let listed = fleet.json(&["schedule", "list", "--service", "payments-service"]);
    let told: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["kind"].as_str().unwrap(), entry["id"].as_u64(), entry["status"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [("switch", None, "disabled"), ("window", Some(1), "maintenance"), ("window", Some(2), "maintenance")]
    );
    scoped(&["schedule", "cancel", "/api/payments", "--id", "1"]);
    assert_eq!(fleet.json(&["schedule", "list"]).as_array().unwrap().len(), 2);
    let told = scoped(&["enable", "/api/payments"]);
    assert!(told.contains("ended: maintenance window") && told.contains("ended: disabled until"), "{told}");
    assert_eq!(fleet.json(&["schedule", "list"]), serde_json::json!([]));
    assert_eq!(fleet.json(&["audit", "--since", "2099-01-01"]), serde_json::json!([]));
}
