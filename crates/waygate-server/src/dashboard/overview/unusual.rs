//! What is not as usual: what is in maintenance, switched off, gated or paused, and why.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use waygate_api::paths::path_key;
use waygate_core::{
    Commit, LifecycleKind, Maintenance, RateLimitPolicy, Route, RouteKey, ServiceId, ServiceState, State,
};

use crate::dashboard::routes::own_cause;
use crate::dashboard::routes::spark::spark;
use crate::dashboard::visit::Visit;
use crate::dashboard::words::{Kind, counted, distance, route_name, routes_of};

/// Something that deviates, with the one thing that ends it.
pub(super) struct Unusual {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) href: String,
    /// `None` for what is no status of a route.
    pub(super) kind: Option<Kind>,
    pub(super) cause: String,
    pub(super) spark: Option<String>,
    /// How many requests were not let through in the last minute; `None` where nobody counts.
    pub(super) stopped: Option<u64>,
    pub(super) changed_at: u64,
    /// Who has made it so and when, where that is known.
    pub(super) since: Option<String>,
    pub(super) act: (String, &'static str),
}

/// Routes that do not answer for one cause.
pub(super) struct Cause {
    pub(super) words: String,
    pub(super) href: String,
}

/// Who has made the latest changes, and when.
pub(super) struct Authors<'c>(HashMap<u64, &'c Commit>);

impl<'c> Authors<'c> {
    pub(super) fn of(commits: impl Iterator<Item = &'c Commit>) -> Self {
        Self(commits.map(|commit| (commit.revision().0, commit)).collect())
    }

    fn since(&self, revision: u64, now: Timestamp) -> Option<String> {
        let cause = &self.0.get(&revision)?.draft.cause;
        Some(format!("{}, {}", cause.actor, distance(cause.at, now)))
    }
}

/// All of it, the newest first.
pub(super) fn all(visit: &Visit, state: &State, authors: &Authors<'_>) -> Vec<Unusual> {
    let mut all = Vec::new();
    let global = &state.global;
    if global.maintenance.is_on(|| visit.now) {
        let routes = state.services.values().map(|known| known.routes.len()).sum();
        let stopped = state.services.keys().filter_map(|of| visit.app.traffic.stopped_lately(of, None, visit.now));
        let stopped = stopped.reduce(|one, other| one + other);
        let own = maintained("Everything", routes, &global.maintenance, "/routes", "/maintenance");
        all.push(Unusual { stopped, ..own });
    }
    all.extend(global.rate_limit.as_deref().and_then(|policy| paused("everything", policy, "/limits/global/all")));
    for (service, known) in &state.services {
        if known.maintenance.is_on(|| visit.now) {
            let (href, end) = (routes_of(service.as_str()), format!("/maintenance/{service}"));
            let own = maintained(service.as_str(), known.routes.len(), &known.maintenance, &href, &end);
            let stopped = visit.app.traffic.stopped_lately(service, None, visit.now);
            let lately = visit.app.traffic.lately_of_all(service, visit.now);
            all.push(Unusual { stopped, spark: lately.as_ref().map(spark), ..own });
        }
        let of_service = known.rate_limit.as_deref();
        all.extend(
            of_service.and_then(|policy| paused(service.as_str(), policy, &format!("/limits/services/{service}"))),
        );
        all.extend(of_routes(visit, service, known));
    }
    for unusual in &mut all {
        unusual.since = authors.since(unusual.changed_at, visit.now);
    }
    all.sort_by_key(|unusual| std::cmp::Reverse(unusual.changed_at));
    all
}

/// How many routes do not answer, by cause, the most first.
pub(super) fn causes(visit: &Visit, state: &State) -> Vec<Cause> {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (service, known) in &state.services {
        for (local, route) in &known.routes {
            let key = RouteKey::new(service.clone(), local.clone());
            let (global, own) = (&state.global.maintenance, &known.maintenance);
            let view = waygate_api::routes::RouteState::of(&key, route, global, own, visit.now);
            let kind = Kind(view.effective);
            if is_usual(kind.0) {
                continue;
            }
            let cause = match view.cause.as_deref() {
                Some("global_maintenance") => ("by maintenance of everything".to_owned(), "/maintenance".to_owned()),
                Some("service_maintenance") => (
                    format!("by maintenance of {service}"),
                    format!("{}&status=maintenance", routes_of(service.as_str())),
                ),
                Some("window") => ("by a planned window".to_owned(), "/schedule".to_owned()),
                _ => (kind.word().to_lowercase(), format!("/routes?status={}", kind.as_str())),
            };
            *counts.entry(cause).or_default() += 1;
        }
    }
    let mut causes: Vec<_> = counts.into_iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let cause = |((words, href), count)| Cause { words: format!("{count} {words}"), href };
    causes.into_iter().map(cause).collect()
}

fn is_usual(kind: LifecycleKind) -> bool {
    matches!(kind, LifecycleKind::Active | LifecycleKind::Deprecated)
}

fn maintained(name: &str, routes: usize, maintenance: &Maintenance, href: &str, end: &str) -> Unusual {
    let only_counts = if maintenance.enforcement.is_shadow() { ", counts only" } else { "" };
    Unusual {
        key: end.to_owned(),
        name: format!("{name}: {}", counted(routes, "route")),
        href: href.to_owned(),
        kind: Some(Kind(LifecycleKind::Maintenance)),
        cause: format!("{}{only_counts}", maintenance.reason),
        spark: None,
        stopped: None,
        changed_at: maintenance.changed_at.0,
        since: None,
        act: (end.to_owned(), "End it…"),
    }
}

fn paused(name: &str, policy: &RateLimitPolicy, path: &str) -> Option<Unusual> {
    (!policy.enabled).then(|| Unusual {
        key: path.to_owned(),
        name: format!("Limit of {name}"),
        href: "/limits".to_owned(),
        kind: None,
        cause: format!("Paused: {} is not enforced", policy.limit),
        spark: None,
        stopped: None,
        changed_at: policy.changed_at.0,
        since: None,
        act: (format!("{path}/resume"), "Resume…"),
    })
}

fn of_routes(visit: &Visit, service: &ServiceId, known: &ServiceState) -> Vec<Unusual> {
    let unusual = |(local, route): (&_, &Route)| {
        let kind = route.enforced_status(visit.now);
        let key = RouteKey::new(service.clone(), Clone::clone(local));
        let id = path_key(&key.to_string());
        (!is_usual(kind)).then(|| Unusual {
            name: format!("{} of {service}", route_name(&key)),
            href: format!("/routes/{id}"),
            kind: Some(Kind(kind)),
            cause: own_cause(route, visit.now),
            spark: visit.app.traffic.lately(service, local, visit.now).as_ref().map(spark),
            stopped: visit.app.traffic.stopped_lately(service, Some(local), visit.now),
            changed_at: route.changed_at.0,
            since: None,
            act: (format!("/routes/{id}/enable?back=/"), "Enable"),
            key: id,
        })
    };
    let routes = known.routes.iter().filter_map(|(local, route)| unusual((local, &**route)));
    let limit = |(local, policy): (&_, &RateLimitPolicy)| {
        let key = RouteKey::new(service.clone(), Clone::clone(local));
        let path = format!("/limits/routes/{}", path_key(&key.to_string()));
        paused(&format!("{} of {service}", route_name(&key)), policy, &path)
    };
    routes.chain(known.route_limits.iter().filter_map(|(local, policy)| limit((local, &**policy)))).collect()
}
