//! What a document must be beyond its shape, and the one way to write each thing.

use std::fmt::Display;
use std::str::FromStr;

use waygate_api::document::{ControlDocument, Document, LimitDocument, MaintenanceDocument, RouteDocument};
use waygate_api::rate_limits::LimitSettings;
use waygate_core::{Cidr, Environment, LifecycleKind, LimitExpression, LocalKey, RateLimitPolicy, ServiceId, Tier};

/// Checks every name, time and limit, and writes each as the control plane does.
///
/// # Errors
///
/// What is wrong, after its place.
pub(crate) fn normal(document: &mut Document) -> Result<(), String> {
    if let Some(global) = &mut document.global {
        maintenance(&mut global.maintenance).map_err(|problem| format!("global.maintenance: {problem}"))?;
        limit(&mut global.rate_limit).map_err(|problem| format!("global.rate_limit: {problem}"))?;
    }
    for (name, service) in &mut document.services {
        let within = |problem: String| format!("services.{name}.{problem}");
        read::<ServiceId>(name).map_err(|problem| format!("services.{name}: {problem}"))?;
        maintenance(&mut service.maintenance).map_err(|problem| within(format!("maintenance: {problem}")))?;
        limit(&mut service.rate_limit).map_err(|problem| within(format!("rate_limit: {problem}")))?;
        service.routes = std::mem::take(&mut service.routes)
            .into_iter()
            .map(|(key, mut told)| {
                let key = route_key(&key).map_err(|problem| format!("routes.{key}: {problem}"))?;
                route(&mut told).map_err(|problem| format!("routes.{key}: {problem}"))?;
                Ok((key, told))
            })
            .collect::<Result<_, String>>()
            .map_err(within)?;
        service.route_limits = std::mem::take(&mut service.route_limits)
            .into_iter()
            .map(|(key, told)| {
                let key = route_key(&key).map_err(|problem| format!("route_limits.{key}: {problem}"))?;
                let mut told = Some(told);
                limit(&mut told).map_err(|problem| format!("route_limits.{key}: {problem}"))?;
                Ok((key, told.unwrap_or_default()))
            })
            .collect::<Result<_, String>>()
            .map_err(within)?;
    }
    Ok(())
}

fn read<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|problem: T::Err| problem.to_string())
}

fn all<T: FromStr<Err: Display>>(texts: &[String]) -> Result<Vec<T>, String> {
    texts.iter().map(|text| read(text)).collect()
}

/// The one way to write a key; of a path alone every method is meant.
fn route_key(text: &str) -> Result<String, String> {
    read::<LocalKey>(text).map(|key| key.to_string())
}

fn maintenance(told: &mut Option<MaintenanceDocument>) -> Result<(), String> {
    let Some(told) = told else { return Ok(()) };
    let exempt: Vec<LocalKey> = all(&told.exempt).map_err(|problem| format!("exempt: {problem}"))?;
    told.exempt = exempt.iter().map(ToString::to_string).collect();
    if !told.enabled && (!told.reason.is_empty() || told.include_force_active || told.until.is_some() || told.shadow) {
        return Err("what is not `enabled` has nothing but `exempt`".to_owned());
    }
    Ok(())
}

fn route(told: &mut RouteDocument) -> Result<(), String> {
    control(&mut told.control)?;
    if let Some(temporary) = &mut told.temporary {
        control(&mut temporary.control).map_err(|problem| format!("temporary: {problem}"))?;
    }
    for (number, window) in told.windows.iter().enumerate() {
        if window.end <= window.start {
            return Err(format!("windows[{number}]: `end` is not after `start`"));
        }
    }
    told.windows.sort_by_key(|window| (window.start, window.end));
    Ok(())
}

fn control(told: &mut ControlDocument) -> Result<(), String> {
    if told.status == LifecycleKind::Deprecated {
        return Err("status: `deprecated` is no status of its own; say `deprecation`".to_owned());
    }
    if told.status != LifecycleKind::EnvGated && !told.environments.is_empty() {
        return Err("environments: only with `status: env_gated`".to_owned());
    }
    let environments: Vec<Environment> =
        all(&told.environments).map_err(|problem| format!("environments: {problem}"))?;
    told.environments = environments.iter().map(ToString::to_string).collect();
    told.environments.sort();
    told.environments.dedup();
    Ok(())
}

fn limit(told: &mut Option<LimitDocument>) -> Result<(), String> {
    if let Some(told) = told {
        told.settings = LimitSettings::of(&policy(&told.settings)?);
    }
    Ok(())
}

/// The policy that settings stand for.
fn policy(told: &LimitSettings) -> Result<RateLimitPolicy, String> {
    let at = |field: &'static str| move |problem: String| format!("{field}: {problem}");
    let expression: LimitExpression = read(&told.limit).map_err(at("limit"))?;
    let mut policy = RateLimitPolicy::new(expression);
    if let Some(name) = &told.algorithm {
        policy.algorithm = read(name).map_err(at("algorithm"))?;
    }
    if let Some(name) = &told.key_strategy {
        policy.key_strategy = read(name).map_err(at("key_strategy"))?;
    }
    if let Some(name) = &told.on_missing_key {
        policy.on_missing_key = Some(read(name).map_err(at("on_missing_key"))?);
    }
    if let Some(name) = &told.on_backend_failure {
        policy.on_backend_failure = read(name).map_err(at("on_backend_failure"))?;
    }
    if let Some(name) = &told.share {
        policy.share = read(name).map_err(at("share"))?;
    }
    policy.burst = told.burst;
    for tier in &told.tiers {
        policy.tiers.push(Tier { name: tier.name.clone(), limit: read(&tier.limit).map_err(at("tiers"))? });
    }
    policy.tier_resolver.clone_from(&told.tier_resolver);
    policy.exempt_ips = all::<Cidr>(&told.exempt_ips).map_err(at("exempt_ips"))?;
    policy.exempt_roles.clone_from(&told.exempt_roles);
    policy.exempt_routes = all(&told.exempt_routes).map_err(at("exempt_routes"))?;
    policy.enforcement =
        if told.shadow { waygate_core::Enforcement::Shadow } else { waygate_core::Enforcement::Enforce };
    policy.until = told.until;
    Ok(policy)
}
