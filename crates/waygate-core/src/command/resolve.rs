//! From the names that people use to the routes and services that are meant.

use crate::command::{CommandError, Planner};
use crate::id::ServiceId;
use crate::route::{LocalKey, RouteKey, RouteMethod, RouteSelector};
use crate::state::{ServiceState, State};

/// How many near matches a refusal names.
const NEAR: usize = 3;

impl State {
    /// The one route that a selector names. Within one service an exact path-level route wins over its methods;
    /// a selector without a service looks at all services.
    ///
    /// # Errors
    ///
    /// [`CommandError::UnknownRoute`] with near matches, or [`CommandError::AmbiguousRoute`] with all of them.
    pub fn resolve(&self, selector: &RouteSelector) -> Result<RouteKey, CommandError> {
        let mut matches = match &selector.service {
            Some(service) => {
                self.services.get(service).map(|state| in_service(service, state, selector)).unwrap_or_default()
            }
            None => self.services.iter().flat_map(|(service, state)| in_service(service, state, selector)).collect(),
        };
        match matches.len() {
            1 => Ok(matches.remove(0)),
            0 => Err(CommandError::UnknownRoute {
                near: self.near_routes(selector),
                selector: Box::new(selector.clone()),
            }),
            _ => Err(CommandError::AmbiguousRoute {
                selector: Box::new(selector.clone()),
                matches: matches.iter().map(ToString::to_string).collect(),
            }),
        }
    }

    fn near_routes(&self, selector: &RouteSelector) -> Vec<String> {
        let keys = self.services.iter().flat_map(|(service, state)| {
            state.routes.keys().map(|local| RouteKey::new(service.clone(), local.clone()))
        });
        let mut scored: Vec<(bool, usize, RouteKey)> = keys
            .filter_map(|key| {
                let same_path = key.local.path == selector.path;
                let distance = distance(key.local.path.as_str(), selector.path.as_str());
                (same_path || distance <= selector.path.as_str().len() / 3 + 1).then_some((!same_path, distance, key))
            })
            .collect();
        scored.sort();
        scored.into_iter().take(NEAR).map(|(_, _, key)| key.to_string()).collect()
    }

    /// Names of known services that look like `service`.
    pub fn near_services(&self, service: &ServiceId) -> Vec<String> {
        let mut scored: Vec<(usize, &ServiceId)> = self
            .services
            .keys()
            .map(|known| (distance(known.as_str(), service.as_str()), known))
            .filter(|(distance, known)| {
                *distance <= service.as_str().len() / 3 + 1 || known.as_str().contains(service.as_str())
            })
            .collect();
        scored.sort();
        scored.into_iter().take(NEAR).map(|(_, known)| known.to_string()).collect()
    }
}

/// Edit distance, bounded in cost: texts that differ much in length are far apart anyway.
fn distance(known: &str, asked: &str) -> usize {
    let difference = known.len().abs_diff(asked.len());
    if difference > 8 || known.len() > 200 { usize::MAX } else { strsim::levenshtein(known, asked) }
}

fn in_service(service: &ServiceId, state: &ServiceState, selector: &RouteSelector) -> Vec<RouteKey> {
    let known = |method: RouteMethod| {
        let local = LocalKey::new(method, selector.path.clone());
        state.routes.contains_key(&local).then(|| RouteKey::new(service.clone(), local))
    };
    match selector.method {
        Some(method) => known(method).into_iter().collect(),
        None => match known(RouteMethod::Any) {
            Some(key) => vec![key],
            None => RouteMethod::NAMED.into_iter().filter_map(known).collect(),
        },
    }
}

impl Planner<'_> {
    pub(super) fn known_service(&self, service: &ServiceId) -> Result<&ServiceState, CommandError> {
        let unknown =
            || CommandError::UnknownService { service: service.clone(), near: self.state.near_services(service) };
        self.state.services.get(service).map(AsRef::as_ref).ok_or_else(unknown)
    }
}
