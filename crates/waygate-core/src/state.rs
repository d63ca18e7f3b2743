//! The replicated document: everything that the control plane knows, at one revision.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::commit::Commit;
use crate::id::{ServiceId, TokenId, WebhookId};
use crate::lifecycle::Route;
use crate::limit::RateLimitPolicy;
use crate::maintenance::{Maintenance, MaintenanceScope};
use crate::revision::{Cursor, Revision};
use crate::route::{LocalKey, RouteKey, RouteMethod};
use crate::scope::Scope;
use crate::token::IssuedToken;
use crate::webhook::Webhook;

/// How long tokens are remembered after their end. The clock of a node may be wrong for a moment; what it makes
/// forget then would be good again once the clock is right.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// So many are remembered whatever the time is said to be.
const ALWAYS_REMEMBERED: usize = 1000;
/// The most that one commit makes forget; more than it can bring.
const FORGOTTEN_AT_ONCE: usize = 16;

/// What concerns every service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalState {
    #[serde(default)]
    pub maintenance: Maintenance,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<Arc<RateLimitPolicy>>,
}

/// What concerns one service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    #[serde(default)]
    pub maintenance: Maintenance,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<Arc<RateLimitPolicy>>,
    #[serde(default)]
    pub routes: BTreeMap<LocalKey, Arc<Route>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub route_limits: BTreeMap<LocalKey, Arc<RateLimitPolicy>>,
}

/// The whole state. Cheap to clone; a change copies only what it touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub cursor: Cursor,
    #[serde(default)]
    pub global: Arc<GlobalState>,
    #[serde(default)]
    pub services: BTreeMap<ServiceId, Arc<ServiceState>>,
    /// Tokens that are refused, each at least until it would have ended anyway.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revoked_tokens: Arc<BTreeMap<TokenId, Timestamp>>,
    /// Tokens that were issued, each at least until it ends.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tokens: Arc<BTreeMap<TokenId, Arc<IssuedToken>>>,
    /// Who is told of changes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub webhooks: Arc<BTreeMap<WebhookId, Arc<Webhook>>>,
}

/// A commit does not follow the state that it was to be applied to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("commit {commit} does not follow state {state}")]
pub struct OutOfOrder {
    pub state: Cursor,
    pub commit: Cursor,
}

impl State {
    /// Nothing yet, at the beginning of a history.
    pub fn new(start: Cursor) -> Self {
        Self {
            cursor: start,
            global: Arc::default(),
            services: BTreeMap::new(),
            revoked_tokens: Arc::default(),
            tokens: Arc::default(),
            webhooks: Arc::default(),
        }
    }

    /// Moves on by one commit.
    ///
    /// # Errors
    ///
    /// When the commit is not the very next of this history; the state is then unchanged.
    pub fn apply(&mut self, commit: &Commit) -> Result<(), OutOfOrder> {
        if commit.cursor.epoch != self.cursor.epoch || commit.revision() != self.cursor.revision.next() {
            return Err(OutOfOrder { state: self.cursor.clone(), commit: commit.cursor.clone() });
        }
        for change in commit.changes() {
            self.apply_change(change);
        }
        self.forget_tokens_expired_by(commit.draft.cause.at);
        self.cursor = commit.cursor.clone();
        Ok(())
    }

    /// Carries one change out, whatever the revision.
    pub(crate) fn apply_change(&mut self, change: &Change) {
        match change {
            Change::MaintenanceSet { scope: MaintenanceScope::Global, .. }
            | Change::RateLimitSet { scope: Scope::Global, .. }
            | Change::RateLimitCleared { scope: Scope::Global } => {
                Arc::make_mut(&mut self.global).apply(change);
            }
            Change::RouteSet { key: RouteKey { service, .. }, .. }
            | Change::MaintenanceSet { scope: MaintenanceScope::Service(service), .. }
            | Change::RateLimitSet {
                scope: Scope::Service(service) | Scope::Route(RouteKey { service, .. }), ..
            } => Arc::make_mut(self.services.entry(service.clone()).or_default()).apply(change),
            Change::RouteRemoved { key: RouteKey { service, .. } }
            | Change::RateLimitCleared { scope: Scope::Service(service) | Scope::Route(RouteKey { service, .. }) } => {
                if let Some(state) = self.services.get_mut(service) {
                    Arc::make_mut(state).apply(change);
                }
            }
            Change::ServiceRemoved { service } => {
                self.services.remove(service);
            }
            Change::TokenIssued { id, token } => {
                Arc::make_mut(&mut self.tokens).insert(id.clone(), token.clone());
            }
            Change::TokenRevoked { id, expires } => {
                Arc::make_mut(&mut self.revoked_tokens).insert(id.clone(), *expires);
                if self.tokens.contains_key(id) {
                    Arc::make_mut(&mut self.tokens).remove(id);
                }
            }
            Change::WebhookSet { id, webhook } => {
                Arc::make_mut(&mut self.webhooks).insert(id.clone(), webhook.clone());
            }
            Change::WebhookRemoved { id } => {
                Arc::make_mut(&mut self.webhooks).remove(id);
            }
            Change::Noted { .. } => {}
        }
    }

    /// Forgets tokens that have ended by themselves, revoked or not, so that the lists stay bounded. The time is the
    /// commit's, so every replica forgets the same.
    fn forget_tokens_expired_by(&mut self, now: Timestamp) {
        forget_expired(&mut self.revoked_tokens, now, |expires| *expires);
        forget_expired(&mut self.tokens, now, |token| token.expires);
    }

    /// The changes that take `change` back from here.
    pub fn inverse(&self, change: &Change) -> Vec<Change> {
        let absent = |service: &ServiceId| !self.services.contains_key(service);
        match change {
            Change::RouteSet { key, .. } if absent(&key.service) => {
                vec![Change::ServiceRemoved { service: key.service.clone() }]
            }
            Change::MaintenanceSet { scope: MaintenanceScope::Service(service), .. } if absent(service) => {
                vec![Change::ServiceRemoved { service: service.clone() }]
            }
            Change::RateLimitSet { scope, .. } if scope.service().is_some_and(absent) => {
                scope.service().map(|service| Change::ServiceRemoved { service: service.clone() }).into_iter().collect()
            }
            Change::RouteSet { key, .. } if let Some(route) = self.route(key) => {
                vec![Change::RouteSet { key: key.clone(), route: route.clone() }]
            }
            Change::RouteSet { key, .. } | Change::RouteRemoved { key } => {
                let route = self.route(key).map(|route| Change::RouteSet { key: key.clone(), route: route.clone() });
                let removed = Change::RouteRemoved { key: key.clone() };
                let scope = Scope::Route(key.clone());
                let limit = self.rate_limit(&scope).cloned();
                let limit = limit.map(|policy| Change::RateLimitSet { scope, policy });
                std::iter::once(route.unwrap_or(removed)).chain(limit).collect()
            }
            Change::MaintenanceSet { scope, .. } => vec![Change::MaintenanceSet {
                scope: scope.clone(),
                maintenance: self.maintenance(scope).cloned().unwrap_or_default(),
            }],
            Change::RateLimitSet { scope, .. } | Change::RateLimitCleared { scope } => {
                vec![match self.rate_limit(scope) {
                    Some(policy) => Change::RateLimitSet { scope: scope.clone(), policy: policy.clone() },
                    None => Change::RateLimitCleared { scope: scope.clone() },
                }]
            }
            Change::ServiceRemoved { service } => self.changes_to_recreate(service),
            Change::WebhookSet { id, .. } | Change::WebhookRemoved { id } => vec![match self.webhooks.get(id) {
                Some(webhook) => Change::WebhookSet { id: id.clone(), webhook: webhook.clone() },
                None => Change::WebhookRemoved { id: id.clone() },
            }],
            Change::TokenIssued { .. } | Change::TokenRevoked { .. } | Change::Noted { .. } => Vec::new(),
        }
    }

    fn changes_to_recreate(&self, service: &ServiceId) -> Vec<Change> {
        let Some(state) = self.services.get(service) else {
            return Vec::new();
        };
        let key = |local: &LocalKey| RouteKey::new(service.clone(), local.clone());
        let maintenance = Change::MaintenanceSet {
            scope: MaintenanceScope::Service(service.clone()),
            maintenance: state.maintenance.clone(),
        };
        let rate_limit = state
            .rate_limit
            .iter()
            .map(|policy| Change::RateLimitSet { scope: Scope::Service(service.clone()), policy: policy.clone() });
        let routes =
            state.routes.iter().map(|(local, route)| Change::RouteSet { key: key(local), route: route.clone() });
        let limits = state
            .route_limits
            .iter()
            .map(|(local, policy)| Change::RateLimitSet { scope: Scope::Route(key(local)), policy: policy.clone() });
        std::iter::once(maintenance).chain(rate_limit).chain(routes).chain(limits).collect()
    }

    pub fn route(&self, key: &RouteKey) -> Option<&Arc<Route>> {
        self.services.get(&key.service)?.routes.get(&key.local)
    }

    pub fn maintenance(&self, scope: &MaintenanceScope) -> Option<&Maintenance> {
        match scope {
            MaintenanceScope::Global => Some(&self.global.maintenance),
            MaintenanceScope::Service(service) => Some(&self.services.get(service)?.maintenance),
        }
    }

    pub fn rate_limit(&self, scope: &Scope) -> Option<&Arc<RateLimitPolicy>> {
        match scope {
            Scope::Global => self.global.rate_limit.as_ref(),
            Scope::Service(service) => self.services.get(service)?.rate_limit.as_ref(),
            Scope::Route(key) => self.services.get(&key.service)?.route_limits.get(&key.local),
        }
    }

    /// The same state without the services that are not among these.
    #[must_use]
    pub fn only(&self, services: &BTreeSet<ServiceId>) -> Self {
        let kept = self.services.iter().filter(|(service, _)| services.contains(*service));
        let kept = kept.map(|(service, state)| (service.clone(), state.clone())).collect();
        Self { services: kept, ..self.clone() }
    }

    /// What one service sees: its own part, and what is global. Of an unknown service, an empty part.
    pub fn service_view(&self, service: &ServiceId) -> ServiceView {
        ServiceView { global: self.global.clone(), service: self.services.get(service).cloned().unwrap_or_default() }
    }
}

/// What one service sees of the state: the payload of a snapshot frame.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceView {
    #[serde(default)]
    pub global: Arc<GlobalState>,
    #[serde(default)]
    pub service: Arc<ServiceState>,
}

impl ServiceView {
    /// Carries one change out. The caller passes changes that concern this service; see [`Change::concerns`].
    pub fn apply(&mut self, change: &Change) {
        match change.audience() {
            crate::change::Audience::Everyone => Arc::make_mut(&mut self.global).apply(change),
            crate::change::Audience::Service(_) => Arc::make_mut(&mut self.service).apply(change),
            crate::change::Audience::Servers => {}
        }
    }
}

impl GlobalState {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::MaintenanceSet { maintenance, .. } => self.maintenance = maintenance.clone(),
            Change::RateLimitSet { policy, .. } => self.rate_limit = Some(policy.clone()),
            Change::RateLimitCleared { .. } => self.rate_limit = None,
            _ => {}
        }
    }
}

impl ServiceState {
    /// The newest revision that changed anything that is here: the expected revision of a removal.
    pub fn changed_at(&self) -> Revision {
        let routes = self.routes.values().map(|route| route.changed_at);
        let limits = self.route_limits.values().chain(&self.rate_limit).map(|policy| policy.changed_at);
        routes.chain(limits).fold(self.maintenance.changed_at, Revision::max)
    }

    /// The limit that a route is subject to, and the key that it is counted under: its own, or that of all methods of
    /// its path. What an operator has set goes before what is declared.
    pub fn limit_of(&self, route: &LocalKey) -> Option<(&LocalKey, &Arc<RateLimitPolicy>)> {
        let own = self.route_limits.get_key_value(route);
        if own.is_some_and(|(_, policy)| !policy.declared) || self.route_limits.is_empty() {
            return own;
        }
        let all = self.route_limits.get_key_value(&LocalKey::new(RouteMethod::Any, route.path.clone()));
        match (own, all) {
            (Some(own), Some(all)) if all.1.declared => Some(own),
            (own, all) => all.or(own),
        }
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::RouteSet { key, route } => {
                self.routes.insert(key.local.clone(), route.clone());
            }
            Change::RouteRemoved { key } => {
                self.routes.remove(&key.local);
                self.route_limits.remove(&key.local);
            }
            Change::MaintenanceSet { maintenance, .. } => self.maintenance = maintenance.clone(),
            Change::RateLimitSet { scope: Scope::Route(key), policy } => {
                self.route_limits.insert(key.local.clone(), policy.clone());
            }
            Change::RateLimitSet { policy, .. } => self.rate_limit = Some(policy.clone()),
            Change::RateLimitCleared { scope: Scope::Route(key) } => {
                self.route_limits.remove(&key.local);
            }
            Change::RateLimitCleared { .. } => self.rate_limit = None,
            Change::ServiceRemoved { .. } => *self = Self::default(),
            Change::TokenIssued { .. }
            | Change::TokenRevoked { .. }
            | Change::WebhookSet { .. }
            | Change::WebhookRemoved { .. }
            | Change::Noted { .. } => {}
        }
    }
}

/// Forgets what has ended for long, the earliest first.
fn forget_expired<T: Clone>(tokens: &mut Arc<BTreeMap<TokenId, T>>, now: Timestamp, ends: impl Fn(&T) -> Timestamp) {
    let surplus = tokens.len().saturating_sub(ALWAYS_REMEMBERED).min(FORGOTTEN_AT_ONCE);
    if surplus == 0 {
        return;
    }
    let over = tokens.iter().map(|(id, token)| (ends(token), id));
    let mut over: Vec<_> = over.filter(|(end, _)| now.duration_since(*end) >= REMEMBERED).collect();
    over.sort_unstable();
    let forgotten: Vec<TokenId> = over.into_iter().take(surplus).map(|(_, id)| id.clone()).collect();
    if !forgotten.is_empty() {
        let tokens = Arc::make_mut(tokens);
        for id in &forgotten {
            tokens.remove(id);
        }
    }
}
