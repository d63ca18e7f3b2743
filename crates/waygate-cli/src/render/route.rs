//! Routes and what they are set to, in words.

use std::fmt::Write as _;

use waygate_api::routes::RouteState;
use waygate_core::LifecycleKind;

use crate::moment::shown;
use crate::printer::Colour;
use crate::render::table::{Cell, Table};

/// A list of routes. The service has a column of its own unless `of_one_service`.
pub(crate) fn table(routes: &[RouteState], of_one_service: bool) -> Table {
    table_with(routes, of_one_service, &[], |_| Vec::new())
}

/// The same with more of each route, in columns of these names at its end.
pub(crate) fn table_with(
    routes: &[RouteState],
    of_one_service: bool,
    more: &[&'static str],
    cells: impl Fn(&RouteState) -> Vec<Cell>,
) -> Table {
    let with_service = !of_one_service && routes.iter().any(|route| route.service.is_some());
    let mut header = vec!["Route", "Service", "Status", "Effective", "Reason", "Envs", "Window"];
    if !with_service {
        header.remove(1);
    }
    let further = ["Until", "Sunset", "Successor", "Shadow", "Always on", "Revision"];
    let mut table = Table::new(header).widened(&further).widened(more);
    for route in routes {
        let mut row = vec![Cell::new(local_key(route)).coloured(Colour::Cyan)];
        if with_service {
            row.push(Cell::new(route.service.as_deref().unwrap_or_default()));
        }
        row.extend([
            kind(route.status),
            effective(route),
            Cell::new(&route.reason),
            Cell::new(route.allowed_envs.join(", ")),
            Cell::new(window(route)),
            Cell::new(route.until.map(shown).unwrap_or_default()),
            Cell::new(route.sunset_date.as_deref().unwrap_or_default()),
            Cell::new(route.successor_path.as_deref().unwrap_or_default()),
            yes(route.shadow),
            yes(route.force_active),
            Cell::new(route.changed_at.to_string()),
        ]);
        row.extend(cells(route));
        table.push_named(&route.path, row);
    }
    table
}

fn yes(flag: bool) -> Cell {
    Cell::new(if flag { "yes" } else { "" })
}

/// Upper case, as statuses are shown everywhere.
pub(crate) fn word(kind: LifecycleKind) -> String {
    kind.as_str().to_uppercase()
}

pub(crate) fn colour(kind: LifecycleKind) -> Colour {
    match kind {
        LifecycleKind::Active => Colour::Green,
        LifecycleKind::Maintenance => Colour::Yellow,
        LifecycleKind::Disabled => Colour::Red,
        LifecycleKind::EnvGated => Colour::Blue,
        LifecycleKind::Deprecated => Colour::Dim,
    }
}

/// The route without its service.
fn local_key(route: &RouteState) -> &str {
    let service = route.service.as_deref().unwrap_or_default();
    route.path.strip_prefix(service).and_then(|rest| rest.strip_prefix(':')).unwrap_or(&route.path)
}

fn kind(kind: LifecycleKind) -> Cell {
    Cell::new(word(kind)).coloured(colour(kind))
}

/// What callers get, and why where it is not plainly what the route is set to.
fn effective(route: &RouteState) -> Cell {
    // A control plane that does not say leaves it at what the route is set to.
    let Some(cause) = route.cause.as_deref() else { return kind(route.status) };
    let mut text = word(route.effective);
    if cause != "route" {
        let _ = write!(text, " ({})", cause.replace("_maintenance", " maintenance"));
    }
    if route.shadow {
        text.push_str(" (shadow: counts only)");
    }
    Cell::new(text).coloured(colour(route.effective))
}

/// The planned or open maintenance, else when the present status ends.
fn window(route: &RouteState) -> String {
    match (&route.window, route.until) {
        (Some(window), _) => format!("{} → {}", shown(window.start), shown(window.end)),
        (None, Some(until)) => format!("until {}", shown(until)),
        (None, None) => String::new(),
    }
}
