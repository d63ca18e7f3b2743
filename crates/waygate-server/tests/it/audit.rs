//! The audit log.

use serde_json::json;
use waygate_api::audit::AuditEntry;

use crate::helpers::{TestServer, route};

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
