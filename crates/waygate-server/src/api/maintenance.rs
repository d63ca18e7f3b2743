//! Maintenance of everything, and of one service.

use axum::extract::State;
use axum::response::Response;
use waygate_api::maintenance::MaintenanceView;
use waygate_core::{Command, LocalKey, MaintenanceScope, MaintenanceSwitch};

use crate::api::answer;
use crate::api::asked::Asked;
use crate::api::body::Fields;
use crate::api::names::NamedService;
use crate::api::switches::enforcement;
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

pub(super) async fn enable_global(app: State<App>, asked: Asked) -> Result<Response, ApiError> {
    let to = on(&asked.fields)?;
    switch(app, asked, MaintenanceScope::Global, to).await
}

pub(super) async fn disable_global(app: State<App>, asked: Asked) -> Result<Response, ApiError> {
    switch(app, asked, MaintenanceScope::Global, MaintenanceSwitch::Off).await
}

pub(super) async fn exempt_global(app: State<App>, asked: Asked) -> Result<Response, ApiError> {
    let to = exemptions(&asked.fields)?;
    switch(app, asked, MaintenanceScope::Global, to).await
}

pub(super) async fn enable_service(
    app: State<App>,
    NamedService(service): NamedService,
    asked: Asked,
) -> Result<Response, ApiError> {
    let to = on(&asked.fields)?;
    switch(app, asked, MaintenanceScope::Service(service), to).await
}

pub(super) async fn disable_service(
    app: State<App>,
    NamedService(service): NamedService,
    asked: Asked,
) -> Result<Response, ApiError> {
    switch(app, asked, MaintenanceScope::Service(service), MaintenanceSwitch::Off).await
}

pub(super) async fn exempt_service(
    app: State<App>,
    NamedService(service): NamedService,
    asked: Asked,
) -> Result<Response, ApiError> {
    let to = exemptions(&asked.fields)?;
    switch(app, asked, MaintenanceScope::Service(service), to).await
}

pub(super) fn on(fields: &Fields) -> Result<MaintenanceSwitch, ApiError> {
    Ok(MaintenanceSwitch::On {
        exempt: fields.texts("exempt_paths", str::parse::<LocalKey>)?,
        include_force_active: fields.flag("include_force_active")?,
        until: fields.time("until")?,
        enforcement: enforcement(fields)?,
    })
}

/// An edit of the exemptions, which never switches anything.
pub(super) fn exemptions(fields: &Fields) -> Result<MaintenanceSwitch, ApiError> {
    let read = |field: &str| fields.texts(field, str::parse::<LocalKey>);
    match (read("add")?, read("remove")?) {
        (None, None) => Err(ApiError::invalid_field("add", "give routes to `add` or to `remove`, as lists of texts")),
        (add, remove) => {
            Ok(MaintenanceSwitch::Exemptions { add: add.unwrap_or_default(), remove: remove.unwrap_or_default() })
        }
    }
}

async fn switch(
    State(app): State<App>,
    asked: Asked,
    scope: MaintenanceScope,
    to: MaintenanceSwitch,
) -> Result<Response, ApiError> {
    let command = Command::Maintenance {
        scope: scope.clone(),
        to,
        reason: asked.fields.reason()?,
        allow_unknown: asked.fields.flag("allow_unknown")?,
        expected: asked.expected,
    };
    let applied = asked.execute(&app, command).await?;
    let now = applied.state.maintenance(&scope).cloned().unwrap_or_default();
    let view = MaintenanceView {
        warnings: applied.warnings.clone(),
        changed: Some(applied.changed),
        ..MaintenanceView::of(&now, clock::now())
    };
    Ok(answer::changed(&applied, view))
}
