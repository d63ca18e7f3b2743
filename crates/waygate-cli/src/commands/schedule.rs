//! `schedule`: planned maintenance of one route.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use waygate_api::client::Method;
use waygate_api::paths;
use waygate_api::routes::RouteState;
use waygate_api::schedules::Scheduled;

use crate::cli::{Schedule, ScheduleCommand, Why};
use crate::clock;
use crate::commands::status::{anyone, array};
use crate::context::{Context, Read, selector, service};
use crate::error::{CliError, CliResult};
use crate::moment;
use crate::printer::Colour;
use crate::render::route::{colour, word};
use crate::render::table::{Cell, Table};

#[derive(Serialize)]
struct ScheduleBody {
    start: Timestamp,
    end: Timestamp,
    reason: String,
}

pub(crate) async fn run(context: &Context, schedule: Schedule) -> CliResult {
    match schedule.command {
        Some(ScheduleCommand::List { service }) => list(context, service.name.as_deref()).await,
        Some(ScheduleCommand::Show { route, service }) => show(context, &route, service.name.as_deref()).await,
        Some(ScheduleCommand::Cancel { route, id, why, service }) => {
            cancel(context, &route, id, &why, service.name.as_deref()).await
        }
        None => {
            let Schedule { route: Some(route), start: Some(start), end: Some(end), reason, service: scope, .. } =
                schedule
            else {
                return Err(CliError::usage("`schedule` takes a route, `--start` and `--end`"));
            };
            let route = selector(&route, service(scope.name.as_deref())?.as_ref())?;
            let (start, end) = window(&start, &end)?;
            let body = ScheduleBody { start, end, reason };
            super::lifecycle::send(context, &context.connect()?, &route, "schedule", &body, Some((start, end))).await
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
    let query: Vec<(&str, &str)> = scope.iter().map(|service| ("service", service.as_str())).collect();
    let connection = context.connect()?;
    let planned: Read<Vec<Scheduled>> = connection.get(paths::SCHEDULES, &query).await?;
    anyone(&connection, scope.as_ref(), planned.value.is_empty()).await?;
    context.printer.list(planned.raw.get(), &table(&planned.value), "nothing is planned");
    Ok(())
}

/// What is planned for one route, and for its service or everything above it.
async fn show(context: &Context, route: &str, scope: Option<&str>) -> CliResult {
    let route = super::lifecycle::route_of(route, scope)?;
    let connection = context.connect()?;
    let known: RouteState = connection.get(&paths::route(&route.to_string(), None), &[]).await?.value;
    let all: Vec<Box<RawValue>> = connection.get(paths::SCHEDULES, &[]).await?.value;
    let read = |raw| connection.read::<Scheduled>(raw).map(|read| (read.raw, read.value));
    let all = all.into_iter().map(read).collect::<CliResult<Vec<_>>>()?;
    let concerns = |entry: &Scheduled| match (&entry.route, &entry.service) {
        (Some(route), _) => *route == known.path,
        (None, service) => service.is_none() || *service == known.service,
    };
    let (raw, planned): (Vec<_>, Vec<_>) = all.into_iter().filter(|(_, entry)| concerns(entry)).unzip();
    let none = format!("nothing is planned for {}", known.path);
    context.printer.list(&array(&raw), &table(&planned), &none);
    Ok(())
}

fn table(planned: &[Scheduled]) -> Table {
    let mut table = Table::new(vec!["Route", "Id", "Status", "State", "Start", "End", "By", "Reason"]);
    for entry in planned {
        let whole =
            entry.service.as_ref().map_or_else(|| "all services".to_owned(), |service| format!("service {service}"));
        let state = if entry.open { "open" } else { "planned" };
        let shadow = if entry.shadow { " (shadow: counts only)" } else { "" };
        table.push(vec![
            Cell::new(entry.route.as_ref().unwrap_or(&whole)).coloured(Colour::Cyan),
            Cell::new(entry.id.map(|id| id.to_string()).unwrap_or_default()),
            match (entry.status, &entry.limit) {
                (Some(status), _) => Cell::new(word(status)).coloured(colour(status)),
                (None, limit) => Cell::new(format!("limit {}", limit.as_deref().unwrap_or_default())),
            },
            Cell::new(format!("{state}{shadow}")),
            Cell::new(entry.start.map(moment::shown).unwrap_or_default()),
            Cell::new(moment::shown(entry.end)),
            Cell::new(entry.planned_by.as_deref().unwrap_or_default()),
            Cell::new(&entry.reason),
        ]);
    }
    table
}

async fn cancel(context: &Context, route: &str, id: Option<u32>, why: &Why, scope: Option<&str>) -> CliResult {
    let route = selector(route, service(scope)?.as_ref())?;
    let connection = context.connect()?;
    let path = paths::route(&route.to_string(), Some("schedule"));
    let id = id.map(|id| id.to_string());
    let query: Vec<(&str, &str)> = id.iter().map(|id| ("id", id.as_str())).collect();
    let body = (!why.reason.is_empty()).then(|| serde_json::json!({ "reason": why.reason }));
    let answer = connection
        .changing()?
        .call::<Box<RawValue>>(Method::DELETE, &path, &query, body.as_ref(), &[])
        .await
        .map_err(|error| connection.failure(error))?;
    super::lifecycle::receipt(context, &connection, answer, None)
}
