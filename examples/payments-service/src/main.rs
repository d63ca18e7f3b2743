//! A service whose routes operators can switch off and on. Configured by its environment: `HOST`, `PORT` (0 picks one), and
//! what `Waygate::from_env` reads.

use std::io::IsTerminal as _;
use std::net::SocketAddr;

use anyhow::Context as _;
use axum::Json;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use waygate_sdk::Waygate;
use waygate_sdk::axum::{GuardedRouter, get};

/// What `--help` says.
const HELP: &str = "\
A service with two routes, one of which its code puts into maintenance. It takes no arguments; the environment sets it:

  HOST                the address to listen on [default: 127.0.0.1]
  PORT                the port; 0 picks a free one [default: 8000]
  WAYGATE_SERVER_URL  the control plane; required
  WAYGATE_APP_ID      the name of the service; required
  WAYGATE_TOKEN       its token, where the control plane asks for one";

async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
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
    let text = std::env::var("PORT").unwrap_or_else(|_| "8000".to_owned());
    text.parse().with_context(|| format!("`PORT` is `{text}`; expected a number from 0 to 65535"))
}

#[expect(clippy::print_stdout, reason = "the line by which whoever starts the service learns its address")]
fn announce(listener: &TcpListener) -> std::io::Result<()> {
    println!("listening on http://{}", listener.local_addr()?);
    Ok(())
}
