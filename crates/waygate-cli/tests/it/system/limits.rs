//! The guide's rate limits, with both services and both command lines.

use std::time::Duration;

use super::process::Process;
use super::world::{SOON, World, http};

/// What a service answers, as far as limits are concerned.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    status: u16,
    limit: Option<String>,
    policy: Option<String>,
}

async fn ask(service: &Process, path: &str) -> Told {
    let response = http().get(format!("{}{path}", service.url)).send().await.unwrap();
    let limit = response.headers().get("x-ratelimit-limit").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body: serde_json::Value = response.json().await.unwrap_or_default();
    let policy = body["error"]["policy"].as_str().map(ToOwned::to_owned);
    Told { status, limit, policy }
}

/// Waits until a limit is in force, and gives the first answer under it.
async fn first_limited(service: &Process, path: &str) -> Told {
    until(service, path, |told| told.limit.is_some()).await
}

async fn until(service: &Process, path: &str, wanted: impl Fn(&Told) -> bool) -> Told {
    let begun = tokio::time::Instant::now();
    loop {
        let told = ask(service, path).await;
        if wanted(&told) {
            return told;
        }
        assert!(begun.elapsed() < SOON, "{}{path} still answers {told:?}", service.url);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// How many of some requests pass, one after another over some paths.
async fn passing(service: &Process, paths: &[&str], requests: usize) -> usize {
    let mut passed = 0;
    for path in paths.iter().cycle().take(requests) {
        match ask(service, path).await.status {
            200 => passed += 1,
            429 => {}
            other => panic!("{path} answers {other}"),
        }
    }
    passed
}

async fn is_listed(world: &World, service: &str) {
    let begun = tokio::time::Instant::now();
    while !world.ok("services").contains(service) {
        assert!(begun.elapsed() < SOON, "{service} is not listed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b12_the_guides_service_limits_hold_over_all_routes_of_a_service() {
    let world = World::start(false);
    let orders = world.orders();
    is_listed(&world, "orders-service").await;
    let both = ["/api/orders", "/api/payments"];

    world.ok("srl set orders-service 4/minute");
    assert_eq!(first_limited(&orders, "/api/orders").await.status, 200);
    assert_eq!(passing(&orders, &both, 8).await, 3, "one has passed before");
    let denied = ask(&orders, "/api/payments").await;
    assert_eq!((denied.status, denied.policy.as_deref()), (429, Some("service")));
    assert_eq!(ask(&orders, "/health").await.status, 200, "what is always on is not limited");
    assert_eq!(ask(&orders, "/nowhere").await.status, 429, "what is unknown is");

    world.ok("srl disable orders-service");
    until(&orders, "/api/orders", |told| told.status == 200).await;
    world.ok("srl enable orders-service");
    until(&orders, "/api/orders", |told| told.status == 429).await;
    world.ok("srl reset orders-service");
    until(&orders, "/api/orders", |told| told.status == 200).await;
    world.ok("srl delete orders-service");
    until(&orders, "/api/orders", |told| told.limit.is_none()).await;
    assert_eq!(world.ours("srl delete orders-service").status.code(), Some(3));

    world.ok("srl set orders-service 1000/minute");
    world.ok("srl set orders-service 500/minute --algorithm sliding_window --key ip");
    until(&orders, "/api/orders", |told| told.limit.as_deref() == Some("500")).await;
    world.ok("srl set orders-service 2000/hour --burst 50 --exempt /api/payments --exempt GET:/metrics");
    until(&orders, "/api/orders", |told| told.limit.as_deref() == Some("2050")).await;
    assert_eq!(ask(&orders, "/api/payments").await.limit, None, "exempt");
    let shown = world.ok("srl get orders-service");
    assert!(shown.contains("2000/hour") && shown.contains("/api/payments, GET:/metrics"), "{shown}");

    // The reference's command line, in its own words.
    world.theirs_ok("srl set orders-service 3/minute");
    until(&orders, "/api/orders", |told| told.limit.as_deref() == Some("3")).await;
    assert!(world.theirs_ok("srl get orders-service").contains("3/minute"));
    world.theirs_ok("srl delete orders-service");
    until(&orders, "/api/orders", |told| told.limit.is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g16_a_global_limit_counts_all_paths_of_a_service_and_says_which_clients_cannot() {
    let world = World::start(false);
    let orders = world.orders();
    let payments = world.payments();
    is_listed(&world, "orders-service").await;
    is_listed(&world, "payments-service").await;

    world.ok("grl set 4/hour --key global");
    assert_eq!(first_limited(&orders, "/api/orders").await.status, 200);
    assert_eq!(passing(&orders, &["/api/orders", "/api/payments", "/api/orders/7"], 9).await, 3);
    assert_eq!(ask(&orders, "/api/v0/nothing").await.policy.as_deref(), Some("global"));

    let output = world.ours("grl set 5/hour --key global");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("1 of 1 connected instances of payments-service cannot enforce global limits"), "{said}");
    world.theirs_ok("grl disable");
    until(&orders, "/api/orders", |told| told.limit.is_none()).await;
    world.theirs_ok("grl delete");
    assert_eq!(ask(&payments, "/health").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn b11_a_limit_on_a_route_of_the_python_service_is_in_force_there_and_nowhere_else() {
    let world = World::start(false);
    let payments = world.payments();
    let orders = world.orders();
    is_listed(&world, "payments-service").await;
    is_listed(&world, "orders-service").await;
    world.ok("enable /api/payments --service payments-service");
    until(&payments, "/api/payments", |told| told.status == 200).await;

    world.ok("rl set GET:/api/payments 2/minute --service payments-service");
    // That client loads its limiter with the first request that needs it; what comes first is in force by then.
    assert_eq!(first_limited(&payments, "/api/payments").await.status, 200);
    assert_eq!(passing(&payments, &["/api/payments"], 4).await, 1, "one has passed before");
    assert_eq!(passing(&orders, &["/api/payments"], 4).await, 4, "the sibling is left alone");
    assert!(world.ok("rl list --service payments-service").contains("2/minute"));

    world.ok("rl delete GET:/api/payments --service payments-service");
    until(&payments, "/api/payments", |told| told.status == 200).await;
    assert_eq!(passing(&payments, &["/api/payments"], 5).await, 5);

    // A service that starts later asks for it.
    world.ok("rl set payments-service:/api/payments 1/hour");
    let late = world.payments();
    first_limited(&late, "/api/payments").await;
    assert_eq!(ask(&late, "/api/payments").await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn b19_policies_of_all_scopes_are_back_after_a_restart_and_enforced() {
    let mut world = World::start(false);
    let orders = world.orders();
    is_listed(&world, "orders-service").await;
    world.ok("grl set 9/hour");
    world.ok("srl set orders-service 8/hour");
    world.ok("rl set GET:/api/orders 3/hour --service orders-service");
    until(&orders, "/api/orders", |told| told.limit.as_deref() == Some("3")).await;
    world.server.kill();
    assert_eq!(passing(&orders, &["/api/orders"], 6).await, 2, "what is known stays in force");
    world.restart();
    assert!(world.ok("grl get").contains("9/hour"));
    assert!(world.ok("srl get orders-service").contains("8/hour"));
    assert!(world.ok("rl list").contains("3/hour"));
    let fresh = world.orders();
    until(&fresh, "/api/orders", |told| told.limit.as_deref() == Some("3")).await;
    until(&fresh, "/api/orders", |told| told.status == 429).await;
}
