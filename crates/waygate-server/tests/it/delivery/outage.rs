//! Redis goes away, loses everything, or forgets what a node has not read yet.

use serde_json::json;
use waygate_store::Retention;

use super::redis::{Redis, Way, is_available, node_at};
use super::switch;
use crate::helpers::{Answer, Follower, TestServer, eventually, route};

/// Registers without authentication.
async fn register(node: &TestServer, service: &str, key: &str) {
    let body = json!({"app_id": service, "states": [{"path": format!("{service}:{key}")}]});
    let answer = node.anonymous().post("/api/sdk/register", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

async fn readiness(node: &TestServer) -> Answer {
    node.anonymous().get("/readyz").await
}

#[tokio::test]
async fn g9_while_redis_is_away_nodes_serve_what_they_know_and_catch_up_by_themselves() {
    if !is_available() {
        return;
    }
    let mut redis = Redis::start().await;
    let nodes = [redis.node().await, redis.node().await];
    register(&nodes[0], "pay", "GET:/a").await;
    let mut followers = Vec::new();
    for node in &nodes {
        eventually(async || node.revision() == 1).await;
        assert_eq!(readiness(node).await.status, 200);
        followers.push(Follower::caught_up(&node.anonymous(), "pay").await);
    }

    redis.kill();
    for node in &nodes {
        let caller = node.anonymous();
        eventually(async || readiness(node).await.status == 503).await;
        let unready = readiness(node).await;
        assert_eq!(unready.refusal(), (503, "store_unavailable"));
        assert!(unready.body["error"].as_str().unwrap().contains("Redis"), "{}", unready.body);
        assert_eq!(unready.header("retry-after"), Some("5"));
        assert_eq!(caller.get("/healthz").await.status, 200, "the process itself is well");

        let refused = caller.post(&route("pay:GET:/a", "disable"), json!({})).await;
        assert_eq!((refused.refusal(), refused.header("retry-after")), ((503, "store_unavailable"), Some("5")));
        // What is known is read, and who comes now is told it.
        assert_eq!(caller.get("/api/routes").await.body[0]["status"], "active");
        assert_eq!(caller.get("/api/audit").await.status, 200);
        assert_eq!(caller.get("/api/sdk/snapshot?service=pay").await.status, 200);
        assert_eq!(Follower::caught_up(&caller, "pay").await.status("GET:/a"), "active");
    }

    redis.bring_back().await;
    for node in &nodes {
        eventually(async || readiness(node).await.status == 200).await;
    }
    let made = [
        switch(&nodes[0].anonymous(), "pay:GET:/a", "disable").await,
        switch(&nodes[1].anonymous(), "pay:GET:/a", "enable").await,
    ];
    for follower in &mut followers {
        follower.until(made[1]).await;
        let told: Vec<u64> = follower.commits.iter().map(|cursor| cursor.revision.0).collect();
        assert_eq!((told.as_slice(), follower.snapshots), (made.as_slice(), 1), "the same stream goes on");
    }
}

#[tokio::test]
async fn g8_g9_a_redis_that_was_emptied_is_another_history_and_everybody_is_told() {
    if !is_available() {
        return;
    }
    let redis = Redis::start().await;
    let nodes = [redis.node().await, redis.node().await];
    register(&nodes[0], "pay", "GET:/a").await;
    let before = switch(&nodes[0].anonymous(), "pay:GET:/a", "disable").await;
    let mut followers = Vec::new();
    for node in &nodes {
        eventually(async || node.revision() == before).await;
        followers.push(Follower::caught_up(&node.anonymous(), "pay").await);
    }
    let epoch = followers[0].cursor.clone().unwrap().epoch;
    redis.say(&["FLUSHALL"]);
    for follower in &mut followers {
        while follower.snapshots < 2 {
            follower.next().await.expect("the stream goes on");
        }
        assert_ne!(follower.cursor.as_ref().unwrap().epoch, epoch);
        assert!(follower.view.service.routes.is_empty(), "what is gone is not enforced as if it were known");
    }
    // The service registers again, and all go on together.
    register(&nodes[1], "pay", "GET:/a").await;
    let after = switch(&nodes[0].anonymous(), "pay:GET:/a", "maintenance").await;
    for (follower, node) in followers.iter_mut().zip(&nodes) {
        follower.until(after).await;
        assert_eq!(follower.status("GET:/a"), "maintenance");
        assert_eq!(readiness(node).await.status, 200);
    }
    assert_eq!(followers[0].cursor, followers[1].cursor);
}

#[tokio::test]
async fn g9_a_node_that_was_cut_off_for_longer_than_is_kept_begins_anew() {
    if !is_available() {
        return;
    }
    let redis = Redis::start().await;
    let mut way = Way::to(redis.address()).await;
    let short = Retention { commits: 20, ..Retention::default() };
    let (near, far) = (node_at(&redis.address(), short).await, node_at(&way.address(), short).await);
    register(&near, "pay", "GET:/a").await;
    eventually(async || far.revision() == 1).await;
    let mut follower = Follower::caught_up(&far.anonymous(), "pay").await;

    way.cut();
    eventually(async || readiness(&far).await.status == 503).await;
    let mut newest = 0;
    for number in 0..140 {
        newest = switch(&near.anonymous(), "pay:GET:/a", if number % 2 == 0 { "disable" } else { "enable" }).await;
    }
    newest = newest.max(switch(&near.anonymous(), "pay:GET:/a", "maintenance").await);
    assert_eq!(readiness(&near).await.status, 200);
    assert_eq!(far.revision(), 1);

    way.restore().await;
    follower.until(newest).await;
    assert_eq!(follower.status("GET:/a"), "maintenance");
    assert!(follower.snapshots == 2 && follower.commits.len() < 140, "what was trimmed is not missed in silence");
    eventually(async || readiness(&far).await.status == 200).await;
    assert_eq!(far.control.current(), near.control.current());
}
