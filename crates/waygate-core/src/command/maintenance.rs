//! Commands about the maintenance of everything or of one service.

use crate::action::Action;
use crate::change::Change;
use crate::command::{CommandError, MOST_EXEMPTIONS, MaintenanceSwitch, Plan, Planner};
use crate::lifecycle::Enforcement;
use crate::maintenance::{Maintenance, MaintenanceScope};
use crate::revision::Revision;
use crate::route::{LocalKey, RouteMethod};

impl Planner<'_> {
    pub(super) fn switch_maintenance(
        &self,
        scope: &MaintenanceScope,
        to: &MaintenanceSwitch,
        reason: &str,
        allow_unknown: bool,
        expected: Option<Revision>,
    ) -> Result<Plan, CommandError> {
        if let (MaintenanceScope::Service(service), false) = (scope, allow_unknown) {
            self.known_service(service)?;
        }
        let before = self.state.maintenance(scope).cloned().unwrap_or_default();
        self.expect(scope, expected, |seen| seen.maintenance(scope).map(|seen| seen.changed_at))?;
        let after = self.maintenance_after(&before, to, reason)?;
        let mut plan = Plan { warnings: self.unmatched_exemptions(scope, &before, &after), ..Plan::default() };
        if !after.same_as(&before) {
            let maintenance = Maintenance { changed_at: self.changed_at, ..after };
            let change = Change::MaintenanceSet { scope: scope.clone(), maintenance };
            plan.records.push(self.record(action_of(scope, to), reason, change));
        }
        Ok(plan)
    }

    fn maintenance_after(
        &self,
        before: &Maintenance,
        to: &MaintenanceSwitch,
        reason: &str,
    ) -> Result<Maintenance, CommandError> {
        let mut after = before.clone();
        match to {
            MaintenanceSwitch::On { exempt, include_force_active, until, enforcement } => {
                if let Some(until) = until {
                    self.in_future("until", *until)?;
                }
                after.enabled = true;
                reason.clone_into(&mut after.reason);
                if let Some(exempt) = exempt {
                    after.exempt = deduplicated(exempt);
                }
                after.include_force_active = *include_force_active;
                after.until = *until;
                after.enforcement = *enforcement;
            }
            MaintenanceSwitch::Off => {
                after.enabled = false;
                after.reason.clear();
                after.include_force_active = false;
                after.until = None;
                after.enforcement = Enforcement::default();
            }
            MaintenanceSwitch::Exemptions { add, remove } => {
                // What is both added and removed stays, in its place, however often it is asked for.
                after.exempt.retain(|exempt| !remove.contains(exempt) || add.contains(exempt));
                after.exempt.extend(add.iter().cloned());
                after.exempt = deduplicated(&after.exempt);
            }
        }
        if after.exempt.len() > MOST_EXEMPTIONS {
            return Err(CommandError::invalid("exempt_paths", format!("at most {MOST_EXEMPTIONS} are accepted")));
        }
        Ok(after)
    }

    /// Names the new exemptions that match no route known today: usually a typing error, sometimes a route to come.
    fn unmatched_exemptions(&self, scope: &MaintenanceScope, before: &Maintenance, after: &Maintenance) -> Vec<String> {
        let matches = |exempt: &LocalKey| {
            self.state
                .services
                .iter()
                .filter(|(service, _)| match scope {
                    MaintenanceScope::Global => true,
                    MaintenanceScope::Service(only) => only == *service,
                })
                .flat_map(|(_, state)| state.routes.keys())
                .any(|key| {
                    key.path == exempt.path
                        && (exempt.method == RouteMethod::Any
                            || key.method == RouteMethod::Any
                            || key.method == exempt.method)
                })
        };
        after
            .exempt
            .iter()
            .filter(|exempt| !before.exempt.contains(exempt) && !matches(exempt))
            .map(|exempt| format!("exemption `{exempt}` matches no known route"))
            .collect()
    }
}

fn deduplicated(exempt: &[LocalKey]) -> Vec<LocalKey> {
    let mut kept: Vec<LocalKey> = Vec::with_capacity(exempt.len());
    for key in exempt {
        if !kept.contains(key) {
            kept.push(key.clone());
        }
    }
    kept
}

fn action_of(scope: &MaintenanceScope, to: &MaintenanceSwitch) -> Action {
    match (scope, to) {
        (MaintenanceScope::Global, MaintenanceSwitch::On { .. }) => Action::GlobalMaintenanceOn,
        (MaintenanceScope::Global, MaintenanceSwitch::Off) => Action::GlobalMaintenanceOff,
        (MaintenanceScope::Global, MaintenanceSwitch::Exemptions { .. }) => Action::GlobalMaintenanceEdit,
        (MaintenanceScope::Service(_), MaintenanceSwitch::On { .. }) => Action::ServiceMaintenanceOn,
        (MaintenanceScope::Service(_), MaintenanceSwitch::Off) => Action::ServiceMaintenanceOff,
        (MaintenanceScope::Service(_), MaintenanceSwitch::Exemptions { .. }) => Action::ServiceMaintenanceEdit,
    }
}
