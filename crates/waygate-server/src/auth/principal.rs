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
use waygate_core::{Actor, Cause, Command, LimitTarget, MaintenanceScope, Platform, RouteSelector, ServiceId, TokenId};

use crate::app::App;
use crate::auth::user::Role;
use crate::clock;
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
        Cause { actor: self.actor.clone(), platform: self.platform, at }
    }

    fn require(&self, access: Access, method: &Method) -> Result<(), ApiError> {
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

    /// The command with its routes named in full, or [`ApiError::forbidden`] when it touches what the caller is not
    /// limited to. Whether the caller may give commands of this kind at all, the endpoint has decided.
    pub(crate) fn within_reach(&self, command: Command, app: &App) -> Result<Command, ApiError> {
        let Some(own) = self.services.as_deref() else {
            return Ok(command);
        };
        let state = app.control.current();
        let command = pinned(command, own, &state)?;
        let plan = waygate_core::plan(&state, &command, clock::now())?;
        let changes = plan.records.iter().map(|record| record.change.audience());
        let foreign = changes.into_iter().any(|audience| match audience {
            waygate_core::Audience::Service(service) => !own.contains(service),
            waygate_core::Audience::Everyone | waygate_core::Audience::Servers => true,
        });
        if foreign || plan.routes.iter().any(|key| !own.contains(&key.service)) {
            return Err(out_of_reach(own));
        }
        Ok(command)
    }
}

fn out_of_reach(own: &BTreeSet<ServiceId>) -> ApiError {
    let own: Vec<&str> = own.iter().map(ServiceId::as_str).collect();
    ApiError::forbidden(format!("this is not yours to change; you may change: {}", own.join(", ")))
}

/// Names each route in full, so that it cannot come to mean another one before the command is carried out. A name
/// without a service is looked for among one's own.
fn pinned(command: Command, own: &BTreeSet<ServiceId>, state: &waygate_core::State) -> Result<Command, ApiError> {
    let named = |route: RouteSelector| -> Result<RouteSelector, ApiError> {
        if route.service.as_ref().is_some_and(|service| !own.contains(service)) {
            return Err(out_of_reach(own));
        }
        let visible = state.only(own);
        Ok(visible.resolve(&route)?.into())
    };
    Ok(match command {
        Command::Route { route, to, reason, expected } => Command::Route { route: named(route)?, to, reason, expected },
        Command::RemoveRoute { route, reason, expected } => {
            Command::RemoveRoute { route: named(route)?, reason, expected }
        }
        Command::Maintenance { scope: MaintenanceScope::Global, .. }
        | Command::RateLimit { target: LimitTarget::Global, .. } => return Err(out_of_reach(own)),
        Command::Maintenance { scope: MaintenanceScope::Service(service), .. } if !own.contains(&service) => {
            return Err(out_of_reach(own));
        }
        Command::RemoveService { service, .. } | Command::Register { service, .. } if !own.contains(&service) => {
            return Err(out_of_reach(own));
        }
        Command::RateLimit { target: LimitTarget::Service(service), .. } if !own.contains(&service) => {
            return Err(out_of_reach(own));
        }
        Command::RateLimit { target: LimitTarget::Route(route), to, reason, allow_unknown, expected } => {
            let service = match &route.service {
                Some(service) if own.contains(service) => service.clone(),
                Some(_) => return Err(out_of_reach(own)),
                None => own_service_of(&route, &state.only(own))?,
            };
            let target = LimitTarget::Route(route.within(Some(&service)));
            Command::RateLimit { target, to, reason, allow_unknown, expected }
        }
        Command::All(commands) => {
            let pinned = commands.into_iter().map(|command| pinned(command, own, state));
            Command::All(pinned.collect::<Result<_, _>>()?)
        }
        command => command,
    })
}

/// The one service of a state that has the path.
fn own_service_of(route: &RouteSelector, visible: &waygate_core::State) -> Result<ServiceId, ApiError> {
    let mut serving =
        visible.services.iter().filter(|(_, known)| known.routes.keys().any(|key| key.path == route.path));
    match (serving.next(), serving.next()) {
        (Some((only, _)), None) => Ok(only.clone()),
        _ => Ok(visible.resolve(route)?.service),
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
    match admit(&app, access, &client, request.method(), request.headers()).await {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn admit(
    app: &App,
    access: Access,
    client: &Client,
    method: &Method,
    head: &HeaderMap,
) -> Result<Principal, ApiError> {
    let principal = app.identify(head, client).await?;
    app.authority.require_own_page(&principal, method, head, client)?;
    principal.require(access, method)?;
    Ok(principal)
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // Only a public endpoint has no principal; asking for one there is a mistake of ours.
        parts.extensions.get().cloned().ok_or_else(ApiError::internal)
    }
}
