//! What time has done, written down.

use std::sync::Arc;

use crate::action::Action;
use crate::change::Change;
use crate::command::lifecycle::audit_of;
use crate::command::{Plan, Planner, rate_limit};
use crate::lifecycle::{Lifecycle, Route};
use crate::limit::RateLimitPolicy;
use crate::maintenance::{Maintenance, MaintenanceScope};
use crate::route::RouteKey;
use crate::schedule::{Transition, next_transition};
use crate::scope::Scope;
use crate::state::ServiceState;

impl Planner<'_> {
    /// Every transition up to now, each as a record of its own, in order. Nothing when everything is written down:
    /// however many nodes ask, each transition is committed once.
    pub(super) fn settle(&self) -> Plan {
        let mut plan = Plan::default();
        self.settle_maintenance(&MaintenanceScope::Global, &self.state.global.maintenance, &mut plan);
        self.settle_limit(Scope::Global, self.state.global.rate_limit.as_ref(), &mut plan);
        for (service, state) in &self.state.services {
            let scope = MaintenanceScope::Service(service.clone());
            self.settle_maintenance(&scope, &state.maintenance, &mut plan);
            self.settle_limit(Scope::Service(service.clone()), state.rate_limit.as_ref(), &mut plan);
            for (local, policy) in &state.route_limits {
                let scope = Scope::Route(RouteKey::new(service.clone(), local.clone()));
                self.settle_limit(scope, Some(policy), &mut plan);
            }
            self.settle_routes(|local| RouteKey::new(service.clone(), local), state, &mut plan);
        }
        plan
    }

    fn settle_maintenance(&self, scope: &MaintenanceScope, before: &Maintenance, plan: &mut Plan) {
        if !before.enabled || before.until.is_none_or(|until| self.now < until) {
            return;
        }
        let maintenance =
            Maintenance { exempt: before.exempt.clone(), changed_at: self.changed_at, ..Maintenance::default() };
        let action = match scope {
            MaintenanceScope::Global => Action::GlobalMaintenanceOff,
            MaintenanceScope::Service(_) => Action::ServiceMaintenanceOff,
        };
        let change = Change::MaintenanceSet { scope: scope.clone(), maintenance };
        plan.records.push(self.record(action, "its end has come", change));
    }

    fn settle_limit(&self, scope: Scope, policy: Option<&Arc<RateLimitPolicy>>, plan: &mut Plan) {
        let Some(policy) = policy.filter(|policy| policy.until.is_some_and(|until| until <= self.now)) else { return };
        let action = rate_limit::deleted(&scope);
        let change = self.without_policy(scope, policy);
        plan.records.push(self.record(action, "its end has come", change));
    }

    fn settle_routes(&self, key: impl Fn(crate::route::LocalKey) -> RouteKey, state: &ServiceState, plan: &mut Plan) {
        for (local, route) in state.routes.iter().filter(|(_, route)| route.is_timed()) {
            let mut before = route.clone();
            while let Some((at, transition)) = next_transition(&before)
                && at <= self.now
            {
                let mut after = Route { changed_at: self.changed_at, ..Route::clone(&before) };
                let (action, reason) = carry_out(&mut after, transition);
                let key = key(local.clone());
                let mut record =
                    self.record(action, &reason, Change::RouteSet { key: key.clone(), route: Arc::new(after.clone()) });
                record.before = vec![Change::RouteSet { key: key.clone(), route: before }];
                plan.records.push(record);
                plan.routes.push(key);
                before = Arc::new(after);
            }
        }
        plan.routes.dedup();
    }
}

fn carry_out(route: &mut Route, transition: Transition) -> (Action, String) {
    match transition {
        Transition::Open(id) => {
            let mut reason = String::new();
            for window in route.windows.iter_mut().filter(|window| window.id == id) {
                window.opened = true;
                reason.clone_from(&window.reason);
            }
            return (Action::MaintenanceOn, reason);
        }
        Transition::Close(id) => route.windows.retain(|window| window.id != id),
        Transition::Expire => route.temporary = None,
    }
    let control = route.temporary.as_ref().map_or(&route.base, |temporary| &temporary.control);
    if route.windows.iter().any(|window| window.opened && !window.enforcement.is_shadow()) {
        return audit_of(&Lifecycle::Maintenance, "");
    }
    audit_of(&control.lifecycle, &control.reason)
}
