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
