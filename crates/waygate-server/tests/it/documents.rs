//! The state as a document, what requests would get, and limits among several commands.

use serde_json::json;

use crate::helpers::TestServer;

#[tokio::test]
async fn documents_tell_what_is_set_now_and_what_was() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a", "GET:/b"]).await;
    let admin = server.admin().await;
    admin.post("/api/routes/cGF5OkdFVDovYQ/disable", json!({"reason": "then"})).await;
    let then = server.revision();
    let commands = json!({"commands": [
        {"action": "enable", "route": "pay:/a"},
        {"action": "rl_policy_set", "route": "pay:GET:/b", "limit": "5/minute"},
        {"action": "rl_policy_disabled", "route": "pay:GET:/b"},
        {"action": "svc_rl_set", "service": "pay", "limit": "10/minute", "key_strategy": "user"},
        {"action": "global_rl_set", "limit": "100/minute"},
        {"action": "global_maintenance_on", "reason": "deploy"},
    ]});
    let answer = admin.post("/api/batch", commands).await;
    assert_eq!((answer.status, server.revision()), (200, then + 1), "{}", answer.body);
    assert_eq!(answer.body["limits"].as_array().unwrap().len(), 3);
    let now = admin.get("/api/document").await.body;
    assert_eq!((&now["waygate"], &now["revision"]), (&json!(1), &json!(then + 1)));
    assert_eq!(now["global"]["rate_limit"]["limit"], "100/minute");
    assert_eq!(now["services"]["pay"]["routes"]["GET:/a"]["status"], "active");
    assert_eq!(now["services"]["pay"]["route_limits"]["GET:/b"]["paused"], true);
    let before = admin.get(&format!("/api/document?revision={then}")).await.body;
    assert_eq!(before["services"]["pay"]["routes"]["GET:/a"]["reason"], "then");
    assert_eq!(before["global"], json!({"maintenance": {"enabled": false, "changed_at": 0}}));
    assert!(before["services"]["pay"].get("route_limits").is_none());
    assert_eq!(admin.get("/api/document?revision=0").await.body.get("services"), None);
    let of_service = admin.get("/api/document?service=pay").await.body;
    assert!(of_service.get("global").is_none());
    for (query, status) in [("revision=99999", 400), ("revision=x", 400), ("service=nosuch", 404)] {
        assert_eq!(admin.get(&format!("/api/document?{query}")).await.status, status, "{query}");
    }
}

#[tokio::test]
async fn g55_explanations_come_from_the_decision_of_services() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a/{id}"]).await;
    let admin = server.admin().await;
    let explain = async |query: &str| admin.get(&format!("/api/explain?service=pay&{query}")).await;
    let answer = explain("path=/a/7%3Fx=1").await.body;
    assert_eq!(
        (&answer["route"], &answer["outcome"], &answer["status"]),
        (&json!("pay:GET:/a/{id}"), &json!("forward"), &json!(200))
    );
    assert_eq!(answer["steps"].as_array().unwrap().len(), 6);
    admin.post("/api/services/pay/maintenance/enable", json!({"reason": "db"})).await;
    let answer = explain("path=/a/7&method=get").await.body;
    assert_eq!((&answer["code"], &answer["reason"]), (&json!("MAINTENANCE_MODE"), &json!("db")));
    assert_eq!(answer["steps"].as_array().unwrap().last().unwrap()["layer"], "service_maintenance");
    for (query, status) in [("path=a", 400), ("path=/a&at=never", 400), ("path=/a&ip=x", 400)] {
        assert_eq!(explain(query).await.status, status, "{query}");
    }
    assert_eq!(admin.get("/api/explain?service=nosuch&path=/a").await.status, 404);
    assert_eq!(admin.get("/api/explain?path=/a").await.status, 400);
}
