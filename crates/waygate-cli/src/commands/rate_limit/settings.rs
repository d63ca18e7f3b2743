//! What a limit is set to, read from the command line.

use waygate_api::rate_limits::{LimitRequest, TierView};
use waygate_core::{Algorithm, Cidr, KeyStrategy, LimitExpression, OnBackendFailure, OnMissingKey};

use crate::cli::LimitSettings;
use crate::commands::maintenance::exemption;
use crate::error::{CliError, CliResult};

/// The body of a call, with everything checked that can be checked here.
pub(super) fn request(settings: Box<LimitSettings>) -> CliResult<LimitRequest> {
    checked::<LimitExpression>("LIMIT", Some(&settings.limit))?;
    checked::<Algorithm>("--algorithm", settings.algorithm.as_deref())?;
    checked::<KeyStrategy>("--key", settings.key.as_deref())?;
    checked::<OnMissingKey>("--on-missing-key", settings.on_missing_key.as_deref())?;
    checked::<OnBackendFailure>("--on-backend-failure", settings.on_backend_failure.as_deref())?;
    settings.exempt_ip.iter().try_for_each(|range| checked::<Cidr>("--exempt-ip", Some(range)))?;
    let exempt_routes = settings.exempt.iter().map(|route| exemption(route)).collect::<CliResult<_>>()?;
    let tiers = settings.tier.iter().map(|tier| {
        let (name, limit) = tier
            .split_once('=')
            .ok_or_else(|| CliError::usage("`--tier`: expected NAME=LIMIT, such as pro=100/minute"))?;
        checked::<LimitExpression>("--tier", Some(limit))?;
        Ok(TierView { name: name.to_owned(), limit: limit.to_owned() })
    });
    Ok(LimitRequest {
        path: None,
        method: None,
        service: None,
        settings: waygate_api::rate_limits::LimitSettings {
            tiers: tiers.collect::<CliResult<_>>()?,
            limit: settings.limit,
            algorithm: settings.algorithm,
            key_strategy: settings.key,
            on_missing_key: settings.on_missing_key,
            burst: settings.burst,
            tier_resolver: None,
            exempt_ips: settings.exempt_ip,
            exempt_roles: settings.exempt_role,
            exempt_routes,
            shadow: settings.shadow,
            until: settings.ending.at()?,
            on_backend_failure: settings.on_backend_failure,
            share: settings.share.map(|share| share.replace('-', "_")),
        },
        reason: settings.reason,
        allow_unknown: settings.allow_unknown,
    })
}

fn checked<T: std::str::FromStr<Err: std::fmt::Display>>(option: &str, text: Option<&str>) -> CliResult {
    match text.map(str::parse::<T>) {
        Some(Err(problem)) => Err(CliError::usage(format!("`{option}`: {problem}"))),
        _ => Ok(()),
    }
}
