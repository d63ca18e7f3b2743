//! Planned windows in the forms of routes: what there is, what a new one overlaps, what comes after it.

use axum::http::StatusCode;
use jiff::Timestamp;
use waygate_api::error::ErrorCode;
use waygate_core::{Lifecycle, LifecycleKind, Route, RouteKey, State, Switch, Window};

use crate::dashboard::form::{Held, Posted};
use crate::dashboard::sheet::{Fact, Field, Input, Sheet};
use crate::dashboard::switch::act::Act;
use crate::dashboard::visit::Visit;
use crate::dashboard::words::{Kind, Moment, route_name};
use crate::error::ApiError;

/// The field that says that an overlap is meant.
const OVERLAP: &str = "overlap";
/// How many windows are told of.
const MOST: usize = 5;

/// Refuses windows that overlap others of the same route, other than those that are taken back at the same time.
pub(in crate::dashboard) fn overlapping<'k>(
    state: &State,
    keys: impl Iterator<Item = &'k RouteKey>,
    switches: &[Switch],
) -> Result<(), ApiError> {
    let new: Vec<(Timestamp, Timestamp)> = switches.iter().filter_map(span).collect();
    let ended = |window: &Window| {
        switches.iter().any(|switch| matches!(switch, Switch::CancelWindows { id: Some(id) } if *id == window.id))
    };
    for key in keys {
        let Some(route) = state.route(key) else { continue };
        let meets = |window: &&Window| new.iter().any(|(start, end)| window.start < *end && *start < window.end);
        if let Some(window) = route.windows.iter().filter(|window| !ended(window)).find(meets) {
            return Err(ApiError::invalid_field(
                OVERLAP,
                format!(
                    "this overlaps what is planned for {} of {}: {} to {}; tick the box to plan it all the same",
                    route_name(key),
                    key.service,
                    Moment(window.start).words(),
                    Moment(window.end).words()
                ),
            ));
        }
    }
    Ok(())
}

/// Asks whether an overlap is meant, where that is what a refusal is about, and keeps the answer.
pub(in crate::dashboard) fn ask_about_overlap(sheet: &mut Sheet, posted: &Posted, held: &Held) {
    let is_refused = match held {
        Held::Refused(refusal) => {
            (refusal.status, refusal.body.code) == (StatusCode::BAD_REQUEST, ErrorCode::InvalidField)
                && refusal.body.field.as_deref() == Some(OVERLAP)
        }
        Held::Preview(_) => false,
    };
    if is_refused || posted.is_checked(OVERLAP) {
        sheet.fields.push(Field::new(OVERLAP, "Plan it although it overlaps", Input::Check));
    }
}

/// What is planned for a route, and what it is after a window.
pub(super) fn facts(visit: &Visit, act: Act, route: &Route) -> Vec<Fact> {
    if !matches!(act, Act::Schedule | Act::Reschedule) {
        return Vec::new();
    }
    let planned = route.windows.iter().filter(|window| visit.now < window.end);
    let told = planned.map(|window| format!("{} to {}", Moment(window.start).words(), Moment(window.end).words()));
    let mut facts: Vec<Fact> = told.take(MOST).map(|words| Fact::words("Planned already", words)).collect();
    let kind = match (&route.base.lifecycle, &route.deprecation) {
        (Lifecycle::Active, Some(_)) => LifecycleKind::Deprecated,
        (lifecycle, _) => lifecycle.kind(),
    };
    facts.push(Fact::status("Meanwhile", Kind(LifecycleKind::Maintenance)));
    facts.push(Fact::status("Afterwards", Kind(kind)));
    facts
}

/// Fills in the window that the address names.
pub(super) fn fill(visit: &Visit, act: Act, route: &Route, sheet: &mut Sheet) {
    if !matches!(act, Act::Unschedule | Act::Reschedule) {
        return;
    }
    let id = visit.parameters.filter("window").unwrap_or_default();
    sheet.fields.push(Field::new("window", "", Input::Fixed).value(id));
    let Some(known) = route.windows.iter().find(|known| known.id.to_string() == id) else { return };
    let moment = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M").to_string();
    let starts_now = visit.parameters.text("start") == Some("now");
    sheet.set("start", moment(if starts_now { visit.now } else { known.start }));
    sheet.set("end", moment(known.end));
    if act == Act::Reschedule {
        sheet.set("reason", known.reason.clone());
        sheet.set("shadow", known.enforcement.is_shadow().to_string());
    } else {
        let words = format!("{} to {}", Moment(known.start).words(), Moment(known.end).words());
        sheet.facts.push(Fact::words("Window", words));
    }
}

fn span(switch: &Switch) -> Option<(Timestamp, Timestamp)> {
    match switch {
        Switch::Window { start, end, .. } => Some((*start, *end)),
        _ => None,
    }
}
