//! The words that some fields accept.

/// What the audit log calls what was done.
pub(crate) const ACTIONS: &[&str] = &[
    "enable",
    "disable",
    "maintenance_on",
    "env_gate",
    "schedule",
    "schedule_cancel",
    "deprecate",
    "undeprecate",
    "route_remove",
    "service_remove",
    "global_maintenance_on",
    "global_maintenance_off",
    "global_maintenance_edit",
    "service_maintenance_on",
    "service_maintenance_off",
    "service_maintenance_edit",
    "register",
    "token_issue",
    "token_revoke",
    "login",
    "login_failed",
    "logout",
    "webhook_set",
    "webhook_removed",
    "webhook_secret_rotated",
    "rl_policy_set",
    "rl_policy_updated",
    "rl_policy_deleted",
    "rl_policy_enabled",
    "rl_policy_disabled",
    "rl_reset",
    "global_rl_set",
    "global_rl_updated",
    "global_rl_deleted",
    "global_rl_enabled",
    "global_rl_disabled",
    "global_rl_reset",
    "svc_rl_set",
    "svc_rl_updated",
    "svc_rl_deleted",
    "svc_rl_enabled",
    "svc_rl_disabled",
    "svc_rl_reset",
    "import",
];
pub(super) const STATUSES: &[&str] = &["active", "maintenance", "disabled", "env_gated", "deprecated"];
pub(super) const METHODS: &[&str] =
    &["ALL", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
pub(super) const ALGORITHMS: &[&str] = &["fixed_window", "sliding_window", "moving_window", "token_bucket"];
pub(super) const KEY_STRATEGY: &str = "^(ip|user|api_key|global|custom|header:[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100})$";
pub(super) const MISSING_KEYS: &[&str] = &["exempt", "fallback_ip", "block"];
pub(super) const FAILURES: &[&str] = &["local", "open", "closed"];
pub(super) const SHARINGS: &[&str] = &["per_replica", "divided"];

#[cfg(test)]
mod tests {
    use waygate_core::{Action, Algorithm, KeyStrategy, OnBackendFailure, OnMissingKey, RouteMethod, Share};

    use super::*;

    #[test]
    fn names_are_those_that_are_accepted() {
        let refusal = serde_json::from_str::<Action>("\"explode\"").unwrap_err().to_string();
        let known: Vec<&str> = refusal.split('`').skip(3).step_by(2).collect();
        assert_eq!(known, ACTIONS);
        let methods: Vec<&str> =
            std::iter::once(RouteMethod::Any).chain(RouteMethod::NAMED).map(RouteMethod::as_str).collect();
        assert_eq!(methods, METHODS);
        assert!(ALGORITHMS.iter().all(|name| name.parse::<Algorithm>().is_ok()));
        assert!(MISSING_KEYS.iter().all(|name| name.parse::<OnMissingKey>().is_ok()));
        assert!(SHARINGS.iter().all(|name| name.parse::<Share>().is_ok()));
        assert!(FAILURES.iter().all(|name| name.parse::<OnBackendFailure>().is_ok()));
        assert!(KEY_STRATEGY.split(['(', '|']).skip(1).take(5).all(|name| name.parse::<KeyStrategy>().is_ok()));
    }
}
