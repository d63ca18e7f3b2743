//! Tokens: listed, made for services, and ended one by one. Their texts are told once, to whoever made them.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::json;
use waygate_api::auth::{NewToken, TokenView};
use waygate_api::error::ErrorCode;
use waygate_core::{Command, IssuedToken, ServiceId, TokenId};

use crate::api::answer;
use crate::api::body::Fields;
use crate::api::names::Parameters;
use crate::app::App;
use crate::auth::Principal;
use crate::error::ApiError;

/// The shortest and the longest life of a token for a service, in seconds: a minute and ten years.
const LIFETIMES: std::ops::RangeInclusive<i64> = 60..=315_360_000;

/// The tokens that are in use, newest first; `service` and `holder` filter.
pub(super) async fn list(State(app): State<App>, parameters: Parameters) -> Result<Response, ApiError> {
    let (service, holder) = (parameters.service()?, parameters.text("holder"));
    let state = app.control.current();
    let now = crate::clock::now();
    let uses = app.token_uses.all().await?;
    let mut views: Vec<TokenView> = state
        .tokens
        .iter()
        .filter(|(_, token)| service.is_none() || token.service == service)
        .filter(|(_, token)| holder.is_none_or(|holder| token.holder.as_str() == holder))
        .filter(|(_, token)| now < token.expires)
        .map(|(id, token)| view(id, token, uses.get(id).copied()))
        .collect();
    views.sort_by(|left, right| (right.issued, &right.id).cmp(&(left.issued, &left.id)));
    Ok(answer::read(&state, views))
}

/// Makes a token for a service.
pub(super) async fn create(State(app): State<App>, principal: Principal, fields: Fields) -> Result<Response, ApiError> {
    if !app.authority.is_required() {
        return Err(ApiError::without_authentication());
    }
    let service: ServiceId =
        fields.required_text("service")?.parse().map_err(|problem| ApiError::invalid_field("service", problem))?;
    let lifetime = fields.integer("expires_in")?.map(lifetime).transpose()?;
    let (session, applied) = app.issue_service_token(&principal, service, lifetime).await?;
    let body = NewToken { token: session.token, view: view(&session.id, &session.issued, None) };
    Ok(answer::changed(&applied, body))
}

/// Ends a token, whoever holds it; its open streams end too.
pub(super) async fn revoke(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let state = app.control.current();
    let known = id.parse::<TokenId>().ok().and_then(|id| Some((state.tokens.get(&id)?.expires, id)));
    let Some((expires, id)) = known else {
        let error = "no token of that id is in use; `GET /api/tokens` lists them";
        return Err(ApiError::new(StatusCode::NOT_FOUND, ErrorCode::UnknownToken, error));
    };
    let applied = app.execute(&principal, Command::RevokeToken { id, expires }).await?;
    Ok(answer::changed(&applied, json!({ "ok": true })))
}

fn view(id: &TokenId, token: &IssuedToken, last_used: Option<Timestamp>) -> TokenView {
    TokenView {
        id: id.to_string(),
        holder: token.holder.to_string(),
        kind: token.kind.as_str().to_owned(),
        platform: token.platform.as_str().to_owned(),
        service: token.service.as_ref().map(ToString::to_string),
        issued: token.issued,
        expires: token.expires,
        last_used,
    }
}

fn lifetime(seconds: i64) -> Result<Duration, ApiError> {
    let (shortest, longest) = (LIFETIMES.start(), LIFETIMES.end());
    u64::try_from(seconds)
        .ok()
        .filter(|_| LIFETIMES.contains(&seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| ApiError::invalid_field("expires_in", format!("expected seconds, from {shortest} to {longest}")))
}
