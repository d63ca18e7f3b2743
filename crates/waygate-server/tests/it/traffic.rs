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
