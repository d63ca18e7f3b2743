//! `enable`, `disable`, `maintenance`, and what every switch of a route shares.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use waygate_api::client::{Answer, ClientError};
use waygate_api::paths;
use waygate_api::routes::{RouteState, SwitchRequest};
use waygate_core::{LifecycleKind, RouteSelector};

use crate::cli::{RouteMaintenance, Switch, TimedSwitch};
use crate::clock;
use crate::context::{Connection, Context, Read, selector, service};
use crate::error::CliResult;
use crate::moment;
use crate::printer::{Format, ask, can_ask};
use crate::render::route::{colour, word};

/// Body of `POST /api/routes/{path_key}/maintenance`.
#[derive(Serialize)]
struct MaintenanceBody {
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shadow: bool,
}

pub(crate) async fn enable(context: &Context, switch: Switch) -> CliResult {
    let route = route_of(&switch)?;
    let body = SwitchRequest { reason: switch.reason, ..SwitchRequest::default() };
    send(context, &context.connect()?, &route, "enable", &body).await
}

pub(crate) async fn disable(context: &Context, TimedSwitch { switch, until, shadow }: TimedSwitch) -> CliResult {
    let route = route_of(&switch)?;
    let until = until_of(until.as_deref())?;
    let body = SwitchRequest { reason: switch.reason, until, shadow };
    send(context, &context.connect()?, &route, "disable", &body).await
}

pub(crate) async fn maintenance(context: &Context, maintenance: RouteMaintenance) -> CliResult {
    let RouteMaintenance { switch: TimedSwitch { switch, until, shadow }, start, end } = maintenance;
    let route = route_of(&switch)?;
    let until = until_of(until.as_deref())?;
    let window = start.zip(end).map(|(start, end)| super::schedule::window(&start, &end)).transpose()?;
    let (start, end) = window.unzip();
    let body = MaintenanceBody { reason: switch.reason, start, end, until, shadow };
    send(context, &context.connect()?, &route, "maintenance", &body).await
}

/// When a switch ends by itself, checked before anything is sent.
pub(crate) fn until_of(text: Option<&str>) -> CliResult<Option<Timestamp>> {
    text.map(|text| moment::future("--until", text, clock::now())).transpose()
}

fn route_of(switch: &Switch) -> CliResult<RouteSelector> {
    selector(&switch.route, service(switch.service.name.as_deref())?.as_ref())
}

/// Switches the one route that is meant and prints what it is now. Where several fit, a person at a terminal may
/// take them all; a script is told which.
pub(crate) async fn send(
    context: &Context,
    connection: &Connection,
    route: &RouteSelector,
    action: &str,
    body: &impl Serialize,
) -> CliResult {
    let switch =
        async |key: &str| connection.client.post::<Box<RawValue>>(&paths::route(key, Some(action)), body).await;
    let error = match switch(&route.to_string()).await {
        Ok(answer) => return receipt(context, connection, answer),
        Err(error) => error,
    };
    let candidates = match &error {
        ClientError::Refused { status: 409, body, .. } => body.ambiguous_matches.clone().unwrap_or_default(),
        _ => Vec::new(),
    };
    if candidates.is_empty() || !agreed(context, route, action, &candidates) {
        return Err(connection.failure(error));
    }
    for key in candidates {
        let answer = switch(&key).await.map_err(|error| connection.failure(error))?;
        receipt(context, connection, answer)?;
    }
    Ok(())
}

fn agreed(context: &Context, route: &RouteSelector, action: &str, candidates: &[String]) -> bool {
    let printer = &context.printer;
    if !can_ask() {
        return false;
    }
    printer.warn(&format!("`{route}` is ambiguous; it matches {} routes:", candidates.len()));
    for key in candidates {
        printer.note(&format!("  {key}"));
    }
    let question = format!("Apply `{action}` to all {} routes? [y/N]: ", candidates.len());
    ask(&question).is_some_and(|answer| matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
}

pub(crate) fn receipt(context: &Context, connection: &Connection, answer: Answer<Box<RawValue>>) -> CliResult {
    let Read { raw, value: route } = connection.read::<RouteState>(answer.value)?;
    let printer = &context.printer;
    if printer.format == Format::Json {
        printer.json(raw.get());
    } else {
        let (line, kind) = told(&route, clock::now());
        printer.data(Some(colour(kind)), &line);
        if !route.reason.is_empty() {
            printer.data(None, &format!("  Reason: {}", route.reason));
        }
        if let Some(until) = route.until {
            printer.data(None, &format!("  Until:  {}", moment::shown(until)));
        }
        covered(context, &route);
    }
    for notice in answer.notices {
        printer.note(&format!("note: {notice}"));
    }
    Ok(())
}

/// What the route is now, in one line, and its status.
fn told(route: &RouteState, now: Timestamp) -> (String, LifecycleKind) {
    let planned = route.window.as_ref().filter(|window| now < window.start);
    if let Some(window) = planned {
        let times = format!("{} → {}", moment::shown(window.start), moment::shown(window.end));
        return (format!("⏰ {} → {}, MAINTENANCE planned {times}", route.path, word(route.status)), route.status);
    }
    let sign = match route.status {
        LifecycleKind::Active | LifecycleKind::Deprecated => "✓",
        LifecycleKind::Maintenance => "⚠",
        LifecycleKind::Disabled => "✗",
        LifecycleKind::EnvGated => "🔒",
    };
    let envs = match route.status {
        LifecycleKind::EnvGated => format!("  ({})", route.allowed_envs.join(", ")),
        _ => String::new(),
    };
    (format!("{sign} {} → {}{envs}", route.path, word(route.status)), route.status)
}

/// Says so where a larger maintenance hides what was switched.
fn covered(context: &Context, route: &RouteState) {
    let scope = match route.cause.as_deref() {
        Some("global_maintenance") => "everything is in maintenance; see `waygate global status`".to_owned(),
        Some("service_maintenance") => {
            let service = route.service.as_deref().unwrap_or_default();
            format!("{service} is in maintenance; see `waygate sm status {service}`")
        }
        _ => return,
    };
    context.printer.warn(&format!("callers still get {}: {scope}", word(route.effective)));
}
