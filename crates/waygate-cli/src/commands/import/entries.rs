//! What the PyPI package writes, as far as it is taken over. Unknown fields are left alone.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Everything that one installation holds, each part as it was written.
#[derive(Debug, Default)]
pub(super) struct Installation {
    /// Routes, and the records under reserved names, by their key.
    pub(super) states: BTreeMap<String, Value>,
    /// Limits of routes, by `METHOD:/path`.
    pub(super) policies: BTreeMap<String, Value>,
    /// In any order.
    pub(super) audit: Vec<Value>,
    /// What is there and not taken over, in words.
    pub(super) others: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RouteState {
    pub(super) service: Option<String>,
    #[serde(default)]
    pub(super) status: Status,
    pub(super) reason: Option<String>,
    pub(super) allowed_envs: Option<Vec<String>>,
    pub(super) allowed_roles: Option<Vec<String>>,
    pub(super) allowed_ips: Option<Vec<String>>,
    pub(super) window: Option<WindowState>,
    pub(super) sunset_date: Option<String>,
    pub(super) successor_path: Option<String>,
    pub(super) rollout_percentage: Option<f64>,
    #[serde(default)]
    pub(super) force_active: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    #[default]
    Active,
    Maintenance,
    Disabled,
    EnvGated,
    Deprecated,
}

#[derive(Debug, Deserialize)]
pub(super) struct WindowState {
    pub(super) start: String,
    pub(super) end: String,
    pub(super) reason: Option<String>,
}

/// A maintenance of everything or of a service, as JSON within the reason of a reserved record.
#[derive(Debug, Deserialize)]
pub(super) struct MaintenanceState {
    #[serde(default)]
    pub(super) enabled: bool,
    pub(super) reason: Option<String>,
    pub(super) exempt_paths: Option<Vec<String>>,
    #[serde(default)]
    pub(super) include_force_active: bool,
}

/// A limit of any scope; what a scope does not have is left out there.
#[derive(Debug, Deserialize)]
pub(super) struct PolicyState {
    pub(super) path: Option<String>,
    pub(super) method: Option<String>,
    pub(super) limit: String,
    pub(super) algorithm: Option<String>,
    pub(super) key_strategy: Option<String>,
    pub(super) on_missing_key: Option<String>,
    pub(super) burst: Option<i64>,
    pub(super) tiers: Option<Vec<TierState>>,
    pub(super) tier_resolver: Option<String>,
    pub(super) exempt_ips: Option<Vec<String>>,
    pub(super) exempt_roles: Option<Vec<String>>,
    pub(super) exempt_routes: Option<Vec<String>>,
    pub(super) enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TierState {
    pub(super) name: String,
    pub(super) limit: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct AuditState {
    pub(super) id: String,
    pub(super) timestamp: String,
    pub(super) path: String,
    pub(super) service: Option<String>,
    pub(super) action: String,
    pub(super) actor: Option<String>,
    pub(super) platform: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) previous_status: Option<Status>,
    pub(super) new_status: Option<Status>,
}
