//! The guide's two services, as somebody would write them.

use std::net::SocketAddr;

use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use waygate_sdk::axum::{GuardedRouter, get};
use waygate_sdk::{BuildError, Waygate};

/// A service that runs.
pub(super) struct Service {
    pub(super) name: &'static str,
    /// What it can be asked for.
    pub(super) paths: &'static [&'static str],
    address: SocketAddr,
    waygate: Waygate,
    ending: CancellationToken,
    serving: JoinHandle<()>,
}

pub(super) fn payments(control: &str, at: (TcpListener, SocketAddr)) -> Result<Service, BuildError> {
    let waygate = Waygate::builder(control, "payments-service").start()?;
    let app = GuardedRouter::new()
        .route("/health", get(health).force_active())
        .route("/api/payments", get(payments_of_nobody).maintenance("Payment processor upgrade"))
        .guard(&waygate);
    Ok(serve("payments-service", &["/health", "/api/payments"], waygate, app, at))
}

pub(super) fn orders(control: &str, at: (TcpListener, SocketAddr)) -> Result<Service, BuildError> {
    let waygate = Waygate::builder(control, "orders-service").start()?;
    let app = GuardedRouter::new()
        .route("/health", get(health).force_active())
        .route("/api/orders", get(orders_of_nobody))
        .route("/api/payments", get(payments_of_nobody))
        .guard(&waygate);
    Ok(serve("orders-service", &["/health", "/api/orders", "/api/payments"], waygate, app, at))
}

async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

async fn payments_of_nobody() -> Json<Value> {
    Json(json!({"payments": []}))
}

async fn orders_of_nobody() -> Json<Value> {
    Json(json!({"orders": []}))
}

fn serve(
    name: &'static str,
    paths: &'static [&'static str],
    waygate: Waygate,
    app: Router,
    (listener, address): (TcpListener, SocketAddr),
) -> Service {
    let ending = CancellationToken::new();
    let stop = ending.clone().cancelled_owned();
    let serving = tokio::spawn(async move {
        let served = axum::serve(listener, app).with_graceful_shutdown(stop).await;
        if let Err(error) = served {
            tracing::warn!(%error, "{name} has ended");
        }
    });
    Service { name, paths, address, waygate, ending, serving }
}

impl Service {
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) async fn stop(self) {
        self.ending.cancel();
        self.waygate.shutdown().await;
        // Whoever keeps a connection open need not be waited for.
        self.serving.abort();
    }
}
