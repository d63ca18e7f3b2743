//! How pages say what a limit is.

use waygate_core::{Algorithm, KeyStrategy, OnBackendFailure, OnMissingKey, RateLimitPolicy, Share};

use crate::dashboard::words::{Moment, counted};

/// The limit in words.
pub(super) fn sentence(policy: &RateLimitPolicy) -> String {
    let caller = match policy.key_strategy.to_string().as_str() {
        "ip" => "per client address".to_owned(),
        "user" => "per user".to_owned(),
        "api_key" => "per API key".to_owned(),
        "global" => "for all callers together".to_owned(),
        "custom" => "per key of the service's own".to_owned(),
        header => format!("per value of {}", header.trim_start_matches("header:")),
    };
    let burst = if policy.burst == 0 { String::new() } else { format!(", burst {}", policy.burst) };
    format!("{} {caller}{burst}", policy.limit)
}

pub(super) fn details(policy: &RateLimitPolicy) -> Vec<String> {
    let mut details = Vec::new();
    if let Some(until) = policy.until {
        details.push(format!("ends {}", Moment(until).words()));
    }
    if policy.share == Share::Divided {
        details.push("divided among the instances".to_owned());
    }
    for tier in &policy.tiers {
        details.push(format!("tier {}: {}", tier.name, tier.limit));
    }
    for (count, what) in [
        (policy.exempt_ips.len(), "exempt address range"),
        (policy.exempt_roles.len(), "exempt role"),
        (policy.exempt_routes.len(), "exempt route"),
    ] {
        if count > 0 {
            details.push(counted(count, what));
        }
    }
    if policy.overrides.is_some() {
        details.push("stands in for a limit of the service's code, which comes back when this is removed".to_owned());
    }
    details
}

/// What an algorithm does, in a line.
pub(super) fn algorithm(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::FixedWindow => "Fixed window: counts from the first request on",
        Algorithm::SlidingWindow => "Sliding window: an estimate over the last period",
        Algorithm::MovingWindow => "Moving window: exact over any period",
        Algorithm::TokenBucket => "Token bucket: an even rate with a burst",
    }
}

pub(super) fn missing_key(rule: Option<OnMissingKey>, key: &KeyStrategy) -> &'static str {
    let rule = rule.or(match key {
        KeyStrategy::User | KeyStrategy::Custom => Some(OnMissingKey::Exempt),
        KeyStrategy::ApiKey | KeyStrategy::Header(_) => Some(OnMissingKey::FallbackIp),
        KeyStrategy::Ip => None,
        KeyStrategy::Global => return "is counted with all others",
    });
    match rule {
        None => "is one caller with all others without it",
        Some(OnMissingKey::Exempt) => "passes uncounted",
        Some(OnMissingKey::FallbackIp) => "is counted by address",
        Some(OnMissingKey::Block) => "is refused",
    }
}

pub(super) fn share(share: Share) -> &'static str {
    match share {
        Share::PerReplica => "Each instance admits the whole limit",
        Share::Divided => "Divided among the instances: together they admit the limit",
    }
}

pub(super) fn backend_failure(rule: OnBackendFailure) -> &'static str {
    match rule {
        OnBackendFailure::Local => "Count in the instance",
        OnBackendFailure::Open => "Let requests through uncounted",
        OnBackendFailure::Closed => "Refuse requests",
    }
}
