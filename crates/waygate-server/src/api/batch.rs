//! Several changes as one: all of them, or none.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::Value;
use waygate_api::batch::{BatchAnswer, LARGEST_BODY, MOST_COMMANDS};
use waygate_api::maintenance::MaintenanceView;
use waygate_api::rate_limits::LimitView;
use waygate_core::{
    Command, LimitTarget, MaintenanceScope, MaintenanceSwitch, RateLimitSwitch, Revision, RouteKey, RouteSelector,
    Switch,
};

use crate::api::asked::Asked;
use crate::api::body::{Fields, mismatch};
use crate::api::{answer, maintenance, rate_limits, routes, switches};
use crate::app::App;
use crate::clock;
use crate::compat;
use crate::control::Applied;
use crate::error::ApiError;

/// The largest body, in bytes.
const BATCH: usize = LARGEST_BODY;

/// What commands are called: by the names that the audit log has for them. `as_declared` is logged as what it brings about.
pub(super) const ACTIONS: [&str; 29] = [
    "enable",
    "disable",
    "maintenance_on",
    "env_gate",
    "as_declared",
    "schedule",
    "schedule_cancel",
    "deprecate",
    "undeprecate",
    "route_remove",
    "service_remove",
    "global_maintenance_on",
    "global_maintenance_off",
    "global_maintenance_edit",
    "service_maintenance_on",
    "service_maintenance_off",
    "service_maintenance_edit",
    "rl_policy_set",
    "rl_policy_deleted",
    "rl_policy_enabled",
    "rl_policy_disabled",
    "global_rl_set",
    "global_rl_deleted",
    "global_rl_enabled",
    "global_rl_disabled",
    "svc_rl_set",
    "svc_rl_deleted",
    "svc_rl_enabled",
    "svc_rl_disabled",
];

/// Each command has the fields that its own endpoint takes, and `route` or `service` for what stands in the path there.
pub(super) async fn batch(State(app): State<App>, asked: Asked<BATCH>) -> Result<Response, ApiError> {
    let now = clock::now();
    let expected = || ApiError::invalid_field("commands", format!("expected a list of 1 to {MOST_COMMANDS} commands"));
    let commands = asked.fields.list("commands")?.ok_or_else(expected)?;
    if asked.expected.is_some() {
        let problem = "each command has an `expected_revision` of its own; the batch has none";
        return Err(ApiError::invalid_field("expected_revision", problem));
    }
    if !(1..=MOST_COMMANDS).contains(&commands.len()) {
        return Err(expected());
    }
    let read = |(index, command)| one(command, &format!("commands[{index}]"), now);
    let commands = commands.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    let scopes: Vec<MaintenanceScope> = commands.iter().filter_map(scope).cloned().collect();
    let undoes = undone(&app, &asked).await?;
    let applied = asked.take_back(&app, Command::All(commands), undoes).await?;
    Ok(answer::changed(&applied, told(&applied, &scopes, now)?))
}

/// Reads one command of a batch as the endpoint does, for whoever wants to know beforehand.
///
/// # Errors
///
/// What the endpoint would answer, in its words.
pub fn batch_command(command: &Value, now: Timestamp) -> Result<Command, String> {
    let Value::Object(map) = command else { return Err("expected an object".to_owned()) };
    read(&map.clone().into(), now).map_err(|refusal| refusal.body.error)
}

fn one(command: &Value, place: &str, now: Timestamp) -> Result<Command, ApiError> {
    let Value::Object(map) = command else { return Err(mismatch(place, "an object", command)) };
    read(&map.clone().into(), now).map_err(|refusal| refusal.within(place))
}

/// The change that the caller says to take back. None is denied to exist before this node has learned what others have
/// committed.
async fn undone(app: &App, asked: &Asked<BATCH>) -> Result<Option<Revision>, ApiError> {
    let Some(number) = asked.fields.integer("undoes")? else { return Ok(None) };
    let latest = || app.control.current().cursor.revision;
    let revision = u64::try_from(number).ok().map(Revision);
    if revision.is_some_and(|revision| revision > latest()) {
        app.control.catch_up().await?;
    }
    let (revision, latest) = (revision.filter(|revision| (Revision(1)..=latest()).contains(revision)), latest());
    let expected = || ApiError::invalid_field("undoes", format!("expected a revision from 1 to {latest}"));
    revision.map(Some).ok_or_else(expected)
}

fn read(fields: &Fields, now: Timestamp) -> Result<Command, ApiError> {
    let (action, reason) = (fields.required_text("action")?, fields.reason()?);
    let expected = fields.expected_revision(None)?;
    let switch = |to: Switch| Ok(Command::Route { route: route(fields)?, to, reason: reason.clone(), expected });
    let maintenance = |scope: MaintenanceScope, to: MaintenanceSwitch| {
        let allow_unknown = fields.flag("allow_unknown")?;
        Ok(Command::Maintenance { scope, to, reason: reason.clone(), allow_unknown, expected })
    };
    let service =
        || fields.required_text("service")?.parse().map_err(|problem| ApiError::invalid_field("service", problem));
    let of_service = || service().map(MaintenanceScope::Service);
    match action {
        "enable" => switch(switches::enable(fields)?),
        "disable" => switch(switches::disable(fields)?),
        "maintenance_on" => switch(switches::maintenance(fields)?),
        "env_gate" => switch(switches::gate(fields)?),
        "as_declared" => switch(Switch::Declared),
        "schedule" => switch(switches::window(fields)?),
        "schedule_cancel" => switch(switches::cancel(fields)?),
        "deprecate" => switch(switches::deprecate(fields, now)?),
        "undeprecate" => switch(Switch::Deprecation(None)),
        "route_remove" => Ok(Command::RemoveRoute { route: route(fields)?, reason, expected }),
        "service_remove" => Ok(Command::RemoveService { service: service()?, reason, expected }),
        "global_maintenance_on" => maintenance(MaintenanceScope::Global, maintenance::on(fields)?),
        "global_maintenance_off" => maintenance(MaintenanceScope::Global, MaintenanceSwitch::Off),
        "global_maintenance_edit" => maintenance(MaintenanceScope::Global, maintenance::exemptions(fields)?),
        "service_maintenance_on" => maintenance(of_service()?, maintenance::on(fields)?),
        "service_maintenance_off" => maintenance(of_service()?, MaintenanceSwitch::Off),
        "service_maintenance_edit" => maintenance(of_service()?, maintenance::exemptions(fields)?),
        limit if ACTIONS.contains(&limit) => {
            let (target, verb) = if let Some(verb) = limit.strip_prefix("rl_policy_") {
                (LimitTarget::Route(route(fields)?), verb)
            } else if let Some(verb) = limit.strip_prefix("svc_rl_") {
                (LimitTarget::Service(service()?), verb)
            } else {
                (LimitTarget::Global, limit.strip_prefix("global_rl_").unwrap_or(limit))
            };
            let to = match verb {
                "set" => RateLimitSwitch::Set(Box::new(rate_limits::policy(fields)?)),
                "enabled" => RateLimitSwitch::Resume,
                "disabled" => RateLimitSwitch::Pause,
                _ => RateLimitSwitch::Delete,
            };
            let allow_unknown = fields.flag("allow_unknown")?;
            Ok(Command::RateLimit { target, to, reason, allow_unknown, expected })
        }
        _ => Err(ApiError::invalid_field("action", format!("expected one of `{}`", ACTIONS.join("`, `")))),
    }
}

fn route(fields: &Fields) -> Result<RouteSelector, ApiError> {
    let text = fields.required_text("route")?;
    if compat::is_reserved(text) {
        return Err(ApiError::invalid_field("route", "keys that begin with `__waygate` are reserved"));
    }
    text.parse().map_err(|problem| ApiError::invalid_field("route", problem))
}

fn scope(command: &Command) -> Option<&MaintenanceScope> {
    match command {
        Command::Maintenance { scope, .. } => Some(scope),
        _ => None,
    }
}

fn limits(applied: &Applied, now: Timestamp) -> Vec<LimitView> {
    let mut seen = BTreeSet::new();
    let named = applied.limits.iter().filter(|scope| seen.insert(scope.to_string()));
    named.filter_map(|scope| Some(LimitView::of(scope, applied.state.rate_limit(scope)?, now))).collect()
}

fn told(applied: &Applied, scopes: &[MaintenanceScope], now: Timestamp) -> Result<BatchAnswer, ApiError> {
    let state = &applied.state;
    let mut seen = BTreeSet::new();
    let named: Vec<&RouteKey> = applied.routes.iter().filter(|key| seen.insert(*key)).collect();
    let (there, gone): (Vec<_>, Vec<_>) = named.into_iter().partition(|key| state.route(key).is_some());
    let mut answer = BatchAnswer {
        revision: applied.revision,
        changed: applied.changed,
        dry_run: applied.dry_run,
        routes: there.into_iter().map(|key| routes::view(state, key, now)).collect::<Result<_, _>>()?,
        removed: gone.into_iter().map(ToString::to_string).collect(),
        limits: limits(applied, now),
        ended: applied.ended.clone(),
        warnings: applied.warnings.clone(),
        ..BatchAnswer::default()
    };
    for scope in scopes {
        let view = state.maintenance(scope).map(|maintenance| MaintenanceView::of(maintenance, now));
        match (scope, view) {
            (MaintenanceScope::Global, view) => answer.global = view,
            (MaintenanceScope::Service(service), Some(view)) => {
                answer.services.insert(service.to_string(), view);
            }
            (MaintenanceScope::Service(_), None) => {}
        }
    }
    Ok(answer)
}
