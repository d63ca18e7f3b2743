//! What can be asked of the control plane, and how a request becomes changes.
//!
//! [`plan()`] is pure: the same state, command and time give the same plan. A plan without records changes nothing, so
//! repeating a command is harmless.

mod error;
mod lifecycle;
mod maintenance;
mod plan;
mod rate_limit;
mod register;
mod resolve;
mod settle;
mod token;
mod webhook;

use jiff::Timestamp;

pub use error::CommandError;
pub use plan::{Plan, plan};

use crate::action::Action;
use crate::command::plan::{Planner, checked_reason, listed};
use crate::id::{ServiceId, TokenId, WebhookId};
use crate::lifecycle::{Control, Deprecation, Enforcement, Lifecycle, Route};
use crate::limit::RateLimitPolicy;
use crate::maintenance::MaintenanceScope;
use crate::revision::Revision;
use crate::route::{LocalKey, RouteSelector};
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
    RemoveService {
        service: ServiceId,
        reason: String,
        /// [`ServiceState::changed_at`](crate::ServiceState::changed_at) as the caller saw it.
        expected: Option<Revision>,
    },
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
    /// Ends the token of whoever asks for it.
    LogOut { id: TokenId, expires: Timestamp },
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
    /// What operators had said of the route earlier: control, timed switch, windows and deprecation, or that they had
    /// said nothing. What is over by now stays over.
    Restore(Box<Route>),
    /// As if no operator had ever said what its lifecycle is: it follows the code again. Ends what is planned.
    Declared,
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
