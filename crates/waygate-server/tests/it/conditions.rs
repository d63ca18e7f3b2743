//! Expected revisions, over the API's own description: a change of an entity that takes none fails here.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{TestServer, path_key};

/// What changes no entity that somebody could have seen before, and `batch`, whose commands each have their own.
const WITHOUT: [&str; 14] = [
    "delete_instances_one",
    "post_auth_login",
    "post_auth_logout",
    "post_login",
    "post_logout",
    "post_batch",
    "post_sdk_acknowledge",
    "post_sdk_audit",
    "post_sdk_hits",
    "post_sdk_register",
    "post_sdk_traffic",
    "post_tokens",
    "delete_tokens_one",
    "post_webhooks_one_test",
];

/// A body that the endpoint takes.
fn body_of(path: &str) -> Value {
    match path {
        "/api/routes/{path_key}/env" => json!({"envs": ["dev"]}),
        "/api/routes/{path_key}/schedule" => json!({"start": "2999-01-01", "end": "2999-01-02"}),
        path if path.ends_with("/exemptions") => json!({"add": ["/a"]}),
        "/api/rate-limits" => json!({"path": "/a", "method": "GET", "limit": "7/minute"}),
        path if path.ends_with("rate-limit") => json!({"limit": "7/minute"}),
        "/api/webhooks" => json!({"url": "https://hooks.example/x"}),
        "/api/tokens" => json!({"service": "pay"}),
        "/api/batch" => json!({"commands": [{"action": "global_maintenance_on"}]}),
        "/api/sdk/register" => json!({"app_id": "new", "states": [{"path": "new:GET:/a"}]}),
        _ => json!({}),
    }
}

/// G31, B48.
#[tokio::test]
async fn g31_every_change_of_an_entity_takes_an_expected_revision() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = server.admin().await;
    let hook = admin.post("/api/webhooks", json!({"url": "https://hooks.example/x"})).await.body;
    for (path, limit) in [
        ("/api/rate-limits", json!({"path": "/a", "method": "GET", "limit": "5/minute"})),
        ("/api/global-rate-limit", json!({"limit": "5/minute"})),
        ("/api/services/pay/rate-limit", json!({"limit": "5/minute"})),
    ] {
        assert_eq!(admin.post(path, limit).await.status, 201, "{path}");
    }
    let before = server.revision();
    let description = admin.get("/api/openapi.json").await.body;
    let mut without = BTreeSet::new();
    let mut refused = 0;
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap().iter().filter(|(method, _)| *method != "get") {
            let takes = operation["parameters"].as_array().unwrap().iter().any(|given| given["name"] == "If-Match");
            if !takes {
                without.insert(operation["operationId"].as_str().unwrap());
                continue;
            }
            let target = path
                .replace("{path_key}", &path_key("pay:GET:/a"))
                .replace("{service}", "pay")
                .replace("{webhook}", hook["id"].as_str().unwrap());
            let method: Method = method.to_uppercase().parse().unwrap();
            let body = body_of(path);
            let answer = admin
                .with("if-match", "\"999999\"")
                .send(method.clone(), &target, Some(body.to_string().into_bytes()))
                .await;
            assert_eq!(answer.refusal(), (409, "revision_conflict"), "{method} {path}: {}", answer.body);
            let mut body = body;
            body["expected_revision"] = json!(999_999);
            let answer = admin.send(method.clone(), &target, Some(body.to_string().into_bytes())).await;
            assert_eq!(answer.refusal(), (409, "revision_conflict"), "{method} {path}: {}", answer.body);
            refused += 1;
        }
    }
    assert_eq!(without, BTreeSet::from(WITHOUT));
    assert!(refused > 30, "{refused}");
    assert_eq!(server.revision(), before);
}

#[tokio::test]
async fn g31_a_service_is_removed_only_as_it_was_seen() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a", "GET:/b"]).await;
    let (one, other) = (server.admin().await, server.login("alice", "wonder").await);
    let seen = async || one.get("/api/services?details=true").await.body[0]["changed_at"].to_string();
    let before = seen().await;
    other.post(&crate::helpers::route("/b", "disable"), json!({"reason": "look at it first"})).await;
    let remove =
        async |expected: &str| one.with("if-match", expected).send(Method::DELETE, "/api/services/pay", None).await;
    assert_eq!(remove(&before).await.refusal(), (409, "revision_conflict"));
    assert_eq!(remove(&seen().await).await.status, 200);
    assert_eq!(one.get("/api/services").await.body, json!([]));
}

/// Whoever asks what would change must not change it.
#[tokio::test]
async fn g31_a_trial_changes_nothing_at_any_endpoint() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = server.admin().await;
    let hook = admin.post("/api/webhooks", json!({"url": "https://hooks.example/x"})).await.body;
    let token = admin.post("/api/tokens", json!({"service": "pay"})).await.body;
    let before = server.revision();
    let description = admin.get("/api/openapi.json").await.body;
    let (mut tried, mut refused) = (0, BTreeSet::new());
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap().iter().filter(|(method, _)| *method != "get") {
            let filled = path.replace("{path_key}", &path_key("pay:GET:/a")).replace("{service}", "pay");
            let filled = filled.replace("{webhook}", hook["id"].as_str().unwrap());
            let filled = filled.replace("{token}", token["id"].as_str().unwrap());
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer = admin
                .send(method, &format!("{filled}?dry_run=true"), Some(body_of(path).to_string().into_bytes()))
                .await;
            assert_eq!(server.revision(), before, "{path}: {}", answer.body);
            if answer.status < 300 {
                assert_eq!(answer.header("x-waygate-dry-run"), Some("true"), "{path}: {}", answer.body);
                tried += 1;
            } else if answer.body["field"] == "dry_run" {
                refused.insert(operation["operationId"].as_str().unwrap().to_owned());
            }
        }
    }
    let takes_none = WITHOUT.iter().filter(|name| **name != "post_batch").map(ToString::to_string);
    assert_eq!(refused, takes_none.collect());
    assert!(tried > 20, "{tried}");
}

/// The same where it is the body that says so.
#[tokio::test]
async fn g31_a_trial_in_a_body_changes_nothing_where_nothing_can_be_tried() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = server.admin().await;
    let hook = admin.post("/api/webhooks", json!({"url": "https://hooks.example/x"})).await.body;
    let token = admin.post("/api/tokens", json!({"service": "pay"})).await.body;
    for (path, body) in [
        ("/api/tokens", json!({"service": "pay", "dry_run": true})),
        ("/api/sdk/register", json!({"app_id": "pay", "states": [{"path": "pay:GET:/b"}], "dry_run": true})),
        ("/api/auth/logout", json!({"dry_run": true})),
        (&format!("/api/webhooks/{}/test", hook["id"].as_str().unwrap()), json!({"dry_run": true})),
    ] {
        let before = server.revision();
        let answer = admin.post(path, body).await;
        assert_eq!((answer.refusal().0, &answer.body["field"]), (400, &json!("dry_run")), "{path}: {}", answer.body);
        assert_eq!(server.revision(), before, "{path}");
    }
    // What reads no body of its own looks for a trial all the same, and minds nothing else in it.
    let id = token["id"].as_str().unwrap();
    let revoke = format!("/api/tokens/{id}");
    for path in [revoke.as_str(), "/api/instances/one"] {
        let trial = admin.send(Method::DELETE, path, Some(br#"{"dry_run": true}"#.to_vec())).await;
        assert_eq!((trial.refusal().0, &trial.body["field"]), (400, &json!("dry_run")), "{path}: {}", trial.body);
    }
    let known = admin.get("/api/tokens").await.body;
    assert!(known.as_array().unwrap().iter().any(|token| token["id"] == id), "the token has not ended: {known}");
    assert_eq!(admin.send(Method::DELETE, &revoke, Some(b"no JSON".to_vec())).await.status, 200);
    let description = admin.get("/api/openapi.json").await.body;
    let enable = description["paths"]["/api/routes/{path_key}/enable"]["post"]["requestBody"].to_string();
    assert!(enable.contains("until") && !enable.contains("shadow"), "{enable}");
}
