//! Several nodes on one Redis.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::task::JoinSet;
use waygate_core::Cursor;

use super::redis::{Redis, is_available};
use super::switch;
use crate::helpers::{Follower, TestServer, eventually, route};

const SERVICES: [&str; 3] = ["pay", "orders", "mail"];

async fn register_all(node: &TestServer) {
    for service in SERVICES {
        let states: Vec<_> = (0..8).map(|number| json!({"path": format!("{service}:GET:/r{number}")})).collect();
        let body = json!({"app_id": service, "states": states});
        assert_eq!(node.anonymous().post("/api/sdk/register", body).await.status, 200);
    }
}

/// Every route is switched several times, each time through another node, and by many at once. Gives each revision with
/// the service that it is of.
async fn storm(nodes: &[&TestServer], rounds: usize) -> BTreeMap<u64, &'static str> {
    let mut made = BTreeMap::new();
    for round in 0..rounds {
        let mut switching = JoinSet::new();
        for (place, service) in SERVICES.into_iter().enumerate() {
            for number in 0..8 {
                let caller = nodes[(round + place + number) % nodes.len()].anonymous();
                let action = if round % 2 == 0 { "disable" } else { "enable" };
                switching.spawn(async move {
                    (switch(&caller, &format!("{service}:GET:/r{number}"), action).await, service)
                });
            }
        }
        while let Some(done) = switching.join_next().await {
            let (revision, service) = done.unwrap();
            assert_eq!(made.insert(revision, service), None, "revision {revision} was given twice");
        }
    }
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn g9_any_node_takes_changes_and_every_stream_of_every_node_has_all_in_order_once() {
    if !is_available() {
        return;
    }
    let redis = Redis::start().await;
    let mut nodes = vec![redis.node().await, redis.node().await, redis.node().await];
    register_all(&nodes[0]).await;
    let begun = nodes[0].revision();
    let mut followers: Vec<(usize, &str, Follower)> = Vec::new();
    for (place, node) in nodes.iter().enumerate() {
        eventually(async || node.revision() == begun).await;
        for service in SERVICES {
            followers.push((place, service, Follower::caught_up(&node.anonymous(), service).await));
        }
    }

    let made = storm(&nodes.iter().collect::<Vec<_>>(), 6).await;
    check(&mut followers, &made).await;

    // One is gone; the others go on, and so do its clients at another one.
    nodes.remove(1).stop().await;
    let moved = nodes[1].anonymous();
    for (place, _, follower) in &mut followers {
        if *place == 1 {
            while follower.next().await.is_some() {}
            follower.resume(&moved).await;
        }
    }
    let mut all = made;
    all.append(&mut storm(&nodes.iter().collect::<Vec<_>>(), 2).await);
    check(&mut followers, &all).await;
    assert!(followers.iter().all(|(_, _, follower)| follower.snapshots == 1), "the log goes on from node to node");
    assert_eq!(nodes[0].control.current(), nodes[1].control.current());
}

/// Every follower of a service was told exactly its commits, in order, and all of them the same.
async fn check(followers: &mut [(usize, &'static str, Follower)], made: &BTreeMap<u64, &str>) {
    let mut told: BTreeMap<&str, Vec<Cursor>> = BTreeMap::new();
    for (place, service, follower) in followers {
        let expected: Vec<u64> = made.iter().filter(|(_, of)| *of == service).map(|(revision, _)| *revision).collect();
        follower.until(*expected.last().unwrap()).await;
        let revisions: Vec<u64> = follower.commits.iter().map(|cursor| cursor.revision.0).collect();
        assert_eq!(revisions, expected, "{service} at node {place}");
        let same = told.entry(service).or_insert_with(|| follower.commits.clone());
        assert_eq!(*same, follower.commits, "{service} at node {place}: lineages too");
    }
}

#[tokio::test]
async fn g9_what_one_node_has_committed_the_next_does_not_deny() {
    if !is_available() {
        return;
    }
    let redis = Redis::start().await;
    let nodes = [redis.node().await, redis.node().await];
    for number in 0..40 {
        let path = format!("pay:GET:/r{number}");
        let body = json!({"app_id": "pay", "states": [{"path": path}]});
        assert_eq!(nodes[0].anonymous().post("/api/sdk/register", body).await.status, 200);
        // At once: the other node may not have heard of it yet.
        let other = nodes[1].anonymous();
        let asked = format!("{}?dry_run=true", route(&path, "disable"));
        if number % 2 == 0 {
            assert_eq!(other.post(&asked, json!({})).await.status, 200);
        } else {
            switch(&other, &path, "disable").await;
        }
    }
}
