//! What a route is switched to, as it is asked for.

use jiff::Timestamp;
use waygate_core::{Deprecation, Enforcement, Environment, Lifecycle, Switch};

use crate::api::body::Fields;
use crate::error::ApiError;

pub(super) fn enable(fields: &Fields) -> Result<Switch, ApiError> {
    if fields.flag("shadow")? {
        return Err(ApiError::invalid_field("shadow", "a route that is enabled blocks nothing that could be counted"));
    }
    control(fields, Lifecycle::Active)
}

pub(super) fn disable(fields: &Fields) -> Result<Switch, ApiError> {
    control(fields, Lifecycle::Disabled)
}

/// With a start it is a planned window, which needs an end; with an end alone it begins now.
pub(super) fn maintenance(fields: &Fields) -> Result<Switch, ApiError> {
    let (start, end, until) = (fields.time("start")?, fields.time("end")?, fields.time("until")?);
    if until.is_some() && end.is_some() {
        return Err(ApiError::invalid_field("until", "give either `end` or `until`"));
    }
    match (start, end) {
        (None, None) => control(fields, Lifecycle::Maintenance),
        (Some(start), Some(end)) => Ok(Switch::Window { start, end, enforcement: enforcement(fields)? }),
        (Some(_), None) => Err(ApiError::invalid_field("end", "a window with a start needs an end")),
        (None, until) => {
            Ok(Switch::Control { lifecycle: Lifecycle::Maintenance, until, enforcement: enforcement(fields)? })
        }
    }
}

pub(super) fn gate(fields: &Fields) -> Result<Switch, ApiError> {
    let allowed = fields.texts("envs", str::parse::<Environment>)?.ok_or_else(|| {
        ApiError::invalid_field("envs", "expected a list of environments; an empty one blocks everywhere")
    })?;
    control(fields, Lifecycle::EnvGated(allowed.into_iter().collect()))
}

pub(super) fn window(fields: &Fields) -> Result<Switch, ApiError> {
    Ok(Switch::Window {
        start: fields.required_time("start")?,
        end: fields.required_time("end")?,
        enforcement: enforcement(fields)?,
    })
}

/// Takes one planned or open window back, or all of them.
pub(super) fn cancel(fields: &Fields) -> Result<Switch, ApiError> {
    let id = fields.integer("id")?.map(|id| window_id(&id.to_string())).transpose()?;
    Ok(Switch::CancelWindows { id })
}

pub(super) fn deprecate(fields: &Fields, now: Timestamp) -> Result<Switch, ApiError> {
    let sunset = fields.nullable_text("sunset_date")?.map(ToOwned::to_owned);
    let successor = fields.nullable_text("successor_path")?.map(ToOwned::to_owned);
    let deprecation = Deprecation { since: now, sunset, successor };
    if deprecation.sunset.is_some() && deprecation.sunset_at().is_none() {
        let expected =
            "expected a date such as `2028-01-01`, `2028-01-01T00:00:00Z` or `Sat, 01 Jan 2028 00:00:00 GMT`";
        return Err(ApiError::invalid_field("sunset_date", expected));
    }
    Ok(Switch::Deprecation(Some(deprecation)))
}

pub(super) fn window_id(text: &str) -> Result<u32, ApiError> {
    text.parse().map_err(|_| ApiError::invalid_field("id", "expected the id of a window as the schedules list it"))
}

pub(super) fn enforcement(fields: &Fields) -> Result<Enforcement, ApiError> {
    Ok(if fields.flag("shadow")? { Enforcement::Shadow } else { Enforcement::Enforce })
}

fn control(fields: &Fields, lifecycle: Lifecycle) -> Result<Switch, ApiError> {
    Ok(Switch::Control { lifecycle, until: fields.time("until")?, enforcement: enforcement(fields)? })
}
