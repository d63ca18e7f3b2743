//! A policy, read from a body.

use std::str::FromStr;

use serde_json::Value;
use waygate_core::{Cidr, InvalidName, LIMIT_GRAMMAR, LimitExpression, LocalKey, RateLimitPolicy, Tier};

use crate::api::body::{Fields, mismatch};
use crate::api::switches::enforcement;
use crate::error::ApiError;

/// What is left out is the default, and so is what is `null` or empty where a name is expected.
pub(in crate::api) fn policy(fields: &Fields) -> Result<RateLimitPolicy, ApiError> {
    let limit = match fields.value("limit") {
        Some(Value::String(text)) if !text.is_empty() => expression("limit", text)?,
        _ => return Err(ApiError::invalid_field("limit", LIMIT_GRAMMAR)),
    };
    let same = |role: &str| Ok::<_, InvalidName>(role.to_owned());
    Ok(RateLimitPolicy {
        algorithm: named(fields, "algorithm")?.unwrap_or_default(),
        key_strategy: named(fields, "key_strategy")?.unwrap_or_default(),
        on_missing_key: named(fields, "on_missing_key")?,
        burst: burst(fields)?,
        tiers: tiers(fields)?,
        tier_resolver: fields.nullable_text("tier_resolver")?.filter(|text| !text.is_empty()).map(ToOwned::to_owned),
        exempt_ips: fields.texts("exempt_ips", str::parse::<Cidr>)?.unwrap_or_default(),
        exempt_roles: fields.texts("exempt_roles", same)?.unwrap_or_default(),
        exempt_routes: fields.texts("exempt_routes", str::parse::<LocalKey>)?.unwrap_or_default(),
        enforcement: enforcement(fields)?,
        until: if fields.value("until").is_some() { fields.time("until")? } else { None },
        on_backend_failure: named(fields, "on_backend_failure")?.unwrap_or_default(),
        share: named(fields, "share")?.unwrap_or_default(),
        ..RateLimitPolicy::new(limit)
    })
}

fn named<T: FromStr<Err = InvalidName>>(fields: &Fields, field: &str) -> Result<Option<T>, ApiError> {
    let text = fields.nullable_text(field)?.filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(|problem| ApiError::invalid_field(field, problem))).transpose()
}

fn burst(fields: &Fields) -> Result<u32, ApiError> {
    let burst = fields.integer("burst")?.unwrap_or_default();
    u32::try_from(burst).map_err(|_| ApiError::invalid_field("burst", "expected a whole number from 0 to 1000000000"))
}

fn tiers(fields: &Fields) -> Result<Vec<Tier>, ApiError> {
    let Some(list) = fields.list("tiers")? else {
        return Ok(Vec::new());
    };
    let read = |(index, value): (usize, &Value)| {
        let place = format!("tiers[{index}]");
        match (value.get("name").and_then(Value::as_str), value.get("limit").and_then(Value::as_str)) {
            (Some(name), Some(limit)) => Ok(Tier { name: name.to_owned(), limit: expression(&place, limit)? }),
            _ => Err(mismatch(&place, "an object with the texts `name` and `limit`", value)),
        }
    };
    list.iter().enumerate().map(read).collect()
}

fn expression(field: &str, text: &str) -> Result<LimitExpression, ApiError> {
    text.parse().map_err(|problem| ApiError::invalid_field(field, problem))
}
