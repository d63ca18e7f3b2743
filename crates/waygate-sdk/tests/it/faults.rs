//! The SDK behind a network that misbehaves. Whatever happens: requests are answered at once by what is known, and once
//! the way is free again, what the control plane says is in force.

use std::time::Duration;

use axum::Router;
use waygate_sdk::{Phase, Waygate};

use crate::end_to_end::{ControlPlane, PATIENCE, eventually_answers, payments, status};
use crate::proxy::{Fault, Proxy};
use crate::script::eventually;

/// So short that a test need not wait long for what takes three keep-alives otherwise.
const SILENCE: Duration = Duration::from_millis(700);
const DELAY: Duration = Duration::from_millis(300);

struct World {
    server: ControlPlane,
    proxy: Proxy,
    waygate: Waygate,
    app: Router,
}

impl World {
    /// A service that starts under a fault.
    async fn start(fault: Fault) -> Self {
        let server = ControlPlane::start().await;
        let proxy = Proxy::before(server.address).await;
        proxy.set(fault);
        let waygate = Waygate::builder(&proxy.url, "pay")
            .reconnect_delay(DELAY)
            .silence(SILENCE)
            .poll_interval(Duration::from_secs(1))
            .start()
            .unwrap();
        let app = payments(&waygate);
        Self { server, proxy, waygate, app }
    }

    async fn ready(&self) {
        assert!(self.waygate.ready(PATIENCE).await, "{:?}", self.waygate.status());
    }

    /// Requests are answered by what is known.
    async fn answers_at_once(&self) {
        let answered = async {
            assert_eq!(status(&self.app, "/health").await, 200);
            assert_ne!(status(&self.app, "/api/payments").await, 500);
        };
        assert!(tokio::time::timeout(Duration::from_secs(1), answered).await.is_ok(), "requests wait");
    }

    async fn end(self) {
        self.waygate.shutdown().await;
        self.server.stop().await;
    }
}

/// Faults that end: what was changed meanwhile is in force afterwards.
async fn converges_after(fault: Fault) {
    for starts_under_it in [false, true] {
        let world = World::start(if starts_under_it { fault } else { Fault::None }).await;
        if !starts_under_it {
            world.ready().await;
            world.proxy.set(fault);
        }
        world.answers_at_once().await;
        let seconds = 2;
        let before = world.proxy.connections();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let tried = world.proxy.connections() - before;
        assert!(tried as u64 <= 5 * (seconds + 1), "{fault:?}: {tried} connections in {seconds} s");
        world.answers_at_once().await;
        if starts_under_it {
            world.proxy.set(Fault::None);
            world.ready().await;
            world.server.operator.disable("pay:/api/payments", "x").await.unwrap();
        } else {
            world.server.operator.disable("pay:/api/payments", "x").await.unwrap();
            world.answers_at_once().await;
            world.proxy.set(Fault::None);
        }
        eventually_answers(&world.app, "/api/payments", 503).await;
        world.ready().await;
        world.end().await;
    }
}

#[tokio::test]
async fn a37_a_black_hole_holds_up_nothing_and_is_overcome() {
    converges_after(Fault::BlackHole).await;
}

#[tokio::test]
async fn a_pause_is_overcome() {
    converges_after(Fault::Paused).await;
}

#[tokio::test]
async fn g5_resets_at_any_point_make_no_loop_and_are_overcome() {
    for after in [1, 100, 400] {
        converges_after(Fault::Reset(after)).await;
    }
}

#[tokio::test]
async fn g5_connections_that_are_closed_at_once_make_no_loop_and_are_overcome() {
    converges_after(Fault::Closed).await;
}

#[tokio::test]
async fn g11_a_half_open_connection_is_noticed_and_everything_caught_up() {
    let world = World::start(Fault::None).await;
    world.ready().await;
    world.proxy.cut_off();
    world.server.operator.disable("pay:/api/payments", "x").await.unwrap();
    world.server.operator.enable_service_maintenance("pay", "m", &["/api/payments"]).await.unwrap();
    world.answers_at_once().await;
    eventually_answers(&world.app, "/api/payments", 503).await;
    eventually_answers(&world.app, "/unknown", 503).await;
    world.end().await;
}

/// What a service that starts now knows.
async fn fresh(server: &ControlPlane) -> waygate_sdk::core::ServiceView {
    let waygate = server.service("pay").start().unwrap();
    let _app = payments(&waygate);
    assert!(waygate.ready(PATIENCE).await, "{:?}", waygate.status());
    let view = waygate.snapshot().view().clone();
    waygate.shutdown().await;
    view
}

#[tokio::test]
async fn a03_reconnecting_ends_in_the_state_that_a_fresh_start_gives() {
    for fault in [None, Some(Fault::Paused), Some(Fault::Closed), Some(Fault::BlackHole)] {
        let world = World::start(Fault::None).await;
        world.ready().await;
        let operator = &world.server.operator;
        operator.disable("pay:/api/payments", "before").await.unwrap();
        operator.enable_service_maintenance("pay", "before", &["/api/payments"]).await.unwrap();
        eventually_answers(&world.app, "/unknown", 503).await;
        match fault {
            None => world.proxy.cut_off(),
            Some(fault) => world.proxy.set(fault),
        }
        // Set, cleared, changed twice.
        operator.enable_global_maintenance("meanwhile", &["/api/payments", "/api/refunds/{id}"]).await.unwrap();
        operator.disable_service_maintenance("pay").await.unwrap();
        operator.enable("pay:/api/payments", "").await.unwrap();
        operator.enable("pay:/api/refunds/{id}", "").await.unwrap();
        operator.disable("pay:/api/refunds/{id}", "meanwhile").await.unwrap();
        world.proxy.set(Fault::None);
        let expected = fresh(&world.server).await;
        let agrees = || *world.waygate.snapshot().view() == expected;
        eventually("as if it had just started", agrees).await;
        assert_eq!(status(&world.app, "/api/payments").await, 200, "{fault:?}");
        assert_eq!(status(&world.app, "/api/refunds/7").await, 503, "{fault:?}");
        assert_eq!(status(&world.app, "/unknown").await, 503, "{fault:?}");
        world.end().await;
    }
}

#[tokio::test]
async fn a10_g3_changes_during_a_slow_subscription_are_not_lost() {
    for _ in 0..5 {
        let world = World::start(Fault::Paused).await;
        let other = world.server.service("pay").start().unwrap();
        let _app = payments(&other);
        assert!(other.ready(PATIENCE).await);
        for number in 0..50 {
            if number == 25 {
                world.proxy.set(Fault::None);
            }
            let route = ["pay:/api/payments", "pay:/api/refunds/{id}"][number % 2];
            world.server.operator.disable(route, &format!("change {number}")).await.unwrap();
        }
        let expected = fresh(&world.server).await;
        eventually("all of them", || *world.waygate.snapshot().view() == expected).await;
        assert_eq!(status(&world.app, "/api/payments").await, 503);
        other.shutdown().await;
        world.end().await;
    }
}

#[tokio::test]
async fn a_trickle_is_slow_and_enough() {
    let world = World::start(Fault::Trickle).await;
    world.answers_at_once().await;
    // The frames take longer than the silence that would end a connection: their bytes are the signs of life.
    world.ready().await;
    world.server.operator.disable("pay:/api/payments", "x").await.unwrap();
    eventually_answers(&world.app, "/api/payments", 503).await;
    assert_ne!(world.waygate.status().phase, Phase::Polling);
    world.end().await;
}

#[tokio::test]
async fn behind_a_proxy_that_swallows_streams_changes_arrive_by_polling_and_the_stream_comes_back() {
    let world = World::start(Fault::Swallowed).await;
    world.answers_at_once().await;
    world.ready().await;
    assert_eq!(world.waygate.status().phase, Phase::Polling);
    world.server.operator.disable("pay:/api/payments", "x").await.unwrap();
    eventually_answers(&world.app, "/api/payments", 503).await;
    world.server.operator.enable("pay:/api/payments", "").await.unwrap();
    eventually_answers(&world.app, "/api/payments", 200).await;
    // What concerns others moves it on too: it is not behind for ever.
    let revision = || world.waygate.status().cursor.map(|cursor| cursor.revision);
    let before = revision();
    let other = world.server.service("orders").start().unwrap();
    let _app = payments(&other);
    eventually("moved on", || revision() > before).await;
    other.shutdown().await;
    world.proxy.set(Fault::None);
    eventually("streaming", || world.waygate.status().phase == Phase::Live).await;
    world.server.operator.disable("pay:/api/payments", "x").await.unwrap();
    eventually_answers(&world.app, "/api/payments", 503).await;
    world.end().await;
}
