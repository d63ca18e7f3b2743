//! Edits, removals and trials: what changes, and what stays as it was.

use reqwest::Method;
use serde_json::json;

use crate::helpers::route;
use crate::lifecycle::{KEY, logged, paid, status, window};

/// B15, B36.
#[tokio::test]
async fn g36_b15_editing_exemptions_switches_nothing_and_loses_nothing() {
    let (server, admin) = paid().await;
    for path in ["/api/global", "/api/services/pay/maintenance"] {
        let edit = format!("{path}/exemptions");
        for on in [false, true] {
            if on {
                admin.post(&format!("{path}/enable"), json!({"reason": "db"})).await;
            }
            let edits: Vec<_> = (0..8)
                .map(|number| {
                    let (admin, edit) = (admin.clone(), edit.clone());
                    tokio::spawn(async move { admin.post(&edit, json!({"add": [format!("/{on}{number}")]})).await })
                })
                .collect();
            for edit in edits {
                let answer = edit.await.unwrap();
                assert_eq!((answer.status, &answer.body["enabled"]), (200, &json!(on)));
            }
            let view = admin.get(path).await.body;
            assert_eq!(view["enabled"], json!(on));
            assert_eq!(view["exempt_paths"].as_array().unwrap().len(), if on { 16 } else { 8 });
        }
        let answer = admin.post(&edit, json!({"remove": ["/true0"], "add": ["/a"]})).await;
        assert_eq!(answer.body["warnings"], json!(null), "a known route is no reason to warn");
        admin.post(&format!("{path}/disable"), json!({})).await;
        assert_eq!(admin.get(path).await.body["exempt_paths"].as_array().unwrap().len(), 16, "readable when off");
        let before = server.revision();
        for bad in [json!({}), json!({"add": "x"}), json!({"add": ["x"]}), json!({"remove": [1]})] {
            assert_eq!(admin.post(&edit, bad).await.refusal(), (400, "invalid_field"));
        }
        assert_eq!(server.revision(), before);
        let entry = admin.get("/api/audit?limit=2").await.body[1].clone();
        assert!(entry["action"].as_str().unwrap().ends_with("_maintenance_edit"), "{entry}");
    }
}

#[tokio::test]
async fn g37_a_deprecation_is_set_and_taken_back_at_run_time() {
    let (server, admin) = paid().await;
    let body = json!({"sunset_date": "2099-01-01", "successor_path": "/v2/a", "reason": "old"});
    let answer = admin.post(&route("/a", "deprecate"), body.clone()).await;
    assert_eq!((&answer.body["status"], &answer.body["successor_path"]), (&json!("deprecated"), &json!("/v2/a")));
    let revision = server.revision();
    assert_eq!(admin.post(&route("/a", "deprecate"), body).await.header("x-waygate-changed"), Some("false"));
    assert_eq!(server.revision(), revision);
    admin.post(&route("/a", "disable"), json!({})).await;
    let answer = admin.post(&route("/a", "enable"), json!({})).await;
    assert_eq!((&answer.body["status"], &answer.body["sunset_date"]), (&json!("deprecated"), &json!("2099-01-01")));
    server.register("pay", &["GET:/a"]).await;
    assert_eq!(status(&admin).await, "deprecated", "it survives a registration");
    let answer = admin.post(&route("/a", "deprecate"), json!({"sunset_date": "bientôt"})).await;
    assert_eq!((answer.refusal().0, &answer.body["field"]), (400, &json!("sunset_date")));
    let answer = admin.send(Method::DELETE, &route("/a", "deprecate"), None).await;
    assert_eq!((&answer.body["status"], &answer.body["sunset_date"]), (&json!("active"), &json!(null)));
    let log = logged(&admin, 4).await;
    assert_eq!(log[0], "admin/cli deprecate active>deprecated");
    assert_eq!(log[3], "admin/cli undeprecate deprecated>active");
}

/// B49.
#[tokio::test]
async fn b49_what_is_removed_is_gone_and_a_registration_brings_it_back_as_new() {
    let (server, admin) = paid().await;
    admin.post(&route("/a", "disable"), json!({"reason": "broken"})).await;
    let seen = server.revision();
    let stale = admin.with("if-match", "1").send(Method::DELETE, &route("/a", ""), None).await;
    assert_eq!(stale.refusal(), (409, "revision_conflict"));
    let answer = admin.with("if-match", seen.to_string()).send(Method::DELETE, &route("/a", ""), None).await;
    assert_eq!((answer.status, &answer.body), (200, &json!({"ok": true, "path": KEY})));
    assert_eq!(admin.send(Method::DELETE, &route("/a", ""), None).await.refusal(), (404, "unknown_route"));
    assert_eq!(admin.get("/api/routes").await.paths(), ["pay:GET:/b"]);
    server.register("pay", &["GET:/a"]).await;
    assert_eq!(status(&admin).await, "active");
    assert_eq!(logged(&admin, 2).await[1], "admin/cli route_remove disabled>-");

    admin.post("/api/services/pay/maintenance/enable", json!({})).await;
    let answer = admin.send(Method::DELETE, "/api/services/pay", Some(b"{\"reason\":\"merged\"}".to_vec())).await;
    assert_eq!((answer.status, &answer.body), (200, &json!({"ok": true, "service": "pay"})));
    assert_eq!(admin.send(Method::DELETE, "/api/services/pay", None).await.refusal(), (404, "unknown_service"));
    assert_eq!(admin.get("/api/services").await.body, json!([]));
    let entry = admin.get("/api/audit?limit=1&service=pay").await.body[0].clone();
    assert_eq!((&entry["action"], &entry["reason"]), (&json!("service_remove"), &json!("merged")));
    assert_eq!((&entry["previous_status"], &entry["new_status"]), (&json!(null), &json!(null)));
    server.register("pay", &["GET:/a"]).await;
    assert_eq!(admin.get("/api/services/pay/maintenance").await.body["enabled"], false);
}

#[tokio::test]
async fn a_dry_run_says_what_would_change_and_changes_nothing() {
    let (server, admin) = paid().await;
    admin.post(&route("/a", "schedule"), window(60_000, 90_000)).await;
    let before = (server.revision(), admin.get("/api/audit").await.body);
    for answer in [
        admin.post(&format!("{}?dry_run=true", route("/a", "disable")), json!({"reason": "r"})).await,
        admin.post(&route("/a", "disable"), json!({"reason": "r", "dry_run": true})).await,
    ] {
        assert_eq!(
            (answer.status, &answer.body["status"], &answer.body["reason"]),
            (200, &json!("disabled"), &json!("r"))
        );
        assert_eq!(
            (answer.header("x-waygate-dry-run"), answer.header("x-waygate-changed")),
            (Some("true"), Some("true"))
        );
        assert_eq!(answer.header("x-waygate-revision").unwrap(), before.0.to_string());
        assert!(answer.header("x-waygate-notice").unwrap().starts_with("ended"));
    }
    let answer = admin.post(&format!("{}?dry_run=1", route("/a", "enable")), json!({"expected_revision": 1})).await;
    assert_eq!(answer.refusal(), (409, "revision_conflict"));
    let answer = admin.post("/api/global/enable?dry_run=true", json!({})).await;
    assert_eq!((&answer.body["enabled"], &answer.body["changed"]), (&json!(true), &json!(true)));
    assert_eq!(admin.send(Method::DELETE, "/api/services/pay?dry_run=true", None).await.status, 200);
    let answer = admin.post(&format!("{}?dry_run=maybe", route("/a", "enable")), json!({})).await;
    assert_eq!((answer.refusal().0, &answer.body["field"]), (400, &json!("dry_run")));
    assert_eq!((server.revision(), admin.get("/api/audit").await.body), before);
}

#[tokio::test]
async fn what_only_counts_is_shown_as_such_and_leaves_the_route_open_to_the_reference() {
    let (server, admin) = paid().await;
    for (action, body) in [
        ("disable", json!({"shadow": true})),
        ("maintenance", json!({"shadow": true, "reason": "r"})),
        ("env", json!({"shadow": true, "envs": ["dev"]})),
    ] {
        let answer = admin.post(&route("/a", action), body).await;
        assert_eq!((answer.status, &answer.body["shadow"]), (200, &json!(true)), "{action}");
        let served = server.sdk("pay").await.get("/api/routes?service=pay").await.body;
        let state = served.as_array().unwrap().iter().find(|state| state["path"] == KEY).unwrap();
        assert_eq!(state["status"], "active", "{action}");
    }
    admin.post(&route("/a", "enable"), json!({})).await;
    let mut planned = window(0, 60_000);
    planned["shadow"] = json!(true);
    let answer = admin.post(&route("/a", "schedule"), planned).await;
    assert_eq!((&answer.body["status"], &answer.body["window"]["shadow"]), (&json!("active"), &json!(true)));
    assert_eq!(admin.get("/api/schedules").await.body[0]["shadow"], true);
    let answer = admin.post("/api/global/enable", json!({"shadow": true})).await;
    assert_eq!(answer.body["shadow"], true);
    assert_eq!(admin.get(&route("/a", "")).await.body["effective"], "active");
}

/// B40: what a service declares is checked too, and named where it is not taken.
#[tokio::test]
async fn b40_a_declared_window_that_makes_no_sense_is_named() {
    let (server, admin) = paid().await;
    let (sdk, before) = (server.sdk("pay").await, server.revision());
    for window in [
        json!({"start": "2999-01-02", "end": "2999-01-01"}),
        json!({"start": "2999-01-02"}),
        json!({"start": "soon", "end": "2999-01-01"}),
        json!("tonight"),
    ] {
        let state = json!({"path": "pay:GET:/new", "status": "maintenance", "window": window});
        let answer = sdk.post("/api/sdk/register", json!({"app_id": "pay", "states": [state]})).await;
        assert_eq!((answer.status, &answer.body["states"]), (200, &json!([])), "{window}");
        assert_eq!(answer.body["rejected"][0]["path"], "pay:GET:/new", "{window}");
    }
    assert_eq!(server.revision(), before);
    assert_eq!(admin.get("/api/routes").await.paths(), ["pay:GET:/a", "pay:GET:/b"]);
}
