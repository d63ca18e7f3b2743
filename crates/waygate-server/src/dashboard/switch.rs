//! Switching routes: one, or several as one change.

mod act;

use axum::extract::{Path, Query, State as Extracted};
use axum::response::Response;
use waygate_api::paths;
use waygate_core::{Command, RouteKey, State};

use crate::api::names::Parameters;
use crate::app::App;
use crate::dashboard::fleet::Fleet;
use crate::dashboard::form::{Posted, revision};
use crate::dashboard::frame::Section;
use crate::dashboard::sheet::{Fact, Field, Input, Sheet};
use crate::dashboard::switch::act::Act;
use crate::dashboard::visit::{Visit, local, page};
use crate::dashboard::words::{Kind, counted, route_name};
use crate::error::ApiError;

/// The most routes of one change from a page.
const MOST: usize = 1000;

/// The form to switch one route.
pub(super) async fn ask(visit: Visit, Path((route, act)): Path<(String, String)>) -> Result<Response, ApiError> {
    let (act, key) = (Act::of(&act)?, key_of(&route)?);
    page(&sheet(&visit, &visit.state(), act, &[key]).await?)
}

/// The form to switch several routes.
pub(super) async fn ask_many(visit: Visit, Query(pairs): Query<Vec<(String, String)>>) -> Result<Response, ApiError> {
    let act = Act::of(visit.parameters.text("do").unwrap_or_default())?;
    let keys = pairs.iter().filter(|(name, _)| name == "route").map(|(_, route)| key_of(route));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    page(&sheet(&visit, &visit.state(), act, &keys).await?)
}

/// Switches the routes of a form, as one change.
pub(super) async fn carry_out(
    Extracted(app): Extracted<App>,
    parameters: Parameters,
    path: Option<Path<(String, String)>>,
    posted: Posted,
) -> Result<Response, ApiError> {
    let act = path.map_or_else(|| parameters.text("do").unwrap_or_default().to_owned(), |Path((_, act))| act);
    let act = Act::of(&act)?;
    let subjects: Vec<(&str, &str)> = posted.all("route").zip(posted.all("expected")).collect();
    let keys = subjects.iter().map(|(route, _)| key_of(route)).collect::<Result<Vec<_>, _>>()?;
    let visit = &posted.visit;
    let refused = match switch(&app, &posted, act, &subjects, &keys).await {
        Ok(applied) => return Ok(posted.done(&applied)),
        Err(refused) => refused,
    };
    let mut sheet = sheet(visit, &visit.state(), act, &keys).await?;
    sheet.refill(|name| posted.text(name));
    local(posted.text("back")).clone_into(&mut sheet.back);
    sheet.refuse(refused)
}

async fn switch(
    app: &App,
    posted: &Posted,
    act: Act,
    subjects: &[(&str, &str)],
    keys: &[RouteKey],
) -> Result<crate::control::Applied, ApiError> {
    let (switches, reason) = (act.switches(posted)?, act.reason(posted)?);
    let mut commands = Vec::new();
    for ((_, expected), key) in subjects.iter().zip(keys) {
        let expected = revision(expected)?;
        commands.extend(switches.iter().map(|to| Command::Route {
            route: key.clone().into(),
            to: to.clone(),
            reason: reason.clone(),
            expected,
        }));
    }
    let command = match commands.len() {
        0 => return Err(ApiError::invalid_body("no route is selected")),
        1 => commands.remove(0),
        _ => Command::All(commands),
    };
    app.execute(&posted.visit.principal, command).await
}

fn key_of(route: &str) -> Result<RouteKey, ApiError> {
    let invalid = || ApiError::invalid_key("route", "expected a route as the pages name it");
    paths::key_of_path(route).ok_or_else(invalid)?.parse().map_err(|_| invalid())
}

async fn sheet(visit: &Visit, state: &State, act: Act, keys: &[RouteKey]) -> Result<Sheet, ApiError> {
    if keys.is_empty() {
        return Err(ApiError::invalid_body("no route is selected: tick the ones to change"));
    }
    if keys.len() > MOST {
        return Err(ApiError::invalid_body(format!("at most {MOST} routes can be changed at once")));
    }
    let known = keys
        .iter()
        .map(|key| Ok((key, state.route(&state.resolve(&key.clone().into())?))))
        .collect::<Result<Vec<_>, ApiError>>()?;
    let (free, bound): (Vec<_>, Vec<_>) =
        known.into_iter().filter_map(|(key, route)| Some((key, route?))).partition(|(_, route)| !route.force_active);
    let title = match &free[..] {
        [(key, _)] => format!("{} {}", act.word(), route_name(key)),
        _ => format!("{} {}", act.word(), counted(free.len(), "route")),
    };
    let mut sheet = Sheet::new(visit, state, Section::Routes, title).await;
    if let [(key, route)] = &free[..] {
        sheet.facts.push(Fact::words("Service", key.service.as_str()));
        sheet.facts.push(Fact::status("Now", Kind(route.status(visit.now))));
        let reason = route.effective(visit.now).reason();
        if !reason.is_empty() {
            sheet.facts.push(Fact::words("Why", reason));
        }
        let standing = Fleet::of(visit).await.standing(key.service.as_str());
        sheet.facts.push(Fact::words("Instances to update", standing.words));
    } else {
        let names: Vec<String> = free.iter().map(|(key, _)| format!("{} {}", key.service, route_name(key))).collect();
        sheet.facts.push(Fact::words("Routes", names.join(", ")));
    }
    if let Some(kind) = act.outcome() {
        sheet.facts.push(Fact::status("Then", Kind(kind)));
    }
    if !bound.is_empty() {
        let names: Vec<String> = bound.iter().map(|(key, _)| route_name(key)).collect();
        sheet.facts.push(Fact::words("Left out: protected by their service's code", names.join(", ")));
    }
    sheet.subjects =
        free.iter().map(|(key, route)| (paths::path_key(&key.to_string()), route.changed_at.to_string())).collect();
    let only = match &free[..] {
        [(_, route)] => Some(&***route),
        _ => None,
    };
    sheet.fields = act.fields(only);
    if matches!(act, Act::Unschedule | Act::Reschedule) {
        let window = visit.parameters.filter("window").unwrap_or_default();
        sheet.fields.push(Field::new("window", "", Input::Fixed).value(window));
        let known = only.and_then(|route| route.windows.iter().find(|known| known.id.to_string() == window));
        if let (Act::Reschedule, Some(known)) = (act, known) {
            let moment = |at: waygate_core::Timestamp| at.strftime("%Y-%m-%dT%H:%M").to_string();
            let shadow = known.enforcement.is_shadow().to_string();
            let values = [
                ("start", moment(known.start)),
                ("end", moment(known.end)),
                ("reason", known.reason.clone()),
                ("shadow", shadow),
            ];
            for (name, value) in values {
                sheet
                    .fields
                    .iter_mut()
                    .filter(|field| field.name == name)
                    .for_each(|field| field.value.clone_from(&value));
            }
        }
    }
    sheet.submit = act.submit();
    sheet.dangerous = act.is_dangerous();
    Ok(sheet)
}
