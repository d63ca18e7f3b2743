//! Services start again while the control plane is away.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::Process;
use super::world::{PATIENCE, World, eventually, get, http, within};

fn keeping(world: &World, directory: &Path) -> Process {
    world.orders_with(|command| {
        command.env("WAYGATE_CACHE_DIR", directory);
    })
}

fn with_choice(world: &World, choice: &str) -> Process {
    world.orders_with(|command| {
        command.env("WAYGATE_WHEN_UNKNOWN", choice);
    })
}

/// A control plane with the service registered, and the directory where it keeps what it knows.
async fn registered() -> (World, Process, PathBuf) {
    let world = World::start(false);
    let directory = world.folder.path().join("cache");
    let orders = keeping(&world, &directory);
    let begun = tokio::time::Instant::now();
    while !world.ok("services").contains("orders-service") {
        assert!(begun.elapsed() < PATIENCE, "never registered");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (world, orders, directory)
}

/// Waits until what a file holds is true of the cache.
async fn kept(directory: &Path, what: &str) {
    let begun = tokio::time::Instant::now();
    let holds = || {
        let files = std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
        files.filter_map(|file| std::fs::read_to_string(file.path()).ok()).any(|text| text.contains(what))
    };
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "`{what}` is never kept");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn signal(process: &Process, name: &str) {
    let sent = Command::new("kill").args([name, &process.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn g17_a_service_that_restarts_while_the_control_plane_is_down_enforces_what_it_enforced() {
    let (mut world, mut orders, directory) = registered().await;
    world.ok("disable GET:/api/orders --service orders-service --reason incident-4711");
    world.ok("sm enable orders-service --reason migration-4711 --exempt /api/payments");
    eventually(&orders, "/api/orders/7", 503).await;
    kept(&directory, "migration-4711").await;

    world.server.kill();
    orders.kill();
    let orders = keeping(&world, &directory);
    // The very first requests, by a process that has never heard of the control plane.
    assert_eq!(get(&orders, "/api/orders").await.status, 503);
    assert_eq!(get(&orders, "/api/orders/7").await.body["error"]["reason"], "migration-4711");
    assert_eq!(get(&orders, "/api/payments").await.status, 200);
    assert_eq!(get(&orders, "/health").await.status, 200);

    world.restart();
    world.ok("sm disable orders-service");
    within(PATIENCE, &orders, "/api/orders/7", 200).await;
    assert_eq!(get(&orders, "/api/orders").await.body["error"]["reason"], "incident-4711");
    world.ok("enable GET:/api/orders --service orders-service");
    eventually(&orders, "/api/orders", 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g17_kills_while_the_cache_is_written_lose_nothing_of_before() {
    let (world, mut orders, directory) = registered().await;
    world.ok("disable GET:/api/orders --service orders-service --reason stays");
    eventually(&orders, "/api/orders", 503).await;
    kept(&directory, "stays").await;
    let key = waygate_api::paths::route("orders-service:GET:/api/payments", Some("disable"));
    let url = format!("{}{key}", world.url());
    for round in 0..12_u64 {
        // Each change is a reason to write; the kill comes at another time after the last one each round.
        for change in 0..10 {
            let reason = format!("{{\"reason\":\"{}\"}}", format!("{round}.{change} ").repeat(50));
            let request = http().post(&url).header("content-type", "application/json").body(reason);
            assert!(request.send().await.unwrap().status().is_success());
        }
        tokio::time::sleep(Duration::from_millis(round * 60)).await;
        orders.kill();
        // A control plane that hangs: what the service answers now comes from the disk.
        signal(&world.server, "-STOP");
        orders = keeping(&world, &directory);
        assert_eq!(get(&orders, "/api/orders").await.body["error"]["reason"], "stays", "round {round}");
        assert_eq!(get(&orders, "/health").await.status, 200);
        signal(&world.server, "-CONT");
    }
    let files = std::fs::read_dir(&directory).unwrap().count();
    assert!(files <= 13, "{files} files are left");
}

#[tokio::test(flavor = "multi_thread")]
async fn g17_without_anything_kept_the_choice_for_the_unknown_applies() {
    let mut world = World::start(false);
    world.server.kill();
    let (open, closed, maintenance) =
        (with_choice(&world, "open"), with_choice(&world, "closed"), with_choice(&world, "maintenance"));
    assert_eq!(get(&open, "/api/orders").await.status, 200);
    assert_eq!(get(&closed, "/api/orders").await.body["error"]["code"], "ROUTE_DISABLED");
    assert_eq!(get(&maintenance, "/api/orders").await.body["error"]["code"], "MAINTENANCE_MODE");
    for orders in [&open, &closed, &maintenance] {
        assert_eq!(get(orders, "/health").await.status, 200, "always on");
    }
    world.restart();
    within(PATIENCE, &closed, "/api/orders", 200).await;
    within(PATIENCE, &maintenance, "/api/orders", 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g17_a_baked_file_counts_where_nothing_is_kept() {
    let (mut world, mut orders, _) = registered().await;
    world.ok("disable GET:/api/orders --service orders-service --reason baked");
    let url = format!("{}/api/sdk/snapshot?service=orders-service", world.url());
    let answer = http().get(url).send().await.unwrap().text().await.unwrap();
    let file = world.folder.path().join("bootstrap.json");
    #[expect(clippy::disallowed_methods, reason = "what `curl -o` does")]
    std::fs::write(&file, answer).unwrap();
    world.server.kill();
    orders.kill();
    let orders = world.orders_with(|command| {
        command.env("WAYGATE_BOOTSTRAP_FILE", &file).env("WAYGATE_WHEN_UNKNOWN", "closed");
    });
    assert_eq!(get(&orders, "/api/orders").await.body["error"]["reason"], "baked");
    assert_eq!(get(&orders, "/api/payments").await.status, 200);
}
