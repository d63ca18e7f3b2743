//! What is used of limits.

use serde_json::json;
use waygate_server::{Credentials, Role, User};

use crate::dashboard::Browser;
use crate::helpers::{TestServer, path_key};
use crate::traffic::report;

/// Dashboard 4.2: what is used of a limit, with a meter only where that is known; 4.0, 5: no data is no zero.
#[tokio::test]
async fn what_is_used_of_a_limit_is_told_as_far_as_it_was_measured() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, caller) = (Browser::admin(&server).await, server.admin().await);
    let policy = json!({"path": "pay:GET:/a", "limit": "5/second", "key_strategy": "global"});
    assert_eq!(caller.post("/api/rate-limits", policy).await.status, 201);
    assert_eq!(caller.post("/api/services/pay/rate-limit", json!({"limit": "3/second"})).await.status, 201);
    let page = format!("/limits/routes/{}", path_key("pay:GET:/a"));
    assert!(admin.get(&page).await.text.contains("Use: not known."));
    assert!(!admin.get("/limits").await.text.contains("<meter"));
    let count = |ago| json!({"seconds_ago": ago, "method": "GET", "path": "/a", "allowed": 4, "blocked": 100});
    let counts = (2..62).map(count).collect();
    assert_eq!(server.sdk("pay").await.post("/api/sdk/traffic", report("pay", &counts)).await.status, 200);
    let text = admin.get(&page).await.text;
    assert!(
        text.contains(
            "<meter max=\"5\" value=\"4\" aria-label=\"Used, p95\" optimum=\"0\" high=\"4\"></meter> 4 of 5/second"
        ),
        "{text}"
    );
    assert!(text.contains("no more than 4 requests came as far as this limit"), "{text}");
    // What all callers do together is more than one of them may, and says nothing of one.
    let list = admin.get("/limits").await.text;
    assert!(list.matches("<meter").count() == 1 && list.contains("4 of 3/second <span class=\"faint\""), "{list}");
    assert!(admin.get("/limits/services/pay").await.text.contains("how much one of them had is not measured"));
}

/// Dashboard 4.0: what is used is measured against the numbers that are in force, by all that reaches them.
#[tokio::test]
async fn what_is_used_is_told_only_of_numbers_that_are_in_force() {
    let otto = User::new("otto", "pw").role(Role::Operator).services(["pay".parse().unwrap()]);
    let users = Credentials::from(("admin", "secret")).and_user(otto);
    let server = TestServer::start_with(|server| server.auth(users)).await;
    server.register("pay", &["GET:/a", "GET:/b", "GET:/c"]).await;
    let (admin, caller) = (Browser::admin(&server).await, server.admin().await);
    let otto = Browser::sign_in(&server, "otto", "pw").await;
    let tiers = json!([{"name": "gold", "limit": "9/second"}]);
    for (path, policy) in [
        ("/api/global-rate-limit", json!({"limit": "8/second"})),
        ("/api/services/pay/rate-limit", json!({"limit": "4/second", "key_strategy": "global"})),
        (
            "/api/rate-limits",
            json!({"path": "pay:GET:/a", "limit": "3/second", "key_strategy": "global", "share": "divided"}),
        ),
        ("/api/rate-limits", json!({"path": "pay:GET:/b", "limit": "2/second", "tiers": tiers})),
    ] {
        let answer = caller.post(path, policy).await;
        assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.body);
    }
    let count = |path: &str, ago: u32| json!({"seconds_ago": ago, "method": "GET", "path": path, "allowed": 3});
    let counts = (2..62).flat_map(|ago| [count("/a", ago), count("/b", ago)]).collect();
    assert_eq!(server.sdk("pay").await.post("/api/sdk/traffic", report("pay", &counts)).await.status, 200);
    let list = admin.get("/limits").await.text;
    for words in ["</meter> 6 of 8/second", "6 of 4/second", "</meter> 3 of 3/second"] {
        assert!(list.contains(words), "{words}: {list}");
    }
    assert!(!list.contains("</meter> 6 of 4/second"), "each instance admits the whole limit: {list}");
    assert!(!list.contains("of 2/second"), "with tiers it is nobody's limit: {list}");
    let tiered = admin.get(&format!("/limits/routes/{}", path_key("pay:GET:/b"))).await.text;
    assert!(tiered.contains("Use: not known."), "{tiered}");
    // Services that otto does not see may use it as well.
    let of_all = otto.get("/limits/global/all").await.text;
    assert!(of_all.contains("8/second per client address") && of_all.contains("Use: not known."), "{of_all}");
    let list = otto.get("/limits").await.text;
    assert!(list.contains("6 of 4/second") && !list.contains("of 8/second"), "{list}");
    let fields = [
        ("expected", "0"),
        ("limit", "5/second"),
        ("algorithm", "fixed_window"),
        ("key_strategy", "ip"),
        ("share", "per_replica"),
        ("on_backend_failure", "local"),
        ("tiers", "gold 9/second"),
        ("preview", "true"),
    ];
    let path = format!("/limits/routes/{}/edit", path_key("pay:GET:/c"));
    let foreseen = admin.post(&path, &fields).await.text;
    assert!(foreseen.contains("it is not one number for all") && !foreseen.contains("the busiest had"), "{foreseen}");
}
