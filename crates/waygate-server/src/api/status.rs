//! How the server itself is doing.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use waygate_api::error::ErrorCode;
use waygate_core::{Epoch, Revision};

use crate::api::answer;
use crate::app::App;
use crate::clock;
use crate::error::ApiError;

/// The answer of `GET /api/server`.
#[derive(Serialize)]
struct ServerView {
    version: &'static str,
    epoch: Epoch,
    revision: Revision,
    /// Since the start, this one included.
    requests: u64,
    backend: String,
    /// What its clock says.
    time: Timestamp,
    /// Whether callers need a token.
    auth: bool,
}

/// The process is alive.
pub(super) async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The process can serve: not while it stops, not while its store is out of reach.
pub(super) async fn readyz(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let refusal = |reason: String| {
        Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::StoreUnavailable, reason).retry_after(5))
    };
    if app.stopping.is_cancelled() {
        return refusal("the server is stopping".to_owned());
    }
    match app.control.trouble() {
        Some(trouble) => refusal(trouble),
        None => Ok(Json(json!({ "status": "ready" }))),
    }
}

pub(super) async fn server(State(app): State<App>) -> Response {
    let state = app.control.current();
    let view = ServerView {
        version: env!("CARGO_PKG_VERSION"),
        epoch: state.cursor.epoch.clone(),
        revision: state.cursor.revision,
        requests: app.requests(),
        backend: app.control.describe_store(),
        time: clock::now(),
        auth: app.authority.is_required(),
    };
    answer::read(&state, view)
}
