//! Routes and services as they are typed.

use waygate_core::{RouteSelector, ServiceId};

use crate::context::text_variable;
use crate::error::{CliError, CliResult};

/// A route as it was typed, within the chosen service. A service that stands in the route itself goes before
/// `WAYGATE_SERVICE`, but not against `--service`.
pub(crate) fn selector(route: &str, service: Option<&ServiceId>) -> CliResult<RouteSelector> {
    let selector: RouteSelector = joined(route).parse().map_err(|error| CliError::usage(format!("{error}")))?;
    if let (Some(own), Some(chosen)) = (&selector.service, service)
        && own != chosen
        && text_variable("WAYGATE_SERVICE")?.as_deref() != Some(chosen.as_str())
    {
        return Err(CliError::usage(format!("the route names the service `{own}`, --service says `{chosen}`")));
    }
    Ok(selector.within(service))
}

/// The chosen service: an empty name chooses none.
pub(crate) fn service(name: Option<&str>) -> CliResult<Option<ServiceId>> {
    let name = name.map(str::trim).filter(|name| !name.is_empty());
    name.map(|name| name.parse().map_err(|error| CliError::usage(format!("{error}")))).transpose()
}

/// A route as one word: `GET /api/payments` is `GET:/api/payments`.
pub(crate) fn joined(route: &str) -> String {
    let route = route.trim();
    match route.split_once(char::is_whitespace) {
        Some((method, path)) if !method.contains('/') && path.trim_start().starts_with('/') => {
            format!("{method}:{}", path.trim_start())
        }
        _ => route.to_owned(),
    }
}
