//! A service whose document of OpenAPI says what does not answer: `documented 127.0.0.1:8000`, then `/openapi.json`.

use anyhow::Context as _;
use axum::Json;
use axum::extract::Path;
use utoipa::OpenApi;
use waygate_sdk::Waygate;
use waygate_sdk::axum::{GuardedRouter, get};

#[derive(OpenApi)]
#[openapi(paths(order, old_orders))]
struct Document;

/// One order.
#[utoipa::path(get, path = "/orders/{id}", responses((status = 200, description = "the order")))]
async fn order(Path(id): Path<u64>) -> String {
    format!("order {id}")
}

/// Orders, as they were told before.
#[utoipa::path(get, path = "/v1/orders", responses((status = 200, description = "all orders")))]
async fn old_orders() -> &'static str {
    "[]"
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let waygate = Waygate::from_env()?.start()?;
    let marked = waygate.clone();
    let app = GuardedRouter::new()
        .route("/orders/{id}", get(order))
        .route("/v1/orders", get(old_orders).deprecated(Some("2031-01-01"), Some("/orders")))
        .route("/openapi.json", get(async move || Json(marked.openapi(Document::openapi()))).force_active())
        .guard(&waygate);
    let address = std::env::args().nth(1).context("expected an address, such as `127.0.0.1:8000`")?;
    axum::serve(tokio::net::TcpListener::bind(address).await?, app).await?;
    Ok(())
}
