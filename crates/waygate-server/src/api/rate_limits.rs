//! Rate limit policies. This version has none: reads say so in the shapes that clients expect, changes are refused.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use waygate_api::error::ErrorCode;

use crate::api::answer;
use crate::api::names::NamedService;
use crate::app::App;
use crate::auth::Principal;
use crate::error::ApiError;

pub(super) async fn list(State(app): State<App>) -> Response {
    answer::read(&app.control.current(), json!([]))
}

pub(super) async fn hits(State(app): State<App>) -> Response {
    answer::read(&app.control.current(), json!([]))
}

pub(super) async fn show_global(State(app): State<App>) -> Response {
    answer::read(&app.control.current(), json!({ "enabled": false, "policy": null }))
}

pub(super) async fn show_service(
    State(app): State<App>,
    principal: Principal,
    NamedService(service): NamedService,
) -> Result<Response, ApiError> {
    principal.require_read(&service)?;
    let state = app.control.current();
    if !state.services.contains_key(&service) {
        return Err(ApiError::unknown_service(&service, &state));
    }
    Ok(answer::read(&state, json!({ "enabled": false, "policy": null })))
}

pub(super) async fn not_yet() -> ApiError {
    let error = "this version of the control plane has no rate limit policies";
    ApiError::new(StatusCode::NOT_IMPLEMENTED, ErrorCode::NotImplemented, error)
}
