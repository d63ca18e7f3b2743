//! A service that moves to a node which knows less than the service does: a change in force must not go out of force.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::sync::Semaphore;
use waygate_core::Revision;
use waygate_server::Credentials;
use waygate_store::{MemoryStore, Retention};

use super::redis::{Redis, Way, is_available, node_at};
use super::switch;
use crate::helpers::{Altered, Caller, Follower, Shared, TestServer, eventually, held_back, in_time};

const STREAM: &str = "/api/sdk/stream?service=pay";
const SNAPSHOT: &str = "/api/sdk/snapshot?service=pay";

/// A node that is up to date, one that learns nothing until it is let, and a service that knows the newest change.
struct Moving {
    far: TestServer,
    follower: Follower,
    /// What the far node has to have to learn of a commit.
    permits: Arc<Semaphore>,
    /// How often the store was asked by the far node whether something is the newest.
    asked: Arc<AtomicUsize>,
    made: u64,
}

impl Moving {
    async fn start() -> Self {
        let store = Arc::new(MemoryStore::new().unwrap());
        let near = TestServer::start_on(Arc::new(Shared(store.clone())), |node| node.auth(Credentials::none())).await;
        register(&near).await;
        let (permits, asked) = (Arc::new(Semaphore::new(0)), Arc::<AtomicUsize>::default());
        let counted = asked.clone();
        let late = Altered::of(Shared(store)).watched(held_back(&permits)).before_commit(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        let far = TestServer::start_on(Arc::new(late), |node| node.auth(Credentials::none())).await;
        let mut follower = Follower::caught_up(&near.anonymous(), "pay").await;
        let made = switch(&near.anonymous(), "pay:GET:/a", "disable").await;
        follower.until(made).await;
        assert!(far.revision() < made, "it has not heard of the change");
        near.stop().await;
        Self { far, follower, permits, asked, made }
    }

    /// Lets the node learn of everything once the store has been asked.
    async fn open_once_asked(asked: &AtomicUsize, permits: &Semaphore) {
        eventually(async || asked.load(Ordering::SeqCst) > 0).await;
        permits.add_permits(Semaphore::MAX_PERMITS);
    }
}

#[tokio::test]
async fn g4_a_stream_that_is_ahead_of_a_node_goes_on_there_once_the_node_has_caught_up() {
    let Moving { far, mut follower, permits, asked, made } = Moving::start().await;
    let caller = far.anonymous();
    tokio::join!(follower.resume(&caller), Moving::open_once_asked(&asked, &permits));
    follower.until_bookmark().await;
    assert_eq!((follower.revision(), follower.snapshots), (made, 1), "it is not taken back to what the node knew");
    assert_eq!(follower.status("GET:/a"), "disabled");
    let next = switch(&caller, "pay:GET:/a", "enable").await;
    follower.until(next).await;
    assert_eq!(follower.snapshots, 1);
}

#[tokio::test]
async fn g4_a_poll_that_is_ahead_of_a_node_is_answered_once_the_node_has_caught_up() {
    for header in ["last-event-id", "if-none-match"] {
        let Moving { far, follower, permits, asked, .. } = Moving::start().await;
        let cursor = follower.cursor.clone().unwrap().to_string();
        let value = if header == "if-none-match" { format!("\"{cursor}\"") } else { cursor.clone() };
        let caller = far.anonymous().with(header, value);
        let (answer, ()) = tokio::join!(caller.get(SNAPSHOT), Moving::open_once_asked(&asked, &permits));
        assert_eq!(answer.header("x-waygate-cursor"), Some(&*cursor), "{header}: {}", answer.body);
    }
}

#[tokio::test]
async fn g4_a_node_that_does_not_catch_up_says_so_and_takes_nobody_back() {
    let Moving { far, follower, permits, .. } = Moving::start().await;
    let cursor = follower.cursor.clone().unwrap().to_string();
    let caller = far.anonymous().with("last-event-id", cursor);
    tokio::join!(refused(&caller, STREAM), refused(&caller, SNAPSHOT));
    permits.add_permits(Semaphore::MAX_PERMITS);
    eventually(async || caller.get(SNAPSHOT).await.status == 200).await;
}

#[tokio::test]
async fn g8_a_cursor_that_the_store_does_not_know_is_of_a_history_that_was_rolled_back() {
    let server =
        TestServer::start_on(Arc::new(MemoryStore::new().unwrap()), |node| node.auth(Credentials::none())).await;
    register(&server).await;
    let mut follower = Follower::caught_up(&server.anonymous(), "pay").await;
    let mut lost = follower.cursor.clone().unwrap();
    lost.revision = Revision(lost.revision.0 + 5);
    follower.cursor = Some(lost.clone());
    follower.resume(&server.anonymous()).await;
    follower.until_bookmark().await;
    assert_eq!((follower.snapshots, follower.revision()), (2, server.revision()));
    let polled = server.anonymous().with("last-event-id", lost.to_string()).get(SNAPSHOT).await;
    assert_eq!(polled.body["cursor"], server.control.current().cursor.to_string());
}

#[tokio::test]
async fn g4_g9_a_node_without_its_redis_sends_those_away_who_know_more_than_it_does() {
    if !is_available() {
        return;
    }
    let redis = Redis::start().await;
    let mut way = Way::to(redis.address()).await;
    let (near, far) = (redis.node().await, node_at(&way.address(), Retention::default()).await);
    register(&near).await;
    eventually(async || far.revision() == near.revision()).await;
    let mut follower = Follower::caught_up(&far.anonymous(), "pay").await;
    way.cut();
    eventually(async || far.anonymous().get("/readyz").await.status == 503).await;
    follower.resume(&near.anonymous()).await;
    let made = switch(&near.anonymous(), "pay:GET:/a", "disable").await;
    follower.until(made).await;

    let ahead = far.anonymous().with("last-event-id", follower.cursor.clone().unwrap().to_string());
    for path in [STREAM, SNAPSHOT] {
        refused(&ahead, path).await;
    }
    // Who knows nothing is told what the node knows.
    assert_eq!(Follower::caught_up(&far.anonymous(), "pay").await.status("GET:/a"), "active");

    way.restore().await;
    eventually(async || ahead.get(SNAPSHOT).await.status == 200).await;
    follower.resume(&far.anonymous()).await;
    follower.until_bookmark().await;
    assert_eq!((follower.snapshots, follower.status("GET:/a")), (1, "disabled"));
}

/// Registers without authentication.
async fn register(node: &TestServer) {
    let body = json!({"app_id": "pay", "states": [{"path": "pay:GET:/a"}]});
    assert_eq!(node.anonymous().post("/api/sdk/register", body).await.status, 200);
}

async fn refused(caller: &Caller, path: &str) {
    let answer = in_time(caller.get(path)).await;
    assert_eq!((answer.refusal(), answer.header("retry-after")), ((503, "store_unavailable"), Some("5")), "{path}");
}
