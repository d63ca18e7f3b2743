//! The guide's lines, as a user types them.

use super::proxy::Proxy;
use super::world::{PATIENCE, World, eventually, get, within};

#[tokio::test(flavor = "multi_thread")]
async fn the_quick_setup_works_open_and_with_both_command_lines() {
    let world = World::start(false);
    let payments = world.payments();
    let orders = world.orders();

    let answer = eventually(&payments, "/api/payments", 503).await;
    assert_eq!(answer.body["error"]["code"], "MAINTENANCE_MODE");
    assert_eq!(answer.body["error"]["reason"], "Payment processor upgrade");
    let listed = eventually_lists(&world, "orders-service").await;
    assert!(listed.contains("payments-service"), "{listed}");
    assert!(world.ok("status --service payments-service").contains("/api/payments"));

    // Both services carry the path, so the guide's bare line is ambiguous until the service is chosen.
    let ambiguous = world.ours("enable /api/payments");
    assert_eq!(ambiguous.status.code(), Some(5), "{ambiguous:?}");
    assert!(String::from_utf8_lossy(&ambiguous.stderr).contains("orders-service:GET:/api/payments"));

    world.ok("enable /api/payments --service payments-service");
    assert_eq!(eventually(&payments, "/api/payments", 200).await.body["payments"], serde_json::json!([]));

    // The reference's command line on the Rust service, ours on the Python one.
    world.theirs_ok("disable GET:/api/payments --service orders-service --reason theirs");
    let answer = eventually(&orders, "/api/payments", 503).await;
    assert_eq!(
        (&answer.body["error"]["code"], &answer.body["error"]["reason"]),
        (&"ROUTE_DISABLED".into(), &"theirs".into())
    );
    assert_eq!(get(&payments, "/api/payments").await.status, 200, "disabling one leaves the other");
    world.theirs_ok("enable GET:/api/payments --service orders-service");
    eventually(&orders, "/api/payments", 200).await;

    world.ok("disable GET:/api/payments --service payments-service --reason hotfix");
    assert_eq!(eventually(&payments, "/api/payments", 503).await.body["error"]["reason"], "hotfix");
    assert_eq!(get(&orders, "/api/payments").await.status, 200);
    world.ok("enable GET:/api/payments --service payments-service");
    eventually(&payments, "/api/payments", 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bare_path_of_the_quick_setup_acts_when_it_is_the_only_one() {
    let world = World::start(false);
    let payments = world.payments();
    eventually_lists(&world, "payments-service").await;
    world.ok("enable /api/payments");
    eventually(&payments, "/api/payments", 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn global_and_service_maintenance_reach_both_services() {
    let world = World::start(true);
    login(&world);
    let payments = world.payments();
    let orders = world.orders();
    eventually_lists(&world, "payments-service").await;
    eventually_lists(&world, "orders-service").await;
    world.ok("enable /api/payments --service payments-service");
    eventually(&payments, "/api/payments", 200).await;

    world.ok("global enable --reason \"Deploying v3\" --exempt /health --exempt /ready");
    for (service, path) in [(&payments, "/api/payments"), (&orders, "/api/orders")] {
        let answer = eventually(service, path, 503).await;
        assert_eq!(answer.body["error"]["reason"], "Deploying v3");
        assert_eq!(get(service, "/health").await.status, 200);
    }

    // A service that starts now obeys from its first request after it has caught up.
    let late_payments = world.payments();
    let late_orders = world.orders();
    within(PATIENCE, &late_payments, "/api/payments", 503).await;
    within(PATIENCE, &late_orders, "/api/orders", 503).await;

    world.theirs_ok("global disable");
    for (service, path) in [
        (&payments, "/api/payments"),
        (&orders, "/api/orders"),
        (&late_payments, "/api/payments"),
        (&late_orders, "/api/orders"),
    ] {
        eventually(service, path, 200).await;
    }

    // An exemption lets its path through in every service, and nothing else.
    world.ok("global enable --exempt /api/payments");
    eventually(&orders, "/api/orders", 503).await;
    assert_eq!(get(&orders, "/api/payments").await.status, 200);
    eventually(&payments, "/api/payments", 200).await;
    world.ok("global disable");
    eventually(&orders, "/api/orders", 200).await;

    world.ok("sm enable payments-service --reason \"DB migration\"");
    assert_eq!(eventually(&payments, "/api/payments", 503).await.body["error"]["reason"], "DB migration");
    assert_eq!(get(&payments, "/health").await.status, 200, "force_active stays");
    assert_eq!(get(&orders, "/api/orders").await.status, 200, "the other service is left alone");
    world.theirs_ok("sm disable payments-service");
    eventually(&payments, "/api/payments", 200).await;

    world.theirs_ok("sm enable orders-service --reason theirs");
    eventually(&orders, "/api/orders", 503).await;
    assert_eq!(get(&payments, "/api/payments").await.status, 200);
    world.ok("sm disable orders-service");
    eventually(&orders, "/api/orders", 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_every_kind_of_change_reaches_connected_services_on_memory_and_on_file() {
    for world in [World::in_memory(), World::start(false)] {
        let payments = world.payments();
        let orders = world.orders();
        eventually_lists(&world, "payments-service").await;
        eventually_lists(&world, "orders-service").await;
        for (on, off) in [
            (
                "disable GET:/api/payments --service payments-service",
                "enable GET:/api/payments --service payments-service",
            ),
            ("sm enable payments-service", "sm disable payments-service"),
            ("global enable", "global disable"),
        ] {
            world.ok("enable GET:/api/payments --service payments-service");
            eventually(&payments, "/api/payments", 200).await;
            world.ok(on);
            eventually(&payments, "/api/payments", 503).await;
            world.ok(off);
            eventually(&payments, "/api/payments", 200).await;
        }
        for (on, off) in [
            ("disable GET:/api/orders --service orders-service", "enable GET:/api/orders --service orders-service"),
            ("sm enable orders-service", "sm disable orders-service"),
            ("global enable", "global disable"),
        ] {
            world.ok(on);
            eventually(&orders, "/api/orders", 503).await;
            world.ok(off);
            eventually(&orders, "/api/orders", 200).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_a_change_between_first_sync_and_subscription_is_not_lost() {
    let world = World::start(false);
    let proxy = Proxy::holding(world.url(), "GET /api/sdk/events").await;
    let payments = world.payments_at(&proxy.url);
    while proxy.held() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    eventually_lists(&world, "payments-service").await;
    world.ok("enable /api/payments");
    world.ok("global enable --reason gap");
    assert_eq!(get(&payments, "/api/payments").await.body["error"]["reason"], "Payment processor upgrade");
    proxy.release();
    let begun = tokio::time::Instant::now();
    while get(&payments, "/api/payments").await.body["error"]["reason"] != "gap" {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    world.ok("global disable");
    eventually(&payments, "/api/payments", 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_services_never_reach_the_control_plane() {
    let world = World::start(false);
    let payments = world.payments();
    let orders = world.orders();
    eventually_lists(&world, "orders-service").await;
    eventually(&orders, "/api/orders", 200).await;
    // Every route of the services has been registered by now, so nothing is left to report.
    get(&payments, "/api/payments").await;
    let before = world.requests().await;
    for _ in 0..500 {
        get(&orders, "/api/orders").await;
        get(&payments, "/health").await;
    }
    // The first count's own request is the only one.
    let mut after = world.requests().await;
    after.retain(|labels, _| !labels.contains(r#"route="/metrics""#));
    let mut before = before;
    before.retain(|labels, _| !labels.contains(r#"route="/metrics""#));
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_login_works_in_both_sdks_and_command_lines() {
    let world = World::start(true);
    login(&world);
    let token = world.stored_token();
    let orders = world.orders_with(|command| {
        command.env("WAYGATE_TOKEN", &token);
    });
    let payments = world.payments_with_token(&token);
    eventually_lists(&world, "orders-service").await;
    eventually_lists(&world, "payments-service").await;
    world.theirs_ok("disable GET:/api/orders --service orders-service");
    eventually(&orders, "/api/orders", 503).await;
    world.ok("enable GET:/api/payments --service payments-service");
    eventually(&payments, "/api/payments", 200).await;

    // The reference's login is ours as well. The service keeps the token that it was given.
    world.theirs_ok("login admin --password secret");
    world.ok("enable GET:/api/orders --service orders-service");
    eventually(&orders, "/api/orders", 200).await;
}

fn login(world: &World) {
    world.ok("login admin --password secret");
}

async fn eventually_lists(world: &World, service: &str) -> String {
    let begun = tokio::time::Instant::now();
    loop {
        let listed = world.ok("services");
        if listed.contains(service) {
            return listed;
        }
        assert!(begun.elapsed() < PATIENCE, "{service} is not listed:\n{listed}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
