//! `enable`, `disable`, `maintenance`, and what every switch of a route shares.

pub(crate) mod address;
mod receipt;
pub(crate) mod targets;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use waygate_api::client::{Answer, Client, ClientError};
use waygate_api::error::ErrorCode;
use waygate_api::paths;
use waygate_api::routes::SwitchRequest;
use waygate_core::RouteSelector;

use crate::cli::{Closing, Ending, RouteMaintenance, Switch};
use crate::clock;
use crate::commands::batch::Batch;
use crate::commands::confirm::{self, Weight};
use crate::context::{Connection, Context, Read, selector, service};
use crate::error::{CliError, CliResult};
use crate::moment;
use crate::printer::Format;
use crate::render;
pub(crate) use receipt::{Window, receipt};
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
    /// The window that is planned by it.
    planned: Option<Window>,
}

const ENABLE: Deed = Deed { endpoint: "enable", command: "enable", planned: None };
const DISABLE: Deed = Deed { endpoint: "disable", command: "disable", planned: None };
const MAINTENANCE: Deed = Deed { endpoint: "maintenance", command: "maintenance_on", planned: None };

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
    let planned = start.zip(end).map(|(start, end)| super::schedule::window(&start, &end)).transpose()?;
    let (start, end) = planned.unzip();
    let body = MaintenanceBody { reason: switch.reason.clone(), start, end, until, shadow };
    switch_all(context, &switch, Deed { planned, ..MAINTENANCE }, &body).await
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
/// which there are. So it is where an address was typed, of which there is no route of its own.
async fn one(
    context: &Context,
    connection: &Connection,
    route: &RouteSelector,
    deed: Deed,
    body: &impl Serialize,
) -> CliResult {
    let client = connection.changing()?;
    let error = match switched(client, route, deed.endpoint, body).await {
        Ok(answer) => return receipt(context, connection, answer, deed.planned),
        Err(error) => error,
    };
    match &error {
        ClientError::Refused { status: 409, body: refusal, .. } if context.can_ask() => {
            let candidates = refusal.ambiguous_matches.clone().unwrap_or_default();
            if candidates.is_empty() {
                return Err(connection.failure(error));
            }
            several(context, connection, &candidates, deed, body).await
        }
        ClientError::Refused { body: refusal, .. } if refusal.code == ErrorCode::UnknownRoute => {
            let keys = address::taken_by(connection, route).await?;
            if keys.is_empty() || !context.can_ask() {
                let told = |key: &String| format!("it is an address of {key}; name that to switch it");
                return Err(keys.iter().map(told).fold(connection.failure(error), CliError::hint));
            }
            let what = format!("`{}` is of all that its route takes: `{}`", route.path, deed.endpoint);
            confirm::agreed(context, connection, &what, &keys, &Weight::Ask)?;
            carry_out(context, connection, &keys, deed, body).await
        }
        _ => Err(connection.failure(error)),
    }
}

/// Switches the one route that is meant and prints what it is now.
pub(crate) async fn send(
    context: &Context,
    connection: &Connection,
    route: &RouteSelector,
    endpoint: &str,
    body: &impl Serialize,
    planned: Option<Window>,
) -> CliResult {
    let client = connection.changing()?;
    let answer = switched(client, route, endpoint, body).await.map_err(|error| connection.failure(error))?;
    receipt(context, connection, answer, planned)
}

async fn switched(
    client: &Client,
    route: &RouteSelector,
    endpoint: &str,
    body: &impl Serialize,
) -> Result<Answer<Box<RawValue>>, ClientError> {
    client.post(&paths::route(&route.to_string(), Some(endpoint)), body).await
}

/// Switches several routes as one change, once that is agreed to.
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
    carry_out(context, connection, keys, deed, body).await
}

async fn carry_out(
    context: &Context,
    connection: &Connection,
    keys: &[String],
    deed: Deed,
    body: &impl Serialize,
) -> CliResult {
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
    let (Read { raw, value: answer }, head) = Batch::of(&commands, None)?.send(connection).await?;
    if head.changed == Some(false) {
        context.nothing_changed();
    }
    let printer = &context.printer;
    printer.answer(
        raw.get(),
        || render::route::table(&answer.routes, false),
        |_| {
            for route in &answer.routes {
                receipt::tell(context, route, deed.planned);
            }
        },
    );
    if context.is_unchanged() {
        printer.note("they were already so; nothing has been changed");
    }
    // Programs find it in the answer.
    if printer.format != Format::Json {
        head.notices.iter().for_each(|notice| printer.note(&format!("note: {notice}")));
    }
    Ok(())
}

/// The one route that a command without several is about.
pub(crate) fn route_of(route: &str, scope: Option<&str>) -> CliResult<RouteSelector> {
    if route.contains('*') {
        return Err(CliError::usage(format!("`{route}`: patterns are not taken here; name one route")));
    }
    selector(route, service(scope)?.as_ref())
}
