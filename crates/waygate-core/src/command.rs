//! What can be asked of the control plane, and how a request becomes changes.
//!
//! [`plan`] is pure: the same state, command and time give the same plan. A plan without records changes nothing, so
//! repeating a command is harmless.

mod lifecycle;
mod maintenance;
mod rate_limit;
mod register;
mod resolve;
mod settle;
mod token;
mod webhook;

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::change::{Action, Change, Record};
use crate::id::{ServiceId, TokenId, WebhookId};
use crate::lifecycle::{Control, Deprecation, Enforcement, Lifecycle};
use crate::limit::RateLimitPolicy;
use crate::maintenance::MaintenanceScope;
use crate::revision::Revision;
use crate::route::{LocalKey, RouteKey, RouteSelector};
use crate::scope::Scope;
use crate::state::State;
use crate::token::IssuedToken;
use crate::webhook::WebhookSettings;

/// The longest reason, in characters.
pub const LONGEST_REASON: usize = 2000;
/// The most routes of one service.
pub const MOST_ROUTES: usize = 10_000;
/// The most exemptions of one maintenance.
pub const MOST_EXEMPTIONS: usize = 1000;
/// The most planned windows of one route.
pub const MOST_WINDOWS: usize = 100;
/// The most tokens of one holder, of one kind and for one service.
pub const MOST_TOKENS: usize = 1000;
/// The most webhooks.
pub const MOST_WEBHOOKS: usize = 100;
/// The longest subject of an audit entry without a change, in characters; the rest is cut off.
const LONGEST_SUBJECT: usize = 300;

/// One request for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Switches one route.
    Route {
        route: RouteSelector,
        to: Switch,
        reason: String,
        /// The route's `changed_at` that the caller saw; refused with a conflict when it has moved on.
        expected: Option<Revision>,
    },
    /// Forgets one route. A live registration brings it back as new.
    RemoveRoute { route: RouteSelector, reason: String, expected: Option<Revision> },
    /// Forgets a service and everything of it.
    RemoveService { service: ServiceId, reason: String },
    /// Switches, or edits, the maintenance of a scope.
    Maintenance {
        scope: MaintenanceScope,
        to: MaintenanceSwitch,
        reason: String,
        /// Accept a service that nothing is known of yet.
        allow_unknown: bool,
        expected: Option<Revision>,
    },
    /// Sets or switches the rate limit of a scope.
    RateLimit {
        target: LimitTarget,
        to: RateLimitSwitch,
        reason: String,
        /// Accept a service or route that nothing is known of yet.
        allow_unknown: bool,
        /// The policy's `changed_at`, zero where there is none.
        expected: Option<Revision>,
    },
    /// A service says which routes it has. What operators have switched stays.
    Register { service: ServiceId, routes: Vec<Declaration> },
    /// Writes down what time has done: windows that have opened or closed, switches and maintenance that have ended.
    /// Decisions do not wait for it; audit, notifications and clients without a clock of their own do.
    Settle,
    /// Writes down that a token was issued.
    IssueToken { id: TokenId, token: IssuedToken },
    /// Ends a token before its time.
    RevokeToken { id: TokenId, expires: Timestamp },
    /// Makes a webhook, or gives one other settings. Its secret stays.
    SetWebhook { id: WebhookId, to: WebhookSettings, reason: String, expected: Option<Revision> },
    /// Forgets a webhook; what it has not been told yet it is not told any more.
    RemoveWebhook { id: WebhookId, reason: String, expected: Option<Revision> },
    /// Gives a webhook its next signing secret.
    RotateWebhookSecret { id: WebhookId, reason: String, expected: Option<Revision> },
    /// An audit entry without a change.
    Note { action: Action, subject: String, reason: String },
    /// Several commands as one commit: all of them, or none.
    All(Vec<Command>),
}

/// What a route is switched to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switch {
    /// A lifecycle, for good or until a time. Ends open windows, and pending ones that the switch would overlap.
    Control { lifecycle: Lifecycle, until: Option<Timestamp>, enforcement: Enforcement },
    /// A planned maintenance; the lifecycle stays what it is outside of it.
    Window { start: Timestamp, end: Timestamp, enforcement: Enforcement },
    /// Takes planned maintenance back: one window, which must be there, or all of them.
    CancelWindows { id: Option<u32> },
    /// Announces, or takes back, that the route will go away.
    Deprecation(Option<Deprecation>),
}

impl Switch {
    /// Active for good, which ends everything that is planned.
    pub fn enable() -> Self {
        Self::Control { lifecycle: Lifecycle::Active, until: None, enforcement: Enforcement::Enforce }
    }

    pub fn disable() -> Self {
        Self::Control { lifecycle: Lifecycle::Disabled, until: None, enforcement: Enforcement::Enforce }
    }
}

/// What a maintenance is switched to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaintenanceSwitch {
    On {
        /// Replaces the exemptions; `None` keeps those of last time.
        exempt: Option<Vec<LocalKey>>,
        include_force_active: bool,
        until: Option<Timestamp>,
        enforcement: Enforcement,
    },
    Off,
    /// Edits the exemptions, whether it is on or off; never switches.
    Exemptions {
        add: Vec<LocalKey>,
        remove: Vec<LocalKey>,
    },
}

/// Whose rate limit is meant, as people name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitTarget {
    Global,
    Service(ServiceId),
    /// A route; with the method `ALL` a path, whose methods then count together. What has a limit of its own method
    /// is not subject to that of `ALL`.
    Route(RouteSelector),
}

/// What a rate limit is switched to. Everything but `Set` needs one that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RateLimitSwitch {
    /// Replaces the whole policy. Its generation, revision and origin are the plan's to say; counts survive.
    Set(Box<RateLimitPolicy>),
    /// Admits everything, and keeps the policy and its counts.
    Pause,
    Resume,
    /// Starts all counts afresh, on every replica. Where a path is named without a method, those of all its policies.
    Reset,
    /// Takes the policy away. A limit that the service's code declares comes back.
    Delete,
}

/// One route as a service declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    pub key: LocalKey,
    pub control: Control,
    pub deprecation: Option<Deprecation>,
    pub force_active: bool,
    /// A maintenance window that is declared in code: start and end. Taken over only when the route is new and the
    /// window is not over.
    pub window: Option<(Timestamp, Timestamp)>,
    /// In force until an operator sets another. Generation, revision and origin are the plan's to say.
    pub rate_limit: Option<Box<RateLimitPolicy>>,
}

impl Declaration {
    /// A route that simply answers.
    pub fn active(key: LocalKey) -> Self {
        Self {
            key,
            control: Control::default(),
            deprecation: None,
            force_active: false,
            window: None,
            rate_limit: None,
        }
    }
}

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

/// Why a command is refused. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    #[error("no route `{selector}` is known{}", near_matches(near))]
    UnknownRoute { selector: Box<RouteSelector>, near: Vec<String> },
    #[error("`{selector}` names {} routes: {}", matches.len(), matches.join(", "))]
    AmbiguousRoute { selector: Box<RouteSelector>, matches: Vec<String> },
    #[error("`{key}` is declared `force_active` and cannot be switched")]
    ForceActive { key: Box<RouteKey> },
    #[error("no service `{service}` is known{}", near_matches(near))]
    UnknownService { service: ServiceId, near: Vec<String> },
    #[error("`{key}` has no planned window `{id}`")]
    UnknownWindow { key: Box<RouteKey>, id: u32 },
    #[error("there is no rate limit for `{scope}`")]
    UnknownRateLimit { scope: String },
    #[error("no webhook `{id}` is known")]
    UnknownWebhook { id: WebhookId },
    #[error("{field}: {message}")]
    Invalid { field: &'static str, message: String },
    #[error("`{subject}` has changed: expected revision {expected}, it is at {actual}")]
    Conflict { subject: String, expected: Revision, actual: Revision },
}

impl CommandError {
    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { field, message: message.into() }
    }
}

fn near_matches(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; near it: {}", near.join(", ")) }
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
    Planner { state, now, changed_at: state.cursor.revision.next() }.plan(command)
}

pub(crate) struct Planner<'s> {
    state: &'s State,
    now: Timestamp,
    /// The revision that the changes will have.
    changed_at: Revision,
}

impl Planner<'_> {
    fn plan(&self, command: &Command) -> Result<Plan, CommandError> {
        match command {
            Command::Route { route, to, reason, expected } => {
                self.switch_route(route, to, checked_reason(reason)?, *expected)
            }
            Command::RemoveRoute { route, reason, expected } => {
                self.remove_route(route, checked_reason(reason)?, *expected)
            }
            Command::RemoveService { service, reason } => {
                self.known_service(service)?;
                let change = Change::ServiceRemoved { service: service.clone() };
                Ok(self.single(Action::ServiceRemove, checked_reason(reason)?, change))
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
            Command::RevokeToken { id, expires } => Ok(self.revoke_token(id, *expires)),
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
        for command in commands {
            let planner = Planner { state: &scratch, now: self.now, changed_at: self.changed_at };
            let plan = planner.plan(command)?;
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

    fn record(&self, action: Action, reason: &str, change: Change) -> Record {
        Record { action, reason: reason.to_owned(), before: self.state.inverse(&change), change }
    }

    fn single(&self, action: Action, reason: &str, change: Change) -> Plan {
        Plan { records: vec![self.record(action, reason, change)], ..Plan::default() }
    }

    fn in_future(&self, field: &'static str, until: Timestamp) -> Result<(), CommandError> {
        if until <= self.now {
            return Err(CommandError::invalid(
                field,
                format!("`{until}` is not in the future; it is {} now", self.now),
            ));
        }
        Ok(())
    }
}

fn expect(subject: &dyn std::fmt::Display, expected: Option<Revision>, actual: Revision) -> Result<(), CommandError> {
    match expected {
        Some(expected) if expected != actual => {
            Err(CommandError::Conflict { subject: subject.to_string(), expected, actual })
        }
        _ => Ok(()),
    }
}

fn checked_reason(reason: &str) -> Result<&str, CommandError> {
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
pub(crate) fn listed(environments: &BTreeSet<crate::id::Environment>) -> String {
    environments.iter().map(crate::id::Environment::as_str).collect::<Vec<_>>().join(", ")
}
