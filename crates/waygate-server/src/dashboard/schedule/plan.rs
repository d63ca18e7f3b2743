//! The form that plans maintenance of some routes, or of all of a service.

use axum::response::Response;
use jiff::{RoundMode, TimestampRound, Unit};
use waygate_core::{Command, Enforcement, RouteKey, RouteSelector, ServiceId, State, Switch};

use crate::dashboard::form::Posted;
use crate::dashboard::frame::Section;
use crate::dashboard::sheet::{Fact, Field, Input, Sheet};
use crate::dashboard::switch::{ask_about_overlap, overlapping};
use crate::dashboard::visit::{Visit, page};
use crate::error::ApiError;

pub(in crate::dashboard) async fn ask(visit: Visit) -> Result<Response, ApiError> {
    page(&sheet(&visit, &visit.state()).await)
}

pub(in crate::dashboard) async fn carry_out(posted: Posted) -> Result<Response, ApiError> {
    let visit = &posted.visit;
    let held = match posted.carry_out(plan(&posted)).await {
        Ok(answer) => return Ok(answer),
        Err(held) => held,
    };
    let mut sheet = sheet(visit, &visit.state()).await;
    ask_about_overlap(&mut sheet, &posted, &held);
    sheet.again(&posted, held).await
}

fn plan(posted: &Posted) -> Result<Command, ApiError> {
    let visit = &posted.visit;
    let state = visit.state();
    let keys = keys(posted, &state)?;
    let (start, end) = posted.window()?;
    let enforcement = if posted.is_checked("shadow") { Enforcement::Shadow } else { Enforcement::Enforce };
    let to = Switch::Window { start, end, enforcement };
    if !posted.is_checked("overlap") {
        overlapping(&state, keys.iter(), std::slice::from_ref(&to))?;
    }
    let reason = posted.text("reason");
    let command =
        |key: RouteKey| Command::Route { route: key.into(), to: to.clone(), reason: reason.to_owned(), expected: None };
    let mut commands: Vec<Command> = keys.into_iter().map(command).collect();
    Ok(if commands.len() == 1 { commands.remove(0) } else { Command::All(commands) })
}

/// The routes that are named, and those of the service that is chosen.
fn keys(posted: &Posted, state: &State) -> Result<Vec<RouteKey>, ApiError> {
    let mut keys = Vec::new();
    for line in posted.text("routes").lines().map(str::trim).filter(|line| !line.is_empty()) {
        let invalid = |problem: String| ApiError::invalid_field("routes", problem);
        let selector: RouteSelector = line.parse().map_err(|problem| invalid(format!("{problem}")))?;
        let key = state.resolve(&selector).map_err(|problem| invalid(problem.to_string()))?;
        if state.route(&key).is_some_and(|route| route.force_active) {
            return Err(invalid(format!("`{key}` is protected by its service's code and cannot be planned for")));
        }
        keys.push(key);
    }
    let service = posted.text("service");
    if !service.is_empty() {
        let known: ServiceId = service.parse().map_err(|problem| ApiError::invalid_field("service", problem))?;
        let routes = state.services.get(&known).into_iter().flat_map(|known| &known.routes);
        let free = routes.filter(|(_, route)| !route.force_active);
        keys.extend(free.map(|(local, _)| RouteKey::new(known.clone(), local.clone())));
    }
    keys.sort();
    keys.dedup();
    if keys.is_empty() {
        return Err(ApiError::invalid_field("routes", "name at least one route, or choose a service"));
    }
    Ok(keys)
}

async fn sheet(visit: &Visit, state: &State) -> Sheet {
    let mut sheet = Sheet::new(visit, state, Section::Schedule, "Plan maintenance".to_owned()).await;
    let hour = TimestampRound::new().smallest(Unit::Hour).mode(RoundMode::Ceil);
    let start = visit.now.round(hour).unwrap_or(visit.now);
    let services = state.services.keys().map(|service| (service.to_string(), service.to_string()));
    let none = (String::new(), "only the routes above".to_owned());
    sheet.facts = vec![Fact::words("Until it begins", "nothing changes"), Fact::words("Afterwards", "what it was")];
    sheet.fields = vec![
        Field::new("routes", "Routes", Input::Lines)
            .hint("One a line: SERVICE:METHOD:/path, or METHOD:/path where one service has it.")
            .value(visit.parameters.filter("route").unwrap_or_default()),
        Field::new("service", "Every route of", Input::Choice(std::iter::once(none).chain(services).collect()))
            .value(visit.parameters.filter("service").unwrap_or_default()),
        Field::new("start", "Begins (UTC)", Input::Moment)
            .value(start.strftime("%Y-%m-%dT%H:%M").to_string())
            .required(),
        Field::lasting().value("60"),
        Field::new("end", "Ends (UTC)", Input::Moment),
        Field::reason(false),
        Field::shadow(),
    ];
    sheet.submit = "Plan it";
    sheet.previews = true;
    sheet
}
