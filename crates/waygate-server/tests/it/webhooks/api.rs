//! The endpoints.

use reqwest::Method;
use serde_json::{Value, json};

use super::{create, delivery, quick, switch};
use crate::helpers::{Receiver, TestServer};

#[tokio::test]
async fn a_secret_is_shown_once_and_a_target_never() {
    let server = TestServer::start_with(quick).await;
    let (admin, receiver) = (server.admin().await, Receiver::start().await);
    let (id, secret) = create(&admin, &receiver.url(), json!({})).await;
    assert!(secret.starts_with("whsec_"));
    let shown = admin.get("/api/webhooks").await.body;
    assert_eq!(shown[0]["url"], format!("http://{}/…", receiver.address));
    assert_eq!((&shown[0]["format"], &shown[0]["enabled"]), (&json!("generic"), &json!(true)));
    let state = serde_json::to_string(&*server.control.current()).unwrap();
    let audit = admin.get("/api/audit").await.body;
    assert_eq!((audit[0]["action"].as_str(), audit[0]["actor"].as_str()), (Some("webhook_set"), Some("admin")));
    assert_eq!(audit[0]["path"], format!("webhook:{id}"));
    let stored = server.control.history(waygate_store::HistoryQuery { before: None, limit: 9 }).await.unwrap();
    for text in [&shown.to_string(), &state, &audit.to_string(), &serde_json::to_string(&stored.commits).unwrap()] {
        assert!(!text.contains("secret-path") && !text.contains("whsec_"), "{text}");
    }
}

#[tokio::test]
async fn an_edit_changes_what_it_names() {
    let server = TestServer::start_with(quick).await;
    server.register("pay", &["/a"]).await;
    let (admin, one, other) = (server.admin().await, Receiver::start().await, Receiver::start().await);
    let (id, _) = create(&admin, &one.url(), json!({"services": ["pay"], "actions": ["disable", "enable"]})).await;
    let path = format!("/api/webhooks/{id}");
    let edit = async |body: Value| admin.send(Method::PATCH, &path, Some(body.to_string().into_bytes())).await;

    let before = server.revision();
    assert_eq!(edit(json!({"url": one.url()})).await.status, 200);
    assert_eq!(server.revision(), before, "the same target is no change");

    let edited = edit(json!({"format": "slack", "enabled": false})).await.body;
    assert_eq!((&edited["format"], &edited["enabled"]), (&json!("slack"), &json!(false)));
    assert_eq!((&edited["services"], &edited["secret"]), (&json!(["pay"]), &Value::Null));
    switch(&server, 1).await;
    let edited = edit(json!({"url": other.url(), "enabled": true})).await.body;
    assert_eq!(edited["url"], format!("http://{}/…", other.address));
    switch(&server, 1).await;
    let messages = other.messages(1).await;
    assert!(messages[0].body["attachments"][0]["text"].as_str().unwrap().starts_with("*ENABLE*: `pay:/a`"));
    assert_eq!(one.count(), 0);

    let stale = edit(json!({"enabled": false, "expected_revision": 1})).await;
    assert_eq!(stale.refusal(), (409, "revision_conflict"));
}

#[tokio::test]
async fn a_removed_webhook_is_told_nothing_more_and_forgotten() {
    let server = TestServer::start_with(quick).await;
    server.register("pay", &["/a"]).await;
    let (admin, receiver, other) = (server.admin().await, Receiver::start().await, Receiver::start().await);
    let (id, _) = create(&admin, &receiver.url(), json!({})).await;
    create(&admin, &other.url(), json!({"actions": ["disable"]})).await;
    receiver.messages(1).await;
    let path = format!("/api/webhooks/{id}");
    let removed = admin.send(Method::DELETE, &path, None).await;
    assert_eq!((removed.status, &removed.body), (200, &json!({"ok": true})));
    switch(&server, 1).await;
    other.messages(1).await;
    assert_eq!(receiver.count(), 1);
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::PATCH, path.clone()),
        (Method::POST, format!("{path}/rotate")),
        (Method::POST, format!("{path}/test")),
    ] {
        let answer = admin.send(method.clone(), &path, Some(b"{}".to_vec())).await;
        assert_eq!(answer.refusal(), (404, "unknown_webhook"), "{method} {path}");
    }
}

#[tokio::test]
async fn a_test_is_sent_at_once_and_signed() {
    let server = TestServer::start_with(quick).await;
    let (admin, receiver) = (server.admin().await, Receiver::start().await);
    let (id, secret) = create(&admin, &receiver.url(), json!({"enabled": false})).await;
    let before = server.revision();
    receiver.answer([200, 500]);
    let path = format!("/api/webhooks/{id}/test");
    let sent = admin.post(&path, json!({})).await.body;
    assert_eq!(sent, json!({"delivered": true, "status": 200, "error": null}));
    let failed = admin.post(&path, json!({})).await.body;
    assert_eq!(
        failed,
        json!({"delivered": false, "status": null, "error": "the receiver answered 500 Internal Server Error"})
    );
    let messages = receiver.messages(2).await;
    assert!(messages[0].is_signed_with(&secret));
    assert_eq!((messages[0].body["event"].as_str(), messages[0].body["actor"].as_str()), (Some("test"), Some("admin")));
    assert_eq!(server.revision(), before);
}

#[tokio::test]
async fn bad_input_names_the_field_and_changes_nothing() {
    let server = TestServer::start_with(quick).await;
    let admin = server.admin().await;
    let before = server.revision();
    let url = "https://example.com/hook";
    for (field, body) in [
        ("url", json!({})),
        ("url", json!({"url": 7})),
        ("url", json!({"url": "example.com"})),
        ("url", json!({"url": "ftp://example.com/"})),
        ("format", json!({"url": url, "format": "teams"})),
        ("services[1]", json!({"url": url, "services": ["pay", "a:b"]})),
        ("actions[0]", json!({"url": url, "actions": ["explode"]})),
        ("actions", json!({"url": url, "actions": "disable"})),
        ("enabled", json!({"url": url, "enabled": "yes"})),
        ("reason", json!({"url": url, "reason": ["x"]})),
    ] {
        let answer = admin.post("/api/webhooks", body.clone()).await;
        assert_eq!(answer.refusal(), (400, "invalid_field"), "{body}");
        assert_eq!(answer.body["field"], field, "{body}");
    }
    assert_eq!(admin.get("/api/webhooks/a%20b").await.refusal(), (400, "invalid_key"));
    assert_eq!(server.revision(), before);
}

#[tokio::test]
async fn services_have_no_part_in_webhooks() {
    let server = TestServer::start_with(quick).await;
    server.register("pay", &["/a"]).await;
    let (admin, receiver) = (server.admin().await, Receiver::start().await);
    let (id, _) = create(&admin, &receiver.url(), json!({})).await;
    let service = server.sdk("pay").await;
    let before = server.revision();
    for (method, path) in [
        (Method::GET, "/api/webhooks".to_owned()),
        (Method::POST, "/api/webhooks".to_owned()),
        (Method::GET, format!("/api/webhooks/{id}")),
        (Method::PATCH, format!("/api/webhooks/{id}")),
        (Method::DELETE, format!("/api/webhooks/{id}")),
        (Method::POST, format!("/api/webhooks/{id}/rotate")),
        (Method::POST, format!("/api/webhooks/{id}/test")),
    ] {
        let answer = service.send(method.clone(), &path, Some(b"{}".to_vec())).await;
        assert_eq!(answer.refusal(), (403, "forbidden"), "{method} {path}");
    }
    assert_eq!((server.revision(), receiver.count()), (before, 0));
    delivery(&admin, &id, |delivery| delivery["pending"] == 0).await;
}
