//! Whose limit is meant, in addresses and in commands.

use axum::http::StatusCode;
use waygate_api::error::ErrorCode;
use waygate_api::paths;
use waygate_core::{LimitTarget, RateLimitPolicy, RouteKey, Scope, ServiceId, State};

use crate::dashboard::words::route_name;
use crate::error::ApiError;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Global,
    Service(ServiceId),
    Route(RouteKey),
}

impl Target {
    /// By the part of the address after `/limits/`, without what is to be done.
    pub(super) fn of(kind: &str, name: &str) -> Result<Self, ApiError> {
        let invalid = |what: &str| ApiError::invalid_key("name", format!("expected {what} as the pages name it"));
        match kind {
            "global" => Ok(Self::Global),
            "services" => name.parse().map(Self::Service).map_err(|_| invalid("a service")),
            "routes" => {
                let key = paths::key_of_path(name).and_then(|key| key.parse().ok());
                key.map(Self::Route).ok_or_else(|| invalid("a route"))
            }
            _ => {
                let error = format!("there are no limits of `{kind}`: there are `global`, `services` and `routes`");
                Err(ApiError::new(StatusCode::NOT_FOUND, ErrorCode::UnknownPath, error))
            }
        }
    }

    /// Its address, below the base.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Global => "/limits/global/all".to_owned(),
            Self::Service(service) => format!("/limits/services/{service}"),
            Self::Route(key) => format!("/limits/routes/{}", paths::path_key(&key.to_string())),
        }
    }

    pub(super) fn scope(&self) -> Scope {
        match self {
            Self::Global => Scope::Global,
            Self::Service(service) => Scope::Service(service.clone()),
            Self::Route(key) => Scope::Route(key.clone()),
        }
    }

    pub(super) fn policy<'s>(&self, state: &'s State) -> Option<&'s RateLimitPolicy> {
        state.rate_limit(&self.scope()).map(|policy| &**policy)
    }

    /// Refuses a service or a route that nobody knows, and that has no limit either.
    pub(super) fn require_known(&self, state: &State) -> Result<(), ApiError> {
        match self {
            Self::Service(service) if !state.services.contains_key(service) => {
                Err(ApiError::unknown_service(service, state))
            }
            Self::Route(key) if self.policy(state).is_none() => {
                state.resolve(&key.clone().into())?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Global => "everything".to_owned(),
            Self::Service(service) => service.to_string(),
            Self::Route(key) => format!("{} of {}", route_name(key), key.service),
        }
    }
}

impl From<Target> for LimitTarget {
    fn from(target: Target) -> Self {
        match target {
            Target::Global => Self::Global,
            Target::Service(service) => Self::Service(service),
            Target::Route(key) => Self::Route(key.into()),
        }
    }
}
