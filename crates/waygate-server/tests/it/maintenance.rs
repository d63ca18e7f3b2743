//! Maintenance of everything and of one service.

use reqwest::Method;
use serde_json::json;
use waygate_api::maintenance::MaintenanceView;

use crate::helpers::TestServer;

#[tokio::test]
async fn global_maintenance_goes_on_and_off() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let off =
        json!({"enabled": false, "reason": "", "exempt_paths": [], "include_force_active": false, "changed_at": 0});
    assert_eq!(admin.get("/api/global").await.body, off);
    let body = json!({"reason": "deploy", "exempt_paths": ["/health", "GET:/x"], "include_force_active": true});
    let answer = admin.post("/api/global/enable", body.clone()).await;
    let revision = server.revision();
    let view: MaintenanceView = serde_json::from_value(answer.body).unwrap();
    insta::assert_json_snapshot!(view, { ".changed_at" => 0 }, @r#"
    {
      "enabled": true,
      "reason": "deploy",
      "exempt_paths": [
        "/health",
        "GET:/x"
      ],
      "include_force_active": true,
      "changed_at": 0,
      "warnings": [
        "exemption `/health` matches no known route",
        "exemption `GET:/x` matches no known route"
      ],
      "changed": true
    }
    "#);
    assert_eq!(answer.head.get_all("x-waygate-notice").iter().count(), 2);
    assert_eq!(admin.post("/api/global/enable", body).await.body["changed"], false);
    assert_eq!(server.revision(), revision);
    let answer = admin.send(Method::POST, "/api/global/disable", None).await;
    assert_eq!((&answer.body["enabled"], &answer.body["changed"]), (&json!(false), &json!(true)));
    assert_eq!(admin.send(Method::POST, "/api/global/disable", None).await.body["changed"], false);
}

/// The guide's two calls, verbatim but for the token.
#[tokio::test]
async fn service_maintenance_as_in_the_guide() {
    let server = TestServer::start().await;
    server.register("payments-service", &["GET:/health", "GET:/api/payments"]).await;
    server.register("orders-service", &["GET:/api/orders"]).await;
    let token = server.admin().await.header("x-waygate-token").to_owned();
    let operator = server.anonymous().with("authorization", format!("Bearer {token}"));
    let body = json!({"reason": "DB migration", "exempt_paths": ["/health"]});
    let answer = operator.post("/api/services/payments-service/maintenance/enable", body).await;
    assert_eq!((answer.status, &answer.body["enabled"]), (200, &json!(true)));
    let routes = operator.get("/api/routes").await.body;
    let effective: Vec<_> = routes
        .as_array()
        .unwrap()
        .iter()
        .map(|route| (route["path"].as_str().unwrap(), route["effective"].as_str().unwrap()))
        .collect();
    assert_eq!(
        effective,
        [
            ("orders-service:GET:/api/orders", "active"),
            ("payments-service:GET:/api/payments", "maintenance"),
            ("payments-service:GET:/health", "active"),
        ]
    );
    let answer = operator.send(Method::POST, "/api/services/payments-service/maintenance/disable", None).await;
    assert_eq!((answer.status, &answer.body["enabled"]), (200, &json!(false)));
}

#[tokio::test]
async fn an_unknown_service_is_accepted_only_when_told_and_is_listed_then() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let path = "/api/services/R&D%20team/maintenance/enable";
    assert_eq!(admin.post(path, json!({})).await.refusal(), (404, "unknown_service"));
    assert_eq!(admin.post(path, json!({"allow_unknown": true})).await.status, 200);
    assert_eq!(admin.get("/api/services").await.body, json!(["R&D team"]));
    assert_eq!(admin.get("/api/services/R%26D%20team/maintenance").await.body["enabled"], true);
}
