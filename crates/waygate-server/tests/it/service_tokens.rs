//! Tokens that administrators make for services, and the list of all tokens.

use std::sync::Arc;

use reqwest::Method;
use serde_json::json;
use waygate_store::FileStore;

use crate::helpers::{Answer, Backend, Caller, TestServer};

async fn create(admin: &Caller, service: &str) -> Answer {
    admin.post("/api/tokens", json!({"service": service, "expires_in": 3600})).await
}

async fn revoke(admin: &Caller, id: &str) -> Answer {
    admin.send(Method::DELETE, &format!("/api/tokens/{id}"), None).await
}

#[tokio::test]
async fn g41_a_service_s_token_reads_and_registers_its_service_and_nothing_else() {
    let server = TestServer::start().await;
    server.register("orders", &["GET:/b"]).await;
    let admin = server.admin().await;
    let made = create(&admin, "payments").await;
    assert_eq!(made.status, 200, "{}", made.body);
    let service = server.anonymous().with("x-waygate-token", made.body["token"].as_str().unwrap());
    let me = service.get("/api/auth/me").await.body;
    assert_eq!((&me["username"], &me["platform"]), (&json!("payments"), &json!("sdk")));
    let register = |app: &str| json!({"app_id": app, "states": [{"path": format!("{app}:GET:/a")}]});
    assert_eq!(service.post("/api/sdk/register", register("payments")).await.status, 200);
    assert_eq!(service.post("/api/sdk/register", register("orders")).await.refusal(), (403, "forbidden"));
    assert_eq!(service.get("/api/routes").await.paths(), ["payments:GET:/a"]);
    assert_eq!(service.post("/api/global/enable", json!({})).await.refusal(), (403, "forbidden"));
    assert_eq!(create(&service, "orders").await.refusal(), (403, "forbidden"));
    let life = admin.post("/api/tokens", json!({"service": "x", "expires_in": 59})).await;
    assert_eq!((life.refusal().0, &life.body["field"]), (400, &json!("expires_in")));
    let name = admin.post("/api/tokens", json!({"service": "a:b"})).await;
    assert_eq!((name.refusal().0, &name.body["field"]), (400, &json!("service")));
}

#[tokio::test]
async fn g42_tokens_are_listed_and_ended_one_by_one_with_their_streams() {
    let server = TestServer::start().await;
    let (admin, alice) = (server.admin().await, server.login("alice", "wonder").await);
    let made = create(&admin, "payments").await.body;
    let service = server.anonymous().with("x-waygate-token", made["token"].as_str().unwrap());
    let mut stream = service.open(Method::GET, "/api/sdk/stream?service=payments", None).await;
    assert_eq!(stream.status(), 200);
    stream.chunk().await.unwrap().unwrap();

    let list = admin.get("/api/tokens").await.body;
    let listed: Vec<(&str, &str, &str)> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|token| ["holder", "kind", "platform"].map(|field| token[field].as_str().unwrap()).into())
        .collect();
    assert_eq!(listed, [("payments", "service", "sdk"), ("alice", "login", "cli"), ("admin", "login", "cli")]);
    let text = list.to_string();
    for secret in [made["token"].as_str().unwrap(), admin.header("x-waygate-token")] {
        assert!(!text.contains(secret), "{text}");
    }
    let of_alice = admin.get("/api/tokens?holder=alice").await.body;
    assert_eq!(of_alice.as_array().unwrap().len(), 1);
    assert_eq!(admin.get("/api/tokens?service=payments").await.body[0]["id"], made["id"]);

    assert_eq!(revoke(&admin, made["id"].as_str().unwrap()).await.body, json!({"ok": true}));
    while let Ok(Some(_)) = stream.chunk().await {}
    assert_eq!(service.get("/api/routes").await.refusal(), (401, "unauthorized"));
    assert_eq!(revoke(&admin, of_alice[0]["id"].as_str().unwrap()).await.status, 200);
    assert_eq!(alice.get("/api/routes").await.status, 401);
    assert_eq!(admin.get("/api/routes").await.status, 200);
    for unknown in ["none", made["id"].as_str().unwrap(), "%00"] {
        assert_eq!(revoke(&admin, unknown).await.refusal(), (404, "unknown_token"), "{unknown}");
    }
    let log = admin.get("/api/audit?action=token_issue").await.body;
    assert_eq!((&log[0]["actor"], &log[0]["path"]), (&json!("admin"), &made["id"]));
}

/// A token for a service outlives restarts and changed passwords; its end does so too.
#[tokio::test]
async fn g42_a_service_s_token_ends_by_revocation_only() {
    let directory = tempfile::tempdir().unwrap();
    let open = async || Arc::new(FileStore::open(directory.path().join("state.json")).await.unwrap());
    let first = TestServer::start_on(open().await, |server| server).await;
    let admin = first.admin().await;
    let made = create(&admin, "payments").await.body;
    let token = made["token"].as_str().unwrap().to_owned();
    first.stop().await;
    let second = TestServer::start_on(open().await, |server| server.auth(("root", "other"))).await;
    let service = second.anonymous().with("x-waygate-token", &token);
    assert_eq!(service.get("/api/routes").await.status, 200);
    let root = second.login("root", "other").await;
    assert_eq!(root.get("/api/tokens?service=payments").await.body[0]["id"], made["id"]);
    assert_eq!(revoke(&root, made["id"].as_str().unwrap()).await.status, 200);
    second.stop().await;
    let third = TestServer::start_on(open().await, |server| server).await;
    assert_eq!(third.anonymous().with("x-waygate-token", &token).get("/api/routes").await.status, 401);
}

#[tokio::test]
async fn g42_a_revocation_reaches_every_node_of_every_backend_that_is_shared() {
    for backend in Backend::shared().await {
        a_revocation_reaches(backend.serve().await, backend.serve().await).await;
    }
}

async fn a_revocation_reaches(one: TestServer, other: TestServer) {
    let made = create(&one.admin().await, "payments").await.body;
    let service = other.anonymous().with("x-waygate-token", made["token"].as_str().unwrap());
    let mut stream = service.open(Method::GET, "/api/sdk/stream?service=payments", None).await;
    assert_eq!(stream.status(), 200);
    revoke(&one.admin().await, made["id"].as_str().unwrap()).await;
    while let Ok(Some(_)) = stream.chunk().await {}
    assert_eq!(service.get("/api/routes").await.status, 401);
}
