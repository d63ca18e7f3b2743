//! Limits by forms.

use serde_json::json;

use crate::dashboard::Browser;
use crate::helpers::{TestServer, path_key};

/// Dashboard 2.2: a limit for a route of a service; 2.3: a bad one is explained in the form, with what was typed.
#[tokio::test]
async fn a_limit_is_set_paused_reset_and_removed() {
    let server = TestServer::start().await;
    server.register("payments", &["GET:/a"]).await;
    let admin = Browser::admin(&server).await;
    let targets = [
        ("/limits/global/all".to_owned(), "/api/global-rate-limit".to_owned()),
        ("/limits/services/payments".to_owned(), "/api/services/payments/rate-limit".to_owned()),
        (
            format!("/limits/routes/{}", path_key("payments:GET:/a")),
            format!("/api/rate-limits/{}", path_key("payments:GET:/a")),
        ),
    ];
    let reader = server.admin().await;
    for (page, api) in targets {
        let set = [("expected", "0"), ("algorithm", "sliding_window"), ("key", "api_key"), ("burst", "5")];
        let with = |limit| [&set[..], &[("limit", limit)]].concat();
        let bad = admin.post(&page, &with("100/fortnight")).await;
        assert_eq!(bad.status, 422, "{page}");
        assert!(bad.text.contains("value=\"100/fortnight\"") && bad.text.contains("is no limit"), "{}", bad.text);
        assert_eq!(admin.post(&page, &with("100/minute")).await.status, 303, "{page}");
        let policy = reader.get(&api).await.body;
        let policy = if policy.is_array() { policy[0].clone() } else { policy };
        let policy = policy.get("policy").cloned().unwrap_or(policy);
        assert_eq!((&policy["limit"], &policy["burst"]), (&json!("100/minute"), &json!(5)), "{policy}");
        let list = admin.get("/limits?service=payments").await.text;
        assert!(list.contains("100/minute per API key, burst 5"), "{list}");
        for act in ["pause", "resume", "reset", "remove"] {
            let form = admin.get(&format!("{page}/{act}")).await;
            assert_eq!(form.status, 200, "{act}");
            let expected = form.text.split("name=\"expected\" value=\"").nth(1).unwrap().split('"').next().unwrap();
            let done = admin.post(&format!("{page}/{act}"), &[("expected", expected)]).await;
            assert_eq!(done.status, 303, "{act}: {}", done.text);
        }
        assert!(!admin.get("/limits?service=payments").await.text.contains("per API key"));
    }
    assert_eq!(admin.get("/limits/routes/!!").await.status, 400);
    assert_eq!(admin.get("/limits/nowhere/x").await.status, 404);
}

#[tokio::test]
async fn a_divided_limit_says_so_and_who_holds_what() {
    let server = TestServer::start().await;
    server.register("payments", &["GET:/a"]).await;
    let policy = json!({"limit": "100/minute", "share": "divided"});
    assert_eq!(server.admin().await.post("/api/services/payments/rate-limit", policy).await.status, 201);
    let admin = Browser::admin(&server).await;
    let list = admin.get("/limits?service=payments").await.text;
    assert!(list.contains("divided among the instances"), "{list}");
    let form = admin.get("/limits/services/payments").await.text;
    assert!(!form.contains("Held"), "nobody holds anything: {form}");

    let token = server.sdk("payments").await.header("x-waygate-token").to_owned();
    let instance = server.anonymous().with("x-waygate-token", &token).with("x-waygate-instance", "pod-1");
    let cursor = server.control.current().cursor.to_string();
    let asks = json!({"app_id": "payments", "instance": "pod-1", "cursor": cursor, "shares": {"service": 0}});
    assert_eq!(instance.post("/api/sdk/acknowledge", asks).await.status, 200);
    let form = admin.get("/limits/services/payments").await.text;
    assert!(form.contains("Held") && form.contains("100/minute by pod-1 of payments"), "{form}");
}
