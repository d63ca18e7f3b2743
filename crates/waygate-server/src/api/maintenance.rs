//! Maintenance of everything, and of one service.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use waygate_api::maintenance::MaintenanceView;
use waygate_core::{Command, LocalKey, MaintenanceScope, MaintenanceSwitch};

use crate::api::answer;
use crate::api::body::Fields;
use crate::api::names::{NamedService, if_match};
use crate::api::routes::enforcement;
use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::error::ApiError;

pub(super) async fn show_global(State(app): State<App>) -> Response {
    let state = app.control.current();
    answer::read(&state, MaintenanceView::of(&state.global.maintenance, clock::now()))
}

pub(super) async fn show_service(
    State(app): State<App>,
    principal: Principal,
    NamedService(service): NamedService,
) -> Result<Response, ApiError> {
    principal.require_read(&service)?;
    let state = app.control.current();
    let known = state.services.get(&service).ok_or_else(|| ApiError::unknown_service(&service, &state))?;
    Ok(answer::read(&state, MaintenanceView::of(&known.maintenance, clock::now())))
}

pub(super) async fn enable_global(
    app: State<App>,
    principal: Principal,
    head: HeaderMap,
    fields: Fields,
) -> Result<Response, ApiError> {
    switch(app, principal, &head, &fields, MaintenanceScope::Global, on(&fields)?).await
}

pub(super) async fn disable_global(
    app: State<App>,
    principal: Principal,
    head: HeaderMap,
    fields: Fields,
) -> Result<Response, ApiError> {
    switch(app, principal, &head, &fields, MaintenanceScope::Global, MaintenanceSwitch::Off).await
}

pub(super) async fn enable_service(
    app: State<App>,
    principal: Principal,
    NamedService(service): NamedService,
    head: HeaderMap,
    fields: Fields,
) -> Result<Response, ApiError> {
    switch(app, principal, &head, &fields, MaintenanceScope::Service(service), on(&fields)?).await
}

pub(super) async fn disable_service(
    app: State<App>,
    principal: Principal,
    NamedService(service): NamedService,
    head: HeaderMap,
    fields: Fields,
) -> Result<Response, ApiError> {
    switch(app, principal, &head, &fields, MaintenanceScope::Service(service), MaintenanceSwitch::Off).await
}

fn on(fields: &Fields) -> Result<MaintenanceSwitch, ApiError> {
    Ok(MaintenanceSwitch::On {
        exempt: fields.texts("exempt_paths", str::parse::<LocalKey>)?,
        include_force_active: fields.flag("include_force_active")?,
        until: fields.time("until")?,
        enforcement: enforcement(fields)?,
    })
}

async fn switch(
    State(app): State<App>,
    principal: Principal,
    head: &HeaderMap,
    fields: &Fields,
    scope: MaintenanceScope,
    to: MaintenanceSwitch,
) -> Result<Response, ApiError> {
    let command = Command::Maintenance {
        scope: scope.clone(),
        to,
        reason: fields.reason()?,
        allow_unknown: fields.flag("allow_unknown")?,
        expected: fields.expected_revision(if_match(head)?)?,
    };
    let applied = app.execute(&principal, command).await?;
    let now = applied.state.maintenance(&scope).cloned().unwrap_or_default();
    let view = MaintenanceView {
        warnings: applied.warnings.clone(),
        changed: Some(applied.changed),
        ..MaintenanceView::of(&now, clock::now())
    };
    Ok(answer::changed(&applied, view))
}
