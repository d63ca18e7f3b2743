//! Maintenance of everything, and of a service.

use axum::response::Response;
use waygate_core::{
    Command, Enforcement, LocalKey, Maintenance, MaintenanceScope, MaintenanceSwitch, Revision, ServiceId, State,
};

use crate::api::names::NamedService;
use crate::dashboard::form::Posted;
use crate::dashboard::frame::Section;
use crate::dashboard::sheet::{Fact, Field, Input, Sheet};
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{Moment, counted};
use crate::error::ApiError;

pub(super) async fn ask_global(visit: Visit) -> Result<Response, ApiError> {
    ask(&visit, MaintenanceScope::Global).await
}

pub(super) async fn ask_service(visit: Visit, NamedService(service): NamedService) -> Result<Response, ApiError> {
    ask(&visit, MaintenanceScope::Service(service)).await
}

pub(super) async fn carry_out_global(posted: Posted) -> Result<Response, ApiError> {
    carry_out(posted, MaintenanceScope::Global).await
}

pub(super) async fn carry_out_service(
    NamedService(service): NamedService,
    posted: Posted,
) -> Result<Response, ApiError> {
    carry_out(posted, MaintenanceScope::Service(service)).await
}

/// The form that stops everything, or one service, from any page.
pub(super) async fn stop(visit: Visit) -> Result<Response, ApiError> {
    page(&stop_sheet(&visit, &visit.state()).await)
}

pub(super) async fn carry_out_stop(posted: Posted) -> Result<Response, ApiError> {
    let command = scope_to_stop(&posted).and_then(|scope| command(&posted, scope, None));
    let held = match posted.carry_out(command).await {
        Ok(answer) => return Ok(answer),
        Err(held) => held,
    };
    stop_sheet(&posted.visit, &posted.visit.state()).await.again(&posted, held).await
}

fn scope_to_stop(posted: &Posted) -> Result<MaintenanceScope, ApiError> {
    Ok(match posted.text("scope") {
        "" => MaintenanceScope::Global,
        service => {
            MaintenanceScope::Service(service.parse().map_err(|problem| ApiError::invalid_field("scope", problem))?)
        }
    })
}

async fn ask(visit: &Visit, scope: MaintenanceScope) -> Result<Response, ApiError> {
    let edit = visit.parameters.flag("edit")?;
    page(&sheet(visit, &visit.state(), &scope, edit).await?)
}

async fn carry_out(posted: Posted, scope: MaintenanceScope) -> Result<Response, ApiError> {
    let command = posted.expected().and_then(|expected| command(&posted, scope.clone(), expected));
    let held = match posted.carry_out(command).await {
        Ok(answer) => return Ok(answer),
        Err(held) => held,
    };
    let visit = &posted.visit;
    sheet(visit, &visit.state(), &scope, posted.text("to") == "on").await?.again(&posted, held).await
}

fn command(posted: &Posted, scope: MaintenanceScope, expected: Option<Revision>) -> Result<Command, ApiError> {
    let (to, reason) = if posted.text("to") == "off" {
        (MaintenanceSwitch::Off, posted.text("reason").to_owned())
    } else {
        let exempt = posted.text("exempt").lines().map(str::trim).filter(|line| !line.is_empty());
        let exempt = exempt.map(str::parse::<LocalKey>).collect::<Result<Vec<_>, _>>();
        let to = MaintenanceSwitch::On {
            exempt: Some(exempt.map_err(|problem| ApiError::invalid_field("exempt", problem))?),
            include_force_active: posted.is_checked("protected"),
            until: posted.until()?,
            enforcement: if posted.is_checked("shadow") { Enforcement::Shadow } else { Enforcement::Enforce },
        };
        (to, posted.required_reason()?)
    };
    Ok(Command::Maintenance { scope, to, reason, allow_unknown: false, expected })
}

/// The form for one scope: off it is switched on, on it is ended, or edited where that is wished.
async fn sheet(visit: &Visit, state: &State, scope: &MaintenanceScope, edit: bool) -> Result<Sheet, ApiError> {
    let none = Maintenance::default();
    let current = match scope {
        MaintenanceScope::Service(service) if !state.services.contains_key(service) => {
            return Err(ApiError::unknown_service(service, state));
        }
        scope => state.maintenance(scope).unwrap_or(&none),
    };
    let on = current.is_on(|| visit.now);
    let (name, routes) = covered(state, scope);
    let ends = on && !edit;
    let title = if ends { format!("End maintenance of {name}") } else { format!("Maintenance of {name}") };
    let mut sheet = Sheet::new(visit, state, Section::Routes, title).await;
    sheet.facts = vec![
        Fact::words(
            "Now",
            if on { format!("In maintenance since r{}", current.changed_at) } else { "Answering".into() },
        ),
        Fact::words("Routes", counted(routes, "route")),
    ];
    if on {
        sheet.facts.push(Fact::words("Why", &*current.reason));
    }
    if let Some(until) = current.until.filter(|_| on) {
        sheet.facts.push(Fact::words("Ends", Moment(until).words()));
    }
    sheet.subjects = vec![(String::new(), current.changed_at.to_string())];
    sheet.fields = if ends {
        vec![switched("off"), Field::reason(false)]
    } else {
        let mut fields = vec![switched("on"), Field::reason(true)];
        if on {
            fields[1].value.clone_from(&current.reason);
        }
        fields.extend(asked(Some(&Maintenance { until: current.until.filter(|_| on), ..current.clone() })));
        fields
    };
    sheet.submit = match (ends, on) {
        (true, _) => "End maintenance",
        (false, true) => "Save",
        (false, false) => "Begin maintenance",
    };
    sheet.dangerous = !ends;
    sheet.previews = true;
    Ok(sheet)
}

async fn stop_sheet(visit: &Visit, state: &State) -> Sheet {
    let (_, routes) = covered(state, &MaintenanceScope::Global);
    let mut sheet = Sheet::new(visit, state, Section::None, "Emergency stop".to_owned()).await;
    let services = counted(state.services.len(), "service");
    sheet.facts = vec![Fact::words("Would be stopped", format!("{} of {services}", counted(routes, "route")))];
    let own = visit.principal.sees_everything().then(|| (String::new(), "Everything".to_owned()));
    let scopes = state.services.keys().map(|service| (service.to_string(), service.to_string()));
    sheet.fields =
        vec![Field::new("scope", "Stop", Input::Choice(own.into_iter().chain(scopes).collect())), Field::reason(true)];
    sheet.fields.extend(asked(None));
    sheet.submit = "Stop now";
    sheet.previews = true;
    sheet.dangerous = true;
    sheet
}

/// What is asked for when something is put into maintenance.
fn asked(current: Option<&Maintenance>) -> Vec<Field> {
    let exempt: Vec<String> =
        current.into_iter().flat_map(|current| &current.exempt).map(ToString::to_string).collect();
    let protected = current.is_some_and(|current| current.include_force_active);
    let mut fields = vec![
        Field::new("exempt", "Stay reachable", Input::Lines)
            .hint("One route a line: METHOD:/path, or /path for every method.")
            .value(exempt.join("\n")),
        Field::new("protected", "Stop protected routes too", Input::Check).value(protected.to_string()),
    ];
    fields.extend(Field::ending("Ends"));
    if let Some(until) = current.and_then(|current| current.until) {
        let [.., choice, time] = &mut fields[..] else { return fields };
        "time".clone_into(&mut choice.value);
        time.value = until.strftime("%Y-%m-%dT%H:%M").to_string();
    }
    let shadow = current.is_some_and(|current| current.enforcement.is_shadow());
    fields.push(Field::shadow().value(shadow.to_string()));
    fields
}

/// What the form does, without a choice.
fn switched(to: &'static str) -> Field {
    Field::new("to", "", Input::Fixed).value(to)
}

/// What a scope is called, and how many routes it has.
fn covered(state: &State, scope: &MaintenanceScope) -> (String, usize) {
    let routes = |service: &ServiceId| state.services.get(service).map_or(0, |known| known.routes.len());
    match scope {
        MaintenanceScope::Global => ("everything".to_owned(), state.services.keys().map(routes).sum()),
        MaintenanceScope::Service(service) => (service.to_string(), routes(service)),
    }
}
