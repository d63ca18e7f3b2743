//! Which policies a command means.

use crate::command::{CommandError, LimitTarget, Planner};
use crate::id::ServiceId;
use crate::route::{LocalKey, RouteKey, RouteMethod, RouteSelector};
use crate::scope::Scope;
use crate::state::ServiceState;

impl Planner<'_> {
    /// The one scope that a new limit is for.
    pub(super) fn scope_to_limit(&self, target: &LimitTarget, allow_unknown: bool) -> Result<Scope, CommandError> {
        match target {
            LimitTarget::Global => Ok(Scope::Global),
            LimitTarget::Service(service) => {
                if !allow_unknown {
                    self.known_service(service)?;
                }
                Ok(Scope::Service(service.clone()))
            }
            LimitTarget::Route(selector) => self.route_to_limit(selector, allow_unknown).map(Scope::Route),
        }
    }

    /// A route, or with the method `ALL` a path with any route.
    fn route_to_limit(&self, selector: &RouteSelector, allow_unknown: bool) -> Result<RouteKey, CommandError> {
        let serving: Vec<(&ServiceId, Vec<RouteMethod>)> = self
            .state
            .services
            .iter()
            .filter(|(service, _)| selector.service.as_ref().is_none_or(|only| only == *service))
            .map(|(service, state)| (service, methods_at(state, selector)))
            .filter(|(_, methods)| !methods.is_empty())
            .collect();
        let Some(method) = selector.method else {
            return self.state.resolve(selector);
        };
        let key_in = |service: &ServiceId| RouteKey::new(service.clone(), LocalKey::new(method, selector.path.clone()));
        let taken: Vec<RouteKey> = serving
            .iter()
            .filter(|(_, methods)| method == RouteMethod::Any || methods.contains(&method))
            .map(|(service, _)| key_in(service))
            .collect();
        match (&*taken, &*serving, &selector.service) {
            ([only], ..) => Ok(only.clone()),
            ([_, _, ..], ..) => Err(CommandError::AmbiguousRoute {
                selector: Box::new(selector.clone()),
                matches: taken.iter().map(ToString::to_string).collect(),
            }),
            ([], [], Some(service)) if allow_unknown => Ok(key_in(service)),
            ([], [], _) => self.state.resolve(selector),
            ([], [(service, methods), ..], _) => {
                let known = methods.iter().map(|method| format!("`{method}`")).collect::<Vec<_>>().join(", ");
                let path = &selector.path;
                let problem = format!("`{service}:{path}` has no `{method}`; expected {known} or `ALL`");
                Err(CommandError::invalid("method", problem))
            }
        }
    }

    /// The scopes with a policy that a target names; at least one.
    pub(super) fn limited_scopes(&self, target: &LimitTarget) -> Result<Vec<Scope>, CommandError> {
        let scopes: Vec<Scope> = match target {
            LimitTarget::Global => self.state.global.rate_limit.iter().map(|_| Scope::Global).collect(),
            LimitTarget::Service(service) => {
                self.known_service(service)?;
                let scope = Scope::Service(service.clone());
                self.state.rate_limit(&scope).map(|_| scope.clone()).into_iter().collect()
            }
            LimitTarget::Route(selector) => self
                .state
                .services
                .iter()
                .filter(|(service, _)| selector.service.as_ref().is_none_or(|only| only == *service))
                .flat_map(|(service, state)| {
                    let keys = state.route_limits.keys().filter(|key| {
                        key.path == selector.path && selector.method.is_none_or(|method| method == key.method)
                    });
                    keys.map(|key| Scope::Route(RouteKey::new(service.clone(), key.clone())))
                })
                .collect(),
        };
        let services: Vec<Option<&ServiceId>> = scopes.iter().map(Scope::service).collect();
        match (target, services.first()) {
            (LimitTarget::Route(selector), Some(first)) if services.iter().any(|service| service != first) => {
                let matches = scopes.iter().map(ToString::to_string).collect();
                Err(CommandError::AmbiguousRoute { selector: Box::new(selector.clone()), matches })
            }
            (_, Some(_)) => Ok(scopes),
            (LimitTarget::Route(selector), None) => Err(CommandError::UnknownRateLimit { scope: selector.to_string() }),
            (LimitTarget::Global, None) => Err(CommandError::UnknownRateLimit { scope: Scope::Global.to_string() }),
            (LimitTarget::Service(service), None) => {
                Err(CommandError::UnknownRateLimit { scope: Scope::Service(service.clone()).to_string() })
            }
        }
    }
}

fn methods_at(state: &ServiceState, selector: &RouteSelector) -> Vec<RouteMethod> {
    state.routes.keys().filter(|key| key.path == selector.path).map(|key| key.method).collect()
}
