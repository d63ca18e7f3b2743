//! `schedule`: planned maintenance of one route.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use waygate_api::paths;
use waygate_api::routes::RouteState;

use crate::cli::{Schedule, ScheduleCommand};
use crate::clock;
use crate::context::{Context, selector, service};
use crate::error::{CliError, CliResult};
use crate::moment;
use crate::printer::Format;
use crate::render;

#[derive(Serialize)]
struct ScheduleBody {
    start: Timestamp,
    end: Timestamp,
    reason: String,
}

pub(crate) async fn run(context: &Context, schedule: Schedule) -> CliResult {
    match schedule.command {
        Some(ScheduleCommand::List { service }) => list(context, service.name.as_deref()).await,
        Some(ScheduleCommand::Cancel { route, service }) => cancel(context, &route, service.name.as_deref()).await,
        None => {
            let Schedule { route: Some(route), start: Some(start), end: Some(end), reason, service: scope, .. } =
                schedule
            else {
                return Err(CliError::usage("`schedule` takes a route, `--start` and `--end`"));
            };
            let route = selector(&route, service(scope.name.as_deref())?.as_ref())?;
            let (start, end) = window(&start, &end)?;
            let body = ScheduleBody { start, end, reason };
            super::lifecycle::send(context, &context.connect()?, &route, "schedule", &body).await
        }
    }
}

/// A window that ends after its start and after now. An end given as a duration counts from the start.
pub(crate) fn window(start: &str, end: &str) -> CliResult<(Timestamp, Timestamp)> {
    let now = clock::now();
    let start = moment::parse("--start", start, now)?;
    let end = moment::parse("--end", end, start)?;
    if end <= start {
        return Err(CliError::usage(format!(
            "`--end` must be after `--start`; got {} to {}",
            moment::shown(start),
            moment::shown(end)
        )));
    }
    if end <= now {
        return Err(CliError::usage(format!(
            "`--end` is in the past: {}; it is {} now",
            moment::shown(end),
            moment::shown(now)
        )));
    }
    Ok((start, end))
}

async fn list(context: &Context, scope: Option<&str>) -> CliResult {
    let scope = service(scope)?;
    let connection = context.connect()?;
    let (raw, routes) = super::status::routes(&connection, scope.as_ref()).await?;
    let planned: Vec<(Box<RawValue>, RouteState)> =
        raw.into_iter().zip(routes).filter(|(_, route)| route.window.is_some()).collect();
    let (raw, routes): (Vec<_>, Vec<_>) = planned.into_iter().unzip();
    let printer = &context.printer;
    if printer.format == Format::Json {
        printer.json(&super::status::array(&raw));
    } else if routes.is_empty() {
        printer.note("no maintenance is planned");
    } else {
        printer.table(&render::route::table(&routes, scope.is_some()));
    }
    Ok(())
}

async fn cancel(context: &Context, route: &str, scope: Option<&str>) -> CliResult {
    let route = selector(route, service(scope)?.as_ref())?;
    let connection = context.connect()?;
    let path = paths::route(&route.to_string(), Some("schedule"));
    let answer =
        connection.client.delete::<Box<RawValue>>(&path, &[]).await.map_err(|error| connection.failure(error))?;
    super::lifecycle::receipt(context, &connection, answer)
}
