//! Changes and the commits that carry them: the unit of persistence, replication, audit and notification.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{Actor, InvalidName, ServiceId, TokenId, WebhookId};
use crate::lifecycle::{LifecycleKind, Route};
use crate::limit::RateLimitPolicy;
use crate::maintenance::{Maintenance, MaintenanceScope};
use crate::revision::{Cursor, Revision};
use crate::route::RouteKey;
use crate::scope::Scope;
use crate::token::IssuedToken;
use crate::webhook::Webhook;

/// One step from a state to the next. Each names its subject and carries its whole new value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    RouteSet {
        key: RouteKey,
        route: Arc<Route>,
    },
    /// The route, and the limit that is set for it.
    RouteRemoved {
        key: RouteKey,
    },
    MaintenanceSet {
        scope: MaintenanceScope,
        maintenance: Maintenance,
    },
    RateLimitSet {
        scope: Scope,
        policy: Arc<RateLimitPolicy>,
    },
    RateLimitCleared {
        scope: Scope,
    },
    /// The service and everything of it.
    ServiceRemoved {
        service: ServiceId,
    },
    /// Somebody has got a token. Kept until it ends. Never leaves the servers.
    TokenIssued {
        id: TokenId,
        token: Arc<IssuedToken>,
    },
    /// Until `expires` the token is refused; after it the token has ended by itself. Never leaves the servers.
    TokenRevoked {
        id: TokenId,
        expires: Timestamp,
    },
    /// Never leaves the servers.
    WebhookSet {
        id: WebhookId,
        webhook: Arc<Webhook>,
    },
    /// Never leaves the servers.
    WebhookRemoved {
        id: WebhookId,
    },
    /// Changes nothing: an audit entry about `subject`. Never leaves the servers.
    Noted {
        subject: String,
        /// Where the entry was taken over from the log of another system: what that said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        imported: Option<Arc<ImportedEntry>>,
    },
}

/// What the log of another system said, in its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedEntry {
    pub id: String,
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceId>,
    pub action: String,
    pub actor: String,
    pub platform: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_status: Option<LifecycleKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_status: Option<LifecycleKind>,
}

/// Who follows a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience<'c> {
    /// Every service.
    Everyone,
    Service(&'c ServiceId),
    /// The control plane's own nodes.
    Servers,
}

impl Change {
    /// Who must hear of it: a service learns its own routes, limits and maintenance and what is global, nothing else.
    pub fn audience(&self) -> Audience<'_> {
        match self {
            Self::RouteSet { key, .. } | Self::RouteRemoved { key } => Audience::Service(&key.service),
            Self::MaintenanceSet { scope, .. } => match scope {
                MaintenanceScope::Global => Audience::Everyone,
                MaintenanceScope::Service(service) => Audience::Service(service),
            },
            Self::RateLimitSet { scope, .. } | Self::RateLimitCleared { scope } => {
                scope.service().map_or(Audience::Everyone, Audience::Service)
            }
            Self::ServiceRemoved { service } => Audience::Service(service),
            Self::TokenIssued { .. }
            | Self::TokenRevoked { .. }
            | Self::WebhookSet { .. }
            | Self::WebhookRemoved { .. }
            | Self::Noted { .. } => Audience::Servers,
        }
    }

    /// Whether a service must hear of it.
    pub fn concerns(&self, service: &ServiceId) -> bool {
        match self.audience() {
            Audience::Everyone => true,
            Audience::Service(concerned) => concerned == service,
            Audience::Servers => false,
        }
    }
}

/// What was done, as it stands in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Enable,
    Disable,
    MaintenanceOn,
    EnvGate,
    Schedule,
    ScheduleCancel,
    Deprecate,
    Undeprecate,
    RouteRemove,
    ServiceRemove,
    GlobalMaintenanceOn,
    GlobalMaintenanceOff,
    GlobalMaintenanceEdit,
    ServiceMaintenanceOn,
    ServiceMaintenanceOff,
    ServiceMaintenanceEdit,
    Register,
    TokenIssue,
    TokenRevoke,
    Login,
    LoginFailed,
    Logout,
    WebhookSet,
    WebhookRemoved,
    WebhookSecretRotated,
    RlPolicySet,
    RlPolicyUpdated,
    RlPolicyDeleted,
    RlPolicyEnabled,
    RlPolicyDisabled,
    RlReset,
    GlobalRlSet,
    GlobalRlUpdated,
    GlobalRlDeleted,
    GlobalRlEnabled,
    GlobalRlDisabled,
    GlobalRlReset,
    SvcRlSet,
    SvcRlUpdated,
    SvcRlDeleted,
    SvcRlEnabled,
    SvcRlDisabled,
    SvcRlReset,
    /// Another installation was taken over; also the action of an entry of its log that has none of these.
    Import,
}

impl Action {
    /// Every action, as logs can be filtered by them.
    pub const ALL: [Self; 44] = [
        Self::Enable,
        Self::Disable,
        Self::MaintenanceOn,
        Self::EnvGate,
        Self::Schedule,
        Self::ScheduleCancel,
        Self::Deprecate,
        Self::Undeprecate,
        Self::RouteRemove,
        Self::ServiceRemove,
        Self::GlobalMaintenanceOn,
        Self::GlobalMaintenanceOff,
        Self::GlobalMaintenanceEdit,
        Self::ServiceMaintenanceOn,
        Self::ServiceMaintenanceOff,
        Self::ServiceMaintenanceEdit,
        Self::Register,
        Self::TokenIssue,
        Self::TokenRevoke,
        Self::Login,
        Self::LoginFailed,
        Self::Logout,
        Self::WebhookSet,
        Self::WebhookRemoved,
        Self::WebhookSecretRotated,
        Self::RlPolicySet,
        Self::RlPolicyUpdated,
        Self::RlPolicyDeleted,
        Self::RlPolicyEnabled,
        Self::RlPolicyDisabled,
        Self::RlReset,
        Self::GlobalRlSet,
        Self::GlobalRlUpdated,
        Self::GlobalRlDeleted,
        Self::GlobalRlEnabled,
        Self::GlobalRlDisabled,
        Self::GlobalRlReset,
        Self::SvcRlSet,
        Self::SvcRlUpdated,
        Self::SvcRlDeleted,
        Self::SvcRlEnabled,
        Self::SvcRlDisabled,
        Self::SvcRlReset,
        Self::Import,
    ];

    /// What services and sessions do by themselves; shown and told only where it is asked for by name.
    pub const fn is_routine(self) -> bool {
        matches!(self, Self::Register | Self::TokenRevoke | Self::Login | Self::LoginFailed | Self::Logout)
    }

    /// The text of the wire and of lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::MaintenanceOn => "maintenance_on",
            Self::EnvGate => "env_gate",
            Self::Schedule => "schedule",
            Self::ScheduleCancel => "schedule_cancel",
            Self::Deprecate => "deprecate",
            Self::Undeprecate => "undeprecate",
            Self::RouteRemove => "route_remove",
            Self::ServiceRemove => "service_remove",
            Self::GlobalMaintenanceOn => "global_maintenance_on",
            Self::GlobalMaintenanceOff => "global_maintenance_off",
            Self::GlobalMaintenanceEdit => "global_maintenance_edit",
            Self::ServiceMaintenanceOn => "service_maintenance_on",
            Self::ServiceMaintenanceOff => "service_maintenance_off",
            Self::ServiceMaintenanceEdit => "service_maintenance_edit",
            Self::Register => "register",
            Self::TokenIssue => "token_issue",
            Self::TokenRevoke => "token_revoke",
            Self::Login => "login",
            Self::LoginFailed => "login_failed",
            Self::Logout => "logout",
            Self::WebhookSet => "webhook_set",
            Self::WebhookRemoved => "webhook_removed",
            Self::WebhookSecretRotated => "webhook_secret_rotated",
            Self::RlPolicySet => "rl_policy_set",
            Self::RlPolicyUpdated => "rl_policy_updated",
            Self::RlPolicyDeleted => "rl_policy_deleted",
            Self::RlPolicyEnabled => "rl_policy_enabled",
            Self::RlPolicyDisabled => "rl_policy_disabled",
            Self::RlReset => "rl_reset",
            Self::GlobalRlSet => "global_rl_set",
            Self::GlobalRlUpdated => "global_rl_updated",
            Self::GlobalRlDeleted => "global_rl_deleted",
            Self::GlobalRlEnabled => "global_rl_enabled",
            Self::GlobalRlDisabled => "global_rl_disabled",
            Self::GlobalRlReset => "global_rl_reset",
            Self::SvcRlSet => "svc_rl_set",
            Self::SvcRlUpdated => "svc_rl_updated",
            Self::SvcRlDeleted => "svc_rl_deleted",
            Self::SvcRlEnabled => "svc_rl_enabled",
            Self::SvcRlDisabled => "svc_rl_disabled",
            Self::SvcRlReset => "svc_rl_reset",
            Self::Import => "import",
        }
    }
}

/// A change with what was done and how to take it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub action: Action,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    pub change: Change,
    /// The changes that lead back to the state before. Stays on the servers: audit, undo and rollback live on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Change>,
}

/// Through what somebody acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    Cli,
    Sdk,
    Dashboard,
    Api,
    System,
}

impl Platform {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Sdk => "sdk",
            Self::Dashboard => "dashboard",
            Self::Api => "api",
            Self::System => "system",
        }
    }
}

/// Who, through what, when. Stays on the servers: frames carry changes only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    pub actor: Actor,
    pub platform: Platform,
    pub at: Timestamp,
}

/// Names a draft, so that after an unclear answer of the store it can be looked up whether it was committed.
/// 16 to 64 ASCII letters, digits or `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DraftId(Arc<str>);

impl DraftId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DraftId {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if !(16..=64).contains(&text.len()) || !text.chars().all(letters) {
            return Err(InvalidName("a draft id is 16 to 64 ASCII letters, digits or `-`".to_owned()));
        }
        Ok(Self(text.into()))
    }
}

impl From<DraftId> for String {
    fn from(id: DraftId) -> Self {
        id.0.as_ref().to_owned()
    }
}

/// What a store is asked to commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    pub id: DraftId,
    pub cause: Cause,
    pub records: Vec<Record>,
}

/// A draft that was accepted, with its place in history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    pub cursor: Cursor,
    #[serde(flatten)]
    pub draft: Draft,
}

impl Commit {
    /// Places a draft right after `previous`. Stores call this.
    pub fn after(previous: &Cursor, draft: Draft) -> Self {
        let revision = previous.revision.next();
        let lineage = previous.lineage.then(revision, &draft.id);
        Self { cursor: Cursor { epoch: previous.epoch.clone(), revision, lineage }, draft }
    }

    /// Whether it is the very next of the history that `previous` stands in, whatever this build cannot read of it.
    pub fn follows(&self, previous: &Cursor) -> bool {
        let revision = previous.revision.next();
        let lineage = previous.lineage.then(revision, &self.draft.id);
        self.cursor.epoch == previous.epoch && self.cursor.revision == revision && self.cursor.lineage == lineage
    }

    /// How many bytes it takes as JSON.
    pub fn size(&self) -> usize {
        let mut counted = Counted(0);
        // Counting does not fail; what cannot be encoded is counted as far as it goes.
        let _ = serde_json::to_writer(&mut counted, self);
        counted.0
    }

    pub fn revision(&self) -> Revision {
        self.cursor.revision
    }

    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.draft.records.iter().map(|record| &record.change)
    }

    /// Whether a service must hear of it.
    pub fn concerns(&self, service: &ServiceId) -> bool {
        self.changes().any(|change| change.concerns(service))
    }
}

/// Takes bytes and keeps their number.
struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
