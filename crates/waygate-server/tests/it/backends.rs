//! What a service is told, on whichever store the control plane keeps its state.

use serde_json::json;
use waygate_api::stream::Frame;

use crate::helpers::{Backend, Caller, Follower, route};

async fn call(caller: &Caller, path: &str, body: serde_json::Value) {
    let answer = caller.post(path, body).await;
    assert!(answer.status < 300, "{path}: {}", answer.body);
}

#[tokio::test]
async fn g2_a_stream_that_begins_during_maintenance_has_it_in_its_first_frame_on_every_backend() {
    for backend in Backend::all().await {
        let server = backend.serve().await;
        server.register("pay", &["GET:/a"]).await;
        let (admin, service) = (server.admin().await, server.sdk("pay").await);
        call(&admin, "/api/global/enable", json!({"reason": "all"})).await;
        call(&admin, "/api/services/pay/maintenance/enable", json!({"reason": "own"})).await;
        let mut late = Follower::open(&service, "pay").await;
        let Some(Frame::Snapshot { view, .. }) = late.next().await else { panic!("a stream begins with a snapshot") };
        assert_eq!((&*view.global.maintenance.reason, &*view.service.maintenance.reason), ("all", "own"));
        let polled = service.get("/api/sdk/snapshot?service=pay").await.body;
        assert_eq!(polled["view"]["global"]["maintenance"]["enabled"], true);
        server.stop().await;
    }
}

#[tokio::test]
async fn g3_a_change_between_the_first_reading_and_the_stream_is_not_lost_on_every_backend() {
    for backend in Backend::all().await {
        let server = backend.serve().await;
        server.register("pay", &["GET:/a"]).await;
        let (admin, service) = (server.admin().await, server.sdk("pay").await);
        let read = service.get("/api/sdk/snapshot?service=pay").await.body;
        call(&admin, &route("pay:GET:/a", "disable"), json!({"reason": "between"})).await;
        call(&admin, "/api/services/pay/maintenance/enable", json!({"reason": "between"})).await;
        let mut follower = Follower::resumed(&service, "pay", &read).await;
        follower.until_bookmark().await;
        assert_eq!((follower.snapshots, follower.commits.len()), (0, 2), "it goes on from what it has read");
        assert_eq!(follower.status("GET:/a"), "disabled");
        assert!(follower.view.service.maintenance.enabled);
        server.stop().await;
    }
}

#[tokio::test]
async fn g4_what_was_changed_and_cleared_while_a_service_was_away_reaches_it_on_every_backend() {
    for backend in Backend::all().await {
        let server = backend.serve().await;
        server.register("pay", &["GET:/a"]).await;
        let (admin, service) = (server.admin().await, server.sdk("pay").await);
        let limit = json!({"path": "pay:GET:/a", "method": "GET", "limit": "5/minute"});
        call(&admin, "/api/rate-limits", limit).await;
        call(&admin, "/api/global-rate-limit", json!({"limit": "9/minute"})).await;
        call(&admin, "/api/global/enable", json!({"reason": "all"})).await;
        call(&admin, "/api/services/pay/maintenance/enable", json!({"reason": "own"})).await;
        let mut follower = Follower::caught_up(&service, "pay").await;

        // It is away.
        call(&admin, "/api/global/disable", json!({})).await;
        call(&admin, "/api/services/pay/maintenance/disable", json!({})).await;
        let key = waygate_api::paths::rate_limit("pay:GET:/a", None);
        assert_eq!(admin.delete(&key).await.status, 200);
        assert_eq!(admin.delete("/api/global-rate-limit").await.status, 200);
        call(&admin, &route("pay:GET:/a", "disable"), json!({})).await;

        follower.resume(&service).await;
        follower.until_bookmark().await;
        assert_eq!(follower.status("GET:/a"), "disabled");
        let (global, own) = (&follower.view.global, &follower.view.service);
        assert!(!global.maintenance.enabled && !own.maintenance.enabled);
        assert!(global.rate_limit.is_none() && own.route_limits.is_empty());
        assert_eq!((follower.snapshots, follower.commits.len()), (1, 5));
        server.stop().await;
    }
}

#[tokio::test]
async fn g4_a_stream_goes_on_over_a_restart_on_every_backend_that_outlasts_it() {
    for backend in Backend::lasting().await {
        let server = backend.serve().await;
        server.register("pay", &["GET:/a"]).await;
        let service = server.sdk("pay").await;
        let mut follower = Follower::caught_up(&service, "pay").await;
        call(&server.admin().await, &route("pay:GET:/a", "disable"), json!({})).await;
        let token = service.header("x-waygate-token").to_owned();
        server.stop().await;

        let server = backend.serve().await;
        let service = server.anonymous().with("x-waygate-token", token).with("x-waygate-app-id", "pay");
        follower.resume(&service).await;
        follower.until_bookmark().await;
        assert_eq!((follower.status("GET:/a"), follower.snapshots, follower.commits.len()), ("disabled", 1, 1));
        server.stop().await;
    }
}

#[tokio::test]
async fn g8_another_history_is_told_apart_and_told_as_a_whole_on_every_backend() {
    for (one, other) in Backend::all().await.into_iter().zip(Backend::all().await) {
        let server = one.serve().await;
        server.register("pay", &["GET:/a", "GET:/b"]).await;
        let service = server.sdk("pay").await;
        let mut follower = Follower::caught_up(&service, "pay").await;
        let epoch = follower.cursor.clone().unwrap().epoch;
        server.stop().await;

        // As if its store had been emptied: the numbers of the revisions are those of before.
        let server = other.serve().await;
        server.register("pay", &["GET:/a"]).await;
        follower.resume(&server.sdk("pay").await).await;
        follower.until_bookmark().await;
        assert_eq!(follower.snapshots, 2);
        assert_ne!(follower.cursor.clone().unwrap().epoch, epoch);
        assert_eq!(follower.view.service.routes.len(), 1, "what the other history had is gone");
        server.stop().await;
    }
}
