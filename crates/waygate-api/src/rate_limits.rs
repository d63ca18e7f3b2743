//! Rate limits and the requests that they have denied, as they travel.

mod hits;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waygate_core::{Cidr, DEFAULT_TIER_RESOLVER, LocalKey, RateLimitPolicy, Revision, Scope, Share, Tier};

pub use self::hits::{CallerReport, HitReport, HitView, HitsReport, MOST_CALLERS};

/// A named limit for a group of callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierView {
    pub name: String,
    pub limit: String,
}

/// What a limit is set to: part of the bodies of `POST /api/rate-limits`, `POST /api/global-rate-limit`,
/// `POST /api/services/{service}/rate-limit` and of a registration. What is left out is the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitSettings {
    /// Such as `100/minute` or `10/second;100/minute`.
    pub limit: String,
    /// `fixed_window`, `sliding_window`, `moving_window` or `token_bucket`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// `ip`, `user`, `api_key`, `global`, `header:NAME` or `custom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_strategy: Option<String>,
    /// `exempt`, `fallback_ip` or `block`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_missing_key: Option<String>,
    #[serde(default)]
    pub burst: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<TierView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_resolver: Option<String>,
    /// Addresses and ranges of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt_ips: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt_roles: Vec<String>,
    /// `/path` or `METHOD:/path`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt_routes: Vec<String>,
    /// Count what would be denied, do not deny.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// `local`, `open` or `closed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_backend_failure: Option<String>,
    /// `per_replica` or `divided`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
}

impl LimitSettings {
    pub fn of(policy: &RateLimitPolicy) -> Self {
        Self {
            limit: policy.limit.to_string(),
            algorithm: Some(policy.algorithm.as_str().to_owned()),
            key_strategy: Some(policy.key_strategy.to_string()),
            on_missing_key: policy.on_missing_key.map(|rule| rule.as_str().to_owned()),
            burst: policy.burst,
            tiers: policy.tiers.iter().map(TierView::of).collect(),
            tier_resolver: policy.tier_resolver.clone(),
            exempt_ips: policy.exempt_ips.iter().map(Cidr::to_string).collect(),
            exempt_roles: policy.exempt_roles.clone(),
            exempt_routes: policy.exempt_routes.iter().map(LocalKey::to_string).collect(),
            shadow: policy.enforcement.is_shadow(),
            until: policy.until,
            on_backend_failure: Some(policy.on_backend_failure.as_str().to_owned()),
            share: divided(policy),
        }
    }
}

/// Body of a call that sets a limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRequest {
    /// For the limit of a route: `/path`, `METHOD:/path` or a whole key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// For the limit of a route: one of its methods, or `ALL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// For the limit of a route: where `path` does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(flatten)]
    pub settings: LimitSettings,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Accept a service or route that nothing is known of yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_unknown: bool,
}

/// One limit. The fields up to `exempt_routes` are the reference's; what follows is ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitView {
    /// For the limit of a route: its path within the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// For the limit of a route: its method, `ALL` for all of the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    pub limit: String,
    pub algorithm: String,
    pub key_strategy: String,
    pub on_missing_key: Option<String>,
    #[serde(default)]
    pub burst: u32,
    #[serde(default)]
    pub tiers: Vec<TierView>,
    #[serde(default)]
    pub tier_resolver: String,
    #[serde(default)]
    pub exempt_ips: Vec<String>,
    #[serde(default)]
    pub exempt_roles: Vec<String>,
    #[serde(default)]
    pub exempt_routes: Vec<String>,

    /// In force; `false` while it is paused or once its end has come.
    #[serde(default)]
    pub enabled: bool,
    /// `global`, `service` or `route`.
    #[serde(default)]
    pub scope: String,
    #[serde(default)]
    pub service: Option<String>,
    /// For the limit of a route: the whole key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `operator`, or `declared` by the service's code.
    #[serde(default)]
    pub origin: String,
    /// The declared limit that this one of an operator stands in for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrides: Option<String>,
    /// Counts only, does not deny.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(default)]
    pub on_backend_failure: String,
    /// `divided` where the replicas divide it; left out where each has the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
    /// What each instance holds of a divided limit; where one limit is shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<InstanceShare>,
    /// The expected revision of an edit.
    #[serde(default)]
    pub changed_at: Revision,
    /// Which connected clients do not carry it out, and what of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsupported_by: Vec<String>,
    /// Whether the call that this answers has changed anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
}

impl LimitView {
    pub fn of(scope: &Scope, policy: &RateLimitPolicy, now: Timestamp) -> Self {
        let local = match scope {
            Scope::Route(key) => Some(&key.local),
            Scope::Global | Scope::Service(_) => None,
        };
        Self {
            path: local.map(|key| key.path.to_string()),
            method: local.map(|key| key.method.as_str().to_owned()),
            limit: policy.limit.to_string(),
            algorithm: policy.algorithm.as_str().to_owned(),
            key_strategy: policy.key_strategy.to_string(),
            on_missing_key: policy.on_missing_key.map(|rule| rule.as_str().to_owned()),
            burst: policy.burst,
            tiers: policy.tiers.iter().map(TierView::of).collect(),
            tier_resolver: policy.tier_resolver.clone().unwrap_or_else(|| DEFAULT_TIER_RESOLVER.to_owned()),
            exempt_ips: policy.exempt_ips.iter().map(Cidr::to_string).collect(),
            exempt_roles: policy.exempt_roles.clone(),
            exempt_routes: policy.exempt_routes.iter().map(LocalKey::to_string).collect(),
            enabled: policy.is_on(|| now),
            scope: match scope {
                Scope::Global => "global",
                Scope::Service(_) => "service",
                Scope::Route(_) => "route",
            }
            .to_owned(),
            service: scope.service().map(ToString::to_string),
            key: local.map(|_| scope.to_string()),
            origin: if policy.declared { "declared" } else { "operator" }.to_owned(),
            overrides: policy.overrides.as_ref().map(|declared| declared.limit.to_string()),
            shadow: policy.enforcement.is_shadow(),
            until: policy.until,
            on_backend_failure: policy.on_backend_failure.as_str().to_owned(),
            share: divided(policy),
            shares: Vec::new(),
            changed_at: policy.changed_at,
            unsupported_by: Vec::new(),
            changed: None,
        }
    }
}

/// What an instance holds of a divided limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceShare {
    pub service: String,
    pub instance: String,
    /// Such as `34/minute`.
    pub limit: String,
    /// Its lease has ended: so much is kept for it, since it may still enforce that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lapsed: bool,
}

fn divided(policy: &RateLimitPolicy) -> Option<String> {
    (policy.share == Share::Divided).then(|| policy.share.as_str().to_owned())
}

impl TierView {
    fn of(tier: &Tier) -> Self {
        Self { name: tier.name.clone(), limit: tier.limit.to_string() }
    }
}

/// The answer to `GET /api/global-rate-limit` and `GET /api/services/{service}/rate-limit`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitState {
    /// Whether there is a policy and it is in force.
    pub enabled: bool,
    pub policy: Option<LimitView>,
}

/// The answer to a call that switches or takes away limits that are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitSwitched {
    pub ok: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// How many limits were meant.
    #[serde(default)]
    pub count: usize,
    #[serde(default)]
    pub changed: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsupported_by: Vec<String>,
}
