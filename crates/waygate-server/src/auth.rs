//! Who is calling: users with passwords, tokens, and what a caller may do.
//!
//! Credentials are decided on the route that the router has matched, never on the look of a path.

mod credentials;
mod principal;
mod secret;
mod token;

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use jiff::Timestamp;
use waygate_api::headers;
use waygate_core::{Actor, Platform, ServiceId, State, TokenId};

pub use credentials::Credentials;
pub(crate) use credentials::Users;
pub use principal::Access;
pub(crate) use principal::{Principal, Role, enforce};
pub(crate) use secret::Secret;
use token::{Claims, Tokens};

use crate::error::ApiError;

/// How long tokens are good for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetimes {
    /// Of people's tokens.
    pub(crate) person: Duration,
    /// Of services' tokens.
    pub(crate) service: Duration,
}

/// Decides who a caller is.
#[derive(Debug)]
pub(crate) struct Authority {
    /// `None`: everybody may do everything.
    users: Option<Users>,
    tokens: Tokens,
    lifetimes: Lifetimes,
}

/// A token that was just issued.
pub(crate) struct Session {
    pub(crate) token: String,
    pub(crate) username: Actor,
    pub(crate) expires: Timestamp,
}

impl Authority {
    pub(crate) fn new(users: Option<Users>, secret: &Secret, lifetimes: Lifetimes) -> Option<Self> {
        Some(Self { users, tokens: Tokens::new(secret)?, lifetimes })
    }

    /// Whether callers must say who they are.
    pub(crate) fn is_required(&self) -> bool {
        self.users.is_some()
    }

    /// Who the caller is, by the token in the request's head; without authentication, by what the caller says.
    pub(crate) fn identify(&self, head: &HeaderMap, state: &State, now: Timestamp) -> Result<Principal, ApiError> {
        let Some(users) = &self.users else {
            return by_own_word(head);
        };
        let token = presented_token(head)?.ok_or_else(|| {
            ApiError::unauthorized(
                "a token is needed: log in, and send it as `X-Waygate-Token` or as `Authorization: Bearer`",
            )
        })?;
        let claims = self.valid_claims(users, token, now)?;
        if state.revoked_tokens.contains_key(&claims.id) {
            return Err(ApiError::unauthorized("the token has been revoked; log in again"));
        }
        Ok(claims.into_principal())
    }

    /// The id and end of the token in the request's head, if it is one of ours and still good.
    pub(crate) fn token_to_revoke(&self, head: &HeaderMap, now: Timestamp) -> Result<Option<Principal>, ApiError> {
        let (Some(users), Some(token)) = (&self.users, presented_token(head)?) else {
            return Ok(None);
        };
        Ok(self.valid_claims(users, token, now).ok().map(Claims::into_principal))
    }

    fn valid_claims(&self, users: &Users, token: &str, now: Timestamp) -> Result<Claims, ApiError> {
        let invalid = || ApiError::unauthorized("the token is not valid here; log in again");
        let claims = self.tokens.open(token).ok_or_else(invalid)?;
        if claims.expires <= now {
            return Err(ApiError::unauthorized("the token has expired; log in again"));
        }
        if !users.has_issued(&claims.subject, &claims.fingerprint) {
            return Err(invalid());
        }
        Ok(claims)
    }

    /// Issues a token for a name and password, or `None` when they are wrong. A token for a service is bound to
    /// `service`; without one it can only read.
    pub(crate) fn login(
        &self,
        name: &str,
        password: &str,
        platform: Platform,
        service: Option<ServiceId>,
        now: Timestamp,
    ) -> Option<Session> {
        let user = self.users.as_ref()?.verify(name, password)?;
        let (lifetime, service) = match platform {
            Platform::Sdk => (self.lifetimes.service, service),
            _ => (self.lifetimes.person, None),
        };
        let expires = now.checked_add(lifetime).unwrap_or(Timestamp::MAX);
        let claims = Claims {
            subject: user.actor.clone(),
            id: new_token_id()?,
            platform,
            issued: now,
            expires,
            service,
            fingerprint: user.fingerprint.clone(),
        };
        let token = self.tokens.seal(&claims)?;
        Some(Session { token, username: claims.subject, expires })
    }
}

fn new_token_id() -> Option<TokenId> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    secret::hex(&bytes).parse().ok()
}

/// Without authentication a caller is who it says it is, and may do everything.
fn by_own_word(head: &HeaderMap) -> Result<Principal, ApiError> {
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
    Ok(Principal { actor, platform, role: Role::Admin, service: None, token: None, expires: None })
}

/// The one token of a request. Two that differ are refused rather than chosen between.
fn presented_token(head: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let raw = head.get_all(headers::TOKEN).iter().map(|value| value.to_str().map(str::trim));
    let bearer = head.get_all(AUTHORIZATION).iter().map(|value| value.to_str().map(bearer_token));
    let mut found = None;
    for token in raw.chain(bearer) {
        let token = token.map_err(|_| ApiError::unauthorized("the token is not valid here; log in again"))?;
        if token.is_empty() {
            continue;
        }
        if found.is_some_and(|other| other != token) {
            return Err(ApiError::unauthorized("`X-Waygate-Token` and `Authorization` name different tokens"));
        }
        found = Some(token);
    }
    Ok(found)
}

/// The token of an `Authorization` header; empty for other schemes.
fn bearer_token(value: &str) -> &str {
    match value.trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => "",
    }
}
