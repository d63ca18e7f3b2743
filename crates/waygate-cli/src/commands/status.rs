//! `status`: what routes are set to, and what callers get.

mod around;
mod shown;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::value::RawValue;
use waygate_api::maintenance::MaintenanceView;
use waygate_api::paths;
use waygate_api::routes::RouteState;
use waygate_core::{LifecycleKind, RouteSelector, ServiceId};

use crate::cli::Status;
use crate::clock;
use crate::commands::lifecycle::address;
use crate::commands::lifecycle::targets::fits;
use crate::commands::services::counts;
use crate::context::{Connection, Context, Read, selector, service};
use crate::error::{CliError, CliResult, ExitStatus};
use crate::moment;
use crate::printer::Format;
use crate::render::count::counted;
use crate::render::route::word;
use shown::Shown;

/// How many rows a terminal shows at once.
pub(crate) const ROWS: u32 = 20;

pub(crate) async fn run(context: &Context, status: Status) -> CliResult {
    let scope = service(status.service.name.as_deref())?;
    match &status.route {
        Some(route) => one(context, route, scope.as_ref(), status.check).await,
        None => all(context, scope.as_ref(), &status).await,
    }
}

async fn one(context: &Context, route: &str, scope: Option<&ServiceId>, check: Option<LifecycleKind>) -> CliResult {
    let route = selector(route, scope)?;
    let connection = context.connect()?;
    let Read { raw, value } = found(context, &connection, &route).await?;
    let routes = [value];
    if let Some(wanted) = check {
        return as_expected(&routes, wanted);
    }
    if context.printer.format == Format::Json {
        context.printer.json(raw.get());
        return Ok(());
    }
    banners(context, &connection, &routes, scope).await?;
    context.printer.table(&around::table(context, &connection, &routes, None).await?);
    Ok(())
}

/// The route that is meant; that of an address where it is one.
async fn found(context: &Context, connection: &Connection, route: &RouteSelector) -> CliResult<Read<RouteState>> {
    let read = async |route: &str| connection.get::<RouteState>(&paths::route(route, None), &[]).await;
    let error = match read(&route.to_string()).await {
        Err(error) if error.status == ExitStatus::NotFound => error,
        read => return read,
    };
    match address::taken_by(connection, route).await?.as_slice() {
        [only] => {
            context.printer.note(&format!("`{route}` is an address of {only}"));
            read(only).await
        }
        several => Err(several.iter().fold(error, |error, key| error.hint(format!("it is an address of {key}")))),
    }
}

/// A gate: fails where a route is found otherwise than `wanted`, and names the first few.
fn as_expected(routes: &[RouteState], wanted: LifecycleKind) -> CliResult {
    let mut others = routes.iter().filter(|route| route.effective != wanted);
    let Some(first) = others.next() else { return Ok(()) };
    let told = |route: &RouteState| format!("{} is {}, not {}", route.path, word(route.effective), word(wanted));
    Err(others.take(9).fold(CliError::failed(told(first)), |error, route| error.hint(told(route))))
}

async fn all(context: &Context, scope: Option<&ServiceId>, status: &Status) -> CliResult {
    let since = status.changed_since.as_deref();
    let since = since.map(|since| moment::past("--changed-since", since, clock::now())).transpose()?;
    let connection = context.connect()?;
    let (raw, routes) = routes(&connection, scope).await?;
    let printer = &context.printer;
    anyone(&connection, scope, routes.is_empty()).await?;
    if let Some(pattern) = status.pattern.as_ref().filter(|pattern| !routes.iter().any(|route| fits(pattern, route))) {
        return Err(nothing_fits(&connection, pattern, scope).await);
    }
    let (total, of_all) = (routes.len(), tally(&routes));
    let changed = match since {
        Some(since) => Some(around::changed(&connection, since, scope).await?),
        None => None,
    };
    let wanted = |route: &RouteState| {
        changed.as_ref().is_none_or(|changed| changed.contains(&route.path))
            && (status.kinds.is_empty() || status.kinds.contains(&route.effective))
            && status.pattern.as_ref().is_none_or(|pattern| fits(pattern, route))
    };
    let filtered = raw.into_iter().zip(routes).filter(|(_, route)| wanted(route));
    let (raw, routes): (Vec<_>, Vec<_>) = filtered.unzip();
    if let Some(wanted) = status.check {
        if routes.is_empty() {
            return Err(CliError::new(ExitStatus::NotFound, "there is no such route to check"));
        }
        return as_expected(&routes, wanted);
    }
    let shown = Shown::of(&status.page, routes.len(), printer.terminal && printer.output.is_for_people());
    if printer.format == Format::Json {
        printer.json(&array(raw.get(shown.range()).unwrap_or_default()));
        return Ok(());
    }
    if let Some(service) = scope {
        printer.note(&format!("Service: {service}"));
    }
    banners(context, &connection, &routes, scope).await?;
    if routes.is_empty() {
        printer.note(if total == 0 {
            "no routes are registered; a service with the SDK registers its routes when it starts"
        } else {
            "no routes are so"
        });
        return Ok(());
    }
    let Some(rows) = routes.get(shown.range()).filter(|rows| !rows.is_empty()) else {
        return Err(CliError::usage(format!(
            "there is no page {}; {} on {}",
            shown.page,
            counted(routes.len(), "route"),
            counted(routes.len().div_ceil(shown.size), "page")
        )));
    };
    printer.table(&around::table(context, &connection, rows, scope).await?);
    if let Some(footer) = shown.footer() {
        printer.note(&footer);
    }
    if printer.output.is_for_people() {
        let of = if routes.len() == total { String::new() } else { format!("{} of ", routes.len()) };
        printer.note(&format!("{of}{}: {of_all}", counted(total, "route")));
    }
    Ok(())
}

/// How many callers find in each status, whatever page is shown.
fn tally(routes: &[RouteState]) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for route in routes {
        *kinds.entry(route.effective.as_str()).or_default() += 1;
    }
    counts(kinds.into_iter())
}

/// The routes of a service, or all, in the order of their keys, each as it came and read.
pub(crate) async fn routes(
    connection: &Connection,
    scope: Option<&ServiceId>,
) -> CliResult<(Vec<Box<RawValue>>, Vec<RouteState>)> {
    let query: Vec<(&str, &str)> = scope.iter().map(|service| ("service", service.as_str())).collect();
    let answer: Read<Vec<Box<RawValue>>> = connection.get(paths::ROUTES, &query).await?;
    let mut routes = answer
        .value
        .into_iter()
        .map(|raw| connection.read::<RouteState>(raw).map(|read| (read.raw, read.value)))
        .collect::<CliResult<Vec<_>>>()?;
    routes.sort_by(|(_, one), (_, other)| one.path.cmp(&other.path));
    Ok(routes.into_iter().unzip())
}

/// Where nothing is there of a service, that may be because there is no such service: it is not found then.
pub(crate) async fn anyone(connection: &Connection, scope: Option<&ServiceId>, is_empty: bool) -> CliResult {
    let Some(service) = scope.filter(|_| is_empty) else { return Ok(()) };
    let services: Vec<String> = connection.get(paths::SERVICES, &[]).await?.value;
    if services.iter().any(|known| known == service.as_str()) {
        return Ok(());
    }
    let error = CliError::new(ExitStatus::NotFound, format!("no service `{service}` is known"));
    Err(if services.is_empty() { error } else { error.hint(format!("known services: {}", services.join(", "))) })
}

/// Where nothing is there of a route, that may be because there is no such route: it is not found then.
pub(crate) async fn anything(connection: &Connection, route: Option<&RouteSelector>, is_empty: bool) -> CliResult {
    let Some(route) = route.filter(|_| is_empty) else { return Ok(()) };
    match connection.get::<RouteState>(&paths::route(&route.to_string(), None), &[]).await {
        Err(error) if error.status == ExitStatus::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// That no route fits a pattern; with what may have been meant, where it is the name of one.
pub(crate) async fn nothing_fits(connection: &Connection, pattern: &str, scope: Option<&ServiceId>) -> CliError {
    let error = CliError::new(ExitStatus::NotFound, format!("no route fits `{pattern}`"));
    let Ok(route) = selector(pattern, scope) else { return error };
    let is_name = !pattern.contains('*');
    match anything(connection, Some(&route), is_name).await {
        Err(told) => error.hint(told.message),
        Ok(()) => error,
    }
}

/// Says on stderr which maintenance lies over the routes shown.
async fn banners(
    context: &Context,
    connection: &Connection,
    routes: &[RouteState],
    scope: Option<&ServiceId>,
) -> CliResult {
    let global: MaintenanceView = connection.get(paths::GLOBAL, &[]).await?.value;
    if global.enabled {
        context.printer.warn(&banner("⚠ everything is in maintenance", &global));
    }
    let covered = |route: &&RouteState| route.cause.as_deref() == Some("service_maintenance");
    let mut services: Vec<&str> = routes.iter().filter(covered).filter_map(|route| route.service.as_deref()).collect();
    services.extend(scope.map(ServiceId::as_str));
    services.sort_unstable();
    services.dedup();
    for service in services {
        let view: MaintenanceView = match connection.get(&paths::service(service, "maintenance"), &[]).await {
            Ok(answer) => answer.value,
            // That the service is unknown is said by whoever lists its routes.
            Err(error) if error.status == ExitStatus::NotFound => continue,
            Err(error) => return Err(error),
        };
        if view.enabled {
            context.printer.warn(&banner(&format!("⚠ {service} is in maintenance"), &view));
        }
    }
    Ok(())
}

fn banner(head: &str, view: &MaintenanceView) -> String {
    let mut text = head.to_owned();
    if !view.reason.is_empty() {
        let _ = write!(text, ": {}", view.reason);
    }
    if let Some(until) = view.until {
        let _ = write!(text, ", until {}", moment::shown(until));
    }
    if !view.exempt_paths.is_empty() {
        let _ = write!(text, "; exempt: {}", view.exempt_paths.join(", "));
    }
    text
}

/// The elements of a JSON array as they came.
pub(crate) fn array(elements: &[Box<RawValue>]) -> String {
    format!("[{}]", elements.iter().map(|element| element.get()).collect::<Vec<_>>().join(","))
}
