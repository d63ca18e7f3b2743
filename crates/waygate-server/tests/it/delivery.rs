//! How changes reach services: streams, what they begin and end with, and what becomes of them when something fails.

mod admission;
mod ends;
mod lineage;
mod moved;
mod nodes;
mod outage;
pub(crate) mod redis;
mod slow;
mod snapshots;

use std::sync::Arc;

use serde_json::json;
use waygate_store::FileStore;

use crate::helpers::{Backend, Caller, Follower, TestServer, route};

/// Switches a route through the API, and gives the revision that it has made.
async fn switch(caller: &Caller, key: &str, action: &str) -> u64 {
    let answer = caller.post(&route(key, action), json!({"reason": "why"})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.header("x-waygate-revision").unwrap().parse().unwrap()
}

#[tokio::test]
async fn g1_g4_bookmarks_agree_with_what_a_stream_has_told_on_every_backend() {
    for backend in Backend::all().await {
        let server = backend.serve().await;
        server.register("pay", &["GET:/a", "GET:/b"]).await;
        let (admin, service) = (server.admin().await, server.sdk("pay").await);
        // The follower compares its own digest with that of each bookmark.
        let mut follower = Follower::caught_up(&service, "pay").await;
        let changes = [
            (route("pay:GET:/a", "disable"), json!({})),
            ("/api/global/enable".to_owned(), json!({"reason": "all"})),
            ("/api/rate-limits".to_owned(), json!({"path": "GET:/a", "service": "pay", "limit": "5/minute"})),
            ("/api/global-rate-limit".to_owned(), json!({"limit": "100/minute"})),
            ("/api/services/pay/maintenance/enable".to_owned(), json!({})),
            ("/api/global/disable".to_owned(), json!({})),
            (route("pay:GET:/b", "maintenance"), json!({"reason": "b"})),
        ];
        for (path, body) in changes {
            let answer = admin.post(&path, body).await;
            assert!(answer.status < 300, "{path}: {}", answer.body);
            follower.resume(&service).await;
            follower.until_bookmark().await;
            assert_eq!(follower.revision(), server.revision());
        }
        assert_eq!((follower.snapshots, follower.commits.len()), (1, 7));
        assert_eq!((follower.status("GET:/a"), follower.status("GET:/b")), ("disabled", "maintenance"));
        server.stop().await;
    }
}

#[tokio::test]
async fn g4_streams_and_polls_go_on_over_a_restart_on_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let open = async || Arc::new(FileStore::open(folder.path().join("state.json")).await.unwrap());
    let server = TestServer::start_on(open().await, |server| server).await;
    server.register("pay", &["GET:/a"]).await;
    server.register("orders", &["GET:/o"]).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let mut follower = Follower::caught_up(&service, "pay").await;
    let polled = service.get("/api/sdk/snapshot?service=pay").await;
    let tag = polled.header("etag").unwrap().to_owned();
    switch(&admin, "orders:GET:/o", "disable").await;
    server.stop().await;

    let server = TestServer::start_on(open().await, |server| server).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    assert_eq!(service.with("if-none-match", tag).get("/api/sdk/snapshot?service=pay").await.status, 304);
    let made = switch(&admin, "pay:GET:/a", "disable").await;
    follower.resume(&service).await;
    follower.until(made).await;
    assert_eq!((follower.snapshots, follower.commits.len()), (1, 1), "what came meanwhile is all that it is told");
    server.stop().await;
}
