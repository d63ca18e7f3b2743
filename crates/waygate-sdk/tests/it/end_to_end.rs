//! The SDK with a real control plane, over sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use waygate_sdk::axum::{GuardedRouter, get};
use waygate_sdk::{ControlError, Outage, Phase, Waygate, WaygateBuilder};
use waygate_server::{Operator, Server, ServerBuilder};
use waygate_store::MemoryStore;

use crate::script::eventually;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const QUICK: Duration = Duration::from_millis(300);

/// A control plane on a port of its own.
pub(crate) struct ControlPlane {
    pub(crate) address: SocketAddr,
    pub(crate) operator: Operator,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl ControlPlane {
    pub(crate) async fn start() -> Self {
        Self::start_at(0, settings()).await
    }

    pub(crate) async fn start_at(port: u16, settings: ServerBuilder) -> Self {
        let server = settings.build().await.unwrap();
        let operator = server.operator("ada").unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let serving = tokio::spawn(async move { server.serve(listener, stopped).await.unwrap() });
        Self { address, operator, stop, serving }
    }

    pub(crate) fn service(&self, app_id: &str) -> WaygateBuilder {
        Waygate::builder(&format!("http://{}", self.address), app_id).reconnect_delay(QUICK)
    }

    /// Stops, and gives the port back.
    pub(crate) async fn stop(self) -> u16 {
        self.stop.cancel();
        self.serving.await.unwrap();
        self.address.port()
    }
}

pub(crate) fn settings() -> ServerBuilder {
    Server::builder().backend(Arc::new(MemoryStore::new().unwrap()))
}

pub(crate) fn payments(waygate: &Waygate) -> Router {
    GuardedRouter::new()
        .route("/health", get(async || "ok").force_active())
        .route("/api/payments", get(async || "payments"))
        .route("/api/refunds/{id}", get(async || "refund").maintenance("Payment processor upgrade"))
        .guard(waygate)
}

pub(crate) async fn status(app: &Router, path: &str) -> u16 {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    app.clone().oneshot(request).await.unwrap().status().as_u16()
}

pub(crate) async fn eventually_answers(app: &Router, path: &str, expected: u16) {
    let answered = async {
        while status(app, path).await != expected {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, answered).await.is_ok(), "{path} never answers {expected}");
}

#[tokio::test]
async fn changes_of_an_operator_arrive_and_only_where_they_belong() {
    let server = ControlPlane::start().await;
    let (pay, orders) = (server.service("pay").start().unwrap(), server.service("orders").start().unwrap());
    let (pay_app, orders_app) = (payments(&pay), payments(&orders));
    assert!(pay.ready(PATIENCE).await && orders.ready(PATIENCE).await, "{:?}", pay.status());
    assert_eq!(status(&pay_app, "/api/payments").await, 200);
    assert_eq!(status(&pay_app, "/api/refunds/7").await, 503);

    server.operator.disable("pay:GET:/api/payments", "hotfix").await.unwrap();
    eventually_answers(&pay_app, "/api/payments", 503).await;
    assert_eq!(status(&orders_app, "/api/payments").await, 200);
    server.operator.enable("pay:/api/refunds/{id}", "").await.unwrap();
    eventually_answers(&pay_app, "/api/refunds/7", 200).await;
    assert_eq!(status(&orders_app, "/api/refunds/7").await, 503);

    server.operator.enable_global_maintenance("v3", &["/api/payments"]).await.unwrap();
    eventually_answers(&orders_app, "/api/refunds/7", 503).await;
    eventually_answers(&pay_app, "/api/refunds/7", 503).await;
    assert_eq!(status(&orders_app, "/api/payments").await, 200);
    assert_eq!(status(&pay_app, "/health").await, 200);

    let late = server.service("late").start().unwrap();
    let late_app = payments(&late);
    assert!(late.ready(PATIENCE).await);
    assert_eq!((status(&late_app, "/api/refunds/7").await, status(&late_app, "/health").await), (503, 200));
    server.operator.disable_global_maintenance().await.unwrap();
    eventually_answers(&pay_app, "/api/refunds/7", 200).await;

    for waygate in [pay, orders, late] {
        waygate.shutdown().await;
    }
    server.stop().await;
}

#[tokio::test]
async fn g7_g8_a_server_that_comes_late_or_back_empty_is_followed() {
    let placeholder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = placeholder.local_addr().unwrap();
    drop(placeholder);
    let pay = Waygate::builder(&format!("http://{address}"), "pay").reconnect_delay(QUICK).start().unwrap();
    let app = payments(&pay);
    eventually("told", || matches!(pay.status().phase, Phase::Stale { why: Outage::Unreachable { .. }, .. })).await;
    assert_eq!(status(&app, "/api/refunds/7").await, 503);

    let server = ControlPlane::start_at(address.port(), settings()).await;
    assert!(pay.ready(PATIENCE).await, "{:?}", pay.status());
    server.operator.disable("pay:/api/payments", "x").await.unwrap();
    eventually_answers(&app, "/api/payments", 503).await;
    let port = server.stop().await;
    eventually("noticed", || pay.status().phase != Phase::Live).await;
    assert_eq!(status(&app, "/api/payments").await, 503);

    let empty = ControlPlane::start_at(port, settings()).await;
    eventually_answers(&app, "/api/payments", 200).await;
    assert!(pay.ready(PATIENCE).await, "{:?}", pay.status());
    empty.operator.disable("pay:/api/payments", "x").await.unwrap();
    eventually_answers(&app, "/api/payments", 503).await;
    pay.shutdown().await;
    empty.stop().await;
}

#[tokio::test]
async fn g6_credentials_log_in_again_when_the_token_is_refused() {
    let guarded = |secret: &str| settings().auth(("admin", "secret")).secret_key(secret);
    let server = ControlPlane::start_at(0, guarded("one-secret-key-of-the-server")).await;
    let pay = server.service("pay").credentials("admin", "secret").start().unwrap();
    let wrong = server.service("pay").credentials("admin", "guess").start().unwrap();
    let nobody = server.service("pay").start().unwrap();
    let app = payments(&pay);
    assert!(pay.ready(PATIENCE).await, "{:?}", pay.status());
    for refused in [&wrong, &nobody] {
        let why = || matches!(refused.status().phase, Phase::Stale { why: Outage::Unauthorized { .. }, .. });
        eventually("refused", why).await;
    }
    let port = server.stop().await;
    eventually("noticed", || pay.status().phase != Phase::Live).await;
    // Another secret: the token of before is worth nothing now.
    let server = ControlPlane::start_at(port, guarded("another-secret-key-of-the-server")).await;
    assert!(pay.ready(PATIENCE).await, "{:?}", pay.status());
    server.operator.disable("pay:/api/payments", "x").await.unwrap();
    eventually_answers(&app, "/api/payments", 503).await;
    for waygate in [pay, wrong, nobody] {
        waygate.shutdown().await;
    }
    server.stop().await;
}

#[tokio::test]
async fn g20_control_is_a_mutation_at_the_server_or_a_clear_error() {
    let server = ControlPlane::start().await;
    let pay = server.service("pay").start().unwrap();
    let orders = server.service("orders").start().unwrap();
    let (pay_app, orders_app) = (payments(&pay), payments(&orders));
    assert!(pay.ready(PATIENCE).await && orders.ready(PATIENCE).await);
    let control = pay.control();

    let state = control.disable("GET:/api/payments", "from within").await.unwrap();
    assert_eq!((state.path.as_str(), state.reason.as_str()), ("pay:GET:/api/payments", "from within"));
    eventually_answers(&pay_app, "/api/payments", 503).await;
    assert_eq!(status(&orders_app, "/api/payments").await, 200);
    control.enable("pay:GET:/api/payments", "").await.unwrap();
    eventually_answers(&pay_app, "/api/payments", 200).await;
    control.maintenance("/api/payments", "m").await.unwrap();
    eventually_answers(&pay_app, "/api/payments", 503).await;

    control.enable_service_maintenance("DB migration", &["/api/payments"]).await.unwrap();
    let maintenance = control.service_maintenance().await.unwrap();
    assert!(maintenance.enabled);
    assert_eq!((maintenance.reason.as_str(), maintenance.exempt_paths.len()), ("DB migration", 1));
    control.disable_service_maintenance().await.unwrap();
    assert!(!control.service_maintenance().await.unwrap().enabled);
    control.clone().of("orders").unwrap().disable("/api/payments", "x").await.unwrap();
    eventually_answers(&orders_app, "/api/payments", 503).await;

    for (route, expected) in [("GET:/nowhere", "/nowhere"), ("/health", "force_active"), ("nonsense", "expected")] {
        let error = control.disable(route, "x").await.unwrap_err().to_string();
        assert!(error.contains(expected), "{route}: {error}");
    }
    assert!(pay.snapshot().view().service.routes.keys().all(|key| !key.to_string().contains("pay:")));
    pay.shutdown().await;
    orders.shutdown().await;
    server.stop().await;
    let error = control.enable("/api/payments", "").await.unwrap_err();
    assert!(matches!(error, ControlError::Call(_)), "{error}");
}

#[tokio::test]
async fn a_black_hole_does_not_hold_up_the_start() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let pay = Waygate::builder(&url, "pay").start().unwrap();
    let app = payments(&pay);
    assert!(!pay.ready(Duration::from_millis(50)).await);
    assert_eq!((status(&app, "/health").await, status(&app, "/api/refunds/7").await), (200, 503));
    pay.shutdown().await;
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_the_start() {
    let message = |builder: WaygateBuilder| builder.start().unwrap_err().to_string();
    let good = || Waygate::builder("http://localhost:9000", "pay");
    assert!(message(Waygate::builder("localhost:9000", "pay")).contains("http"));
    assert!(message(Waygate::builder("http://localhost:9000", "a:b")).contains("app id"));
    assert!(message(good().environment("")).contains("environment"));
    assert!(message(good().token("two\nlines")).contains("x-waygate-token"));
    let outside = std::thread::spawn(move || good().start().unwrap_err().to_string()).join().unwrap();
    assert!(outside.contains("tokio runtime"), "{outside}");
}

#[tokio::test]
async fn g21_a_control_plane_in_the_guarded_program_can_always_switch_maintenance_off() {
    let server = settings().build().await.unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let waygate = Waygate::builder(&format!("{url}/waygate"), "shop").reconnect_delay(QUICK).start().unwrap();
    let app = GuardedRouter::new()
        .route("/own", get(async || "own"))
        .beside_guard("/waygate", server.router())
        .guard(&waygate);
    let guarded = app.clone();
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    assert!(waygate.ready(PATIENCE).await);

    let call = async |method: &str, path: &str, body: &'static str| {
        let request = Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
        guarded.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    let everything = r#"{"include_force_active":true}"#;
    assert_eq!(call("POST", "/waygate/api/global/enable", everything).await, 200);
    eventually_answers(&guarded, "/own", 503).await;
    assert_eq!(call("GET", "/unknown", "").await, 503, "the guard is around the fallback too");
    assert_eq!(call("POST", "/waygate/api/global/disable", "{}").await, 200);
    eventually_answers(&guarded, "/own", 200).await;
    let own: Vec<String> = waygate.snapshot().view().service.routes.keys().map(ToString::to_string).collect();
    assert_eq!(own, ["GET:/own"], "the control plane's routes are not the service's");
    waygate.shutdown().await;
    serving.abort();
}

#[tokio::test]
async fn credentials_do_not_hinder_at_a_control_plane_that_asks_for_none() {
    let control = ControlPlane::start().await;
    let waygate = control.service("pay").credentials("admin", "secret").start().unwrap();
    assert!(waygate.ready(PATIENCE).await, "{:?}", waygate.status());
    waygate.shutdown().await;
    control.stop().await;
}
