//! Three real nodes on one real Redis; one is killed.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::process::{Process, waygate};
use super::redis::Redis;
use super::world::{PATIENCE, http, succeeded};

const ROUTES: usize = 6;

fn start_node(redis: &Redis) -> Process {
    let mut command = Command::new(waygate());
    command
        .args(["serve", "--port", "0", "--secret-key", "one and the same for all nodes of this test"])
        .args(["--backend", &redis.url()])
        .env_remove("WAYGATE_AUTH");
    Process::start("a node", &mut command)
}

/// The events of a node's stream so far: their names and cursors.
type Told = Arc<Mutex<Vec<(String, String)>>>;

fn follow(node: &Process) -> Told {
    let told = Told::default();
    let (url, into) = (format!("{}/api/sdk/stream?service=pay", node.url), told.clone());
    tokio::spawn(async move {
        let mut response = http().get(url).send().await.unwrap();
        let mut text = String::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            text.push_str(std::str::from_utf8(&chunk).unwrap());
            while let Some((event, rest)) = text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    line.unwrap_or_default().to_owned()
                };
                into.lock().unwrap().push((field("event"), field("id")));
                text = rest.to_owned();
            }
        }
    });
    told
}

/// The revisions of the commits that were told.
fn commits(told: &Told) -> Vec<u64> {
    let told = told.lock().unwrap();
    let revision = |cursor: &str| cursor.split(':').nth(1).unwrap().parse().unwrap();
    told.iter().filter(|(name, _)| name == "commit").map(|(_, cursor)| revision(cursor)).collect()
}

/// Switches a route through a node. The revision where it was acknowledged; a node that is killed acknowledges nothing.
async fn switch(url: String, route: usize, action: &'static str) -> Option<u64> {
    let key = waygate_api::paths::route(&format!("pay:GET:/r{route}"), Some(action));
    let answer = http().post(format!("{url}{key}")).json(&json!({"reason": "storm"})).send().await.ok()?;
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    answer.headers()["x-waygate-revision"].to_str().unwrap().parse().ok()
}

async fn read(node: &Process, path: &str) -> Value {
    http().get(format!("{}{path}", node.url)).send().await.unwrap().json().await.unwrap()
}

async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "it never comes true that {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g9_three_nodes_share_one_history_and_the_death_of_one_loses_nothing() {
    let redis = Redis::start();
    let mut nodes = [start_node(&redis), start_node(&redis), start_node(&redis)];
    let states: Vec<Value> = (0..ROUTES).map(|number| json!({"path": format!("pay:GET:/r{number}")})).collect();
    let register = http().post(format!("{}/api/sdk/register", nodes[0].url));
    assert!(register.json(&json!({"app_id": "pay", "states": states})).send().await.unwrap().status().is_success());
    for node in &nodes {
        eventually("every node knows the service", async || {
            read(node, "/api/routes").await.as_array().is_some_and(|routes| routes.len() == ROUTES)
        })
        .await;
    }
    let told: Vec<Told> = nodes.iter().map(follow).collect();
    for told in &told {
        eventually("the stream has begun", async || told.lock().unwrap().iter().any(|(name, _)| name == "bookmark"))
            .await;
    }

    // One command line is answered by any node.
    let home = tempfile::tempdir().unwrap();
    for (node, line) in nodes.iter().zip(["disable", "maintenance", "enable"]) {
        let mut command = Command::new(waygate());
        command.env("HOME", home.path()).args([line, "GET:/r0", "--service", "pay", "--reason", "by hand"]);
        succeeded(line, &command.args(["--server", &node.url]).output().unwrap());
    }

    // Everybody switches everything at once, and in the middle of it a node is killed.
    let mut acknowledged = Vec::new();
    for round in 0..6 {
        let mut switching = JoinSet::new();
        for number in 0..ROUTES * 3 {
            let url = nodes[(round + number) % 3].url.clone();
            let action = if (round + number / ROUTES).is_multiple_of(2) { "disable" } else { "maintenance" };
            switching.spawn(switch(url, number % ROUTES, action));
        }
        if round == 3 {
            nodes[0].kill();
        }
        while let Some(done) = switching.join_next().await {
            acknowledged.extend(done.unwrap());
        }
    }
    acknowledged.sort_unstable();
    acknowledged.dedup();
    let newest = *acknowledged.last().unwrap();
    for (place, told) in told.iter().enumerate().skip(1) {
        eventually("a stream has everything", async || commits(told).last() >= Some(&newest)).await;
        let seen = commits(told);
        assert!(seen.is_sorted_by(|one, next| one < next), "node {place} tells in order and once: {seen:?}");
        let missing: Vec<_> = acknowledged.iter().filter(|revision| !seen.contains(revision)).collect();
        assert!(missing.is_empty(), "node {place} has not told {missing:?}");
        let snapshots = told.lock().unwrap().iter().filter(|(name, _)| name == "snapshot").count();
        assert_eq!(snapshots, 1, "node {place} told everything as it happened");
    }
    // What the killed node had told is how it was.
    let (before, after) = (commits(&told[0]), commits(&told[1]));
    assert_eq!(before, after[..before.len()]);

    // It comes back and says what the others say.
    let again = start_node(&redis);
    let expected = read(&nodes[1], "/api/routes").await;
    assert_eq!(read(&nodes[2], "/api/routes").await, expected);
    assert_eq!(read(&again, "/api/routes").await, expected);
    assert_eq!(read(&again, "/api/audit?limit=500").await, read(&nodes[1], "/api/audit?limit=500").await);
}
