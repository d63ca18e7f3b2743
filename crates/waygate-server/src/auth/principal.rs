//! What a caller may do.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use waygate_core::{Actor, Cause, Platform, ServiceId, TokenId};

use crate::app::App;
use crate::clock;
use crate::error::ApiError;

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Anybody, without a token.
    Public,
    /// Services for what is theirs, and everybody who may do more.
    Service,
    /// People who operate the fleet.
    Operator,
}

/// What a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything.
    Admin,
    /// A service: reads and reports what is its own, switches nothing.
    Service,
}

/// The caller of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    pub(crate) actor: Actor,
    pub(crate) platform: Platform,
    pub(crate) role: Role,
    /// The service that a service's token is bound to. Without one it may read everything and write nothing.
    pub(crate) service: Option<ServiceId>,
    pub(crate) token: Option<TokenId>,
    /// When the caller's token ends; its streams end with it.
    pub(crate) expires: Option<Timestamp>,
}

impl Principal {
    /// Whether the state and stream of a service are the caller's to see.
    pub(crate) fn may_read(&self, service: &ServiceId) -> bool {
        match self.role {
            Role::Admin => true,
            Role::Service => self.service.as_ref().is_none_or(|own| own == service),
        }
    }

    /// [`ApiError::forbidden`] unless the caller may read the service.
    pub(crate) fn require_read(&self, service: &ServiceId) -> Result<(), ApiError> {
        if self.may_read(service) {
            return Ok(());
        }
        Err(ApiError::forbidden(format!("this token may not see the service `{service}`")))
    }

    /// [`ApiError::forbidden`] unless the caller may speak for the service.
    pub(crate) fn require_voice_of(&self, service: &ServiceId) -> Result<(), ApiError> {
        match self.role {
            Role::Admin => Ok(()),
            Role::Service if self.service.as_ref() == Some(service) => Ok(()),
            Role::Service => Err(ApiError::forbidden(format!(
                "this token may not speak for the service `{service}`; it is bound to the `X-Waygate-App-Id` of its login"
            ))),
        }
    }

    /// The one service that the caller is limited to.
    pub(crate) fn only_service(&self) -> Option<&ServiceId> {
        match self.role {
            Role::Admin => None,
            Role::Service => self.service.as_ref(),
        }
    }

    pub(crate) fn cause(&self, at: Timestamp) -> Cause {
        Cause { actor: self.actor.clone(), platform: self.platform, at }
    }

    fn require(&self, access: Access) -> Result<(), ApiError> {
        match (access, self.role) {
            (Access::Public | Access::Service, _) | (Access::Operator, Role::Admin) => Ok(()),
            (Access::Operator, Role::Service) => {
                Err(ApiError::forbidden("a service's token may only read and register its own service"))
            }
        }
    }
}

/// The one place that lets callers in: identifies the caller of a route that the router has matched, and refuses
/// whoever may not call it.
pub(crate) async fn enforce(State((app, access)): State<(App, Access)>, mut request: Request, next: Next) -> Response {
    let identified = app.authority.identify(request.headers(), &app.control.current(), clock::now());
    match identified.and_then(|principal| principal.require(access).map(|()| principal)) {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // Only a public endpoint has no principal; asking for one there is a mistake of ours.
        parts.extensions.get().cloned().ok_or_else(ApiError::internal)
    }
}
