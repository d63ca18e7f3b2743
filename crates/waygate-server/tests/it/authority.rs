//! Who may do what.

use reqwest::Method;
use serde_json::json;
use waygate_server::{Access, endpoints};

use crate::helpers::{TestServer, path_key, route};

async fn fleet() -> TestServer {
    let server = TestServer::start().await;
    server.register("payments", &["GET:/a", "GET:/shared"]).await;
    server.register("orders", &["GET:/b", "GET:/shared"]).await;
    server
}

#[tokio::test]
async fn g12_a_service_reads_only_what_is_its_own() {
    let server = fleet().await;
    let service = server.sdk("payments").await;
    let without_name = server.anonymous().with("x-waygate-token", service.header("x-waygate-token"));
    assert_eq!(without_name.get("/api/routes").await.paths(), ["payments:GET:/a", "payments:GET:/shared"]);
    assert_eq!(service.get("/api/services").await.body, json!(["payments"]));
    assert_eq!(service.get(&route("/shared", "")).await.body["path"], "payments:GET:/shared");
    assert_eq!(service.get("/api/services/payments/maintenance").await.status, 200);
    assert_eq!(service.get("/api/global").await.status, 200);
    for foreign in [
        "/api/routes?service=orders".to_owned(),
        route("orders:GET:/b", ""),
        "/api/services/orders/maintenance".to_owned(),
        "/api/services/orders/rate-limit".to_owned(),
        "/api/sdk/stream?service=orders".to_owned(),
        "/api/audit".to_owned(),
        "/api/server".to_owned(),
    ] {
        assert_eq!(service.get(&foreign).await.refusal(), (403, "forbidden"), "{foreign}");
    }
    assert_eq!(service.get(&route("GET:/b", "")).await.refusal(), (404, "unknown_route"));
    let posing = without_name.with("x-waygate-app-id", "orders");
    assert_eq!(posing.get("/api/sdk/events").await.status, 403);
}

/// B05, G41: over the router's own list.
#[tokio::test]
async fn g41_a_service_is_refused_everything_that_operators_do() {
    let server = fleet().await;
    let (service, before) = (server.sdk("payments").await, server.revision());
    let mut refused = 0;
    for endpoint in endpoints().into_iter().filter(|endpoint| endpoint.access == Access::Operator) {
        let path = endpoint.path.replace("{path_key}", &path_key("GET:/a")).replace("{service}", "payments");
        let answer = service.send(endpoint.method.clone(), &path, Some(b"{}".to_vec())).await;
        assert_eq!(answer.refusal(), (403, "forbidden"), "{endpoint:?}");
        refused += 1;
    }
    assert!(refused > 20, "{refused}");
    assert_eq!(server.revision(), before);
}

#[tokio::test]
async fn a_service_registers_and_reports_only_for_itself() {
    let server = fleet().await;
    let service = server.sdk("payments").await;
    let nameless = server.sdk("payments").await;
    let body = json!({"username": "admin", "password": "secret", "platform": "sdk"});
    let token = server.anonymous().post("/api/auth/login", body).await.body["token"].as_str().unwrap().to_owned();
    let bound_to_nothing = server.anonymous().with("x-waygate-token", token);
    let register = |app: &str| json!({"app_id": app, "states": [{"path": format!("{app}:GET:/new")}]});
    let report = |app: &str| json!({"id": "1", "timestamp": "2026-01-01T00:00:00Z", "path": "x", "action": "enable", "service": app});
    let before = server.revision();
    for caller in [&service, &bound_to_nothing] {
        assert_eq!(caller.post("/api/sdk/register", register("orders")).await.refusal(), (403, "forbidden"));
        assert_eq!(caller.post("/api/sdk/audit", report("orders")).await.refusal(), (403, "forbidden"));
    }
    assert_eq!(bound_to_nothing.post("/api/sdk/register", register("payments")).await.status, 403);
    assert_eq!(bound_to_nothing.get("/api/routes").await.paths().len(), 4);
    assert_eq!(server.revision(), before);
    assert_eq!(nameless.post("/api/sdk/audit", report("payments")).await.body, json!({"ok": true}));
    assert_eq!(server.revision(), before);
    assert_eq!(service.post("/api/sdk/register", register("payments")).await.status, 200);
}

/// The guide's option 2.
#[tokio::test]
async fn a_person_s_token_keeps_its_rights_inside_of_a_service() {
    let server = fleet().await;
    let person = server.admin().await.with("x-waygate-app-id", "payments");
    assert_eq!(person.post(&route("orders:GET:/b", "disable"), json!({})).await.status, 200);
    let body = json!({"app_id": "third", "states": [{"path": "third:GET:/x"}]});
    assert_eq!(person.post("/api/sdk/register", body).await.status, 200);
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let server = fleet().await;
    let service = server.sdk("payments").await;
    let mut stream = service.open(Method::GET, "/api/sdk/stream?service=payments", None).await;
    assert_eq!(stream.status(), 200);
    assert!(stream.chunk().await.unwrap().unwrap().starts_with(b"event: snapshot"));
    service.post("/api/auth/logout", json!({})).await;
    // Whatever was under way; then the end.
    while let Ok(Some(_)) = stream.chunk().await {}
    assert_eq!(service.get("/api/sdk/stream?service=payments").await.status, 401);
}
