//! What a caller may do.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use waygate_core::{Actor, Cause, Platform, ServiceId, TokenId};

use crate::app::App;
use crate::auth::browser::refuse_foreign;
use crate::auth::user::Role;
use crate::edge::Client;
use crate::error::ApiError;

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Anybody, without a token.
    Public,
    /// Services for what is theirs, and people: viewers to read, the others also to speak for a service.
    Service,
    /// People who look.
    Viewer,
    /// People who operate the fleet.
    Operator,
    /// People who decide about tokens and who is told.
    Admin,
}

/// What a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    /// A service: reads and reports what is its own, switches nothing.
    Service,
    Person(Role),
}

/// Where a browser's change proves that it comes from our own pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Header,
    Form,
}

/// The caller of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    pub(crate) actor: Actor,
    pub(crate) platform: Platform,
    pub(crate) rights: Rights,
    /// The services that the rights are limited to; `None`: all of them, and what is global. A service's token that
    /// is bound to none may read everything and write nothing.
    pub(crate) services: Option<Arc<BTreeSet<ServiceId>>>,
    pub(crate) token: Option<TokenId>,
    /// When the caller's token ends; its streams end with it.
    pub(crate) expires: Option<Timestamp>,
    /// The token came in a cookie: whatever page is open may have had it sent.
    pub(crate) by_cookie: bool,
}

impl Principal {
    /// Whether the state and stream of a service are the caller's to see.
    pub(crate) fn may_read(&self, service: &ServiceId) -> bool {
        self.services.as_ref().is_none_or(|own| own.contains(service))
    }

    /// Whether what is about a service of that name, or about all of them, is the caller's to see.
    pub(crate) fn may_read_named(&self, service: Option<&str>) -> bool {
        let Some(own) = self.services.as_deref() else { return true };
        service.is_some_and(|service| own.contains(service))
    }

    /// [`ApiError::forbidden`] unless the caller may read the service.
    pub(crate) fn require_read(&self, service: &ServiceId) -> Result<(), ApiError> {
        if self.may_read(service) {
            return Ok(());
        }
        Err(ApiError::forbidden(match self.rights {
            Rights::Service => format!("this token may not see the service `{service}`"),
            Rights::Person(_) => format!("`{}` may not see the service `{service}`", self.actor),
        }))
    }

    /// [`ApiError::forbidden`] unless the caller may speak for the service.
    pub(crate) fn require_voice_of(&self, service: &ServiceId) -> Result<(), ApiError> {
        match self.rights {
            Rights::Person(_) => self.require_read(service),
            Rights::Service if self.services.is_some() && self.may_read(service) => Ok(()),
            Rights::Service => Err(ApiError::forbidden(format!(
                "this token may not speak for the service `{service}`; it is bound to the `X-Waygate-App-Id` of its login"
            ))),
        }
    }

    /// Whether what the caller says of a service is taken.
    pub(crate) fn may_speak_for(&self, service: &ServiceId) -> bool {
        self.require(Access::Service, &Method::POST).is_ok() && self.require_voice_of(service).is_ok()
    }

    /// The one service that the caller is limited to; `None` also for several.
    pub(crate) fn only_service(&self) -> Option<&ServiceId> {
        let services = self.services.as_deref()?;
        if services.len() == 1 { services.first() } else { None }
    }

    /// The part of a state that the caller may see.
    pub(crate) fn visible<'s>(&self, state: &'s waygate_core::State) -> Cow<'s, waygate_core::State> {
        match self.services.as_deref() {
            None => Cow::Borrowed(state),
            Some(own) => Cow::Owned(state.only(own)),
        }
    }

    /// Whether the caller may see what concerns all services.
    pub(crate) fn sees_everything(&self) -> bool {
        self.services.is_none()
    }

    pub(crate) fn cause(&self, at: Timestamp) -> Cause {
        Cause { actor: self.actor.clone(), platform: self.platform, at, undoes: None }
    }

    pub(crate) fn require(&self, access: Access, method: &Method) -> Result<(), ApiError> {
        let needed = match access {
            Access::Public => return Ok(()),
            // To speak for a service is more than to look.
            Access::Service if self.rights == Rights::Service || method.is_safe() => return Ok(()),
            Access::Viewer => Role::Viewer,
            Access::Service | Access::Operator => Role::Operator,
            Access::Admin => Role::Admin,
        };
        match self.rights {
            Rights::Person(role) if role >= needed => Ok(()),
            Rights::Person(role) => Err(ApiError::forbidden(format!(
                "this takes the role `{}`; `{}` has the role `{}`",
                needed.as_str(),
                self.actor,
                role.as_str()
            ))),
            Rights::Service => Err(ApiError::forbidden("a service's token may only read and register its own service")),
        }
    }
}

/// The one place that lets callers in: identifies the caller of a route that the router has matched, and refuses
/// whoever may not call it.
pub(crate) async fn enforce(
    State((app, access)): State<(App, Access)>,
    client: Client,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&app, access, &client, (request.method(), request.headers()), Proof::Header).await {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Identifies a caller, and refuses whoever may not do what is asked for. A form bears the token of its session in its
/// body, which is looked at where that is read.
pub(crate) async fn admit(
    app: &App,
    access: Access,
    client: &Client,
    (method, head): (&Method, &HeaderMap),
    proof: Proof,
) -> Result<Principal, ApiError> {
    let principal = app.identify(head, client).await?;
    match proof {
        Proof::Header => app.authority.require_own_page(&principal, method, head, client)?,
        Proof::Form => refuse_foreign(method, head, client)?,
    }
    principal.require(access, method).inspect_err(|_| app.not_let_in("forbidden"))?;
    Ok(principal)
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // Only a public endpoint has no principal; asking for one there is a mistake of ours.
        parts.extensions.get().cloned().ok_or_else(ApiError::internal)
    }
}
