//! `status`: what routes are set to, and what callers get.

use std::fmt::Write as _;

use serde_json::value::RawValue;
use waygate_api::maintenance::MaintenanceView;
use waygate_api::paths;
use waygate_api::routes::RouteState;
use waygate_core::ServiceId;

use crate::cli::{Page, Status};
use crate::context::{Connection, Context, Read, selector, service};
use crate::error::{CliError, CliResult, ExitStatus};
use crate::moment;
use crate::printer::Format;
use crate::render;

/// How many rows a terminal shows at once.
pub(crate) const ROWS: u32 = 20;

pub(crate) async fn run(context: &Context, status: Status) -> CliResult {
    let scope = service(status.service.name.as_deref())?;
    match status.route {
        Some(route) => one(context, &route, scope.as_ref()).await,
        None => all(context, scope.as_ref(), &status.page).await,
    }
}

async fn one(context: &Context, route: &str, scope: Option<&ServiceId>) -> CliResult {
    let route = selector(route, scope)?;
    let connection = context.connect()?;
    let Read { raw, value } = connection.get::<RouteState>(&paths::route(&route.to_string(), None), &[]).await?;
    if context.printer.format == Format::Json {
        context.printer.json(raw.get());
        return Ok(());
    }
    let routes = [value];
    banners(context, &connection, &routes, scope).await?;
    context.printer.table(&render::route::table(&routes, false));
    Ok(())
}

async fn all(context: &Context, scope: Option<&ServiceId>, page: &Page) -> CliResult {
    let connection = context.connect()?;
    let (raw, routes) = routes(&connection, scope).await?;
    let printer = &context.printer;
    if let (Some(service), true) = (scope, routes.is_empty()) {
        known(&connection, service).await?;
    }
    let shown = Shown::of(page, routes.len(), printer.terminal && printer.format == Format::Table);
    if printer.format == Format::Json {
        printer.json(&array(raw.get(shown.range()).unwrap_or_default()));
        return Ok(());
    }
    if let Some(service) = scope {
        printer.note(&format!("Service: {service}"));
    }
    banners(context, &connection, &routes, scope).await?;
    if routes.is_empty() {
        printer.note("no routes are registered");
        return Ok(());
    }
    let Some(rows) = routes.get(shown.range()).filter(|rows| !rows.is_empty()) else {
        return Err(CliError::usage(format!(
            "there is no page {}; {} routes make {} pages",
            shown.page,
            routes.len(),
            routes.len().div_ceil(shown.size)
        )));
    };
    printer.table(&render::route::table(rows, scope.is_some()));
    if let Some(footer) = shown.footer() {
        printer.note(&footer);
    }
    Ok(())
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

/// A service without routes is known by name only; an unknown one is not found.
async fn known(connection: &Connection, service: &ServiceId) -> CliResult {
    let services: Vec<String> = connection.get(paths::SERVICES, &[]).await?.value;
    if services.iter().any(|known| known == service.as_str()) {
        return Ok(());
    }
    let error = CliError::new(ExitStatus::NotFound, format!("no service `{service}` is known"));
    Err(if services.is_empty() { error } else { error.hint(format!("known services: {}", services.join(", "))) })
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

/// The part of a list that is shown.
struct Shown {
    page: usize,
    size: usize,
    total: usize,
}

impl Shown {
    /// What was asked for; else the first rows on a terminal and everything elsewhere.
    fn of(page: &Page, total: usize, terminal: bool) -> Self {
        let whole = page.page.is_none() && page.per_page.is_none() && !terminal;
        let size = if whole { total.max(1) } else { page.per_page.unwrap_or(ROWS) as usize };
        Self { page: page.page.unwrap_or(1) as usize, size, total }
    }

    fn range(&self) -> std::ops::Range<usize> {
        let start = ((self.page - 1) * self.size).min(self.total);
        start..(start + self.size).min(self.total)
    }

    /// Where to find the rest, if there is any.
    fn footer(&self) -> Option<String> {
        let range = self.range();
        if range.len() == self.total {
            return None;
        }
        let mut text = format!("  Showing {}–{} of {}", range.start + 1, range.end, self.total);
        if self.page > 1 {
            let _ = write!(text, "  •  ← --page {}", self.page - 1);
        }
        let _ = if range.end < self.total {
            write!(text, "  •  --page {} →", self.page + 1)
        } else {
            write!(text, "  •  (last page)")
        };
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cover_the_list() {
        let shown = |page, per_page, terminal| Shown::of(&Page { page, per_page }, 11, terminal);
        assert_eq!(shown(None, None, false).range(), 0..11);
        assert_eq!(shown(None, None, true).footer(), None);
        let second = shown(Some(2), Some(4), false);
        assert_eq!(second.range(), 4..8);
        assert_eq!(second.footer().unwrap(), "  Showing 5–8 of 11  •  ← --page 1  •  --page 3 →");
        assert_eq!(
            shown(Some(3), Some(4), true).footer().unwrap(),
            "  Showing 9–11 of 11  •  ← --page 2  •  (last page)"
        );
        assert!(shown(Some(9), Some(4), true).range().is_empty());
    }
}
