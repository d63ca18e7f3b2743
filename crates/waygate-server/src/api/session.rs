//! Logging in and out.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use waygate_api::auth::{LoginAnswer, Me};
use waygate_api::error::ErrorCode;
use waygate_core::{Command, Platform};

use crate::api::body::Fields;
use crate::api::names::app_id;
use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::error::ApiError;

/// The largest body of a login, in bytes.
const LOGIN: usize = 8 << 10;

/// A login's fields, or that there is nothing to log in to; that is found out before the body is looked at.
pub(super) async fn login(
    State(app): State<App>,
    head: HeaderMap,
    fields: Result<Fields<LOGIN>, ApiError>,
) -> Result<Response, ApiError> {
    if !app.authority.is_required() {
        let error = "this control plane has no authentication: no login is needed";
        return Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, ErrorCode::AuthNotConfigured, error));
    }
    let fields = fields?;
    let (name, password) = (fields.required_text("username")?, fields.required_text("password")?);
    let platform = match fields.text("platform")? {
        Some("sdk") => Platform::Sdk,
        _ => Platform::Cli,
    };
    let service = if platform == Platform::Sdk { app_id(&head)? } else { None };
    let session = app.authority.login(name, password, platform, service, clock::now()).ok_or_else(|| {
        let error = "the username or the password is wrong";
        ApiError::new(StatusCode::UNAUTHORIZED, ErrorCode::InvalidCredentials, error)
    })?;
    let answer = LoginAnswer {
        token: session.token,
        username: session.username.to_string(),
        expires_at: session.expires.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string(),
    };
    Ok(Json(answer).into_response())
}

/// Ends the token that the request comes with, on every node and for good. A text that is no token of ours leaves
/// no trace.
pub(super) async fn logout(State(app): State<App>, head: HeaderMap) -> Result<Response, ApiError> {
    if let Some(principal) = app.authority.token_to_revoke(&head, clock::now())?
        && let (Some(id), Some(expires)) = (principal.token.clone(), principal.expires)
    {
        app.execute(&principal, Command::RevokeToken { id, expires }).await?;
    }
    Ok(Json(json!({ "ok": true })).into_response())
}

pub(super) async fn me(principal: Principal) -> Json<Me> {
    Json(Me {
        username: principal.actor.to_string(),
        platform: principal.platform.as_str().to_owned(),
        expires_at: principal.expires,
    })
}
