//! Changes: what a commit does to the state, and who must hear of it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{ServiceId, TokenId, WebhookId};
use crate::lifecycle::{LifecycleKind, Route};
use crate::limit::RateLimitPolicy;
use crate::maintenance::{Maintenance, MaintenanceScope};
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
