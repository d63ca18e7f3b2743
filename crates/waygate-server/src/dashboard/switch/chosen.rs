//! Which routes a form is about.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use waygate_api::error::ErrorCode;
use waygate_api::paths;
use waygate_api::traffic::Outcomes;
use waygate_core::{LifecycleKind, Revision, Route, RouteKey, State};

use crate::dashboard::fleet::Fleet;
use crate::dashboard::routes::{Filter, all};
use crate::dashboard::switch::act::Act;
use crate::dashboard::visit::Visit;
use crate::dashboard::words::{counted, route_name};
use crate::error::ApiError;

/// The most routes that are ticked one by one, and that a filter may take, in one change.
const MOST_TICKED: usize = 1000;
const MOST_FITTING: usize = 5000;
/// How many routes and services are named.
const NAMED: usize = 20;
const SERVICES_NAMED: usize = 5;

/// Which routes are meant.
pub(super) enum Chosen {
    One(RouteKey),
    Ticked(Vec<RouteKey>),
    /// Whatever fits the filter of the list, on all its pages.
    Fitting(Box<Filter>),
}

/// What that comes to.
pub(super) struct Found<'s> {
    /// What is to be changed.
    pub(super) free: Vec<(RouteKey, &'s Route)>,
    /// What the code of its service protects.
    bound: Vec<RouteKey>,
    /// What is already so. Only where several are changed at once.
    already: Vec<RouteKey>,
}

impl Chosen {
    pub(super) fn find<'s>(
        &self,
        visit: &Visit,
        state: &'s State,
        fleet: &Fleet,
        act: Act,
    ) -> Result<Found<'s>, ApiError> {
        let keys = match self {
            Self::One(key) => vec![key.clone()],
            Self::Ticked(keys) => keys.clone(),
            Self::Fitting(filter) => {
                let rows = all(visit, state, fleet).into_iter();
                rows.filter(|row| filter.takes(row)).map(|row| row.key).collect()
            }
        };
        let most = if matches!(self, Self::Fitting(_)) { MOST_FITTING } else { MOST_TICKED };
        if keys.is_empty() {
            return Err(ApiError::invalid_body("no route is selected: tick the ones to change"));
        }
        if keys.len() > most {
            let error =
                format!("{} are too many for one change: at most {most} fit in it", counted(keys.len(), "route"));
            return Err(ApiError::invalid_body(error));
        }
        let mut found = Found { free: Vec::new(), bound: Vec::new(), already: Vec::new() };
        for key in keys {
            let Some(route) = state.route(&state.resolve(&key.clone().into())?).map(|route| &**route) else { continue };
            if route.force_active {
                found.bound.push(key);
            } else if !matches!(self, Self::One(_)) && is_already(act, route) {
                found.already.push(key);
            } else {
                found.free.push((key, route));
            }
        }
        Ok(found)
    }
}

impl Found<'_> {
    /// Tells one set of routes from another.
    pub(super) fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (key, _) in &self.free {
            digest.update(key.to_string());
            digest.update([0]);
        }
        URL_SAFE_NO_PAD.encode(digest.finalize())
    }

    /// Refuses what is not what the form has shown: other routes fit by now, or one of them has changed.
    pub(super) fn require_as_seen(&self, digest: &str, seen: Revision) -> Result<(), ApiError> {
        let conflict = |error| Err(ApiError::new(StatusCode::CONFLICT, ErrorCode::RevisionConflict, error));
        if let Some((key, route)) = self.free.iter().find(|(_, route)| seen < route.changed_at) {
            return conflict(format!("`{key}` has changed since (r{})", route.changed_at));
        }
        if self.digest() != digest {
            let now = counted(self.free.len(), "route");
            return conflict(format!("other routes fit the filter than were shown: there are {now} to change now"));
        }
        Ok(())
    }

    /// The routes to change, by name.
    pub(super) fn names(&self) -> String {
        listed(self.free.iter().map(|(key, _)| format!("{} {}", key.service, route_name(key))))
    }

    /// What is left out, and why.
    pub(super) fn left_out(&self) -> impl Iterator<Item = (&'static str, String)> {
        let parts =
            [("Left out: protected by their service's code", &self.bound), ("Left out: already so", &self.already)];
        let parts = parts.into_iter().filter(|(_, keys)| !keys.is_empty());
        parts.map(|(why, keys)| (why, format!("{} ({})", keys.len(), listed(keys.iter().map(route_name)))))
    }

    /// How many instances have to follow, by service.
    pub(super) fn instances(&self, fleet: &Fleet) -> String {
        let mut services: BTreeMap<&str, usize> = BTreeMap::new();
        for (key, _) in &self.free {
            services.entry(key.service.as_str()).or_insert_with(|| fleet.count(key.service.as_str()));
        }
        let total = counted(services.values().sum(), "instance");
        match services.len() {
            1 => total,
            2..=SERVICES_NAMED => {
                let of: Vec<String> = services.iter().map(|(service, count)| format!("{count} of {service}")).collect();
                format!("{total}: {}", of.join(", "))
            }
            count => format!("{total} of {}", counted(count, "service")),
        }
    }

    /// How many requests of these there were lately.
    pub(super) fn requests(&self, visit: &Visit) -> String {
        let mut measured = None;
        for (key, _) in &self.free {
            let Some(lately) = visit.app.traffic.lately(&key.service, &key.local, visit.now) else { continue };
            let (sum, minutes) = measured.get_or_insert((0, 0));
            *sum += lately.iter().flatten().map(Outcomes::total).sum::<u64>();
            *minutes = (*minutes).max(lately.iter().flatten().count() as u64);
        }
        match measured {
            None => "no data".to_owned(),
            Some((sum, minutes)) => format!("about {} a minute", sum.div_ceil(minutes.max(1))),
        }
    }
}

/// By the name that pages have for it.
pub(super) fn key_of(route: &str) -> Result<RouteKey, ApiError> {
    let invalid = || ApiError::invalid_key("route", "expected a route as the pages name it");
    paths::key_of_path(route).ok_or_else(invalid)?.parse().map_err(|_| invalid())
}

/// Whether all that the act asks for without more being said is so.
pub(super) fn is_already(act: Act, route: &Route) -> bool {
    let base = &route.base;
    let is_plain = route.temporary.is_none() && !base.enforcement.is_shadow();
    match act.outcome() {
        Some(LifecycleKind::Active) => {
            is_plain && route.windows.is_empty() && base.lifecycle.kind() == LifecycleKind::Active
        }
        Some(kind @ (LifecycleKind::Disabled | LifecycleKind::Maintenance)) => {
            is_plain && base.lifecycle.kind() == kind
        }
        _ => false,
    }
}

fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let named: Vec<String> = names.take(NAMED).collect();
    if more == 0 { named.join(", ") } else { format!("{} and {more} more", named.join(", ")) }
}
