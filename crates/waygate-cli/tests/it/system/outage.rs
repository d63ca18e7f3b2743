//! The control plane goes away and comes back.

use std::time::Duration;

use super::process::Process;
use super::world::{World, eventually, get, within};

async fn both_closed(payments: &Process, orders: &Process) {
    for _ in 0..5 {
        assert_eq!(get(payments, "/api/payments").await.status, 503);
        assert_eq!(get(orders, "/api/orders").await.status, 503);
        assert_eq!(get(orders, "/health").await.status, 200);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn outage(stop: impl FnOnce(&mut Process)) {
    let mut world = World::start(true);
    world.ok("login admin --password secret");
    let payments = world.payments();
    let orders = world.orders();
    eventually(&payments, "/api/payments", 503).await;
    while !world.ok("services").contains("orders-service") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.ok("disable GET:/api/orders --service orders-service --reason incident");
    eventually(&orders, "/api/orders", 503).await;

    stop(&mut world.server);
    both_closed(&payments, &orders).await;

    world.restart();
    world.ok("enable /api/payments --service payments-service");
    world.ok("enable GET:/api/orders --service orders-service");
    // Within the reconnect delay, one second here, and a second.
    let back = Duration::from_secs(2);
    tokio::join!(within(back, &orders, "/api/orders", 200), within(back, &payments, "/api/payments", 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_after_kill_both_services_keep_enforcing_and_come_back() {
    outage(Process::kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_after_a_polite_stop_both_services_keep_enforcing_and_come_back() {
    outage(|server| assert_eq!(server.terminate(), Some(0))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g7_services_that_boot_first_register_and_follow() {
    let mut world = World::start(true);
    world.ok("login admin --password secret");
    world.server.kill();
    let orders = world.orders();
    assert_eq!(get(&orders, "/api/orders").await.status, 200, "a service starts without its control plane");
    world.restart();
    while !world.ok("services").contains("orders-service") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.ok("disable GET:/api/orders --service orders-service");
    eventually(&orders, "/api/orders", 503).await;
}
