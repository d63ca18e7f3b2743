//! Routes: listed, shown and switched.

use serde_json::json;
use waygate_api::routes::RouteState;

use crate::helpers::{TestServer, route};

async fn fleet() -> TestServer {
    let server = TestServer::start().await;
    server.register("payments", &["GET:/api/payments", "POST:/api/payments", "GET:/only"]).await;
    server.register("orders", &["GET:/api/payments", "GET:/api/orders"]).await;
    server
}

#[tokio::test]
async fn a_route_reads_as_the_reference_s_clients_expect() {
    let server = fleet().await;
    let answer = server.admin().await.post(&route("/only", "disable"), json!({"reason": "why é"})).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-waygate-revision").unwrap(), answer.body["changed_at"].to_string());
    let route: RouteState = serde_json::from_value(answer.body).unwrap();
    insta::assert_json_snapshot!(route, { ".changed_at" => 0 }, @r#"
    {
      "path": "payments:GET:/only",
      "service": "payments",
      "status": "disabled",
      "reason": "why é",
      "allowed_envs": [],
      "allowed_roles": [],
      "allowed_ips": [],
      "window": null,
      "sunset_date": null,
      "successor_path": null,
      "rollout_percentage": 100,
      "force_active": false,
      "effective": "disabled",
      "cause": "route",
      "changed_at": 0
    }
    "#);
}

#[tokio::test]
async fn the_list_is_filtered_by_service() {
    let server = fleet().await;
    let admin = server.admin().await;
    assert_eq!(admin.get("/api/routes").await.paths().len(), 5);
    assert_eq!(admin.get("/api/routes?service=").await.paths().len(), 5);
    assert_eq!(
        admin.get("/api/routes?service=orders").await.paths(),
        ["orders:GET:/api/orders", "orders:GET:/api/payments"]
    );
    assert!(admin.get("/api/routes?service=unheard-of").await.paths().is_empty());
    assert_eq!(admin.get("/api/routes?service=a:b").await.refusal(), (400, "invalid_field"));
    assert_eq!(admin.get("/api/services").await.body, json!(["orders", "payments"]));
}

/// An SDK that asks for its routes gets the maintenance that lies over them along.
#[tokio::test]
async fn an_sdk_gets_maintenance_with_its_routes() {
    let server = fleet().await;
    server.admin().await.post("/api/global/enable", json!({"reason": "deploy"})).await;
    let answer = server.sdk("payments").await.get("/api/routes?service=payments").await;
    let sentinel = answer.body.as_array().unwrap().iter().find(|state| state["path"] == "__waygate:global__").unwrap();
    assert!(sentinel["reason"].as_str().unwrap().contains("deploy"));
    assert!(!server.admin().await.get("/api/routes").await.paths().iter().any(|path| path.starts_with("__waygate")));
}

#[tokio::test]
async fn each_switch_takes_effect_and_a_repeat_changes_nothing() {
    let server = fleet().await;
    let admin = server.admin().await;
    for (action, body, status) in [
        ("disable", json!({"reason": "r"}), "disabled"),
        ("maintenance", json!({"reason": "r"}), "maintenance"),
        ("env", json!({"envs": ["dev", "production"]}), "env_gated"),
        ("enable", json!({"reason": ""}), "active"),
    ] {
        let answer = admin.post(&route("GET:/only", action), body.clone()).await;
        assert_eq!((answer.status, &answer.body["status"]), (200, &json!(status)));
        let revision = server.revision();
        assert_eq!(answer.header("x-waygate-revision").unwrap(), server.revision().to_string());
        assert_eq!(admin.post(&route("GET:/only", action), body).await.status, 200);
        assert_eq!(server.revision(), revision, "{action} repeated");
    }
    let answer = admin.send(reqwest::Method::POST, &route("GET:/only", "disable"), None).await;
    assert_eq!((answer.status, &answer.body["reason"]), (200, &json!("")));
}

#[tokio::test]
async fn g29_what_is_unknown_is_404_with_near_matches() {
    let server = fleet().await;
    let (admin, before) = (server.admin().await, server.revision());
    let answer = admin.get(&route("GET:/api/payment", "")).await;
    assert_eq!(answer.refusal(), (404, "unknown_route"));
    assert!(answer.body["near"].as_array().unwrap().contains(&json!("payments:GET:/api/payments")));
    for action in ["enable", "disable", "maintenance"] {
        assert_eq!(admin.post(&route("orders:GET:/only", action), json!({})).await.refusal(), (404, "unknown_route"));
    }
    for service in ["payment", "nothing-like-it"] {
        let path = format!("/api/services/{service}/maintenance");
        for answer in [
            admin.get(&path).await,
            admin.post(&format!("{path}/enable"), json!({})).await,
            admin.post(&format!("{path}/disable"), json!({})).await,
        ] {
            assert_eq!(answer.refusal(), (404, "unknown_service"));
            assert_eq!(answer.body["near"].as_array().is_some(), service == "payment", "{}", answer.body);
        }
    }
    assert_eq!(server.revision(), before);
}

#[tokio::test]
async fn g29_what_is_ambiguous_is_409_with_candidates_that_can_be_used() {
    let server = fleet().await;
    let (admin, before) = (server.admin().await, server.revision());
    let answer = admin.post(&route("/api/payments", "disable"), json!({})).await;
    assert_eq!(answer.refusal(), (409, "ambiguous_route"));
    assert_eq!(
        answer.body["ambiguous_matches"],
        json!(["orders:GET:/api/payments", "payments:GET:/api/payments", "payments:POST:/api/payments"])
    );
    assert_eq!(server.revision(), before);
    for key in answer.body["ambiguous_matches"].as_array().unwrap() {
        let answer = admin.post(&route(key.as_str().unwrap(), "disable"), json!({})).await;
        assert_eq!((answer.status, &answer.body["path"]), (200, key));
    }
    assert_eq!(admin.get(&route("payments:/api/payments", "")).await.refusal(), (409, "ambiguous_route"));
}

#[tokio::test]
async fn g30_short_names_resolve_in_reads_and_switches_alike() {
    let server = fleet().await;
    let admin = server.admin().await;
    for (name, key) in [
        ("/only", "payments:GET:/only"),
        ("get:/only", "payments:GET:/only"),
        ("payments:/only", "payments:GET:/only"),
        ("POST:/api/payments", "payments:POST:/api/payments"),
        ("orders:/api/payments", "orders:GET:/api/payments"),
    ] {
        assert_eq!(admin.get(&route(name, "")).await.body["path"], key, "{name}");
        assert_eq!(admin.post(&route(name, "disable"), json!({})).await.body["path"], key, "{name}");
        assert_eq!(admin.get(&format!("/api/audit?limit=1&route={name}")).await.paths(), [key], "{name}");
    }
}

#[tokio::test]
async fn a_force_active_route_cannot_be_switched() {
    let server = TestServer::start().await;
    let body = json!({"app_id": "pay", "states": [{"path": "pay:GET:/health", "force_active": true}]});
    assert_eq!(server.sdk("pay").await.post("/api/sdk/register", body).await.status, 200);
    let (admin, before) = (server.admin().await, server.revision());
    let answer = admin.post(&route("/health", "disable"), json!({})).await;
    assert_eq!(answer.refusal(), (409, "force_active"));
    assert_eq!((answer.body.get("ambiguous_matches"), server.revision()), (None, before));
}

/// B48.
#[tokio::test]
async fn an_expected_revision_that_has_moved_on_is_a_conflict() {
    let server = fleet().await;
    let admin = server.admin().await;
    let seen = admin.get(&route("/only", "")).await.body["changed_at"].as_u64().unwrap();
    let careful = admin.with("if-match", format!("\"{seen}\""));
    assert_eq!(careful.post(&route("/only", "disable"), json!({})).await.status, 200);
    assert_eq!(careful.post(&route("/only", "enable"), json!({})).await.refusal(), (409, "revision_conflict"));
    let body = json!({"expected_revision": seen});
    assert_eq!(admin.post(&route("/only", "enable"), body.clone()).await.refusal(), (409, "revision_conflict"));
    assert_eq!(admin.post("/api/global/enable", body).await.refusal(), (409, "revision_conflict"));
    let vague = admin.with("if-match", "*");
    assert_eq!(vague.post(&route("/only", "enable"), json!({})).await.refusal(), (400, "invalid_field"));
}

#[tokio::test]
async fn g33_a_planned_window_blocks_nothing_now_and_can_be_taken_back() {
    let server = fleet().await;
    let admin = server.admin().await;
    let window = json!({"start": "2999-12-01T10:00:00Z", "end": "2999-12-01T12:00:00+01:00", "reason": "db"});
    let answer = admin.post(&route("/only", "schedule"), window.clone()).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("active")));
    assert_eq!(answer.body["window"]["end"], "2999-12-01T11:00:00Z");
    let answer = admin.send(reqwest::Method::DELETE, &route("/only", "schedule"), None).await;
    assert_eq!((answer.status, &answer.body["window"]), (200, &json!(null)));
    assert!(answer.header("x-waygate-notice").unwrap().starts_with("ended%3A%20maintenance%20window"));
    let answer = admin.post(&route("/only", "maintenance"), window).await;
    assert_eq!((&answer.body["status"], &answer.body["window"]["reason"]), (&json!("active"), &json!("db")));
    let answer = admin.post(&route("/only", "maintenance"), json!({"end": "2999-12-01"})).await;
    assert_eq!(
        (&answer.body["status"], &answer.body["until"]),
        (&json!("maintenance"), &json!("2999-12-01T00:00:00Z"))
    );
}

/// B36.
#[tokio::test]
async fn g55_lists_and_routes_show_what_callers_get_and_why() {
    let server = fleet().await;
    let admin = server.admin().await;
    let shown = async |key: &str| {
        let listed = admin.get("/api/routes").await.body;
        let listed = listed.as_array().unwrap().iter().find(|route| route["path"] == key).unwrap().clone();
        assert_eq!(admin.get(&route(key, "")).await.body, listed, "the list and the route itself say the same");
        let text = |field: &str| listed[field].as_str().unwrap_or("-").to_owned();
        [text("status"), text("effective"), text("cause")]
    };
    let (own, other) = ("payments:GET:/only", "orders:GET:/api/orders");
    assert_eq!(shown(own).await, ["active", "active", "route"]);
    let window = json!({"start": "2001-01-01", "end": "2999-01-01"});
    admin.post(&route(own, "schedule"), window).await;
    assert_eq!(shown(own).await, ["maintenance", "maintenance", "window"]);
    admin.post(&route(own, "disable"), json!({"until": "2999-01-01"})).await;
    assert_eq!(shown(own).await, ["disabled", "disabled", "temporary"]);
    admin.post(&route(own, "env"), json!({"envs": ["dev"]})).await;
    assert_eq!(shown(own).await, ["env_gated", "env_gated", "route"]);
    admin.post("/api/services/payments/maintenance/enable", json!({})).await;
    assert_eq!(shown(own).await, ["env_gated", "maintenance", "service_maintenance"]);
    assert_eq!(shown(other).await, ["active", "active", "route"]);
    admin.post("/api/global/enable", json!({})).await;
    assert_eq!(shown(own).await, ["env_gated", "maintenance", "global_maintenance"]);
    assert_eq!(shown(other).await, ["active", "maintenance", "global_maintenance"]);
    let details = admin.get("/api/services?details=true").await.body;
    assert_eq!(details[0]["effective"], json!({"maintenance": 2}), "counts are of what callers get");
}
