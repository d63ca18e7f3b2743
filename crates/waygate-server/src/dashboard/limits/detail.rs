//! One limit: what it is, where it stands among the others, who enforces it, whom it has stopped, what was done to it.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use waygate_api::rate_limits::{HitView, InstanceShare};
use waygate_core::{LocalKey, RateLimitPolicy, RouteKey, Scope, ServiceId, State};
use waygate_store::HistoryQuery;

use crate::api::audit::{Subject, may_see};
use crate::compat;
use crate::dashboard::audit::Entry;
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::limits::target::Target;
use crate::dashboard::limits::usage::Usage;
use crate::dashboard::limits::words::{algorithm, backend_failure, missing_key, sentence, share};
use crate::dashboard::undo::way_back;
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{Moment, counted, distance, routes_of};
use crate::error::ApiError;
use crate::traffic::Window;

/// How many of the requests that it has stopped, and of the instances that hold a part of it, are listed.
const MOST_HITS: usize = 20;
const MOST_SHARES: usize = 100;
/// How many commits are searched for what was done to it, and how many are shown.
const SEARCHED: usize = 1000;
const SHOWN: usize = 20;

#[derive(Template)]
#[template(path = "limit.html")]
struct LimitPage {
    frame: Frame,
    title: String,
    path: String,
    /// The page of what it is the limit of.
    of: (String, String),
    current: Option<Current>,
    chain: Vec<Layer>,
    shares: Vec<InstanceShare>,
    unable: Vec<String>,
    refused: String,
    hits: Vec<Hit>,
    /// What was done to it, and whether that can be taken back.
    history: Vec<(Entry, bool)>,
}

/// The policy that there is.
struct Current {
    sentence: String,
    on: bool,
    shadow: bool,
    /// It is the code's own, and cannot be removed.
    declared: bool,
    facts: Vec<(&'static str, String)>,
    /// What of it is used; `None` where nobody has measured that.
    usage: Option<Usage>,
}

/// One of the limits that a request passes, in their order.
struct Layer {
    name: &'static str,
    words: String,
    path: Option<String>,
    is_it: bool,
}

struct Hit {
    at: Moment,
    ago: String,
    resets: Moment,
    view: HitView,
}

pub(in crate::dashboard) async fn show(
    visit: Visit,
    Path((kind, name)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let (state, target) = (visit.state(), Target::of(&kind, &name)?);
    target.require_known(&state)?;
    let (scope, policy) = (target.scope(), target.policy(&state));
    // Who cannot enforce a limit of everything, and who holds what of it, names services.
    let may_name = visit.principal.sees_everything() || scope.service().is_some();
    let (mut shares, mut unable) = (Vec::new(), Vec::new());
    if let Some(policy) = policy.filter(|_| may_name) {
        shares = visit.app.presence.shares(&scope, policy).await;
        shares.truncate(MOST_SHARES);
        unable = compat::unsupported(&visit.app.presence, &visit.app.control.current(), &scope, policy);
    }
    page(&LimitPage {
        frame: Frame::of(&visit, &state, Section::Limits).await,
        title: format!("Limit of {}", target.name()),
        path: target.path(),
        of: of(&target),
        current: policy.map(|policy| Current::of(&visit, &state, &target, policy)),
        chain: chain(&state, &target),
        shares,
        unable,
        refused: refused(&visit, &state, &target),
        hits: hits(&visit, &target),
        history: history(&visit, &state, &scope).await?,
    })
}

impl Current {
    fn of(visit: &Visit, state: &State, target: &Target, policy: &RateLimitPolicy) -> Self {
        Self {
            sentence: sentence(policy),
            on: policy.is_on(|| visit.now),
            shadow: policy.enforcement.is_shadow(),
            declared: policy.declared,
            facts: facts(visit, policy),
            usage: Usage::of(visit, state, target, policy),
        }
    }
}

/// Every parameter, in words.
fn facts(visit: &Visit, policy: &RateLimitPolicy) -> Vec<(&'static str, String)> {
    let joined = |names: Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let texts = |names: &[String]| joined(names.to_vec());
    let tiers = policy.tiers.iter().map(|tier| format!("{}: {}", tier.name, tier.limit)).collect();
    let ends = policy.until.map_or_else(
        || "when someone removes it".to_owned(),
        |until| format!("{}, {}", Moment(until).words(), distance(until, visit.now)),
    );
    let mut facts = vec![
        ("Limit", policy.limit.to_string()),
        ("Algorithm", algorithm(policy.algorithm).to_owned()),
        ("Counted per", policy.key_strategy.to_string()),
        ("Without the key", format!("a request {}", missing_key(policy.on_missing_key, &policy.key_strategy))),
        ("Burst", policy.burst.to_string()),
        ("Tiers", joined(tiers)),
        ("Exempt routes", joined(policy.exempt_routes.iter().map(ToString::to_string).collect())),
        ("Exempt addresses", joined(policy.exempt_ips.iter().map(ToString::to_string).collect())),
        ("Exempt roles", texts(&policy.exempt_roles)),
        ("Instances", share(policy.share).to_owned()),
        ("Without shared counters", backend_failure(policy.on_backend_failure).to_owned()),
        ("Ends", ends),
        ("Set by", if policy.declared { "the service's code" } else { "an operator" }.to_owned()),
    ];
    if let Some(resolver) = &policy.tier_resolver {
        facts.insert(6, ("Tier named by", resolver.clone()));
    }
    if let Some(overridden) = &policy.overrides {
        facts.push(("Stands in for", format!("{}, of the service's code", sentence(overridden))));
    }
    facts
}

fn of(target: &Target) -> (String, String) {
    match target {
        Target::Global => ("/routes".to_owned(), "All services".to_owned()),
        Target::Service(service) => (routes_of(service.as_str()), service.to_string()),
        Target::Route(key) => (format!("/routes/{}", waygate_api::paths::path_key(&key.to_string())), target.name()),
    }
}

/// The limits that a request to the target passes, in their order.
fn chain(state: &State, target: &Target) -> Vec<Layer> {
    let mut layers = vec![("Everything", Target::Global)];
    if let Some(service) = target.scope().service() {
        layers.push(("Service", Target::Service(service.clone())));
    }
    if let Target::Route(key) = target {
        layers.push(("Route", limiting(state, key)));
    }
    let exempts = |policy: &RateLimitPolicy| match target {
        Target::Route(RouteKey { local, .. }) => {
            policy.exempt_routes.iter().any(|exempt| exempt.covers(Some(local.method), local.path.as_str()))
        }
        _ => false,
    };
    let layer = |(name, layer): (&'static str, Target)| {
        let words = match layer.policy(state) {
            None => "no limit".to_owned(),
            Some(policy) if exempts(policy) => format!("{}; this route is exempt", sentence(policy)),
            Some(policy) if !policy.enabled => format!("{}, paused", sentence(policy)),
            Some(policy) => sentence(policy),
        };
        let is_it = layer == *target;
        Layer { name, words, path: (!is_it).then(|| layer.path()), is_it }
    };
    layers.into_iter().map(layer).collect()
}

/// The limit that a route has: its own, or that of its path.
fn limiting(state: &State, key: &RouteKey) -> Target {
    let known = state.services.get(&key.service).and_then(|known| known.limit_of(&key.local));
    let local = known.map_or(&key.local, |(local, _)| local);
    Target::Route(RouteKey::new(key.service.clone(), local.clone()))
}

/// How many requests were refused there for a limit, in words.
fn refused(visit: &Visit, state: &State, target: &Target) -> String {
    let is_service = |service: &ServiceId| {
        state.services.contains_key(service) && target.scope().service().is_none_or(|only| only == service)
    };
    let is_it = |_: &ServiceId, local: Option<&LocalKey>| match target {
        Target::Route(key) => local.is_some_and(|local| key.local.covers(Some(local.method), local.path.as_str())),
        _ => true,
    };
    let seen = visit.app.traffic.read(Window::Day.coarse(visit.now), is_it, is_service);
    let measured = seen.series.iter().filter_map(|point| point.counts);
    let (mut limited, mut total, mut shadow, mut points) = (0, 0, 0, 0);
    for counts in measured {
        (limited, total, shadow) = (limited + counts.limited, total + counts.total(), shadow + counts.shadow);
        points += 1;
    }
    if points == 0 {
        return "No data for the last 24 hours.".to_owned();
    }
    let requests = counted(usize::try_from(total).unwrap_or(usize::MAX), "request");
    let would = if shadow > 0 { format!(", and {shadow} would have been stopped") } else { String::new() };
    format!("Of {requests} in the last 24 hours, limits have refused {limited}{would}.")
}

fn hits(visit: &Visit, target: &Target) -> Vec<Hit> {
    let wanted = |hit: &HitView| {
        let by_it = match target {
            Target::Global => hit.layer == "global_limit",
            Target::Service(_) => hit.layer == "service_limit",
            Target::Route(key) => hit.layer == "route_limit" && hit.policy == key.local.to_string(),
        };
        let service = hit.service.as_deref();
        let scope = target.scope();
        by_it
            && visit.principal.may_read_named(service)
            && scope.service().is_none_or(|only| service == Some(only.as_str()))
    };
    let latest = visit.app.hits.latest(MOST_HITS, wanted);
    let hit = |view: HitView| Hit {
        at: Moment(view.timestamp),
        ago: distance(view.timestamp, visit.now),
        resets: Moment(view.reset_at),
        view,
    };
    latest.into_iter().map(hit).collect()
}

async fn history(visit: &Visit, state: &State, scope: &Scope) -> Result<Vec<(Entry, bool)>, ApiError> {
    let found = visit.app.control.history(HistoryQuery { before: None, limit: SEARCHED }).await?;
    let past = found.commits.iter().filter_map(|commit| {
        let entry = Entry::of_those(commit, visit.now, |record| {
            matches!(Subject::of(&record.change), Subject::RateLimit(of) if of == scope)
                && may_see(&visit.principal, record)
        })?;
        Some((entry, visit.may_operate() && way_back(state, commit, "").is_ok()))
    });
    Ok(past.take(SHOWN).collect())
}
