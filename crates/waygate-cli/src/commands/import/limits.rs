//! Limits, in our terms.

use std::str::FromStr;

use waygate_core::{InvalidName, LimitExpression, RateLimitPolicy, Tier};

use crate::commands::import::entries::PolicyState;

pub(super) fn policy(state: &PolicyState) -> Result<RateLimitPolicy, String> {
    let limit = expression("limit", &state.limit)?;
    let tiers = state.tiers.iter().flatten();
    let tiers = tiers.map(|tier| Ok(Tier { name: tier.name.clone(), limit: expression("tiers", &tier.limit)? }));
    let policy = RateLimitPolicy {
        algorithm: named("algorithm", state.algorithm.as_deref())?.unwrap_or_default(),
        key_strategy: named("key_strategy", state.key_strategy.as_deref())?.unwrap_or_default(),
        on_missing_key: named("on_missing_key", state.on_missing_key.as_deref())?,
        burst: u32::try_from(state.burst.unwrap_or_default()).map_err(|_| "`burst`: it is below zero or too large")?,
        tiers: tiers.collect::<Result<_, String>>()?,
        tier_resolver: state.tier_resolver.clone().filter(|name| !name.is_empty()),
        exempt_ips: all("exempt_ips", state.exempt_ips.as_deref())?,
        exempt_roles: state.exempt_roles.clone().unwrap_or_default(),
        exempt_routes: all("exempt_routes", state.exempt_routes.as_deref())?,
        enabled: state.enabled.unwrap_or(true),
        ..RateLimitPolicy::new(limit)
    };
    policy.check().map_err(|problem| problem.to_string())?;
    Ok(policy)
}

fn expression(field: &str, text: &str) -> Result<LimitExpression, String> {
    text.parse().map_err(|problem| format!("`{field}`: {problem}"))
}

fn named<T: FromStr<Err = InvalidName>>(field: &str, text: Option<&str>) -> Result<Option<T>, String> {
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(|problem| format!("`{field}`: {problem}"))).transpose()
}

fn all<T: FromStr<Err = InvalidName>>(field: &str, texts: Option<&[String]>) -> Result<Vec<T>, String> {
    let texts = texts.unwrap_or_default().iter();
    texts.map(|text| text.parse().map_err(|problem| format!("`{field}`: {problem}"))).collect()
}
