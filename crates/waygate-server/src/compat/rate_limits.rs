//! Limits in the reference's form: what its client can take of them, and what it cannot.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use waygate_core::{
    Algorithm, Change, DEFAULT_TIER_RESOLVER, KeyStrategy, LimitExpression, LocalKey, OnMissingKey, PathTemplate,
    Quota, RateLimitPolicy, RouteMethod, Scope, ServiceId, Share, State, Timestamp,
};

use crate::compat::render::{RESERVED, record};
use crate::control::presence::Presence;

/// What that client cannot do at all.
pub(crate) const CANNOT_RESET: &str = "cannot reset its counters; they run out with their period";

/// The methods under which that client may ask for the limit of a route for any method.
const METHODS: [RouteMethod; 7] = [
    RouteMethod::Get,
    RouteMethod::Post,
    RouteMethod::Put,
    RouteMethod::Patch,
    RouteMethod::Delete,
    RouteMethod::Head,
    RouteMethod::Options,
];

/// The limits of a service's routes as its client asks for them when it starts: one for each route and method.
pub(crate) fn limit_list(state: &State, service: &ServiceId, now: Timestamp) -> Vec<Value> {
    keys_of(state, service, None).iter().filter_map(|key| enforced(state, service, key, now)).collect()
}

/// What tells a client that has just (re)connected which limits are in force.
pub(super) fn announcements(state: &State, service: &ServiceId, now: Timestamp) -> Vec<Value> {
    let limited = |key: &LocalKey| state.services.get(service).is_some_and(|known| known.limit_of(key).is_some());
    keys_of(state, service, None).iter().filter(|key| limited(key)).map(|key| event(state, service, key, now)).collect()
}

/// What tells it how it stands with some routes, of which it may know limits that are gone.
pub(super) fn again(state: &State, service: &ServiceId, routes: &[LocalKey], now: Timestamp) -> Vec<Value> {
    let keys: BTreeSet<LocalKey> = routes.iter().flat_map(|key| asked_as(state, service, key)).collect();
    keys.iter().map(|key| event(state, service, key, now)).collect()
}

/// What a change of a limit is to that client.
pub(super) fn changes(state: &State, scope: &Scope, now: Timestamp) -> Vec<Value> {
    match scope {
        Scope::Route(key) => {
            let keys = asked_as(state, &key.service, &key.local);
            keys.iter().map(|local| event(state, &key.service, local, now)).collect()
        }
        Scope::Global | Scope::Service(_) => vec![json!({"type": "state", "payload": sentinel(state, scope, now)})],
    }
}

/// An event about a limit of a service for those who hear of all services: its key names the service, as those of routes
/// do.
pub(super) fn of_service(service: &ServiceId, mut event: Value) -> Value {
    if let Some(key) = event["key"].as_str() {
        event["key"] = format!("{service}:{key}").into();
        event["service"] = service.as_str().into();
    }
    event
}

/// The routes of a service with limits that a record has taken away or changed.
pub(super) fn limits_before<'r>(before: &'r [Change], service: &ServiceId) -> impl Iterator<Item = LocalKey> + 'r {
    let service = service.clone();
    before.iter().filter_map(move |change| match change {
        Change::RateLimitSet { scope: Scope::Route(key), .. } if key.service == service => Some(key.local.clone()),
        _ => None,
    })
}

/// One line for each service of which connected instances do not carry a policy out as it is.
pub(crate) fn unsupported(presence: &Presence, state: &State, scope: &Scope, policy: &RateLimitPolicy) -> Vec<String> {
    if !policy.enabled {
        return Vec::new();
    }
    let mut unsupported = match scope {
        Scope::Global => presence.unable(None, "cannot enforce global limits"),
        Scope::Service(service) => presence.unable(Some(service), "cannot enforce service limits"),
        Scope::Route(key) => {
            let mut lost = Losses::of(policy, key.local.path.as_str()).0;
            if key.local.method == RouteMethod::Any && asked_as(state, &key.service, &key.local).len() > 1 {
                lost.push("counts each method apart".to_owned());
            }
            lost.iter().flat_map(|lost| presence.unable(Some(&key.service), lost)).collect()
        }
    };
    if policy.share == Share::Divided {
        unsupported.extend(presence.unable_to_share(scope.service()));
    }
    unsupported
}

/// In what a policy is more than that client can do.
struct Losses(Vec<String>);

impl Losses {
    fn of(policy: &RateLimitPolicy, path: &str) -> Self {
        let mut lost = Vec::new();
        match &policy.key_strategy {
            KeyStrategy::Header(_) | KeyStrategy::Custom => {
                lost.push(format!("cannot count by `{}` and enforces nothing", policy.key_strategy));
            }
            KeyStrategy::Global if path.contains('{') => lost.push("counts each URL apart".to_owned()),
            _ => {}
        }
        if policy.algorithm == Algorithm::TokenBucket {
            lost.push("has no `token_bucket` and enforces nothing".to_owned());
        }
        if policy.enforcement.is_shadow() {
            lost.push("cannot count in shadow".to_owned());
        }
        let limits = std::iter::once(&policy.limit).chain(policy.tiers.iter().map(|tier| &tier.limit));
        for limit in limits.filter(|limit| limit.quotas().len() > 1) {
            lost.push(format!("enforces only `{}` of `{limit}`", written(limit, 0)));
        }
        Self(lost)
    }
}

/// The policy that a client is to enforce for one key; `None` where it is to enforce nothing.
fn enforced(state: &State, service: &ServiceId, key: &LocalKey, now: Timestamp) -> Option<Value> {
    let known = state.services.get(service)?;
    let is_route = |method| known.routes.contains_key(&LocalKey::new(method, key.path.clone()));
    if !is_route(key.method) && !is_route(RouteMethod::Any) {
        return None;
    }
    let (_, policy) = known.limit_of(key)?;
    let is_able = !matches!(policy.key_strategy, KeyStrategy::Header(_) | KeyStrategy::Custom)
        && policy.algorithm != Algorithm::TokenBucket;
    let is_exempt = policy.exempt_routes.iter().any(|exempt| exempt.covers(Some(key.method), key.path.as_str()));
    let is_unlimited = policy.tiers.is_empty() && policy.limit.quotas().is_empty();
    if !is_able || is_exempt || is_unlimited || policy.enforcement.is_shadow() || !policy.is_on(|| now) {
        return None;
    }
    let tiers = policy.tiers.iter();
    let tiers: Vec<Value> =
        tiers.map(|tier| json!({"name": tier.name, "limit": written(&tier.limit, policy.burst)})).collect();
    Some(json!({
        "path": key.path.as_str(),
        "method": key.method.as_str(),
        "limit": written(&policy.limit, policy.burst),
        "algorithm": policy.algorithm.as_str(),
        "key_strategy": policy.key_strategy.to_string(),
        "on_missing_key": policy.on_missing_key.map(OnMissingKey::as_str),
        // Is part of the limit already: that client ignores it.
        "burst": 0,
        "tiers": tiers,
        "tier_resolver": policy.tier_resolver.as_deref().unwrap_or(DEFAULT_TIER_RESOLVER),
        "exempt_ips": policy.exempt_ips.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "exempt_roles": policy.exempt_roles,
    }))
}

fn event(state: &State, service: &ServiceId, key: &LocalKey, now: Timestamp) -> Value {
    let name = format!("{}:{}", key.method, key.path);
    match enforced(state, service, key, now) {
        Some(policy) => json!({"type": "rl_policy", "action": "set", "key": name, "policy": policy}),
        None => json!({"type": "rl_policy", "action": "delete", "key": name}),
    }
}

/// The record of a global or service limit, also of one that is gone.
fn sentinel(state: &State, scope: &Scope, now: Timestamp) -> Value {
    let policy = state.rate_limit(scope);
    let on = policy.is_some_and(|policy| policy.is_on(|| now) && !policy.enforcement.is_shadow());
    let limit = policy.map_or_else(|| "1/second".to_owned(), |policy| written(&policy.limit, policy.burst));
    let config = json!({
        "limit": limit,
        "algorithm": policy.map_or("fixed_window", |policy| policy.algorithm.as_str()),
        "key_strategy": policy.map_or_else(|| "ip".to_owned(), |policy| policy.key_strategy.to_string()),
        "on_missing_key": policy.and_then(|policy| policy.on_missing_key).map(OnMissingKey::as_str),
        "burst": 0,
        "exempt_routes": policy.map(|policy| {
            policy.exempt_routes.iter().map(ToString::to_string).collect::<Vec<_>>()
        }).unwrap_or_default(),
        "enabled": on,
    });
    let path = match scope.service() {
        Some(service) => format!("{RESERVED}svc_rl:{service}__"),
        None => format!("{RESERVED}global_rl__"),
    };
    record(&path, scope.service(), waygate_core::LifecycleKind::Active, &config.to_string())
}

/// A limit in that client's grammar, of which it enforces one term: that of the longest period.
fn written(limit: &LimitExpression, burst: u32) -> String {
    let Some(Quota { amount, period_seconds }) = limit.quotas().first().copied() else {
        return "unlimited".to_owned();
    };
    let amount = if amount == 0 { 0 } else { amount + u64::from(burst) };
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let (seconds, unit) = units.into_iter().find(|(unit, _)| period_seconds % unit == 0).unwrap_or((1, "second"));
    match period_seconds / seconds {
        1 => format!("{amount}/{unit}"),
        count => format!("{amount}/{count} {unit}"),
    }
}

/// The keys under which that client asks for a limit that is kept under `key`.
fn asked_as(state: &State, service: &ServiceId, key: &LocalKey) -> Vec<LocalKey> {
    if key.method != RouteMethod::Any {
        return vec![key.clone()];
    }
    let keys = keys_of(state, service, Some(&key.path));
    if keys.is_empty() { METHODS.map(|method| LocalKey::new(method, key.path.clone())).to_vec() } else { keys }
}

/// Every route and method of a service, or of one of its paths, as that client asks for them.
fn keys_of(state: &State, service: &ServiceId, path: Option<&PathTemplate>) -> Vec<LocalKey> {
    let routes = state.services.get(service).into_iter().flat_map(|known| known.routes.keys());
    let keys: BTreeSet<LocalKey> = routes
        .filter(|key| path.is_none_or(|path| *path == key.path))
        .flat_map(|key| match key.method {
            RouteMethod::Any => METHODS.map(|method| LocalKey::new(method, key.path.clone())).to_vec(),
            _ => vec![key.clone()],
        })
        .collect();
    keys.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_written_in_the_words_of_that_client() {
        for (ours, burst, theirs) in [
            ("100/min", 0, "100/minute"),
            ("10/s;100/2h", 0, "100/2 hour"),
            ("2/hour", 4, "6/hour"),
            ("0/minute", 4, "0/minute"),
            ("5/90 seconds", 0, "5/90 second"),
            ("1/month", 0, "1/30 day"),
            ("unlimited", 3, "unlimited"),
        ] {
            assert_eq!(written(&ours.parse().unwrap(), burst), theirs);
        }
    }
}
