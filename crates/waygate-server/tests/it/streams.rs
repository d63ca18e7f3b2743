//! The two streams, as they come over the wire.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::helpers::{Backend, Caller, TestServer, route};

/// The events of one connection.
struct Events {
    response: Response,
    text: String,
}

#[derive(Debug)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Events {
    async fn open(caller: &Caller, path: &str) -> Self {
        Self { response: caller.open(Method::GET, path, None).await, text: String::new() }
    }

    async fn next(&mut self) -> Event {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    line.unwrap_or_default().to_owned()
                };
                let data = serde_json::from_str(&field("data")).unwrap_or_default();
                let event = Event { name: field("event"), id: field("id"), data };
                self.text = String::from(rest);
                // Comments are signs of life; what concerns limits has tests of its own.
                if event.data.is_null() || event.data.to_string().contains("_rl") {
                    continue;
                }
                return event;
            }
            let chunk = self.response.chunk().await.unwrap().unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Everything up to the next bookmark.
    async fn until_bookmark(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let event = self.next().await;
            let bookmark = event.name == "bookmark";
            events.push(event);
            if bookmark {
                return events;
            }
        }
    }
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

#[tokio::test]
async fn a_stream_resumes_after_the_cursor_that_it_names() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let mut first = Events::open(&service, "/api/sdk/stream?service=pay").await;
    let begun = first.until_bookmark().await;
    assert_eq!(names(&begun), ["snapshot", "bookmark"]);
    assert_eq!(begun[0].data["view"]["service"]["routes"]["GET:/a"]["base"]["lifecycle"], "active");
    drop(first);

    admin.post(&route("pay:GET:/a", "disable"), json!({"reason": "meanwhile"})).await;
    admin.post("/api/global/enable", json!({})).await;
    let resuming = service.with("last-event-id", begun[1].id.clone());
    let resumed = Events::open(&resuming, "/api/sdk/stream?service=pay").await.until_bookmark().await;
    assert_eq!(names(&resumed), ["commit", "commit", "bookmark"]);
    assert_eq!(resumed[0].data["changes"][0]["route"]["base"]["reason"], "meanwhile");
    assert_eq!(resumed[0].data["changes"][0].get("before"), None, "history stays on the servers");
    assert_eq!(resumed[1].data["changes"][0]["kind"], "maintenance_set");

    let current = service.with("last-event-id", resumed[2].id.clone());
    assert_eq!(
        names(&Events::open(&current, "/api/sdk/stream?service=pay").await.until_bookmark().await),
        ["bookmark"]
    );
    for odd in ["nonsense", "0123456789abcdef:1:0000000000000000"] {
        let odd = service.with("last-event-id", odd);
        let events = Events::open(&odd, "/api/sdk/stream?service=pay").await.until_bookmark().await;
        assert_eq!(names(&events), ["snapshot", "bookmark"]);
    }
}

#[tokio::test]
async fn g12_a_stream_carries_its_service_and_what_is_global_on_every_backend() {
    for backend in Backend::all().await {
        let server = backend.serve().await;
        server.register("pay", &["GET:/a"]).await;
        server.register("orders", &["GET:/secret"]).await;
        let (admin, service) = (server.admin().await, server.sdk("pay").await);
        let mut frames = Events::open(&service, "/api/sdk/stream?service=pay").await;
        let mut events = Events::open(&service.with("x-waygate-app-id", "pay"), "/api/sdk/events").await;
        let snapshot = frames.until_bookmark().await;
        assert!(!snapshot[0].data.to_string().contains("secret"));
        // Both maintenances, then the one route.
        for expected in ["__waygate:global__", "__waygate:svc_global:pay__", "pay:GET:/a"] {
            assert_eq!(events.next().await.data["payload"]["path"], expected);
        }

        admin.post(&route("orders:GET:/secret", "disable"), json!({})).await;
        admin.post("/api/services/orders/maintenance/enable", json!({"reason": "secret"})).await;
        admin.post("/api/global/enable", json!({"reason": "for all"})).await;
        admin.post(&route("pay:GET:/a", "disable"), json!({"reason": "own"})).await;
        let frame = frames.next().await;
        assert_eq!(frame.data["changes"][0]["maintenance"]["reason"], "for all");
        assert_eq!(frames.next().await.data["changes"][0]["route"]["base"]["reason"], "own");
        let sentinel = events.next().await.data;
        assert_eq!(sentinel["payload"]["path"], "__waygate:global__");
        let config: Value = serde_json::from_str(sentinel["payload"]["reason"].as_str().unwrap()).unwrap();
        assert_eq!((&config["enabled"], &config["reason"]), (&json!(true), &json!("for all")));
        assert_eq!(events.next().await.data["payload"]["reason"], "own");
        server.stop().await;
    }
}
