//! A service says which routes it has.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::action::Action;
use crate::change::Change;
use crate::command::lifecycle::{check_deprecation, check_order};
use crate::command::{CommandError, Declaration, MOST_ROUTES, Plan, Planner, checked_reason};
use crate::id::ServiceId;
use crate::lifecycle::{Enforcement, Route, Window};
use crate::revision::Revision;
use crate::route::{LocalKey, RouteKey};

impl Declaration {
    /// Whether it can be taken, whatever the state.
    ///
    /// # Errors
    ///
    /// [`CommandError::Invalid`] with the field at fault.
    pub fn check(&self) -> Result<(), CommandError> {
        checked_reason(&self.control.reason)?;
        check_deprecation(self.deprecation.as_ref())?;
        self.window.map_or(Ok(()), |(start, end)| check_order(start, end))?;
        self.rate_limit.as_ref().map_or(Ok(()), |policy| policy.check())
    }
}

impl Planner<'_> {
    /// One batch, at most one change per route. Known routes keep what operators have set: only what the code alone
    /// decides (`force_active`, what is declared, and a lifecycle or deprecation nobody has switched) follows the declaration.
    pub(super) fn register(&self, service: &ServiceId, routes: &[Declaration]) -> Result<Plan, CommandError> {
        let known = self.state.services.get(service).map(|state| &state.routes);
        // The last declaration of a key wins, as it does in a router.
        let declared: BTreeMap<&LocalKey, &Declaration> = routes.iter().map(|route| (&route.key, route)).collect();
        let new = declared.keys().filter(|key| !known.is_some_and(|known| known.contains_key(**key))).count();
        if known.map_or(0, BTreeMap::len) + new > MOST_ROUTES {
            return Err(CommandError::invalid("states", format!("a service has at most {MOST_ROUTES} routes")));
        }
        let mut plan = Plan::default();
        for (local, declaration) in declared {
            let key = RouteKey::new(service.clone(), local.clone());
            declaration.check()?;
            let before = known.and_then(|known| known.get(local));
            let route = match before {
                Some(before) => redeclared(before, declaration),
                None => self.first_declared(declaration),
            };
            if before.is_none_or(|before| !route.same_as(before)) {
                let route = Arc::new(Route { changed_at: self.changed_at, ..route });
                let change = Change::RouteSet { key: key.clone(), route };
                plan.records.push(self.record(Action::Register, &declaration.control.reason, change));
            }
            if let Some(change) = self.declare_rate_limit(&key, declaration.rate_limit.as_deref()) {
                plan.records.push(self.record(Action::Register, "", change));
            }
            plan.routes.push(key);
        }
        Ok(plan)
    }

    /// Forgets a service and everything of it.
    pub(super) fn remove_service(
        &self,
        service: &ServiceId,
        reason: &str,
        expected: Option<Revision>,
    ) -> Result<Plan, CommandError> {
        self.known_service(service)?;
        self.expect(service, expected, |seen| seen.services.get(service).map(|known| known.changed_at()))?;
        let change = Change::ServiceRemoved { service: service.clone() };
        Ok(self.single(Action::ServiceRemove, reason, change))
    }

    fn first_declared(&self, declaration: &Declaration) -> Route {
        let window = declaration.window.filter(|(_, end)| self.now < *end);
        Route {
            declared: declaration.control.clone(),
            declared_deprecation: declaration.deprecation.clone(),
            base: declaration.control.clone(),
            switched: false,
            temporary: None,
            windows: window
                .map(|(start, end)| Window {
                    id: 1,
                    start,
                    end,
                    reason: declaration.control.reason.clone(),
                    opened: start <= self.now,
                    enforcement: Enforcement::Enforce,
                    planned_at: self.changed_at,
                })
                .into_iter()
                .collect(),
            last_window: window.map_or(0, |_| 1),
            deprecation: declaration.deprecation.clone(),
            force_active: declaration.force_active,
            changed_at: Revision::ZERO,
        }
    }
}

fn redeclared(before: &Route, declaration: &Declaration) -> Route {
    let mut route = before.clone();
    if !route.switched && route.base == route.declared {
        route.base.clone_from(&declaration.control);
    }
    route.declared.clone_from(&declaration.control);
    route.force_active = declaration.force_active;
    // A service that starts again announces the same anew: the first time counts.
    let declared = match (&before.declared_deprecation, &declaration.deprecation) {
        (Some(known), Some(now)) if known.announces_the_same_as(now) => Some(known.clone()),
        (_, now) => now.clone(),
    };
    if route.deprecation == route.declared_deprecation {
        route.deprecation.clone_from(&declared);
    }
    route.declared_deprecation = declared;
    route
}
