//! What can be done to one route, as commands for a terminal.

use axum::response::Response;
use waygate_core::{Command, Enforcement, Lifecycle, RouteKey, Switch};

use crate::dashboard::frame::Section;
use crate::dashboard::preview::commands;
use crate::dashboard::sheet::{Fact, Sheet};
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::route_name;
use crate::error::ApiError;

/// Stands where the reason belongs.
const REASON: &str = "REASON";

/// The sheet of commands; it changes nothing.
pub(super) async fn show(visit: &Visit, key: &RouteKey) -> Result<Response, ApiError> {
    let state = visit.state();
    let key = state.resolve(&key.clone().into())?;
    let mut sheet = Sheet::new(visit, &state, Section::Routes, format!("Commands for {}", route_name(&key))).await;
    sheet.facts.push(Fact::words("Service", key.service.as_str()));
    sheet
        .facts
        .push(Fact::words("Write your own", format!("what stands as {REASON}: callers and the audit log are told")));
    let maintenance =
        Switch::Control { lifecycle: Lifecycle::Maintenance, until: None, enforcement: Enforcement::Enforce };
    for (name, to) in [("Disable", Switch::disable()), ("Maintenance", maintenance), ("Enable", Switch::enable())] {
        let command = Command::Route { route: key.clone().into(), to, reason: REASON.to_owned(), expected: None };
        let said = commands(visit, &command).into_iter();
        sheet.commands.extend(said.map(|(what, line)| (format!("{name}, as {what}"), line)));
    }
    sheet.submit = "";
    page(&sheet)
}
