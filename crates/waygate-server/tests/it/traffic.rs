//! Counts of requests: reported by services, told to whoever may read.

use serde_json::{Value, json};

use crate::helpers::{Caller, TestServer};

pub(crate) fn report(service: &str, counts: &Value) -> Value {
    json!({"app_id": service, "instance": "i-1", "counts": counts})
}

async fn total(caller: &Caller, query: &str) -> Value {
    let body = caller.get(&format!("/api/traffic?{query}")).await.body;
    let sum = |name: &str| -> u64 {
        let series = body["series"].as_array().unwrap();
        series.iter().filter_map(|point| point["counts"][name].as_u64()).sum()
    };
    json!({"allowed": sum("allowed"), "limited": sum("limited"), "blocked": sum("blocked"), "gated": sum("gated"), "shadow": sum("shadow")})
}

#[tokio::test]
async fn what_instances_count_is_summed_up_by_route_and_in_every_window() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a", "POST:/a"]).await;
    let (admin, sdk) = (server.admin().await, server.sdk("pay").await);
    let counts = json!([
        {"seconds_ago": 3, "method": "GET", "path": "/a", "allowed": 7, "limited": 2},
        {"seconds_ago": 30, "method": "GET", "path": "/a", "shadow": 1},
        {"method": "POST", "path": "/a", "blocked": 4, "gated": 1},
        {"method": "GET", "path": "/made/up", "allowed": 5},
        {"method": "", "path": "", "allowed": 1},
    ]);
    for _ in 0..2 {
        assert_eq!(sdk.post("/api/sdk/traffic", report("pay", &counts)).await.status, 200);
    }
    for window in ["1m", "15m", "24h"] {
        let all = json!({"allowed": 26, "limited": 4, "blocked": 8, "gated": 2, "shadow": 2});
        assert_eq!(total(&admin, &format!("window={window}")).await, all, "{window}");
        let one = json!({"allowed": 14, "limited": 4, "blocked": 0, "gated": 0, "shadow": 2});
        assert_eq!(total(&admin, &format!("window={window}&route=pay:GET:/a")).await, one, "{window}");
    }
    let body = admin.get("/api/traffic").await.body;
    assert_eq!((&body["window"], body["series"].as_array().unwrap().len()), (&json!("15m"), 90));
    let routes: Vec<_> = body["routes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|route| (route["method"].as_str().unwrap(), route["path"].as_str().unwrap()))
        .collect();
    assert_eq!(routes, [("GET", "/a"), ("", ""), ("POST", "/a")], "what no route is known by is one");
    assert_eq!(admin.get("/api/traffic?service=orders").await.body["services"], json!([]));
}

#[tokio::test]
async fn where_nobody_counts_there_is_no_data_which_is_not_nothing() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, sdk) = (server.admin().await, server.sdk("pay").await);
    let silent = admin.get("/api/traffic").await.body;
    assert!(silent["series"].as_array().unwrap().iter().all(|point| point["counts"].is_null()), "{silent}");
    assert_eq!(sdk.post("/api/sdk/traffic", report("pay", &json!([]))).await.status, 200);
    let idle = admin.get("/api/traffic?window=1m").await.body;
    let known = idle["series"].as_array().unwrap().iter().filter(|point| !point["counts"].is_null());
    let known: Vec<_> = known.map(|point| point["counts"]["allowed"].as_u64().unwrap()).collect();
    assert!(!known.is_empty() && known.iter().all(|count| *count == 0), "{idle}");
    assert!(known.len() < 10, "only the time that was measured: {known:?}");
    assert_eq!(idle["services"][0]["service"], "pay");
}

#[tokio::test]
async fn a_service_reports_for_itself_alone_and_what_makes_no_sense_is_refused() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, pay, orders) = (server.admin().await, server.sdk("pay").await, server.sdk("orders").await);
    let counts = json!([{"method": "GET", "path": "/a", "allowed": 1}]);
    assert_eq!(orders.post("/api/sdk/traffic", report("pay", &counts)).await.refusal().0, 403);
    assert_eq!(pay.post("/api/sdk/traffic", json!({"app_id": "pay", "counts": 1})).await.refusal().0, 400);
    for (count, field) in [
        (json!({"method": "GET", "path": "/a", "allowed": -1}), "counts.allowed"),
        (json!({"method": "GET", "path": "/a", "allowed": i64::MAX}), "counts.allowed"),
        (json!({"method": "GET", "path": "/a", "limited": "1"}), "counts.limited"),
        (json!({"method": "GET", "path": "/a", "seconds_ago": 121}), "counts.seconds_ago"),
        (json!({"path": "/a"}), "counts.method"),
        (json!(1), "counts"),
    ] {
        let refused = pay.post("/api/sdk/traffic", report("pay", &json!([count]))).await;
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!(field)), "{count}: {}", refused.body);
    }
    let body = json!({"app_id": "pay", "instance": "a b", "counts": []});
    assert_eq!(pay.post("/api/sdk/traffic", body).await.body["field"], "instance");
    let many: Vec<_> = (0..1001).map(|_| json!({"method": "GET", "path": "/a", "allowed": 1})).collect();
    assert_eq!(pay.post("/api/sdk/traffic", report("pay", &json!(many))).await.refusal().0, 400);
    assert_eq!(total(&admin, "").await["allowed"], 0);
    assert_eq!(admin.get("/api/traffic?window=7d").await.refusal().0, 400);
    assert_eq!(pay.get("/api/traffic").await.refusal().0, 403, "services do not read");
}

/// Whom limits deny is told by masked names, summed up over instances, and bounded.
#[tokio::test]
async fn callers_that_limits_deny_most_are_told_and_only_to_who_may_see_them() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, pay) = (server.admin().await, server.sdk("pay").await);
    assert!(admin.get("/api/traffic").await.body.get("callers").is_none(), "nothing is said of nobody");
    let caller =
        |name: &str, count: u64, over: u64| json!({"policy": "GET:/a", "caller": name, "count": count, "over": over});
    for instance in ["i-1", "i-2"] {
        let body = json!({"app_id": "pay", "instance": instance, "hits": [], "callers": [
            caller("192.0.2.0/24", 5, 1), {"policy": "global", "caller": "user 0011aabb", "count": 2},
        ]});
        assert_eq!(pay.post("/api/sdk/hits", body).await.status, 200);
    }
    let told = admin.get("/api/traffic?window=24h").await.body["callers"].clone();
    let expected = |policy: &str, name: &str, count: u64, over: u64| json!({"service": "pay", "policy": policy, "caller": name, "count": count, "over": over});
    assert_eq!(told, json!([expected("GET:/a", "192.0.2.0/24", 10, 2), expected("global", "user 0011aabb", 4, 0)]));
    let of_route = admin.get("/api/traffic?route=pay:GET:/a").await.body["callers"].clone();
    assert_eq!(
        of_route,
        json!([expected("GET:/a", "192.0.2.0/24", 10, 2)]),
        "limits of more than the route are left out"
    );
    assert!(admin.get("/api/traffic?outcome=blocked").await.body.get("callers").is_none());
    assert!(admin.get("/api/traffic?service=orders").await.body.get("callers").is_none());
    let many: Vec<_> = (0..101).map(|number| caller(&number.to_string(), 1, 0)).collect();
    let refused = pay.post("/api/sdk/hits", json!({"app_id": "pay", "hits": [], "callers": many})).await;
    assert_eq!((refused.status, &refused.body["field"]), (400, &json!("callers")));
    let flood = (0..2000).map(|number| caller(&format!("flood {number}"), 1, 0)).collect::<Vec<_>>();
    for part in flood.chunks(100) {
        pay.post("/api/sdk/hits", json!({"app_id": "pay", "hits": [], "callers": part})).await;
    }
    let told = admin.get("/api/traffic?window=24h").await.body["callers"].clone();
    assert!(told.as_array().unwrap().len() <= 20, "{told}");
}

#[tokio::test]
async fn ranges_are_as_fine_as_they_are_kept_and_outcomes_can_be_looked_at_alone() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a", "GET:/b"]).await;
    let (admin, pay) = (server.admin().await, server.sdk("pay").await);
    let counts = json!([
        {"seconds_ago": 2, "method": "GET", "path": "/a", "allowed": 7, "limited": 2},
        {"seconds_ago": 90, "method": "GET", "path": "/b", "blocked": 3},
    ]);
    assert_eq!(pay.post("/api/sdk/traffic", report("pay", &counts)).await.status, 200);
    for (query, step, points) in [
        ("window=15m&fine=true", 1, 900),
        ("window=1h", 60, 60),
        ("window=6h", 300, 72),
        ("window=6h&fine=true", 60, 360),
        ("window=24h&fine=true", 60, 1440),
    ] {
        let body = admin.get(&format!("/api/traffic?{query}")).await.body;
        assert_eq!(
            (&body["step_seconds"], body["series"].as_array().unwrap().len()),
            (&json!(step), points),
            "{query}"
        );
        let all = json!({"allowed": 7, "limited": 2, "blocked": 3, "gated": 0, "shadow": 0});
        assert_eq!(total(&admin, query).await, all, "{query}");
    }
    let stopped = admin.get("/api/traffic?outcome=blocked").await.body;
    assert_eq!(stopped["routes"].as_array().unwrap().len(), 1, "{stopped}");
    assert_eq!(stopped["routes"][0]["path"], "/b");
    assert_eq!(total(&admin, "outcome=blocked").await["allowed"], 0);
    #[expect(clippy::disallowed_methods, reason = "the server goes by real time")]
    let now = jiff::Timestamp::now();
    let ago = |seconds| now.checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap();
    let part = format!("from={}&to={}", ago(120), ago(60));
    assert_eq!(total(&admin, &part).await["blocked"], 3);
    assert_eq!(total(&admin, &part).await["allowed"], 0);
    let body = admin.get(&format!("/api/traffic?{part}")).await.body;
    assert_eq!((&body["window"], &body["step_seconds"]), (&json!("custom"), &json!(1)));
    for (query, field) in [
        (format!("to={now}"), "from"),
        (format!("from={now}&to={}", ago(60)), "to"),
        ("from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z".to_owned(), "to"),
        ("outcome=lost".to_owned(), "outcome"),
    ] {
        let refused = admin.get(&format!("/api/traffic?{query}")).await;
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!(field)), "{query}");
    }
}
