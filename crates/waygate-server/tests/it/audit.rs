//! The audit log.

use serde_json::json;
use waygate_api::audit::AuditEntry;
use waygate_core::{Cause, Command, MaintenanceScope, MaintenanceSwitch, Platform};

use crate::helpers::{Backend, TestServer, route};

async fn busy() -> TestServer {
    let server = TestServer::start().await;
    server.register("payments", &["GET:/a"]).await;
    server.register("orders", &["GET:/b"]).await;
    let (admin, alice) = (server.admin().await, server.login("alice", "wonder").await);
    admin.post(&route("/a", "disable"), json!({"reason": "broken"})).await;
    alice.post("/api/services/payments/maintenance/enable", json!({"reason": "db"})).await;
    for round in 0..5 {
        admin.post(&route("/b", "maintenance"), json!({"reason": format!("round {round}")})).await;
    }
    admin.post("/api/global/enable", json!({"reason": "deploy"})).await;
    admin.post("/api/global/disable", json!({"reason": "done"})).await;
    server
}

#[tokio::test]
async fn entries_are_in_the_reference_s_form_newest_first() {
    let server = busy().await;
    let answer = server.admin().await.get("/api/audit").await;
    assert_eq!(answer.paths()[..3], ["__global__", "__global__", "orders:GET:/b"]);
    let entry: AuditEntry = serde_json::from_value(answer.body[8].clone()).unwrap();
    insta::assert_json_snapshot!(entry, { ".id" => "…", ".timestamp" => "…", ".revision" => 0 }, @r#"
    {
      "id": "…",
      "timestamp": "…",
      "path": "payments:GET:/a",
      "service": "payments",
      "action": "disable",
      "actor": "admin",
      "platform": "cli",
      "reason": "broken",
      "previous_status": "active",
      "new_status": "disabled",
      "revision": 0
    }
    "#);
    let maintenance = &answer.body[7];
    assert_eq!(maintenance["path"], "__waygate:svc_global:payments__");
    assert_eq!((&maintenance["service"], &maintenance["actor"]), (&json!("payments"), &json!("alice")));
    let (off, on) = (&answer.body[0], &answer.body[1]);
    assert_eq!((&off["action"], &off["reason"]), (&json!("global_maintenance_off"), &json!("done")));
    assert_eq!((&on["previous_status"], &on["new_status"]), (&json!("active"), &json!("maintenance")));
    assert_eq!((&off["previous_status"], &off["new_status"]), (&json!("maintenance"), &json!("active")));
}

#[tokio::test]
async fn g32_filters_come_before_the_limit() {
    let server = busy().await;
    let admin = server.admin().await;
    let count = async |query: &str| admin.get(&format!("/api/audit?{query}")).await.paths().len();
    assert_eq!(count("").await, 9);
    assert_eq!(count("limit=0").await, 0);
    assert_eq!(count("limit=3").await, 3);
    assert_eq!(count("limit=1&service=payments&actor=admin").await, 1);
    assert_eq!(count("service=payments").await, 2);
    assert_eq!(count("actor=alice&limit=1").await, 1);
    assert_eq!(count("action=maintenance_on&limit=4").await, 4);
    assert_eq!(count("route=payments:GET:/a").await, 1);
    assert_eq!(count("route=__global__").await, 2);
    assert_eq!(count("route=").await, 0);
    assert_eq!(count("action=register").await, 2);
    for (query, field) in [
        ("limit=-1", "limit"),
        ("limit=100001", "limit"),
        ("limit=abc", "limit"),
        ("limit=", "limit"),
        ("action=nonsense", "action"),
        ("service=a:b", "service"),
    ] {
        let answer = admin.get(&format!("/api/audit?{query}")).await;
        assert_eq!((answer.refusal().0, &answer.body["field"]), (400, &json!(field)), "{query}");
    }
}

/// B46: each kind with who, through what, of which service, and what was and is; a repeat has none.
#[tokio::test]
async fn g38_every_kind_of_change_has_one_true_entry_on_every_backend() {
    for backend in Backend::all().await {
        every_kind_of_change_has_one_true_entry(&backend.serve().await).await;
    }
}

async fn every_kind_of_change_has_one_true_entry(server: &TestServer) {
    server.register("pay", &["GET:/a"]).await;
    let alice = server.login("alice", "wonder").await;
    let (a, service) = ("pay:GET:/a", "__waygate:svc_global:pay__");
    let window = json!({"start": "2999-01-01", "end": "2999-01-02", "reason": "r"});
    let scope = "/api/services/pay/maintenance";
    let calls = [
        ("POST", route("/a", "disable"), json!({"reason": "r"}), "disable", a, "active", "disabled"),
        ("POST", route("/a", "env"), json!({"reason": "r", "envs": ["dev"]}), "env_gate", a, "disabled", "env_gated"),
        ("POST", route("/a", "maintenance"), json!({"reason": "r"}), "maintenance_on", a, "env_gated", "maintenance"),
        ("POST", route("/a", "enable"), json!({"reason": "r"}), "enable", a, "maintenance", "active"),
        ("POST", route("/a", "schedule"), window, "schedule", a, "active", "active"),
        ("DELETE", route("/a", "schedule"), json!({"reason": "r"}), "schedule_cancel", a, "active", "active"),
        ("POST", route("/a", "deprecate"), json!({"reason": "r"}), "deprecate", a, "active", "deprecated"),
        ("DELETE", route("/a", "deprecate"), json!({"reason": "r"}), "undeprecate", a, "deprecated", "active"),
        (
            "POST",
            format!("{scope}/enable"),
            json!({"reason": "r"}),
            "service_maintenance_on",
            service,
            "active",
            "maintenance",
        ),
        (
            "POST",
            format!("{scope}/exemptions"),
            json!({"reason": "r", "add": ["/a"]}),
            "service_maintenance_edit",
            service,
            "maintenance",
            "maintenance",
        ),
        (
            "POST",
            format!("{scope}/disable"),
            json!({"reason": "r"}),
            "service_maintenance_off",
            service,
            "maintenance",
            "active",
        ),
        (
            "POST",
            "/api/global/enable".to_owned(),
            json!({"reason": "r"}),
            "global_maintenance_on",
            "__global__",
            "active",
            "maintenance",
        ),
        (
            "POST",
            "/api/global/exemptions".to_owned(),
            json!({"reason": "r", "add": ["/a"]}),
            "global_maintenance_edit",
            "__global__",
            "maintenance",
            "maintenance",
        ),
        (
            "POST",
            "/api/global/disable".to_owned(),
            json!({"reason": "r"}),
            "global_maintenance_off",
            "__global__",
            "maintenance",
            "active",
        ),
        ("DELETE", route("/a", ""), json!({"reason": "r"}), "route_remove", a, "active", ""),
        ("DELETE", "/api/services/pay".to_owned(), json!({"reason": "r"}), "service_remove", "pay", "", ""),
    ];
    for (count, (method, path, body, action, subject, before, after)) in calls.into_iter().enumerate() {
        let send = async || alice.send(method.parse().unwrap(), &path, Some(body.to_string().into_bytes())).await;
        assert_eq!(send().await.status, 200, "{action}");
        let revision = server.revision();
        assert!(matches!(send().await.status, 200 | 404), "{action} repeated");
        assert_eq!(server.revision(), revision, "{action} repeated");
        let log = alice.get("/api/audit").await.body;
        assert_eq!(log.as_array().unwrap().len(), count + 1, "{action}");
        let of_service = (subject != "__global__").then_some("pay");
        let status = |text: &str| if text.is_empty() { json!(null) } else { json!(text) };
        let mut entry = log[0].clone();
        for field in ["id", "timestamp"] {
            assert!(entry.as_object_mut().unwrap().remove(field).is_some());
        }
        let expected = json!({
            "path": subject, "service": of_service, "action": action, "actor": "alice", "platform": "cli",
            "reason": "r", "previous_status": status(before), "new_status": status(after), "revision": revision,
        });
        assert_eq!(entry, expected, "{action}");
    }
}

/// A node whose clock is wrong for a moment takes nothing out of the log.
#[tokio::test]
async fn g32_a_clock_that_was_wrong_hides_no_entry_of_the_others() {
    let server = TestServer::start().await;
    server.register("payments", &["GET:/a"]).await;
    let admin = server.admin().await;
    admin.post(&route("/a", "disable"), json!({"reason": "broken"})).await;
    for (year, on) in [(2001, true), (2300, false), (2001, true)] {
        let to = if on {
            MaintenanceSwitch::Exemptions { add: vec!["/a".parse().unwrap()], remove: Vec::new() }
        } else {
            MaintenanceSwitch::Exemptions { add: Vec::new(), remove: vec!["/a".parse().unwrap()] }
        };
        let command = Command::Maintenance {
            scope: MaintenanceScope::Global,
            to,
            reason: String::new(),
            allow_unknown: false,
            expected: None,
        };
        let at = format!("{year}-01-01T00:00:00Z").parse().unwrap();
        let cause = Cause { actor: "elsewhere".parse().unwrap(), platform: Platform::Api, at, undoes: None };
        server.control.execute(command, cause).await.unwrap();
    }
    let found = admin.get("/api/audit?since=2020-01-01&until=2100-01-01&actor=admin").await;
    assert_eq!(found.paths(), ["payments:GET:/a"]);
    assert_eq!(admin.get("/api/audit?actor=elsewhere").await.paths().len(), 3);
    assert_eq!(admin.get("/api/audit?actor=elsewhere&since=2020-01-01").await.paths().len(), 1);
}
