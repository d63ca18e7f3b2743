//! Limits by forms.

use serde_json::json;

use crate::dashboard::Browser;
use crate::helpers::{TestServer, path_key};
use crate::traffic::report;

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

/// Dashboard 4.2: count, per and unit are fields of their own; a limit can still be typed as a whole.
#[tokio::test]
async fn a_limit_is_asked_for_in_parts_or_as_text() {
    let server = TestServer::start().await;
    server.register("payments", &["GET:/a"]).await;
    let admin = Browser::admin(&server).await;
    let path = format!("/limits/routes/{}/edit", path_key("payments:GET:/a"));
    let save = async |parts: [&str; 5]| {
        let [count, per, unit, limit, shown] = parts;
        let form = admin.get(&path).await.text;
        let expected = form.split("name=\"expected\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let fields = [
            ("expected", expected.as_str()),
            ("count", count),
            ("per", per),
            ("unit", unit),
            ("limit", limit),
            ("shown", shown),
            ("algorithm", "fixed_window"),
            ("key_strategy", "ip"),
            ("share", "per_replica"),
            ("on_backend_failure", "local"),
        ];
        let answer = admin.post(&path, &fields).await;
        let form = admin.get(&path).await.text;
        (answer, form.split("name=\"shown\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned())
    };
    let (answer, limit) = save(["5", "10", "second", "", ""]).await;
    assert_eq!((answer.status, limit.as_str()), (303, "5/10 seconds"), "{}", answer.text);
    let form = admin.get(&path).await.text;
    for filled in [
        "id=\"f-count\" name=\"count\" type=\"text\" value=\"5\"",
        "value=\"10\"",
        "<option value=\"second\" selected>",
    ] {
        assert!(form.contains(filled), "{filled}: {form}");
    }
    let (answer, limit) = save(["5", "10", "second", "7/minute;90/hour", "5/10 seconds"]).await;
    assert_eq!((answer.status, limit.as_str()), (303, "7/minute;90/hour"), "{}", answer.text);
    let (answer, limit) = save(["many", "1", "minute", "7/minute;90/hour", "7/minute;90/hour"]).await;
    assert!(
        answer.status == 422 && answer.text.contains("id=\"e-count\"") && limit == "7/minute;90/hour",
        "{}",
        answer.text
    );
    let (answer, _) = save(["8", "1", "minute", "9/minute", "7/minute;90/hour"]).await;
    assert!(answer.status == 422 && answer.text.contains("are not the same"), "{}", answer.text);
    let (answer, _) = save(["", "1", "minute", "", "7/minute;90/hour"]).await;
    assert!(answer.status == 422 && answer.text.contains("id=\"e-limit\""), "{}", answer.text);
}

/// Pages of a limit and of its route say the same of one that only counts, that is paused, or that exempts.
#[tokio::test]
async fn a_limit_that_stops_nothing_is_not_said_to_be_in_force() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, caller) = (Browser::admin(&server).await, server.admin().await);
    let policy = json!({"path": "pay:GET:/a", "limit": "5/minute", "shadow": true});
    assert_eq!(caller.post("/api/rate-limits", policy).await.status, 201);
    caller.post("/api/services/pay/rate-limit", json!({"limit": "9/minute", "exempt_routes": ["GET:/a"]})).await;
    let id = path_key("pay:GET:/a");
    let route = admin.get(&format!("/routes/{id}")).await.text;
    assert!(route.contains("counts only") && route.contains("this route is exempt"), "{route}");
    assert!(!route.contains("/minute, in force"), "{route}");
    assert!(admin.get("/routes").await.text.contains("5/minute, counts only"));
    // The service's limit has refused; this one has stopped nothing itself.
    let counts = json!([{"method": "GET", "path": "/a", "allowed": 1, "limited": 2}]);
    assert_eq!(server.sdk("pay").await.post("/api/sdk/traffic", report("pay", &counts)).await.status, 200);
    let page = admin.get(&format!("/limits/routes/{id}")).await.text;
    assert!(
        page.contains("limits have refused 2") && page.contains("No request that this limit itself has stopped"),
        "{page}"
    );
    assert!(page.contains("counts only") && !page.contains("No service has reported any"), "{page}");
}
