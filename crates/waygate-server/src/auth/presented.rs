//! What a request says about who sends it: its token, or its word.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use waygate_api::headers;
use waygate_core::Platform;

use crate::auth::browser::session_cookie;
use crate::auth::not_valid;
use crate::auth::principal::{Principal, Rights};
use crate::auth::user::Role;
use crate::edge::Client;
use crate::error::ApiError;

/// Without authentication a caller is who it says it is, and may do everything.
pub(super) fn by_own_word(head: &HeaderMap) -> Result<Principal, ApiError> {
    let text = |name: &'static str| match head.get(name) {
        Some(value) => std::str::from_utf8(value.as_bytes())
            .map(|text| Some(text.trim()).filter(|text| !text.is_empty()))
            .map_err(|_| ApiError::invalid_field(name, "expected UTF-8 text")),
        None => Ok(None),
    };
    let actor = text(headers::ACTOR)?.unwrap_or("anonymous");
    let actor = actor.parse().map_err(|problem| ApiError::invalid_field(headers::ACTOR, problem))?;
    let platform = match text(headers::PLATFORM)? {
        Some("cli") => Platform::Cli,
        Some("sdk") => Platform::Sdk,
        Some("dashboard") => Platform::Dashboard,
        Some(_) => Platform::Api,
        // The reference's SDK names its service, not its platform.
        None if head.contains_key(headers::APP_ID) => Platform::Sdk,
        None => Platform::Cli,
    };
    Ok(Principal {
        actor,
        platform,
        rights: Rights::Person(Role::Admin),
        services: None,
        token: None,
        expires: None,
        by_cookie: false,
    })
}

/// The one token of a request, and whether it came in a cookie. Two that differ are refused rather than chosen
/// between; a cookie counts only where no header has one, good or bad.
pub(super) fn presented_token<'h>(head: &'h HeaderMap, client: &Client) -> Result<Option<(&'h str, bool)>, ApiError> {
    let raw = head.get_all(headers::TOKEN).iter().map(|value| value.to_str().map(str::trim));
    let bearer = head.get_all(AUTHORIZATION).iter().map(|value| value.to_str().map(bearer_token));
    let mut found = None;
    for token in raw.chain(bearer) {
        let token = token.map_err(|_| not_valid())?;
        if token.is_empty() {
            continue;
        }
        if found.is_some_and(|other| other != token) {
            return Err(ApiError::unauthorized("`X-Waygate-Token` and `Authorization` name different tokens"));
        }
        found = Some(token);
    }
    Ok(match found {
        Some(token) => Some((token, false)),
        None => session_cookie(head, client).map(|token| (token, true)),
    })
}

/// The token of an `Authorization` header; empty for other schemes.
fn bearer_token(value: &str) -> &str {
    match value.trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => "",
    }
}
