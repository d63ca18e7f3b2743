//! Divided limits among real processes: replicas that come and go, on one control plane and on two that share a Redis.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::counters::passing;
use super::process::{Process, example, waygate};
use super::redis::Redis;
use super::world::{PATIENCE, World, http, succeeded};

const ROUTE: &str = "orders-service:GET:/api/orders";

/// A replica of the orders service that follows one or several control planes.
fn replica(servers: &str, name: &str) -> Process {
    replica_with(servers, name, |_| ())
}

fn replica_with(servers: &str, name: &str, adjust: impl FnOnce(&mut Command)) -> Process {
    let mut command = Command::new(example("orders-service"));
    command
        .env_clear()
        .env("PORT", "0")
        .env("WAYGATE_SERVER_URL", servers)
        .env("WAYGATE_APP_ID", "orders-service")
        .env("WAYGATE_INSTANCE", name)
        .env("WAYGATE_RECONNECT_DELAY", "0.3")
        .env("WAYGATE_TRUSTED_PROXIES", "127.0.0.0/8");
    adjust(&mut command);
    Process::start("a replica of the orders service", &mut command)
}

/// One that keeps what it knows in a directory of its own.
fn keeping(servers: &str, name: &str, directory: &Path) -> Process {
    replica_with(servers, name, |command| {
        command.env("WAYGATE_CACHE_DIR", directory.join(name));
    })
}

/// Leases are short, so that a test does not wait long for their end.
fn quick(command: &mut Command) {
    command.args(["--instance-liveness", "3"]);
}

/// How much of all of a limit, which is `1 << 48`, is left for a replica by its cache.
fn left(directory: &Path) -> Option<u64> {
    let file = std::fs::read_dir(directory)
        .ok()?
        .filter_map(Result::ok)
        .find(|file| file.file_name().to_string_lossy().ends_with(".cache"))?;
    let text = std::fs::read_to_string(file.path()).ok()?;
    let rules: serde_json::Value = serde_json::from_str(text.lines().nth(1)?).ok()?;
    let pieces: Vec<(u64, u64)> = serde_json::from_value(rules["shares"]["service"].clone()).ok()?;
    Some(pieces.iter().map(|(from, to)| to - from).sum())
}

/// What a replica tells its callers that the limit is.
async fn told(replica: &Process) -> Option<u64> {
    let request = http().get(format!("{}/api/orders", replica.url)).header("X-Forwarded-For", "198.51.100.1");
    request.send().await.unwrap().headers().get("x-ratelimit-limit")?.to_str().unwrap().parse().ok()
}

/// Waits until the replicas have such shares. They are asked one after the other, so that what they say on the way is not of
/// one moment.
async fn until(replicas: &[Process], wanted: impl Fn(&[u64]) -> bool) -> Vec<u64> {
    let begun = Instant::now();
    loop {
        let mut shares = Vec::new();
        for replica in replicas {
            shares.extend(told(replica).await);
        }
        if shares.len() == replicas.len() && wanted(&shares) {
            return shares;
        }
        // Longer than a lease, its margin and a start on a busy machine.
        assert!(begun.elapsed() < PATIENCE * 2, "the shares are {shares:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn urls(replicas: &[Process]) -> Vec<String> {
    replicas.iter().map(|replica| replica.url.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_divide_one_hundred_a_minute_while_others_join_leave_and_die() {
    let world = World::with(quick);
    let mut replicas: Vec<Process> = ["a", "b", "c"].map(|name| replica(world.url(), name)).into();
    world.ok(&format!("rl set {ROUTE} 100/hour --share divided --allow-unknown"));
    until(&replicas, |shares| shares == [34, 33, 33]).await;
    assert_eq!(passing(&urls(&replicas), "/api/orders", "192.0.2.1", 300).await, 100, "an even load gets all of it");
    assert_eq!(passing(&urls(&replicas[..1]), "/api/orders", "192.0.2.2", 300).await, 34, "an uneven one less");
    let shown = world.ok(&format!("rl get {ROUTE}"));
    assert!(shown.contains("divided") && shown.contains("33/hour by c of orders-service"), "{shown}");

    // One joins.
    replicas.push(replica(world.url(), "d"));
    until(&replicas, |shares| shares == [25, 25, 25, 25]).await;
    assert_eq!(passing(&urls(&replicas), "/api/orders", "192.0.2.3", 300).await, 100);
    assert_eq!(passing(&urls(&replicas), "/api/orders", "192.0.2.1", 300).await, 25, "the figure for a change");

    // One leaves in order.
    let mut leaving = replicas.remove(0);
    assert_eq!(leaving.terminate(), Some(0));
    until(&replicas, |shares| shares == [34, 33, 33]).await;
    assert_eq!(passing(&urls(&replicas), "/api/orders", "192.0.2.4", 300).await, 100);

    // One dies: half of its share is kept for it, until it is forgotten.
    replicas.remove(0).kill();
    let shares = until(&replicas, |shares| shares.iter().sum::<u64>() > 80).await;
    assert!(matches!(shares.iter().sum::<u64>(), 83 | 84), "{shares:?}");
    world.ok("instances forget b --service orders-service");
    until(&replicas, |shares| shares == [50, 50]).await;
    assert_eq!(passing(&urls(&replicas), "/api/orders", "192.0.2.5", 300).await, 100);
    let there = world.ok("instances orders-service");
    assert!(!there.contains(" b "), "{there}");
}

fn node(redis: &Redis) -> Process {
    let mut command = Command::new(waygate());
    command.args(["serve", "--port", "0", "--secret-key", "one and the same for both nodes of this test"]);
    command.args(["--backend", &redis.url()]).env_remove("WAYGATE_AUTH");
    quick(&mut command);
    Process::start("a node", &mut command)
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_of_two_nodes_on_one_redis_divide_one_limit_also_when_a_node_dies() {
    let redis = Redis::start();
    let mut nodes = [node(&redis), node(&redis)];
    let both = [format!("{},{}", nodes[0].url, nodes[1].url), format!("{},{}", nodes[1].url, nodes[0].url)];
    let mut replicas = vec![replica(&both[0], "a"), replica(&both[1], "b"), replica(&both[0], "c")];
    let home = tempfile::tempdir().unwrap();
    let waygate = |node: &Process, line: &str| {
        let mut command = Command::new(waygate());
        command.env("HOME", home.path()).args(line.split_whitespace()).args(["--server", &node.url]);
        succeeded(line, &command.output().unwrap())
    };
    waygate(&nodes[0], &format!("rl set {ROUTE} 100/hour --share divided --allow-unknown"));
    until(&replicas, |shares| shares == [34, 33, 33]).await;
    assert_eq!(passing(&urls(&replicas), "/api/orders", "192.0.2.1", 300).await, 100);
    let get = format!("rl get {ROUTE}");
    assert_eq!(waygate(&nodes[0], &get), waygate(&nodes[1], &get), "both nodes say the same");

    replicas.push(replica(&both[1], "d"));
    until(&replicas, |shares| shares == [25, 25, 25, 25]).await;
    assert_eq!(passing(&urls(&replicas), "/api/orders", "192.0.2.2", 300).await, 100);

    // A node dies; those who were there go on at the other one, and nobody gets more meanwhile.
    nodes[0].kill();
    assert_eq!(replicas.pop().unwrap().terminate(), Some(0));
    until(&replicas, |shares| shares == [34, 33, 33]).await;
    assert_eq!(passing(&urls(&replicas), "/api/orders", "192.0.2.3", 300).await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_restart_while_the_control_plane_is_away_go_on_with_half_of_their_shares() {
    let mut world = World::with(quick);
    let directory = world.folder.path().join("caches");
    let url = world.url().to_owned();
    let mut replicas: Vec<Process> = ["a", "b"].map(|name| keeping(&url, name, &directory)).into();
    world.ok(&format!("rl set {ROUTE} 100/hour --share divided --allow-unknown"));
    until(&replicas, |shares| shares == [50, 50]).await;
    let begun = Instant::now();
    while ["a", "b"].iter().any(|name| left(&directory.join(name)) != Some(1 << 46)) {
        assert!(begun.elapsed() < PATIENCE, "a quarter of the limit is never on each disk");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Whoever is killed now has nothing from before but its disk.
    world.server.kill();
    replicas.iter_mut().for_each(Process::kill);
    replicas = ["a", "b"].map(|name| keeping(&url, name, &directory)).into();
    until(&replicas, |shares| shares == [25, 25]).await;
    assert_eq!(passing(&urls(&replicas), "/api/orders", "192.0.2.1", 300).await, 50, "half of the limit, and no more");
    // In order, and under another name with the same disk: as before.
    assert_eq!(replicas[0].terminate(), Some(0));
    replicas[0] = replica_with(&url, "c", |command| {
        command.env("WAYGATE_CACHE_DIR", directory.join("a"));
    });
    until(&replicas, |shares| shares == [25, 25]).await;
    assert_eq!(passing(&urls(&replicas), "/api/orders", "192.0.2.2", 300).await, 50);

    // It is back: what was left of the share of the one that came back under another name is kept for that one.
    world.restart_with(quick);
    // Until all have moved who have to: on the way the sum is less, or read while it changes.
    until(&replicas, |shares| shares.iter().sum::<u64>() == 75 && shares.iter().all(|share| *share >= 37)).await;
    assert_eq!(passing(&urls(&replicas), "/api/orders", "192.0.2.3", 300).await, 75);
}
