//! Numbers of the list of acceptance that take a real service.

use super::process::Process;
use super::world::{PATIENCE, World, get, within};

const ROUTE: &str = "orders-service:GET:/api/orders";

/// A control plane and a service that it knows.
fn started() -> (World, Process) {
    let world = World::in_memory();
    let orders = world.orders();
    let begun = std::time::Instant::now();
    while !world.ok("instances -o json").contains("in_sync") {
        let known = || world.ok("instances -o json");
        assert!(begun.elapsed() < PATIENCE, "the service is not there: {}", known());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    (world, orders)
}

#[tokio::test]
async fn a06_a_planned_window_opens_and_closes_on_time_and_can_be_cancelled() {
    let (world, orders) = started();
    world.ok(&format!("schedule {ROUTE} --start 3s --end 3s --reason move"));
    assert_eq!(get(&orders, "/api/orders").await.status, 200, "it is in the future");
    within(PATIENCE, &orders, "/api/orders", 503).await;
    within(PATIENCE, &orders, "/api/orders", 200).await;

    world.ok(&format!("schedule {ROUTE} --start 1h --end 1h"));
    world.ok(&format!("schedule cancel {ROUTE} --wait"));
    assert_eq!(world.ok("schedule list"), "");
}

#[tokio::test]
async fn a17_wait_comes_back_when_the_service_answers_so() {
    let (world, orders) = started();
    for _ in 0..5 {
        world.ok(&format!("disable {ROUTE} --wait"));
        assert_eq!(get(&orders, "/api/orders").await.status, 503);
        world.ok(&format!("enable {ROUTE} --wait"));
        assert_eq!(get(&orders, "/api/orders").await.status, 200);
    }
}
