//! Routes and maintenance, in our terms.

use std::collections::BTreeSet;

use waygate_core::{
    Control, Deprecation, Enforcement, Environment, Lifecycle, LocalKey, Maintenance, Revision, Route, Timestamp,
    Window,
};

use crate::commands::import::entries::{MaintenanceState, RouteState, Status, WindowState};

/// A route, and what should be known of how it was taken over.
///
/// It counts as switched by an operator: what the code declares does not move it, as it did not before.
pub(super) fn route(state: &RouteState, now: Timestamp) -> Result<(Route, Vec<String>), String> {
    let mut notes = Vec::new();
    let window = match &state.window {
        Some(window) => planned(window, now, &mut notes)?,
        None => None,
    };
    let lifecycle = match state.status {
        // The window itself says when it is in maintenance.
        Status::Maintenance if window.is_some() => Lifecycle::Active,
        Status::Maintenance => Lifecycle::Maintenance,
        Status::Disabled => Lifecycle::Disabled,
        Status::EnvGated => Lifecycle::EnvGated(environments(state)?),
        Status::Active | Status::Deprecated => Lifecycle::Active,
    };
    let reason = state.reason.clone().unwrap_or_default();
    // The reason of a planned maintenance belongs to its window.
    let reason = if state.status == Status::Maintenance && window.is_some() { String::new() } else { reason };
    let announced =
        (state.sunset_date.is_some() || state.successor_path.is_some() || state.status == Status::Deprecated).then(
            || Deprecation { since: now, sunset: state.sunset_date.clone(), successor: state.successor_path.clone() },
        );
    notes.extend(ignored(state));
    let route = Route {
        declared: Control::default(),
        base: Control::new(lifecycle, reason),
        switched: true,
        temporary: None,
        last_window: u32::from(window.is_some()),
        windows: window.into_iter().collect(),
        // An operator who has enabled a deprecated route has taken the announcement back.
        deprecation: announced.clone().filter(|_| state.status != Status::Active),
        declared_deprecation: announced,
        force_active: state.force_active,
        changed_at: Revision::ZERO,
    };
    Ok((route, notes))
}

fn environments(state: &RouteState) -> Result<BTreeSet<Environment>, String> {
    let names = state.allowed_envs.iter().flatten().map(String::as_str);
    Environment::parse_all(names).map_err(|problem| format!("`allowed_envs`: {problem}"))
}

/// The window, unless it is over or can never open.
fn planned(window: &WindowState, now: Timestamp, notes: &mut Vec<String>) -> Result<Option<Window>, String> {
    let (start, end) = (instant("window.start", &window.start)?, instant("window.end", &window.end)?);
    if start >= end {
        notes.push(format!("its window from {start} to {end} can never open and is left out"));
        return Ok(None);
    }
    if end <= now {
        notes.push(format!("its window is over since {end} and is left out"));
        return Ok(None);
    }
    if now < start {
        notes.push(format!("its maintenance is planned from {start} to {end}: until then it answers"));
    }
    Ok(Some(Window {
        id: 1,
        start,
        end,
        reason: window.reason.clone().unwrap_or_default(),
        opened: start <= now,
        enforcement: Enforcement::Enforce,
        planned_at: Revision::ZERO,
    }))
}

/// What is stored but was never looked at.
fn ignored(state: &RouteState) -> Option<String> {
    let is_set = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let fields = [
        ("allowed_roles", is_set(&state.allowed_roles)),
        ("allowed_ips", is_set(&state.allowed_ips)),
        ("rollout_percentage", state.rollout_percentage.is_some_and(|share| share < 100.0)),
    ];
    let set: Vec<&str> = fields.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect();
    (!set.is_empty()).then(|| format!("`{}` never had an effect and is left out", set.join("`, `")))
}

pub(super) fn maintenance(state: MaintenanceState) -> Result<Maintenance, String> {
    let exempt = state.exempt_paths.unwrap_or_default();
    let exempt: Result<Vec<LocalKey>, _> = exempt.iter().map(|path| path.parse()).collect();
    Ok(Maintenance {
        enabled: state.enabled,
        reason: state.reason.unwrap_or_default(),
        exempt: exempt.map_err(|problem| format!("`exempt_paths`: {problem}"))?,
        include_force_active: state.include_force_active,
        ..Maintenance::default()
    })
}

/// A time as that package writes it; one without an offset is UTC.
pub(super) fn instant(field: &str, text: &str) -> Result<Timestamp, String> {
    let naive = || jiff::tz::Offset::UTC.to_timestamp(text.parse().ok()?).ok();
    text.parse().ok().or_else(naive).ok_or_else(|| format!("`{field}`: `{text}` is no time"))
}
