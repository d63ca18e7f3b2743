//! Who is calling: users with passwords, tokens, and what a caller may do.
//!
//! Credentials are decided on the route that the router has matched, never on the look of a path.

mod browser;
mod credentials;
mod failures;
mod identity;
mod login;
mod password;
mod presented;
mod principal;
mod reach;
mod scraper;
mod secret;
mod throttle;
mod token;
mod usage;
mod user;

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Method};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Semaphore;
use waygate_core::{Actor, Platform, State, TokenId};

pub(crate) use browser::{clear_cookie, refuse_foreign, set_cookie};
pub use credentials::Credentials;
pub(crate) use credentials::Users;
pub(crate) use failures::FailedLogins;
pub use identity::{Authenticator, AuthenticatorError, Identity};
pub(crate) use login::Attempt;
pub use password::{HashError, hash_password};
pub use principal::Access;
pub(crate) use principal::{Principal, Proof, Rights, admit, enforce};
pub(crate) use scraper::enforce_scraper;
pub(crate) use secret::{Secret, weakness};
pub(crate) use usage::TokenUses;
pub use user::{Role, User};

use crate::auth::browser::{CsrfTokens, Provenance, provenance};
use crate::auth::login::CHECKED_AT_ONCE;
use crate::auth::presented::{by_own_word, presented_token};
use crate::auth::throttle::Throttle;
use crate::auth::token::{Claims, Tokens};
use crate::edge::Client;
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
    authenticator: Option<Arc<dyn Authenticator>>,
    tokens: Tokens,
    csrf_tokens: CsrfTokens,
    lifetimes: Lifetimes,
    throttle: Throttle,
    /// Passwords are checked a few at a time.
    checking: Semaphore,
    /// What lets a scraper in, and into nothing else.
    scraper_token: Option<SecretString>,
}

impl Authority {
    pub(crate) fn new(
        authenticator: Option<Arc<dyn Authenticator>>,
        secret: &Secret,
        lifetimes: Lifetimes,
    ) -> Option<Self> {
        Some(Self {
            authenticator,
            tokens: Tokens::new(secret)?,
            csrf_tokens: CsrfTokens::new(secret),
            lifetimes,
            throttle: Throttle::new(secret),
            checking: Semaphore::new(CHECKED_AT_ONCE),
            scraper_token: None,
        })
    }

    /// Whether callers must say who they are.
    pub(crate) fn is_required(&self) -> bool {
        self.authenticator.is_some()
    }

    /// Who the caller is, by the token in the request's head; without authentication, by what the caller says.
    pub(crate) async fn identify(
        &self,
        head: &HeaderMap,
        client: &Client,
        state: &State,
        now: Timestamp,
    ) -> Result<Principal, ApiError> {
        let Some(authenticator) = &self.authenticator else {
            return by_own_word(head);
        };
        let (token, by_cookie) = presented_token(head, client)?.ok_or_else(|| {
            ApiError::unauthorized(
                "a token is needed: log in, and send it as `X-Waygate-Token` or as `Authorization: Bearer`",
            )
        })?;
        let claims = self.valid_claims(token, by_cookie, now)?;
        if state.revoked_tokens.contains_key(&claims.id) {
            return Err(ApiError::unauthorized("the token has been revoked; log in again"));
        }
        let Some(fingerprint) = &claims.fingerprint else {
            return claims.of_a_service().ok_or_else(not_valid);
        };
        let identity = authenticator.identity(&claims.subject).await.map_err(|error| ApiError::undecided(&error))?;
        let identity = identity.filter(|identity| login::is_same(&identity.fingerprint, fingerprint));
        claims.of(&identity.ok_or_else(not_valid)?, by_cookie).ok_or_else(not_valid)
    }

    /// What the caller's token says when it is one of ours and still good, whether or not it was revoked.
    pub(crate) fn token_to_end(&self, head: &HeaderMap, client: &Client, now: Timestamp) -> Option<Ending> {
        self.authenticator.as_ref()?;
        let (token, by_cookie) = presented_token(head, client).ok()??;
        let claims = self.valid_claims(token, by_cookie, now).ok()?;
        Some(Ending {
            actor: claims.subject,
            platform: claims.platform,
            id: claims.id,
            expires: claims.expires,
            by_cookie,
        })
    }

    fn valid_claims(&self, token: &str, by_cookie: bool, now: Timestamp) -> Result<Claims, ApiError> {
        let claims = self.tokens.open(token).ok_or_else(not_valid)?;
        if by_cookie && claims.platform != Platform::Dashboard {
            return Err(not_valid());
        }
        if claims.expires <= now {
            return Err(ApiError::unauthorized("the token has expired; log in again"));
        }
        Ok(claims)
    }

    /// Refuses a change that may not be the caller's own wish: one that a page of another site has the caller's
    /// browser send. Without authentication there is nothing else that holds such a page back; with a cookie, the
    /// session's CSRF token is asked for besides. Tokens in headers are never sent by a browser on its own.
    pub(crate) fn require_own_page(
        &self,
        principal: &Principal,
        method: &Method,
        head: &HeaderMap,
        client: &Client,
    ) -> Result<(), ApiError> {
        if method.is_safe() || (self.is_required() && !principal.by_cookie) {
            return Ok(());
        }
        refuse_foreign(method, head, client)?;
        match &principal.token {
            Some(session) if principal.by_cookie => self.csrf_tokens.require(session, head),
            _ => Ok(()),
        }
    }

    /// Refuses a form that does not bear the token of the browser's session, see [`Authority::csrf_token`].
    pub(crate) fn require_own_form(&self, principal: &Principal, given: &str) -> Result<(), ApiError> {
        match &principal.token {
            Some(session) if principal.by_cookie && !self.csrf_tokens.fits(session, given.as_bytes()) => {
                Err(ApiError::forbidden("this form is of another session, or of none: open it again"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses to end a browser's session unless the wish comes from our own pages or bears its CSRF token.
    pub(crate) fn require_own_logout(&self, id: &TokenId, head: &HeaderMap, client: &Client) -> Result<(), ApiError> {
        match provenance(head, client) {
            Provenance::OwnPage => Ok(()),
            Provenance::Foreign => refuse_foreign(&Method::POST, head, client),
            Provenance::Unknown => self.csrf_tokens.require(id, head),
        }
    }

    /// The token that forms bear, masked.
    pub(crate) fn form_token(&self, principal: &Principal) -> Option<String> {
        principal.token.as_ref().filter(|_| principal.by_cookie).and_then(|session| self.csrf_tokens.masked(session))
    }

    /// The token that a browser's changes must bear.
    pub(crate) fn csrf_token(&self, principal: &Principal) -> Option<String> {
        principal.token.as_ref().filter(|_| principal.by_cookie).map(|session| self.csrf_tokens.of(session))
    }
}

/// A token that is about to be ended by whoever holds it.
pub(crate) struct Ending {
    pub(crate) actor: Actor,
    pub(crate) platform: Platform,
    pub(crate) id: TokenId,
    pub(crate) expires: Timestamp,
    pub(crate) by_cookie: bool,
}

fn not_valid() -> ApiError {
    ApiError::unauthorized("the token is not valid here; log in again")
}
