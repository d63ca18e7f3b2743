//! What can be done to a route from the pages.

use axum::http::StatusCode;
use jiff::Timestamp;
use waygate_api::error::ErrorCode;
use waygate_core::{
    Deprecation, Effective, Enforcement, Environment, Lifecycle, LifecycleKind, Route, Switch, Temporary,
};

use crate::dashboard::form::Posted;
use crate::dashboard::sheet::{Field, Input};
use crate::error::ApiError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Enable,
    Disable,
    Maintenance,
    Env,
    Schedule,
    Reschedule,
    Unschedule,
    Deprecate,
    Undeprecate,
}

impl Act {
    /// By its name in the address.
    pub(super) fn of(name: &str) -> Result<Self, ApiError> {
        Ok(match name {
            "enable" => Self::Enable,
            "disable" => Self::Disable,
            "maintenance" => Self::Maintenance,
            "env" => Self::Env,
            "schedule" => Self::Schedule,
            "reschedule" => Self::Reschedule,
            "unschedule" => Self::Unschedule,
            "deprecate" => Self::Deprecate,
            "undeprecate" => Self::Undeprecate,
            _ => {
                let error = format!("there is nothing to do by the name `{name}`");
                return Err(ApiError::new(StatusCode::NOT_FOUND, ErrorCode::UnknownPath, error));
            }
        })
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Enable => "Enable",
            Self::Disable => "Disable",
            Self::Maintenance => "Maintenance of",
            Self::Env => "Environments of",
            Self::Schedule => "Plan maintenance of",
            Self::Reschedule => "Edit what is planned for",
            Self::Unschedule => "Take back what is planned for",
            Self::Deprecate => "Deprecate",
            Self::Undeprecate => "Take back the deprecation of",
        }
    }

    pub(super) fn submit(self) -> &'static str {
        match self {
            Self::Enable => "Enable now",
            Self::Disable => "Disable now",
            Self::Maintenance => "Begin maintenance",
            Self::Env => "Limit to these environments",
            Self::Schedule => "Plan it",
            Self::Reschedule => "Save",
            Self::Unschedule | Self::Undeprecate => "Take it back",
            Self::Deprecate => "Announce it",
        }
    }

    pub(super) fn is_dangerous(self) -> bool {
        matches!(self, Self::Disable | Self::Maintenance | Self::Env)
    }

    /// What callers get then, where that is at once and certain.
    pub(super) fn outcome(self) -> Option<LifecycleKind> {
        match self {
            Self::Enable => Some(LifecycleKind::Active),
            Self::Disable => Some(LifecycleKind::Disabled),
            Self::Maintenance => Some(LifecycleKind::Maintenance),
            Self::Env => Some(LifecycleKind::EnvGated),
            Self::Deprecate => Some(LifecycleKind::Deprecated),
            Self::Schedule | Self::Reschedule | Self::Unschedule | Self::Undeprecate => None,
        }
    }

    /// The same for one route, with what stays of it.
    pub(super) fn outcome_for(self, route: &Route, now: Timestamp) -> Option<LifecycleKind> {
        match self {
            Self::Enable if route.deprecation.is_some() => Some(LifecycleKind::Deprecated),
            // It is announced also while the route does not answer.
            Self::Deprecate => Some(match route.enforced_status(now) {
                LifecycleKind::Active => LifecycleKind::Deprecated,
                kind => kind,
            }),
            _ => self.outcome(),
        }
    }

    /// What callers get where that stops them.
    pub(super) fn answer(self) -> Option<&'static str> {
        match self {
            Self::Disable | Self::Maintenance => Some("503 with the reason"),
            Self::Env => Some("403, outside of these environments"),
            _ => None,
        }
    }

    /// What is asked for; `route` is the one that it is about, where it is one.
    pub(super) fn fields(self, route: Option<&Route>) -> Vec<Field> {
        let mut fields = Vec::new();
        match self {
            Self::Env => fields.push(
                Field::new("envs", "Environments", Input::Text)
                    .hint("Separated by commas, such as dev, staging. Everywhere else callers get 403.")
                    .value(route.map(environments).unwrap_or_default())
                    .required(),
            ),
            Self::Schedule | Self::Reschedule => {
                fields.push(Field::new("start", "Begins (UTC)", Input::Moment).required());
                fields.push(Field::lasting());
                fields.push(
                    Field::new("end", "Ends (UTC)", Input::Moment)
                        .hint("Nothing changes before it begins. After it, the route is what it was."),
                );
            }
            Self::Deprecate => {
                let announced = route.and_then(|route| route.deprecation.as_ref());
                let text = |part: Option<&Option<String>>| part.cloned().flatten().unwrap_or_default();
                fields.push(
                    Field::new("sunset", "Goes away on", Input::Text)
                        .hint("A date, such as 2028-01-01. Optional.")
                        .value(text(announced.map(|announced| &announced.sunset))),
                );
                fields.push(
                    Field::new("successor", "Replaced by", Input::Text)
                        .hint("A path, such as /api/v2/invoices. Optional.")
                        .value(text(announced.map(|announced| &announced.successor))),
                );
            }
            Self::Enable | Self::Disable | Self::Maintenance | Self::Unschedule | Self::Undeprecate => {}
        }
        fields.push(Field::reason(self.is_dangerous()));
        match self {
            Self::Disable | Self::Maintenance => fields.extend(Field::ending("Turn back on")),
            Self::Env => fields.extend(Field::ending("End the gate")),
            _ => {}
        }
        if self.is_dangerous() || matches!(self, Self::Schedule | Self::Reschedule) {
            fields.push(Field::shadow());
        }
        fields
    }

    /// What the form asks for, in order.
    pub(super) fn switches(self, posted: &Posted) -> Result<Vec<Switch>, ApiError> {
        let replaced = match self {
            Self::Reschedule => Some(Self::Unschedule.switch(posted)?),
            _ => None,
        };
        Ok(replaced.into_iter().chain([self.switch(posted)?]).collect())
    }

    fn switch(self, posted: &Posted) -> Result<Switch, ApiError> {
        let enforcement = if posted.is_checked("shadow") { Enforcement::Shadow } else { Enforcement::Enforce };
        let control = |lifecycle| Ok(Switch::Control { lifecycle, until: posted.until()?, enforcement });
        match self {
            Self::Enable => Ok(Switch::enable()),
            Self::Disable => control(Lifecycle::Disabled),
            Self::Maintenance => control(Lifecycle::Maintenance),
            Self::Env => {
                let names = posted.text("envs").split(',').map(str::trim).filter(|name| !name.is_empty());
                let allowed =
                    names.map(str::parse::<Environment>).collect::<Result<std::collections::BTreeSet<_>, _>>();
                let allowed = allowed.map_err(|problem| ApiError::invalid_field("envs", problem))?;
                if allowed.is_empty() {
                    let problem = "name at least one environment; to block the route everywhere, disable it, and to \
                                   let it answer everywhere, enable it";
                    return Err(ApiError::invalid_field("envs", problem));
                }
                control(Lifecycle::EnvGated(allowed))
            }
            Self::Schedule | Self::Reschedule => {
                let (start, end) = posted.window()?;
                Ok(Switch::Window { start, end, enforcement })
            }
            Self::Unschedule => Ok(Switch::CancelWindows { id: posted.text("window").parse().ok() }),
            Self::Deprecate => {
                let given = |name| Some(posted.text(name)).filter(|text| !text.is_empty()).map(ToOwned::to_owned);
                let deprecation =
                    Deprecation { since: posted.visit.now, sunset: given("sunset"), successor: given("successor") };
                if deprecation.sunset.is_some() && deprecation.sunset_at().is_none() {
                    return Err(ApiError::invalid_field("sunset", "expected a date, such as `2028-01-01`"));
                }
                Ok(Switch::Deprecation(Some(deprecation)))
            }
            Self::Undeprecate => Ok(Switch::Deprecation(None)),
        }
    }

    pub(super) fn reason(self, posted: &Posted) -> Result<String, ApiError> {
        if self.is_dangerous() { posted.required_reason() } else { Ok(posted.text("reason").to_owned()) }
    }
}

/// The environments that a route is limited to at the moment.
fn environments(route: &Route) -> String {
    let control = match (&route.temporary, &route.base) {
        (Some(Temporary { control, .. }), _) | (None, control) => Effective::Base(control),
    };
    match control {
        Effective::Base(waygate_core::Control { lifecycle: Lifecycle::EnvGated(allowed), .. }) => {
            allowed.iter().map(Environment::as_str).collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    }
}
