//! A service with a route of every kind: always on, plain, with a parameter, several methods on one path, limited to
//! environments, with a limit of its own, deprecated. Configured by its environment: `HOST`, `PORT` (0 picks one), and what
//! `Waygate::from_env` reads.

use std::io::IsTerminal as _;
use std::net::SocketAddr;

use anyhow::Context as _;
use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use waygate_sdk::Waygate;
use waygate_sdk::axum::{GuardedRouter, get};

/// What `--help` says.
const HELP: &str = "\
A service with a route of every kind. It takes no arguments; the environment sets it:

  HOST                the address to listen on [default: 127.0.0.1]
  PORT                the port; 0 picks a free one [default: 8002]
  WAYGATE_SERVER_URL  the control plane; required
  WAYGATE_APP_ID      the name of the service; required
  WAYGATE_TOKEN       its token, where the control plane asks for one";

async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

async fn orders() -> Json<Value> {
    Json(json!({"orders": []}))
}

async fn order(Path(id): Path<u64>) -> Json<Value> {
    Json(json!({"id": id}))
}

async fn place_order() -> (StatusCode, Json<Value>) {
    (StatusCode::CREATED, Json(json!({"id": 1})))
}

async fn payments() -> Json<Value> {
    Json(json!({"payments": []}))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if is_told()? {
        return Ok(());
    }
    let is_shown = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(is_shown).init();
    let waygate = Waygate::from_env()?.start()?;

    let app = GuardedRouter::new()
        .route("/health", get(health).force_active())
        .route("/api/orders", get(orders).post(place_order))
        .route("/api/orders/{id}", get(order))
        .route("/api/payments", get(payments))
        .route("/api/orders/debug", get(orders).env_only(["dev", "staging"]))
        .route("/api/orders/export", get(orders).rate_limit("1000/minute"))
        .route("/api/v0/orders", get(orders).deprecated(Some("2030-01-01"), Some("/api/orders")))
        .guard(&waygate);

    let listener = TcpListener::bind((host(), port()?)).await?;
    announce(&listener)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    // Limits count by the caller's address.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    waygate.shutdown().await;
    Ok(())
}

/// Says what sets it, where that is asked for. Whether that was all.
#[expect(clippy::print_stdout, reason = "what was asked for")]
fn is_told() -> anyhow::Result<bool> {
    match std::env::args().nth(1).as_deref() {
        None => Ok(false),
        Some("-h" | "--help") => {
            println!("{HELP}");
            Ok(true)
        }
        Some(other) => anyhow::bail!("`{other}` is not known: there are no arguments; `--help` says what sets it"),
    }
}

#[expect(clippy::disallowed_methods, reason = "a setting of the example's own")]
fn host() -> String {
    std::env::var("HOST").unwrap_or_else(|_| "127.0.0.1".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "a setting of the example's own")]
fn port() -> anyhow::Result<u16> {
    let text = std::env::var("PORT").unwrap_or_else(|_| "8002".to_owned());
    text.parse().with_context(|| format!("`PORT` is `{text}`; expected a number from 0 to 65535"))
}

#[expect(clippy::print_stdout, reason = "the line by which whoever starts the service learns its address")]
fn announce(listener: &TcpListener) -> std::io::Result<()> {
    println!("listening on http://{}", listener.local_addr()?);
    Ok(())
}
