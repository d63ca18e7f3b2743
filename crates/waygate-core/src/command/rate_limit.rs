//! Commands about rate limits, of all scopes alike.

mod policy;
mod targets;

use std::sync::Arc;

use crate::action::Action;
use crate::change::Change;
use crate::command::{CommandError, LimitTarget, Plan, Planner, RateLimitSwitch};
use crate::limit::RateLimitPolicy;
use crate::revision::Revision;
use crate::route::{LocalKey, RouteKey, RouteMethod};
use crate::scope::Scope;

/// What happened to a policy, for the name of the action.
#[derive(Clone, Copy)]
enum Deed {
    Set,
    Updated,
    Deleted,
    Reset,
    Enabled,
    Disabled,
}

impl Planner<'_> {
    pub(super) fn switch_rate_limit(
        &self,
        target: &LimitTarget,
        to: &RateLimitSwitch,
        reason: &str,
        allow_unknown: bool,
        expected: Option<Revision>,
    ) -> Result<Plan, CommandError> {
        let mut plan = Plan::default();
        if let RateLimitSwitch::Set(policy) = to {
            let scope = self.scope_to_limit(target, allow_unknown)?;
            self.set_rate_limit(&scope, policy, reason, expected, &mut plan)?;
            return Ok(plan);
        }
        let scopes = self.limited_scopes(target)?;
        if let ([_, _, ..], LimitTarget::Route(selector), false) =
            (&*scopes, target, matches!(to, RateLimitSwitch::Reset))
        {
            let matches = scopes.iter().map(ToString::to_string).collect();
            return Err(CommandError::AmbiguousRoute { selector: Box::new(selector.clone()), matches });
        }
        for scope in scopes {
            let Some(before) = self.state.rate_limit(&scope) else { continue };
            self.expect_limit(&scope, expected)?;
            self.switch_one(&scope, before, to, reason, &mut plan)?;
        }
        Ok(plan)
    }

    fn expect_limit(&self, scope: &Scope, expected: Option<Revision>) -> Result<(), CommandError> {
        self.expect(scope, expected, |seen| seen.rate_limit(scope).map(|policy| policy.changed_at))
    }

    fn set_rate_limit(
        &self,
        scope: &Scope,
        policy: &RateLimitPolicy,
        reason: &str,
        expected: Option<Revision>,
        plan: &mut Plan,
    ) -> Result<(), CommandError> {
        policy.check()?;
        if let Some(until) = policy.until {
            self.in_future("until", until)?;
        }
        let before = self.state.rate_limit(scope);
        self.expect_limit(scope, expected)?;
        let overrides = match before {
            Some(before) if before.declared => Some(before.clone()),
            Some(before) => before.overrides.clone(),
            None => None,
        };
        let policy = RateLimitPolicy {
            declared: false,
            overrides,
            // Counts survive an edit.
            generation: before.map_or_else(|| self.next_generation(), |before| before.generation),
            changed_at: self.changed_at,
            ..policy.clone()
        };
        plan.warnings.extend(self.unmatched_limit_exemptions(scope, &policy));
        plan.limits.push(scope.clone());
        if before.is_none_or(|before| !policy.same_as(before)) {
            let deed = if before.is_some() { Deed::Updated } else { Deed::Set };
            let reason = if reason.is_empty() { policy.summary() } else { reason.to_owned() };
            let change = Change::RateLimitSet { scope: scope.clone(), policy: Arc::new(policy) };
            plan.records.push(self.record(action_of(scope, deed), &reason, change));
        }
        Ok(())
    }

    fn switch_one(
        &self,
        scope: &Scope,
        before: &Arc<RateLimitPolicy>,
        to: &RateLimitSwitch,
        reason: &str,
        plan: &mut Plan,
    ) -> Result<(), CommandError> {
        let mut after = RateLimitPolicy { changed_at: self.changed_at, ..RateLimitPolicy::clone(before) };
        let deed = match to {
            RateLimitSwitch::Pause => {
                after.enabled = false;
                Deed::Disabled
            }
            RateLimitSwitch::Resume => {
                after.enabled = true;
                Deed::Enabled
            }
            RateLimitSwitch::Reset => {
                after.generation = self.next_generation();
                Deed::Reset
            }
            RateLimitSwitch::Delete if before.declared => {
                let problem =
                    format!("the limit of `{scope}` is declared by the service's code; set `unlimited` to lift it");
                return Err(CommandError::invalid("path_key", problem));
            }
            RateLimitSwitch::Delete | RateLimitSwitch::Set(_) => Deed::Deleted,
        };
        plan.limits.push(scope.clone());
        let change = match deed {
            Deed::Deleted => self.without_policy(scope.clone(), before),
            Deed::Enabled | Deed::Disabled if after.same_as(before) => return Ok(()),
            _ => Change::RateLimitSet { scope: scope.clone(), policy: Arc::new(after) },
        };
        plan.records.push(self.record(action_of(scope, deed), reason, change));
        Ok(())
    }

    /// What takes an operator's policy away: what the code declares comes back.
    pub(super) fn without_policy(&self, scope: Scope, policy: &RateLimitPolicy) -> Change {
        match &policy.overrides {
            Some(declared) => {
                let declared = RateLimitPolicy {
                    generation: self.next_generation(),
                    changed_at: self.changed_at,
                    ..RateLimitPolicy::clone(declared)
                };
                Change::RateLimitSet { scope, policy: Arc::new(declared) }
            }
            None => Change::RateLimitCleared { scope },
        }
    }

    /// The change that a service's declaration of a route's limit makes, if it makes one.
    pub(super) fn declare_rate_limit(&self, key: &RouteKey, declared: Option<&RateLimitPolicy>) -> Option<Change> {
        let scope = Scope::Route(key.clone());
        let before = self.state.rate_limit(&scope);
        let declared = declared.map(|policy| RateLimitPolicy {
            declared: true,
            overrides: None,
            generation: self.next_generation(),
            changed_at: self.changed_at,
            ..policy.clone()
        });
        let set = |policy| Some(Change::RateLimitSet { scope: scope.clone(), policy: Arc::new(policy) });
        match (before, declared) {
            (None, None) => None,
            (None, Some(declared)) => set(declared),
            (Some(before), None) if before.declared => Some(Change::RateLimitCleared { scope }),
            (Some(before), Some(declared)) if before.declared => {
                // Whether it is paused is the operators' word.
                let kept =
                    RateLimitPolicy { generation: before.generation, enabled: before.enabled, ..declared.clone() };
                if kept.same_as(before) { None } else { set(kept) }
            }
            (Some(before), declared) => {
                let same = match (&before.overrides, &declared) {
                    (None, None) => true,
                    (Some(known), Some(declared)) => known.same_as(declared),
                    _ => false,
                };
                if same {
                    return None;
                }
                let overrides = declared.map(Arc::new);
                set(RateLimitPolicy { overrides, changed_at: self.changed_at, ..RateLimitPolicy::clone(before) })
            }
        }
    }

    /// That of the counters that begin with this commit.
    fn next_generation(&self) -> u64 {
        self.state.cursor.next_generation()
    }

    fn unmatched_limit_exemptions(&self, scope: &Scope, policy: &RateLimitPolicy) -> Vec<String> {
        let matches = |exempt: &LocalKey| {
            let services = self.state.services.iter();
            services
                .filter(|(service, _)| scope.service().is_none_or(|only| only == *service))
                .flat_map(|(_, state)| state.routes.keys())
                .any(|key| {
                    key.path == exempt.path
                        && (exempt.method == RouteMethod::Any
                            || key.method == RouteMethod::Any
                            || key.method == exempt.method)
                })
        };
        let unmatched = policy.exempt_routes.iter().filter(|exempt| !matches(exempt));
        unmatched.map(|exempt| format!("exemption `{exempt}` matches no known route")).collect()
    }
}

fn action_of(scope: &Scope, deed: Deed) -> Action {
    match (scope, deed) {
        (Scope::Route(_), Deed::Set) => Action::RlPolicySet,
        (Scope::Route(_), Deed::Updated) => Action::RlPolicyUpdated,
        (Scope::Route(_), Deed::Deleted) => Action::RlPolicyDeleted,
        (Scope::Route(_), Deed::Reset) => Action::RlReset,
        (Scope::Route(_), Deed::Enabled) => Action::RlPolicyEnabled,
        (Scope::Route(_), Deed::Disabled) => Action::RlPolicyDisabled,
        (Scope::Global, Deed::Set) => Action::GlobalRlSet,
        (Scope::Global, Deed::Updated) => Action::GlobalRlUpdated,
        (Scope::Global, Deed::Deleted) => Action::GlobalRlDeleted,
        (Scope::Global, Deed::Reset) => Action::GlobalRlReset,
        (Scope::Global, Deed::Enabled) => Action::GlobalRlEnabled,
        (Scope::Global, Deed::Disabled) => Action::GlobalRlDisabled,
        (Scope::Service(_), Deed::Set) => Action::SvcRlSet,
        (Scope::Service(_), Deed::Updated) => Action::SvcRlUpdated,
        (Scope::Service(_), Deed::Deleted) => Action::SvcRlDeleted,
        (Scope::Service(_), Deed::Reset) => Action::SvcRlReset,
        (Scope::Service(_), Deed::Enabled) => Action::SvcRlEnabled,
        (Scope::Service(_), Deed::Disabled) => Action::SvcRlDisabled,
    }
}

/// The action that a policy's end is written down as.
pub(super) fn deleted(scope: &Scope) -> Action {
    action_of(scope, Deed::Deleted)
}
