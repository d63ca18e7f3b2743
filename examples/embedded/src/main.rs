//! One program with its own control plane, mounted below `/waygate`: the pattern for a single service.
//!
//! `PORT` is where it listens (0 picks one). Operators use `waygate --server http://127.0.0.1:PORT/waygate`, as `admin` with
//! the password `secret`.

use std::io::IsTerminal as _;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Json;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use waygate_sdk::Waygate;
use waygate_sdk::axum::{GuardedRouter, get};
use waygate_server::Server;
use waygate_store::MemoryStore;

/// What `--help` says.
const HELP: &str = "\
A service with its own control plane, mounted below /waygate (admin, secret). It takes no arguments; the environment sets it:

  PORT                where it listens on 127.0.0.1; 0 picks a free one";

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
    let listener = TcpListener::bind(("127.0.0.1", port()?)).await?;
    let address = listener.local_addr()?;

    let control = Server::builder()
        .backend(Arc::new(MemoryStore::new()?))
        .auth(("admin", "secret"))
        .secret_key("a stable key of at least 32 bytes")
        .build()
        .await?;
    let waygate =
        Waygate::builder(&format!("http://{address}/waygate"), "shop").credentials("admin", "secret").start()?;
    let app = GuardedRouter::new()
        .route("/health", get(health).force_active())
        .route("/api/payments", get(payments).maintenance("Payment processor upgrade"))
        // Beside the guard: whoever switches everything off must be able to switch it on again.
        .beside_guard("/waygate", control.router())
        .guard(&waygate);

    announce(&listener)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let following = waygate.clone();
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        // Its stream comes from this very program, which would otherwise wait for it.
        following.shutdown().await;
    };
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    control.stop().await?;
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

#[expect(clippy::disallowed_methods, reason = "the example's one setting of its own")]
fn port() -> anyhow::Result<u16> {
    let text = std::env::var("PORT").unwrap_or_else(|_| "8000".to_owned());
    text.parse().with_context(|| format!("`PORT` is `{text}`; expected a number from 0 to 65535"))
}

#[expect(clippy::print_stdout, reason = "the line by which whoever starts the program learns its address")]
fn announce(listener: &TcpListener) -> std::io::Result<()> {
    println!("listening on http://{}", listener.local_addr()?);
    Ok(())
}
