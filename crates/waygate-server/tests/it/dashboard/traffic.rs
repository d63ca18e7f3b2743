//! Charts of requests.

use serde_json::json;

use crate::dashboard::Browser;
use crate::helpers::{TestServer, path_key};
use crate::traffic::report;

/// Dashboard 4.0: never a number that was not measured; 4.5: charts have a summary and a table.
#[tokio::test]
async fn requests_are_drawn_and_told_and_no_data_is_no_zero() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    server.register("orders", &["GET:/b"]).await;
    let admin = Browser::admin(&server).await;
    let pages = ["/traffic", "/", &format!("/routes/{}", path_key("pay:GET:/a"))].map(ToOwned::to_owned);
    for page in &pages {
        let text = admin.get(page).await.text;
        assert!(text.contains("No data: no service that counts requests was connected."), "{page}: {text}");
        assert!(!text.contains(">0<"), "{page}");
    }
    let counts = json!([{"method": "GET", "path": "/a", "allowed": 41, "limited": 3}]);
    assert_eq!(server.sdk("pay").await.post("/api/sdk/traffic", report("pay", &counts)).await.status, 200);
    for page in &pages {
        let text = admin.get(page).await.text;
        assert!(text.contains("41 allowed, 3 limited (429)"), "{page}: {text}");
        assert!(text.contains("role=\"img\" aria-labelledby=\"traffic-title traffic-words\""), "{page}");
        assert!(text.contains("class=\"c-limited\"") && text.contains("class=\"c-none\""), "{page}");
        assert!(!text.contains(" style="), "the policy forbids it: {page}");
    }
    let text = admin.get("/traffic").await.text;
    assert!(text.contains("No data: orders."), "{text}");
    assert!(text.contains(&format!("/routes/{}", path_key("pay:GET:/a"))), "{text}");
    let orders = admin.get("/traffic?service=orders&window=24h").await.text;
    assert!(orders.contains("Requests, last 24 hours") && orders.contains("No request was reported."), "{orders}");
    assert_eq!(admin.get("/traffic?window=abc&service=nobody").await.status, 200);
}

/// Dashboard 4.2: range, service, route and outcome stand in the address, changes are marked, denials are listed.
#[tokio::test]
async fn traffic_is_filtered_marked_and_exported_by_links() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a", "GET:/b"]).await;
    server.register("orders", &["GET:/a"]).await;
    let admin = Browser::admin(&server).await;
    for (service, allowed) in [("pay", 41), ("orders", 17)] {
        let counts = json!([{"method": "GET", "path": "/a", "allowed": allowed, "limited": 3}]);
        assert_eq!(server.sdk(service).await.post("/api/sdk/traffic", report(service, &counts)).await.status, 200);
    }
    #[expect(clippy::disallowed_methods, reason = "the server goes by real time")]
    let now = jiff::Timestamp::now();
    let hit = json!({"path": "/a", "method": "GET", "layer": "route_limit", "policy": "GET:/a", "key": "ip",
        "limit": "5/minute", "count": 3, "timestamp": now, "reset_at": now});
    let caller = json!({"policy": "GET:/a", "caller": "198.51.100.0/24", "count": 3});
    let body = json!({"app_id": "pay", "instance": "pay-1", "hits": [hit], "callers": [caller]});
    assert_eq!(server.sdk("pay").await.post("/api/sdk/hits", body).await.status, 200);
    for (route, reason) in [("pay:GET:/a", "mark-a"), ("orders:GET:/a", "mark-o")] {
        let path = format!("/api/routes/{}/disable", path_key(route));
        assert_eq!(server.admin().await.post(&path, json!({"reason": reason})).await.status, 200);
    }
    for (query, has, lacks) in [
        ("", &["58 allowed, 6 limited", "198.51.100.0/24", "2 changes are marked", "of orders", "pay-1"][..], &[][..]),
        (
            "service=pay&window=1h",
            &["41 allowed, 3 limited", "1 change is marked", "GET /a of pay"],
            &["GET /a of orders"],
        ),
        ("route=orders:GET:/a", &["17 allowed", "GET /a of orders"], &["198.51.100.0/24", "GET /a of pay"]),
        ("outcome=limited&service=pay", &[": 3 limited (429).", "198.51.100.0/24"], &["41 allowed"]),
        ("outcome=blocked", &[": no requests."], &["198.51.100.0/24", "41 allowed"]),
        ("route=pay:GET:/b", &[": no requests."], &["41 allowed"]),
        ("from=2020-01-01T00:00&to=2020-01-02T00:00", &["Nothing lies between", "58 allowed"], &[]),
        ("route=nonsense", &["The route: expected", "58 allowed"], &[]),
    ] {
        let page = admin.get(&format!("/traffic?{query}")).await;
        assert_eq!(page.status, 200, "{query}");
        for words in has {
            assert!(page.text.contains(words), "{query}: {words}: {}", page.text);
        }
        for words in lacks {
            assert!(!page.text.contains(words), "{query}: {words}");
        }
    }
    let page = admin.get("/traffic?service=pay&outcome=limited&window=6h").await.text;
    let kept = "/traffic?service=pay&#38;outcome=limited&#38;window=24h";
    assert!(page.contains(kept), "ranges keep the filter: {page}");
    assert!(page.contains("<path class=\"mark\"") && page.contains("/changes/"), "{page}");
    let export = admin.get("/traffic/export?service=pay&window=1h").await;
    assert_eq!(export.head["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<&str> = export.text.lines().collect();
    assert_eq!((lines[0], lines.len()), ("at,allowed,shadow,limited,blocked,gated", 61));
    assert!(lines[60].ends_with(",41,0,3,0,0") || lines[59].ends_with(",41,0,3,0,0"), "{lines:?}");
    assert!(lines[1].ends_with(",,,,,"), "no data is empty, not 0: {}", lines[1]);
}
