//! `enable`, `disable`, `maintenance`, and what every switch of a route shares.

pub(crate) mod targets;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use waygate_api::client::{Answer, ClientError};
use waygate_api::paths;
use waygate_api::routes::{RouteState, SwitchRequest};
use waygate_core::{LifecycleKind, RouteSelector};

use crate::cli::{Closing, Ending, RouteMaintenance, Switch};
use crate::clock;
use crate::commands::batch;
use crate::commands::confirm::{self, Weight};
use crate::context::{Connection, Context, Read, selector, service};
use crate::error::{CliError, CliResult};
use crate::moment;
use crate::render;
use crate::render::route::{colour, word};
use targets::Targets;

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

/// A switch: what its endpoint is called, and what it is called among several commands.
#[derive(Clone, Copy)]
struct Deed {
    endpoint: &'static str,
    command: &'static str,
}

const ENABLE: Deed = Deed { endpoint: "enable", command: "enable" };
const DISABLE: Deed = Deed { endpoint: "disable", command: "disable" };
const MAINTENANCE: Deed = Deed { endpoint: "maintenance", command: "maintenance_on" };

pub(crate) async fn enable(context: &Context, switch: Switch) -> CliResult {
    let until = switch.ending.at()?;
    let body = SwitchRequest { reason: switch.reason.clone(), until, ..SwitchRequest::default() };
    switch_all(context, &switch, ENABLE, &body).await
}

pub(crate) async fn disable(context: &Context, Closing { switch, shadow }: Closing) -> CliResult {
    let until = switch.ending.at()?;
    let body = SwitchRequest { reason: switch.reason.clone(), until, shadow };
    switch_all(context, &switch, DISABLE, &body).await
}

pub(crate) async fn maintenance(context: &Context, maintenance: RouteMaintenance) -> CliResult {
    let RouteMaintenance { closing: Closing { switch, shadow }, start, end } = maintenance;
    let until = switch.ending.at()?;
    let window = start.zip(end).map(|(start, end)| super::schedule::window(&start, &end)).transpose()?;
    let (start, end) = window.unzip();
    let body = MaintenanceBody { reason: switch.reason.clone(), start, end, until, shadow };
    switch_all(context, &switch, MAINTENANCE, &body).await
}

impl Ending {
    /// When it ends, checked before anything is sent.
    pub(crate) fn at(&self) -> CliResult<Option<Timestamp>> {
        match &self.duration {
            Some(text) => moment::lasting("--for", text, clock::now()).map(Some),
            None => self.until.as_deref().map(|text| moment::future("--until", text, clock::now())).transpose(),
        }
    }
}

async fn switch_all(context: &Context, switch: &Switch, deed: Deed, body: &impl Serialize) -> CliResult {
    let scope = service(switch.service.name.as_deref())?;
    match Targets::of(&switch.routes, switch.all_methods, scope.as_ref())? {
        Targets::One(route) => one(context, &context.connect()?, &route, deed, body).await,
        Targets::Several { patterns, all_methods } => {
            let connection = context.connect()?;
            let keys = targets::found(context, &connection, &patterns, all_methods, scope.as_ref()).await?;
            several(context, &connection, &keys, deed, body).await
        }
    }
}

/// Switches the one route that is meant. Where several fit, a person at a terminal may take them all; a script is told
/// which there are.
async fn one(
    context: &Context,
    connection: &Connection,
    route: &RouteSelector,
    deed: Deed,
    body: &impl Serialize,
) -> CliResult {
    let error = match switched(connection, route, deed.endpoint, body).await {
        Ok(answer) => return receipt(context, connection, answer),
        Err(error) => error,
    };
    let candidates = match &error {
        ClientError::Refused { status: 409, body, .. } => body.ambiguous_matches.clone().unwrap_or_default(),
        _ => Vec::new(),
    };
    if candidates.is_empty() || !context.can_ask() {
        return Err(connection.failure(error));
    }
    several(context, connection, &candidates, deed, body).await
}

/// Switches the one route that is meant and prints what it is now.
pub(crate) async fn send(
    context: &Context,
    connection: &Connection,
    route: &RouteSelector,
    endpoint: &str,
    body: &impl Serialize,
) -> CliResult {
    let answer = switched(connection, route, endpoint, body).await.map_err(|error| connection.failure(error))?;
    receipt(context, connection, answer)
}

async fn switched(
    connection: &Connection,
    route: &RouteSelector,
    endpoint: &str,
    body: &impl Serialize,
) -> Result<Answer<Box<RawValue>>, ClientError> {
    connection.client.post(&paths::route(&route.to_string(), Some(endpoint)), body).await
}

/// Switches several routes as one change.
async fn several(
    context: &Context,
    connection: &Connection,
    keys: &[String],
    deed: Deed,
    body: &impl Serialize,
) -> CliResult {
    if keys.len() > 1 {
        let what = format!("`{}` of {} routes", deed.endpoint, keys.len());
        confirm::agreed(context, connection, &what, keys, &Weight::Ask)?;
    }
    let fields = match serde_json::to_value(body) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let command = |key: &String| {
        let mut command = fields.clone();
        command.insert("action".to_owned(), json!(deed.command));
        command.insert("route".to_owned(), json!(key));
        Value::Object(command)
    };
    let commands: Vec<Value> = keys.iter().map(command).collect();
    let (Read { raw, value: answer }, head) = batch::send(connection, &commands).await?;
    let printer = &context.printer;
    printer.answer(
        raw.get(),
        || render::route::table(&answer.routes, false),
        |_| {
            for route in &answer.routes {
                tell(context, route);
            }
        },
    );
    head.notices.iter().for_each(|notice| printer.note(&format!("note: {notice}")));
    Ok(())
}

pub(crate) fn receipt(context: &Context, connection: &Connection, answer: Answer<Box<RawValue>>) -> CliResult {
    let Read { raw, value: route } = connection.read::<RouteState>(answer.value)?;
    let printer = &context.printer;
    printer.answer(raw.get(), || render::route::table(std::slice::from_ref(&route), false), |_| tell(context, &route));
    for notice in answer.notices {
        printer.note(&format!("note: {notice}"));
    }
    Ok(())
}

fn tell(context: &Context, route: &RouteState) {
    let printer = &context.printer;
    let (line, kind) = told(route, clock::now());
    printer.data(Some(colour(kind)), &line);
    if !route.reason.is_empty() {
        printer.data(None, &format!("  Reason: {}", route.reason));
    }
    if let Some(until) = route.until {
        printer.data(None, &format!("  Until:  {}", moment::shown(until)));
    }
    covered(context, route);
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

/// The one route that a command without several is about.
pub(crate) fn route_of(route: &str, scope: Option<&str>) -> CliResult<RouteSelector> {
    if route.contains('*') {
        return Err(CliError::usage(format!("`{route}`: patterns are not taken here; name one route")));
    }
    selector(route, service(scope)?.as_ref())
}
