//! The rows of the guide's "Full deployment matrix".

use std::process::Command;

use super::counters::{limited, passing};
use super::process::{Process, example, peer, repository, waygate};
use super::redis::Redis;
use super::world::{PATIENCE, World, eventually, get, succeeded, within};

/// One service, one replica: the control plane is part of the program.
#[tokio::test(flavor = "multi_thread")]
async fn row_1_one_service_embeds_its_control_plane() {
    let shop = Process::start("the embedded example", Command::new(example("embedded")).env("PORT", "0"));
    let home = tempfile::tempdir().unwrap();
    let run = |line: &str| {
        let mut command = Command::new(waygate());
        command.env("HOME", home.path()).env("WAYGATE_SERVER_URL", format!("{}/waygate", shop.url));
        succeeded(line, &command.env_remove("WAYGATE_SERVICE").args(line.split_whitespace()).output().unwrap())
    };
    run("login admin --password secret");
    within(PATIENCE, &shop, "/api/payments", 503).await;
    run("enable /api/payments");
    eventually(&shop, "/api/payments", 200).await;
    run("disable /api/payments");
    eventually(&shop, "/api/payments", 503).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_2_two_services_of_one_replica_each_on_memory_and_on_file() {
    for world in [World::in_memory(), World::start(false)] {
        let (payments, orders) = (world.payments(), orders(&world, None));
        within(PATIENCE, &payments, "/api/payments", 503).await;
        within(PATIENCE, &orders, "/api/orders", 200).await;
        registered(&world, &["payments-service", "orders-service"]).await;
        world.ok("enable /api/payments --service payments-service");
        eventually(&payments, "/api/payments", 200).await;
        world.ok("disable GET:/api/orders --service orders-service");
        eventually(&orders, "/api/orders", 503).await;
        assert_eq!(get(&payments, "/api/payments").await.status, 200, "the other service is left alone");
        // Nobody shares counters, and with one replica a limit is exact.
        world.ok("rl set payments-service:GET:/api/payments 20/hour");
        world.ok("rl set orders-service:GET:/api/payments 30/hour");
        for (service, told, limit) in [(&payments, "20/hour", 20), (&orders, "30", 30)] {
            let urls = [service.url.clone()];
            limited(&urls, "/api/payments", told).await;
            assert_eq!(passing(&urls, "/api/payments", "192.0.2.1", 60).await, limit);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_3_two_services_of_two_replicas_on_redis_with_shared_counters_in_another_database() {
    let redis = Redis::start();
    let world = World::on(&redis.url());
    let counters = format!("redis://127.0.0.1:{}/1", redis.port());
    two_replicas(&world, Some(&counters), 1).await;
    // Neither has anything in the other's database.
    let keys = |database: &str| {
        let output =
            Command::new("redis-cli").args(["-p", &redis.port().to_string(), "-n", database, "keys", "*"]).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let counts = |key: &str| key.starts_with("{waygate}:rate:") || key.starts_with("LIMITS:");
    let (state, counted) = (keys("0"), keys("1"));
    assert!(counted.lines().filter(|key| counts(key)).count() >= 2 && counted.lines().all(counts), "{counted}");
    assert!(state.contains("{waygate}:") && !state.lines().any(counts), "{state}");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_4_two_services_of_two_replicas_on_redis_with_counters_of_their_own() {
    let redis = Redis::start();
    two_replicas(&World::on(&redis.url()), None, 2).await;
}

/// Two replicas of a Rust service and of the Python one, all of which hear every change, and of each of which so many times
/// the limit passes. By the hour, lest a minute begins meanwhile.
async fn two_replicas(world: &World, counters: Option<&str>, times: usize) {
    let orders = [orders(world, counters), orders(world, counters)];
    let payments = [payments(world, counters), payments(world, counters)];
    for (orders, payments) in orders.iter().zip(&payments) {
        within(PATIENCE, orders, "/api/orders", 200).await;
        within(PATIENCE, payments, "/health", 200).await;
    }
    registered(world, &["payments-service", "orders-service"]).await;
    for (status, orders_line, payments_line) in [
        (503, "disable GET:/api/orders --service orders-service", "disable /api/payments --service payments-service"),
        (200, "enable GET:/api/orders --service orders-service", "enable /api/payments --service payments-service"),
    ] {
        world.ok(orders_line);
        world.ok(payments_line);
        for (orders, payments) in orders.iter().zip(&payments) {
            eventually(orders, "/api/orders", status).await;
            eventually(payments, "/api/payments", status).await;
        }
    }
    world.ok("rl set orders-service:GET:/api/orders 100/hour");
    world.ok("rl set payments-service:GET:/api/payments 60/hour");
    for (replicas, path, told, limit) in
        [(&orders, "/api/orders", "100", 100), (&payments, "/api/payments", "60/hour", 60)]
    {
        let urls: Vec<String> = replicas.iter().map(|replica| replica.url.clone()).collect();
        limited(&urls, path, told).await;
        assert_eq!(passing(&urls, path, "192.0.2.1", 360).await, limit * times, "{path}");
    }
}

fn orders(world: &World, counters: Option<&str>) -> Process {
    world.orders_with(|command| {
        command.env("WAYGATE_TRUSTED_PROXIES", "127.0.0.0/8");
        if let Some(counters) = counters {
            // Machines that run tests are slow.
            command.env("WAYGATE_RATE_LIMIT_BACKEND", counters).env("WAYGATE_RATE_LIMIT_DEADLINE_MS", "500");
        }
    })
}

fn payments(world: &World, counters: Option<&str>) -> Process {
    let Some(counters) = counters else { return world.payments() };
    let files = repository().join("tests/peer");
    let mut command = Command::new(peer("python"));
    command.arg(files.join("run_app.py")).arg(files.join("payments_app_shared.py"));
    command.args(["--server", world.url(), "--reconnect-delay", "1.0"]).env("REDIS_URL", counters);
    Process::start("a replica of the Python payments service", &mut command)
}

async fn registered(world: &World, services: &[&str]) {
    let begun = tokio::time::Instant::now();
    while !services.iter().all(|service| world.ok("services").contains(service)) {
        assert!(begun.elapsed() < PATIENCE, "not all services are listed");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
