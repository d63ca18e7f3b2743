//! A service whose routes operators can switch off and on. Configured by its environment: `HOST`, `PORT` (0 picks one), and
//! what `Waygate::from_env` reads.

use anyhow::Context as _;
use axum::Json;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use waygate_sdk::Waygate;
use waygate_sdk::axum::{GuardedRouter, get};

async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

async fn payments() -> Json<Value> {
    Json(json!({"payments": []}))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let waygate = Waygate::from_env()?.start()?;

    let app = GuardedRouter::new()
        .route("/health", get(health).force_active())
        .route("/api/payments", get(payments).maintenance("Payment processor upgrade"))
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
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    waygate.shutdown().await;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a setting of the example's own")]
fn host() -> String {
    std::env::var("HOST").unwrap_or_else(|_| "127.0.0.1".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "a setting of the example's own")]
fn port() -> anyhow::Result<u16> {
    let text = std::env::var("PORT").unwrap_or_else(|_| "8000".to_owned());
    text.parse().with_context(|| format!("`PORT` is `{text}`; expected a number from 0 to 65535"))
}

#[expect(clippy::print_stdout, reason = "the line by which whoever starts the service learns its address")]
fn announce(listener: &TcpListener) -> std::io::Result<()> {
    println!("listening on http://{}", listener.local_addr()?);
    Ok(())
}
