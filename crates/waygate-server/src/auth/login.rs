//! From a name and a password to a token, and tokens for services.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;
use subtle::ConstantTimeEq as _;
use waygate_api::error::ErrorCode;
use waygate_core::{Actor, Command, IssuedToken, Platform, ServiceId, TokenId, TokenKind};

use crate::app::App;
use crate::auth::identity::Identity;
use crate::auth::secret;
use crate::auth::token::Claims;
use crate::auth::user::Role;
use crate::auth::{Authority, Principal};
use crate::clock;
use crate::error::ApiError;

/// How many passwords are checked at a time: hashing must not take every core.
pub(super) const CHECKED_AT_ONCE: usize = 2;
/// How long a login may wait for its turn before it is asked to come back.
const TURN: Duration = Duration::from_secs(5);

/// Somebody tries to log in.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) name: &'a str,
    pub(crate) password: &'a str,
    pub(crate) platform: Platform,
    /// The service that a token for platform `sdk` is bound to; without one it can only read.
    pub(crate) service: Option<ServiceId>,
    pub(crate) address: Option<IpAddr>,
}

/// A token that was just issued. Its text is here and with whoever asked for it, and nowhere else.
pub(crate) struct Session {
    pub(crate) token: String,
    pub(crate) id: TokenId,
    pub(crate) issued: IssuedToken,
}

impl Authority {
    /// The identity behind an attempt; refused when the credentials are wrong, or tried too often.
    async fn check(&self, app: &App, attempt: &Attempt<'_>) -> Result<Identity, ApiError> {
        let authenticator = self.authenticator.as_ref().ok_or_else(ApiError::without_authentication)?;
        let wait = |now| match self.throttle.wait(attempt.name, attempt.address, now) {
            Some(seconds) => Err(too_many_attempts(seconds)),
            None => Ok(()),
        };
        let throttled = |_: &ApiError| app.not_let_in("throttled");
        // Whoever has to wait does not stand in the way of others.
        wait(clock::now()).inspect_err(throttled)?;
        let turn = tokio::time::timeout(TURN, self.checking.acquire()).await;
        let _turn = turn.map_err(|_| too_many_attempts(1))?.map_err(|_| ApiError::internal())?;
        // Others may have failed in the meantime.
        wait(clock::now()).inspect_err(throttled)?;
        let found = authenticator.authenticate(attempt.name, attempt.password).await;
        let found = found.map_err(|error| ApiError::undecided(&error))?;
        if let Some(identity) = found {
            self.throttle.succeeded(attempt.name, attempt.address, clock::now());
            return Ok(identity);
        }
        self.throttle.failed(attempt.name, attempt.address, clock::now());
        app.not_let_in("password");
        let user = attempt.name.parse::<Actor>().ok();
        let known = match &user {
            Some(user) => authenticator.identity(user).await.ok().flatten().is_some(),
            None => false,
        };
        app.failed_logins.note(app, user.filter(|_| known), attempt.address).await;
        let error = "the username or the password is wrong";
        Err(ApiError::new(StatusCode::UNAUTHORIZED, ErrorCode::InvalidCredentials, error))
    }

    fn seal(&self, claims: &Claims, issued: IssuedToken) -> Result<Session, ApiError> {
        let token = self.tokens.seal(claims).ok_or_else(ApiError::internal)?;
        Ok(Session { token, id: claims.id.clone(), issued })
    }
}

impl App {
    /// Issues a token for a name and a password.
    ///
    /// Where the store takes nothing at the moment, the token is issued all the same, since whoever has to mend that
    /// must get in; it is not listed then.
    pub(crate) async fn login(&self, attempt: Attempt<'_>) -> Result<Session, ApiError> {
        let authority = &self.authority;
        let identity = authority.check(self, &attempt).await?;
        let (lifetime, service) = match attempt.platform {
            Platform::Sdk => (authority.lifetimes.service, bound(attempt.service, &identity)?),
            _ => (authority.lifetimes.person, None),
        };
        let now = clock::now();
        let claims = Claims {
            subject: identity.name,
            id: new_token_id()?,
            platform: attempt.platform,
            issued: now,
            expires: now.checked_add(lifetime).unwrap_or(Timestamp::MAX),
            service,
            fingerprint: Some(identity.fingerprint),
        };
        let session = authority.seal(&claims, claims.record(TokenKind::Login))?;
        if now < claims.expires {
            let command = Command::IssueToken { id: claims.id.clone(), token: session.issued.clone() };
            let cause =
                waygate_core::Cause { actor: claims.subject.clone(), platform: claims.platform, at: now, undoes: None };
            if let Err(error) = self.control.execute(command, cause).await {
                tracing::warn!(%error, token = claims.id.as_str(), "a login could not be written down");
            }
        }
        Ok(session)
    }

    /// Issues a token for a service in the name of an administrator. It does not depend on anybody's password.
    pub(crate) async fn issue_service_token(
        &self,
        principal: &Principal,
        service: ServiceId,
        lifetime: Option<Duration>,
    ) -> Result<(Session, crate::control::Applied), ApiError> {
        let now = clock::now();
        let lifetime = lifetime.unwrap_or(self.authority.lifetimes.service);
        let claims = Claims {
            subject: service.as_str().parse().map_err(|_| ApiError::internal())?,
            id: new_token_id()?,
            platform: Platform::Sdk,
            issued: now,
            expires: now.checked_add(lifetime).unwrap_or(Timestamp::MAX),
            service: Some(service),
            fingerprint: None,
        };
        let session = self.authority.seal(&claims, claims.record(TokenKind::Service))?;
        let command = Command::IssueToken { id: claims.id.clone(), token: session.issued.clone() };
        let applied = self.execute(principal, command).await?;
        Ok((session, applied))
    }
}

/// The service that a login or a new token speaks for, and whether it may.
fn bound(service: Option<ServiceId>, identity: &Identity) -> Result<Option<ServiceId>, ApiError> {
    if identity.role == Role::Viewer {
        return Err(ApiError::forbidden(format!(
            "`{}` may only look, and so cannot speak for a service",
            identity.name
        )));
    }
    match (&service, &identity.services) {
        (Some(service), Some(own)) if !own.contains(service) => {
            Err(ApiError::forbidden(format!("`{}` may not speak for the service `{service}`", identity.name)))
        }
        (None, Some(_)) => {
            let error = format!("`{}` must name the service to speak for, as `X-Waygate-App-Id`", identity.name);
            Err(ApiError::forbidden(error))
        }
        _ => Ok(service),
    }
}

/// Compares what must not be guessed letter by letter.
pub(super) fn is_same(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

fn too_many_attempts(seconds: u64) -> ApiError {
    let error = format!("too many attempts to log in; try again in {seconds} seconds");
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyAttempts, error).retry_after(seconds)
}

fn new_token_id() -> Result<TokenId, ApiError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| ApiError::internal())?;
    secret::hex(&bytes).parse().map_err(|_| ApiError::internal())
}
