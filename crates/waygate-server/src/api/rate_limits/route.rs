//! Which route a call is about.

use waygate_core::{CommandError, RouteMethod, RouteSelector, ServiceId};

use crate::api::body::Fields;
use crate::api::names::Parameters;
use crate::app::App;
use crate::compat;
use crate::error::ApiError;

/// The route that a body names: `path` in any form, `method` and `service` where `path` does not say.
pub(super) fn route_of(app: &App, parameters: &Parameters, fields: &Fields) -> Result<RouteSelector, ApiError> {
    let path = fields.required_text("path")?;
    if compat::is_reserved(path) {
        return Err(ApiError::invalid_field("path", "names that begin with `__waygate` are reserved"));
    }
    let route: RouteSelector = path.parse().map_err(|problem| ApiError::invalid_field("path", problem))?;
    let service = fields.nullable_text("service")?.filter(|text| !text.is_empty());
    let service: Option<ServiceId> = service
        .map(|text| text.parse().map_err(|problem| ApiError::invalid_field("service", problem)))
        .transpose()?
        .or(parameters.service()?);
    let mut route = route.within(service.as_ref());
    if let Some(text) = fields.text("method")? {
        let given = method(text)?;
        if route.method.is_some_and(|own| own != given) {
            return Err(ApiError::invalid_field("method", format!("`{path}` names another method than `{given}`")));
        }
        route.method = Some(given);
    } else if route.method.is_none()
        && matches!(app.control.current().resolve(&route), Err(CommandError::AmbiguousRoute { .. }))
    {
        // What a path without a method means on this wire.
        route.method = Some(RouteMethod::Get);
    }
    Ok(route)
}

pub(super) fn method(text: &str) -> Result<RouteMethod, ApiError> {
    RouteMethod::from_name(text).ok_or_else(|| {
        let names = RouteMethod::NAMED.map(RouteMethod::as_str).join(", ");
        ApiError::invalid_field("method", format!("expected a method of the route or `ALL`; methods are {names}"))
    })
}
