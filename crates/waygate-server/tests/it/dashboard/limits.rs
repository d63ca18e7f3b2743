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
        let set = [
            ("expected", "0"),
            ("algorithm", "sliding_window"),
            ("key_strategy", "api_key"),
            ("burst", "5"),
            ("share", "divided"),
            ("on_backend_failure", "closed"),
            ("tiers", "free 10/minute\ngold 1000/minute"),
            ("exempt_roles", "auditor"),
        ];
        let with = |limit| [&set[..], &[("limit", limit)]].concat();
        let bad = admin.post(&format!("{page}/edit"), &with("100/fortnight")).await;
        assert_eq!(bad.status, 422, "{page}");
        assert!(bad.text.contains("value=\"100/fortnight\"") && bad.text.contains("is no limit"), "{}", bad.text);
        assert_eq!(admin.post(&format!("{page}/edit"), &with("100/minute")).await.status, 303, "{page}");
        let policy = reader.get(&api).await.body;
        let policy = if policy.is_array() { policy[0].clone() } else { policy };
        let policy = policy.get("policy").cloned().unwrap_or(policy);
        assert_eq!((&policy["limit"], &policy["burst"]), (&json!("100/minute"), &json!(5)), "{policy}");
        assert_eq!(
            (&policy["share"], &policy["on_backend_failure"]),
            (&json!("divided"), &json!("closed")),
            "{policy}"
        );
        assert_eq!(policy["tiers"][1], json!({"name": "gold", "limit": "1000/minute"}));
        let list = admin.get("/limits?service=payments").await.text;
        assert!(list.contains("100/minute per API key, burst 5"), "{list}");
        let detail = admin.get(&page).await.text;
        for words in [
            "Divided among the instances",
            "Refuse requests",
            "gold: 1000/minute",
            "auditor",
            "Sliding window",
            "is counted by address",
        ] {
            assert!(detail.contains(words), "{words}: {detail}");
        }
        assert!(detail.contains("set the rate limit of") && detail.contains("/undo\" data-dialog>Undo r"), "{detail}");
        let stale = admin.post(&format!("{page}/edit"), &with("1/minute")).await;
        assert_eq!(stale.status, 409, "nobody saw that there is one by now");
        assert!(
            stale.text.contains("Apply mine on top") && stale.text.contains("admin set the rate limit of"),
            "{}",
            stale.text
        );
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
    assert!(!form.contains("Who holds what"), "nobody holds anything: {form}");

    let token = server.sdk("payments").await.header("x-waygate-token").to_owned();
    let instance = server.anonymous().with("x-waygate-token", &token).with("x-waygate-instance", "pod-1");
    let cursor = server.control.current().cursor.to_string();
    let asks = json!({"app_id": "payments", "instance": "pod-1", "cursor": cursor, "shares": {"service": 0}});
    assert_eq!(instance.post("/api/sdk/acknowledge", asks).await.status, 200);
    let form = admin.get("/limits/services/payments").await.text;
    assert!(
        form.contains("Who holds what") && form.contains("<td>pod-1</td><td>payments</td><td>100/minute</td>"),
        "{form}"
    );
}

#[tokio::test]
async fn the_page_of_a_limit_says_whom_it_has_stopped_and_what_came_before_it() {
    let server = TestServer::start().await;
    server.register("payments", &["GET:/a", "GET:/b"]).await;
    let operator = server.admin().await;
    operator.post("/api/global-rate-limit", json!({"limit": "1000/minute", "exempt_routes": ["GET:/a"]})).await;
    operator.post("/api/rate-limits", json!({"path": "payments:GET:/a", "limit": "5/minute"})).await;
    let hit = json!({"path": "/a", "method": "GET", "layer": "route_limit", "policy": "GET:/a", "key": "ip", "limit": "5/minute",
        "count": 7, "timestamp": "2030-01-01T00:00:00Z", "reset_at": "2030-01-01T00:01:00Z"});
    let report = json!({"app_id": "payments", "instance": "pod-1", "hits": [hit]});
    assert_eq!(server.sdk("payments").await.post("/api/sdk/hits", report).await.status, 200);
    let vera = Browser::admin(&server).await;
    let page = vera.get(&format!("/limits/routes/{}", path_key("payments:GET:/a"))).await.text;
    assert!(page.contains("<td>pod-1</td>") && page.contains("<td>7</td>"), "{page}");
    assert!(page.contains("1000/minute per client address; this route is exempt"), "{page}");
    let other = vera.get(&format!("/limits/routes/{}", path_key("payments:GET:/b"))).await.text;
    assert!(other.contains("There is none.") && !other.contains("pod-1"), "{other}");
    assert!(vera.get("/limits?q=5/minute&state=on").await.text.contains("5/minute per client"));
    assert!(vera.get("/limits?state=paused").await.text.contains("No limit of a service or a route fits"));
}
