//! From a command to what it changes.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::action::Action;
use crate::change::Change;
use crate::command::{Command, CommandError, LONGEST_REASON, LONGEST_SUBJECT};
use crate::commit::Record;
use crate::revision::Revision;
use crate::route::RouteKey;
use crate::scope::Scope;
use crate::state::State;

/// What a command comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The changes, in order; none when everything is already so.
    pub records: Vec<Record>,
    /// The routes that were meant, resolved.
    pub routes: Vec<RouteKey>,
    /// The scopes whose rate limits were meant, resolved.
    pub limits: Vec<Scope>,
    /// What pending or open windows and timed switches the command ended, in words.
    pub ended: Vec<String>,
    /// What the caller should know although it was carried out.
    pub warnings: Vec<String>,
}

/// Finds out what a command changes, without changing anything.
///
/// ```
/// use waygate_core::{Command, Cursor, Declaration, Epoch, State, Switch, plan};
///
/// let mut state = State::new(Cursor::start_of("0123456789abcdef".parse()?));
/// let now = "2026-01-01T00:00:00Z".parse()?;
/// let register = Command::Register {
///     service: "payments".parse()?,
///     routes: vec![Declaration::active("GET:/api/payments".parse()?)],
/// };
/// assert_eq!(plan(&state, &register, now)?.records.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// A [`CommandError`] with the data to explain it.
pub fn plan(state: &State, command: &Command, now: Timestamp) -> Result<Plan, CommandError> {
    Planner { state, seen: state, now, changed_at: state.cursor.revision.next() }.plan(command)
}

pub(crate) struct Planner<'s> {
    pub(super) state: &'s State,
    /// What callers can have seen: the state before the whole commit.
    seen: &'s State,
    pub(super) now: Timestamp,
    /// The revision that the changes will have.
    pub(super) changed_at: Revision,
}

impl Planner<'_> {
    pub(super) fn plan(&self, command: &Command) -> Result<Plan, CommandError> {
        match command {
            Command::Route { route, to, reason, expected } => {
                self.switch_route(route, to, checked_reason(reason)?, *expected)
            }
            Command::RemoveRoute { route, reason, expected } => {
                self.remove_route(route, checked_reason(reason)?, *expected)
            }
            Command::RemoveService { service, reason, expected } => {
                self.remove_service(service, checked_reason(reason)?, *expected)
            }
            Command::Maintenance { scope, to, reason, allow_unknown, expected } => {
                self.switch_maintenance(scope, to, checked_reason(reason)?, *allow_unknown, *expected)
            }
            Command::RateLimit { target, to, reason, allow_unknown, expected } => {
                self.switch_rate_limit(target, to, checked_reason(reason)?, *allow_unknown, *expected)
            }
            Command::Register { service, routes } => self.register(service, routes),
            Command::Settle => Ok(self.settle()),
            Command::IssueToken { id, token } => self.issue_token(id, token),
            Command::RevokeToken { id, expires } => Ok(self.end_token(Action::TokenRevoke, id, *expires)),
            Command::LogOut { id, expires } => Ok(self.end_token(Action::Logout, id, *expires)),
            Command::SetWebhook { id, to, reason, expected } => {
                self.set_webhook(id, to, checked_reason(reason)?, *expected)
            }
            Command::RemoveWebhook { id, reason, expected } => {
                self.remove_webhook(id, checked_reason(reason)?, *expected)
            }
            Command::RotateWebhookSecret { id, reason, expected } => {
                self.rotate_webhook_secret(id, checked_reason(reason)?, *expected)
            }
            Command::Note { action, subject, reason } => {
                let subject = subject.chars().take(LONGEST_SUBJECT).collect();
                Ok(self.single(*action, checked_reason(reason)?, Change::Noted { subject, imported: None }))
            }
            Command::All(commands) => self.plan_all(commands),
        }
    }

    /// Plans each command on what the ones before it have made.
    fn plan_all(&self, commands: &[Command]) -> Result<Plan, CommandError> {
        let mut scratch = self.state.clone();
        let mut whole = Plan::default();
        for (index, command) in commands.iter().enumerate() {
            let planner = Planner { state: &scratch, ..*self };
            let within = |refusal| CommandError::OneOfAll { index, refusal: Box::new(refusal) };
            let plan = planner.plan(command).map_err(within)?;
            for record in &plan.records {
                scratch.apply_change(&record.change);
            }
            whole.records.extend(plan.records);
            whole.routes.extend(plan.routes);
            whole.limits.extend(plan.limits);
            whole.ended.extend(plan.ended);
            whole.warnings.extend(plan.warnings);
        }
        Ok(whole)
    }

    /// Refuses a caller who has seen something else than was there before this commit; what the same commit has
    /// changed already does not count against it.
    pub(super) fn expect(
        &self,
        subject: &dyn std::fmt::Display,
        expected: Option<Revision>,
        revision: impl FnOnce(&State) -> Option<Revision>,
    ) -> Result<(), CommandError> {
        let Some(expected) = expected else { return Ok(()) };
        let actual = revision(self.seen).unwrap_or(Revision::ZERO);
        if expected == actual {
            return Ok(());
        }
        Err(CommandError::Conflict { subject: subject.to_string(), expected, actual })
    }

    pub(super) fn record(&self, action: Action, reason: &str, change: Change) -> Record {
        Record { action, reason: reason.to_owned(), before: self.state.inverse(&change), change }
    }

    pub(super) fn single(&self, action: Action, reason: &str, change: Change) -> Plan {
        Plan { records: vec![self.record(action, reason, change)], ..Plan::default() }
    }

    pub(super) fn in_future(&self, field: &'static str, until: Timestamp) -> Result<(), CommandError> {
        if until <= self.now {
            return Err(CommandError::invalid(
                field,
                format!("`{until}` is not in the future; it is {} now", self.now),
            ));
        }
        Ok(())
    }
}

pub(super) fn checked_reason(reason: &str) -> Result<&str, CommandError> {
    let length = reason.chars().count();
    if length > LONGEST_REASON {
        return Err(CommandError::invalid(
            "reason",
            format!("at most {LONGEST_REASON} characters are accepted; got {length}"),
        ));
    }
    Ok(reason)
}

/// The environments of a gate, for messages.
pub(super) fn listed(environments: &BTreeSet<crate::id::Environment>) -> String {
    environments.iter().map(crate::id::Environment::as_str).collect::<Vec<_>>().join(", ")
}
