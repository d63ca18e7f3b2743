//! The least that a guarded service is: `minimal 127.0.0.1:8000`, with `WAYGATE_SERVER_URL` and `WAYGATE_APP_ID` set.

use anyhow::Context as _;
use waygate_sdk::Waygate;
use waygate_sdk::axum::{GuardedRouter, get};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let waygate = Waygate::from_env()?.start()?;
    let app = GuardedRouter::new()
        .route("/health", get(async || "ok").force_active())
        .route("/hello", get(async || "hello"))
        .guard(&waygate);
    let address = std::env::args().nth(1).context("expected an address, such as `127.0.0.1:8000`")?;
    axum::serve(tokio::net::TcpListener::bind(address).await?, app).await?;
    Ok(())
}
