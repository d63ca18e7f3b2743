//! What a route is after a switch, in words.

use jiff::Timestamp;
use serde_json::value::RawValue;
use waygate_api::client::Answer;
use waygate_api::routes::RouteState;
use waygate_core::LifecycleKind;

use crate::clock;
use crate::context::{Connection, Context, Read};
use crate::error::CliResult;
use crate::mark::{COUNTS_ONLY, marked};
use crate::moment::shown;
use crate::render;
use crate::render::route::{colour, word};

/// When a planned maintenance begins and ends.
pub(crate) type Window = (Timestamp, Timestamp);

/// Prints what a route is now, and the window that was `planned` by the command.
pub(crate) fn receipt(
    context: &Context,
    connection: &Connection,
    answer: Answer<Box<RawValue>>,
    planned: Option<Window>,
) -> CliResult {
    let Read { raw, value: route } = connection.read::<RouteState>(answer.value)?;
    if answer.changed == Some(false) {
        context.nothing_changed();
    }
    let printer = &context.printer;
    let table = || render::route::table(std::slice::from_ref(&route), false);
    printer.answer(raw.get(), table, |_| tell(context, &route, planned));
    if context.is_unchanged() {
        printer.note("it was already so; nothing has been changed");
    }
    for notice in answer.notices {
        printer.note(&format!("note: {notice}"));
    }
    Ok(())
}

pub(super) fn tell(context: &Context, route: &RouteState, planned: Option<Window>) {
    let printer = &context.printer;
    let (mark, line) = told(route, planned, clock::now());
    printer.data(Some(colour(route.status)), &marked(context, mark, &line));
    if !route.reason.is_empty() {
        printer.data(None, &format!("  Reason: {}", route.reason));
    }
    if let Some(until) = route.until {
        printer.data(None, &format!("  Until:  {}", shown(until)));
    }
    if let (Some(planned), Some(next)) = (planned, next(route))
        && next != planned
    {
        let told = format!("before it: {}; `waygate schedule show {}` lists them", times(next), route.path);
        printer.note(&told);
    }
    covered(context, route);
}

/// What the route is now, in one line, and the mark of that.
fn told(route: &RouteState, planned: Option<Window>, now: Timestamp) -> (&'static str, String) {
    if let Some(window) = planned.or_else(|| next(route)).filter(|(start, _)| now < *start) {
        let times = times(window);
        return ("⏰", format!("{} → {}, MAINTENANCE planned {times}", route.path, word(route.status)));
    }
    let mark = match route.status {
        LifecycleKind::Active | LifecycleKind::Deprecated => "✓",
        LifecycleKind::Maintenance => "⚠",
        LifecycleKind::Disabled => "✗",
        LifecycleKind::EnvGated => "🔒",
    };
    let envs = match route.status {
        LifecycleKind::EnvGated => format!("  ({})", route.allowed_envs.join(", ")),
        _ => String::new(),
    };
    let shadow = if route.shadow { COUNTS_ONLY } else { "" };
    (mark, format!("{} → {}{envs}{shadow}", route.path, word(route.status)))
}

/// The open window, else the next one.
fn next(route: &RouteState) -> Option<Window> {
    route.window.as_ref().map(|window| (window.start, window.end))
}

fn times((start, end): Window) -> String {
    format!("{} → {}", shown(start), shown(end))
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
