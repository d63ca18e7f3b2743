//! Switching routes: one, or several as one change.

mod act;
mod chosen;
mod commands;
mod plans;

use axum::extract::{Path, Query};
use axum::response::Response;
use waygate_api::paths;
use waygate_api::routes::RouteState;
use waygate_core::{Command, Enforcement, Route, RouteKey, State, Switch};

use crate::dashboard::fleet::Fleet;
use crate::dashboard::form::{Posted, revision};
use crate::dashboard::frame::Section;
use crate::dashboard::routes::{Filter, status_of};
use crate::dashboard::sheet::{Fact, Sheet};
use crate::dashboard::switch::act::Act;
use crate::dashboard::switch::chosen::{Chosen, is_already, key_of};
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{Kind, counted, route_name};
use crate::error::ApiError;

pub(super) use self::plans::{ask_about_overlap, overlapping};

/// The form to switch one route.
pub(super) async fn ask(visit: Visit, Path((route, act)): Path<(String, String)>) -> Result<Response, ApiError> {
    let key = key_of(&route)?;
    if act == "commands" {
        return commands::show(&visit, &key).await;
    }
    let act = Act::of(&act)?;
    page(&sheet(&visit, &visit.state(), act, &Chosen::One(key)).await?)
}

/// The form to switch several routes: those that are ticked, or all that fit the filter.
pub(super) async fn ask_many(visit: Visit, Query(pairs): Query<Vec<(String, String)>>) -> Result<Response, ApiError> {
    let act = Act::of(visit.parameters.text("do").unwrap_or_default())?;
    let ticked = pairs.iter().filter(|(name, _)| name == "route").map(|(_, route)| route.as_str());
    let chosen = many(&visit, ticked)?;
    page(&sheet(&visit, &visit.state(), act, &chosen).await?)
}

/// Switches the routes of a form, as one change.
pub(super) async fn carry_out(path: Option<Path<(String, String)>>, posted: Posted) -> Result<Response, ApiError> {
    let visit = &posted.visit;
    let (act, chosen) = if let Some(Path((route, act))) = path {
        (Act::of(&act)?, Chosen::One(key_of(&route)?))
    } else {
        let act = Act::of(visit.parameters.text("do").unwrap_or_default())?;
        (act, many(visit, posted.all("route"))?)
    };
    let held = match posted.carry_out(command(&posted, act, &chosen).await).await {
        Ok(answer) => return Ok(answer),
        Err(held) => held,
    };
    let mut sheet = sheet(visit, &visit.state(), act, &chosen).await?;
    ask_about_overlap(&mut sheet, &posted, &held);
    let is_plain = |to: &Switch| matches!(to, Switch::Control { until: None, enforcement: Enforcement::Enforce, .. });
    sheet.is_so &= act.switches(&posted).is_ok_and(|switches| switches.iter().all(is_plain));
    sheet.again(&posted, held).await
}

fn many<'r>(visit: &Visit, ticked: impl Iterator<Item = &'r str>) -> Result<Chosen, ApiError> {
    if visit.parameters.flag("all")? {
        return Ok(Chosen::Fitting(Box::new(Filter::of(&visit.parameters))));
    }
    Ok(Chosen::Ticked(ticked.map(key_of).collect::<Result<_, _>>()?))
}

async fn command(posted: &Posted, act: Act, chosen: &Chosen) -> Result<Command, ApiError> {
    let visit = &posted.visit;
    let (switches, reason) = (act.switches(posted)?, act.reason(posted)?);
    let state = visit.state();
    let routes = if let Chosen::Fitting(_) = chosen {
        let found = chosen.find(visit, &state, &Fleet::of(visit).await, act)?;
        let seen =
            posted.expected()?.ok_or_else(|| ApiError::invalid_body("the form does not say what it has shown"))?;
        found.require_as_seen(posted.text("route"), seen)?;
        found.free.iter().map(|(key, route)| (key.clone(), Some(route.changed_at))).collect()
    } else {
        let subjects = posted.all("route").zip(posted.all("expected"));
        let subjects = subjects.map(|(route, expected)| Ok((key_of(route)?, revision(expected)?)));
        subjects.collect::<Result<Vec<_>, ApiError>>()?
    };
    if !posted.is_checked("overlap") {
        overlapping(&state, routes.iter().map(|(key, _)| key), &switches)?;
    }
    let mut commands = Vec::new();
    for (key, expected) in routes {
        commands.extend(switches.iter().map(|to| Command::Route {
            route: key.clone().into(),
            to: to.clone(),
            reason: reason.clone(),
            expected,
        }));
    }
    match commands.len() {
        0 => Err(ApiError::invalid_body("no route is selected")),
        1 => Ok(commands.remove(0)),
        _ => Ok(Command::All(commands)),
    }
}

/// What callers get of a route, and why.
fn now(visit: &Visit, state: &State, key: &RouteKey, route: &Route) -> Vec<Fact> {
    let Some(known) = state.services.get(&key.service) else { return Vec::new() };
    let (kind, cause) = status_of(visit, state, known, key, route);
    let why = (!cause.is_empty()).then(|| Fact::words("Why", cause));
    std::iter::once(Fact::status("Now", kind)).chain(why).collect()
}

/// That a maintenance lies over the route, whatever is done to it.
fn over(visit: &Visit, state: &State, key: &RouteKey, route: &Route) -> Option<Fact> {
    let (global, service) = (&state.global.maintenance, &state.services.get(&key.service)?.maintenance);
    let view = RouteState::of(key, route, global, service, visit.now);
    let of = match view.cause.as_deref() {
        Some("global_maintenance") => "everything",
        Some("service_maintenance") => key.service.as_str(),
        _ => return None,
    };
    Some(Fact::words(
        "Before that",
        format!("The maintenance of {of} has to end: until then callers get it, and not this"),
    ))
}

/// The same for several routes.
fn over_some(visit: &Visit, state: &State, routes: &[(RouteKey, &Route)]) -> Option<Fact> {
    let under = routes.iter().filter(|(key, route)| over(visit, state, key, route).is_some()).count();
    let words = format!("A maintenance lies over {}: until it ends callers get that", counted(under, "route"));
    (under > 0).then(|| Fact::words("Before that", words))
}

async fn sheet(visit: &Visit, state: &State, act: Act, chosen: &Chosen) -> Result<Sheet, ApiError> {
    let fleet = Fleet::of(visit).await;
    let found = chosen.find(visit, state, &fleet, act)?;
    let title = match (chosen, &found.free[..]) {
        (Chosen::One(key), _) | (_, [(key, _)]) => format!("{} {}", act.word(), route_name(key)),
        _ => format!("{} {}", act.word(), counted(found.free.len(), "route")),
    };
    let mut sheet = Sheet::new(visit, state, Section::Routes, title).await;
    let only = match &found.free[..] {
        [(key, route)] => Some((key, *route)),
        _ => None,
    };
    if let Chosen::Fitting(filter) = chosen {
        let words = if filter.is_set() { format!("that fit {}", filter.words()) } else { "that there are".to_owned() };
        sheet.facts.push(Fact::words("All", words));
    }
    if let Some((key, route)) = only {
        sheet.facts.push(Fact::words("Service", key.service.as_str()));
        sheet.facts.extend(now(visit, state, key, route));
    } else if !found.free.is_empty() {
        sheet.facts.push(Fact::words("Routes", found.names()));
    }
    let mut outcomes = found.free.iter().map(|(_, route)| act.outcome_for(route, visit.now));
    let outcome = outcomes.next().flatten().filter(|kind| outcomes.all(|other| other == Some(*kind)));
    sheet.facts.extend(outcome.map(|kind| Fact::status("Then", Kind(kind))));
    sheet.is_so = only.is_some_and(|(_, route)| is_already(act, route));
    if let Some((key, route)) = only {
        sheet.facts.extend(over(visit, state, key, route));
    } else {
        sheet.facts.extend(over_some(visit, state, &found.free));
    }
    if let Some(answer) = act.answer() {
        sheet.facts.push(Fact::words("Callers get", answer));
        sheet.facts.push(Fact::words("Requests lately", found.requests(visit)));
    }
    if let Some((_, route)) = only {
        sheet.facts.extend(plans::facts(visit, act, route));
    }
    sheet.facts.push(Fact::words("Instances to update", found.instances(&fleet)));
    sheet.facts.extend(found.left_out().map(|(why, names)| Fact::words(why, names)));
    sheet.fields = act.fields(only.map(|(_, route)| route));
    if let Chosen::Fitting(_) = chosen {
        sheet.subjects = vec![(found.digest(), state.cursor.revision.to_string())];
    } else {
        let subject =
            |(key, route): &(RouteKey, &Route)| (paths::path_key(&key.to_string()), route.changed_at.to_string());
        sheet.subjects = found.free.iter().map(subject).collect();
    }
    if let Some((_, route)) = only {
        plans::fill(visit, act, route, &mut sheet);
    }
    if found.free.is_empty() {
        sheet.conflict = Some("There is nothing to change.".to_owned());
        sheet.fields.clear();
    }
    sheet.previews = true;
    sheet.submit = if found.free.is_empty() { "" } else { act.submit() };
    sheet.dangerous = act.is_dangerous();
    Ok(sheet)
}
