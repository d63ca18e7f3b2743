//! Services say which routes they have.

use serde_json::{Value, json};

use crate::helpers::{Answer, Backend, TestServer, route};

async fn register(server: &TestServer, states: Value) -> Answer {
    server.sdk("pay").await.post("/api/sdk/register", json!({"app_id": "pay", "states": states})).await
}

/// What the reference's SDK sends.
fn full(path: &str, status: &str) -> Value {
    json!({
        "path": path, "service": "pay", "status": status, "reason": "router", "allowed_envs": ["dev"],
        "allowed_roles": [], "allowed_ips": [], "window": null, "sunset_date": "Sat, 01 Jan 2028 00:00:00 GMT",
        "successor_path": "/v2", "rollout_percentage": 100, "force_active": false, "unheard_of": {"x": 1},
    })
}

#[tokio::test]
async fn a_batch_is_one_commit_and_the_server_wins_afterwards() {
    let server = TestServer::start().await;
    let statuses = ["active", "maintenance", "disabled", "env_gated", "deprecated"];
    let states: Vec<Value> = statuses.iter().map(|status| full(&format!("pay:GET:/{status}"), status)).collect();
    let answer = register(&server, json!(states)).await;
    let answered: Vec<&Value> =
        answer.body["states"].as_array().unwrap().iter().map(|state| &state["status"]).collect();
    assert_eq!(answered, statuses);
    assert_eq!(server.changes(), 1);
    register(&server, json!(states)).await;
    assert_eq!(server.changes(), 1);
    server.admin().await.post(&route("/active", "disable"), json!({"reason": "hotfix"})).await;
    let answer = register(&server, json!(states)).await;
    assert_eq!(
        (&answer.body["states"][0]["status"], &answer.body["states"][0]["reason"]),
        (&json!("disabled"), &json!("hotfix"))
    );
    assert_eq!(server.changes(), 2);
}

#[tokio::test]
async fn elements_that_cannot_be_taken_are_named_and_the_others_are_taken() {
    let server = TestServer::start().await;
    let answer = register(
        &server,
        json!([
            {"path": "pay:GET:/a"},
            {"path": "orders:GET:/a"},
            {"path": "pay:GET:/b", "service": "orders"},
            {"path": "pay:__waygate:global__"},
            {"path": "GET:/c"},
            {"path": "pay:GET:/d", "status": "exploded"},
            {"path": "pay:GET:/e", "reason": null},
            {"path": "pay:GET:/f", "allowed_envs": [1]},
            {"path": "pay:GET:/g", "reason": "x".repeat(2001)},
            "nonsense",
            {"path": "/h"},
        ]),
    )
    .await;
    let taken: Vec<&str> =
        answer.body["states"].as_array().unwrap().iter().map(|state| state["path"].as_str().unwrap()).collect();
    assert_eq!(taken, ["pay:GET:/a", "pay:GET:/c", "pay:/h"]);
    let rejected: Vec<u64> =
        answer.body["rejected"].as_array().unwrap().iter().map(|element| element["index"].as_u64().unwrap()).collect();
    assert_eq!(rejected, [1, 2, 3, 5, 6, 7, 8, 9]);
    assert_eq!(server.admin().await.get("/api/routes").await.paths().len(), 3);
}

#[tokio::test]
async fn g20_phantoms_of_the_reference_s_sdk_are_not_stored_on_every_backend() {
    for backend in Backend::all().await {
        phantoms_of_the_reference_s_sdk_are_not_stored(&backend.serve().await).await;
    }
}

async fn phantoms_of_the_reference_s_sdk_are_not_stored(server: &TestServer) {
    server.register("pay", &["GET:/plain"]).await;
    let before = server.changes();
    // What `engine.disable("GET:/plain")` inside of a service pushes, and what its scheduler makes of it.
    let answer = register(
        server,
        json!([full("pay:pay:GET:/plain", "disabled"), full("pay:pay:pay:GET:/plain", "maintenance")]),
    )
    .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["states"][0]["path"], "pay:GET:/plain");
    assert_eq!(answer.body["states"][0]["status"], "active");
    for phantom in [
        "pay:pay:GET:/unheard-of",
        "pay:__waygate:global__",
        "pay:pay:__waygate:svc_global:pay__",
        "__waygate:global__",
    ] {
        let answer = register(server, json!([full(phantom, "active")])).await;
        assert_eq!(answer.body["rejected"][0]["path"], phantom);
    }
    assert_eq!(server.changes(), before);
    assert_eq!(server.admin().await.get("/api/routes").await.paths(), ["pay:GET:/plain"]);
}

#[tokio::test]
async fn g26_reserved_keys_can_neither_be_read_written_nor_registered_on_every_backend() {
    for backend in Backend::all().await {
        reserved_keys_can_neither_be_read_written_nor_registered(&backend.serve().await).await;
    }
}

async fn reserved_keys_can_neither_be_read_written_nor_registered(server: &TestServer) {
    server.register("pay", &["GET:/a"]).await;
    let admin = server.admin().await;
    admin.post("/api/global/enable", json!({"reason": "deploy"})).await;
    let before = server.revision();
    for key in [
        "__waygate:global__",
        "__waygate:svc_global:pay__",
        "__waygate:global_rl__",
        "__waygate:svc_rl:pay__",
        "pay:__waygate:global__",
        "pay:pay:__waygate:global__",
        "__waygate:anything",
        " __waygate:global__",
    ] {
        assert_eq!(admin.get(&route(key, "")).await.refusal(), (400, "invalid_key"), "{key}");
        let window = json!({"envs": [], "start": "2999-01-01", "end": "2999-01-02"});
        for action in ["enable", "disable", "maintenance", "env", "schedule"] {
            let answer = admin.post(&route(key, action), window.clone()).await;
            assert_eq!(answer.refusal(), (400, "invalid_key"), "{key} {action}");
        }
        let answer = admin.post("/api/sdk/register", json!({"app_id": "pay", "states": [{"path": key}]})).await;
        assert_eq!(answer.body["rejected"][0]["index"], 0, "{key}");
        let answer = admin.post("/api/sdk/register", json!({"app_id": key, "states": []})).await;
        assert_eq!((answer.refusal().0, &answer.body["field"]), (400, &json!("app_id")), "{key}");
        let service = waygate_api::paths::service(key, "maintenance/enable");
        assert_eq!(admin.post(&service, json!({"allow_unknown": true})).await.refusal(), (400, "invalid_key"), "{key}");
    }
    assert_eq!(server.revision(), before);
    assert_eq!(admin.get("/api/global").await.body["enabled"], true);
}
