//! How far the commands of somebody who is limited to some services reach.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use waygate_core::{Audience, Command, LimitTarget, MaintenanceScope, RouteSelector, ServiceId, State};

use crate::app::App;
use crate::auth::principal::Principal;
use crate::clock;
use crate::error::ApiError;

impl Principal {
    /// The command with its routes named in full, or [`ApiError::forbidden`] when it touches what the caller is not
    /// limited to. Whether the caller may give commands of this kind at all, the endpoint has decided. Nothing is denied to
    /// exist before this node has learned what others have committed.
    pub(crate) async fn within_reach(&self, command: Command, app: &App) -> Result<Command, ApiError> {
        let Some(own) = self.services.as_deref() else {
            return Ok(command);
        };
        match within(own, command.clone(), &app.control.current()) {
            Err(refusal) if refusal.status != StatusCode::FORBIDDEN => {
                app.control.catch_up().await?;
                within(own, command, &app.control.current())
            }
            answer => answer,
        }
    }
}

fn within(own: &BTreeSet<ServiceId>, command: Command, state: &State) -> Result<Command, ApiError> {
    let command = pinned(command, own, state)?;
    let plan = waygate_core::plan(state, &command, clock::now())?;
    let changes = plan.records.iter().map(|record| record.change.audience());
    let foreign = changes.into_iter().any(|audience| match audience {
        Audience::Service(service) => !own.contains(service),
        Audience::Everyone | Audience::Servers => true,
    });
    if foreign || plan.routes.iter().any(|key| !own.contains(&key.service)) {
        return Err(out_of_reach(own));
    }
    Ok(command)
}

fn out_of_reach(own: &BTreeSet<ServiceId>) -> ApiError {
    let own: Vec<&str> = own.iter().map(ServiceId::as_str).collect();
    ApiError::forbidden(format!("this is not yours to change; you may change: {}", own.join(", ")))
}

/// Names each route in full, so that it cannot come to mean another one before the command is carried out. A name
/// without a service is looked for among one's own.
fn pinned(command: Command, own: &BTreeSet<ServiceId>, state: &State) -> Result<Command, ApiError> {
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
            let pinned = commands.into_iter().enumerate().map(|(index, command)| {
                pinned(command, own, state).map_err(|refusal| refusal.within(&format!("commands[{index}]")))
            });
            Command::All(pinned.collect::<Result<_, _>>()?)
        }
        command => command,
    })
}

/// The one service of a state that has the path.
fn own_service_of(route: &RouteSelector, visible: &State) -> Result<ServiceId, ApiError> {
    let mut serving =
        visible.services.iter().filter(|(_, known)| known.routes.keys().any(|key| key.path == route.path));
    match (serving.next(), serving.next()) {
        (Some((only, _)), None) => Ok(only.clone()),
        _ => Ok(visible.resolve(route)?.service),
    }
}
