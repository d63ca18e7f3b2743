//! What limits have denied: one by one, as far as it is kept, and summed up by limit.

use std::collections::BTreeMap;

use waygate_api::paths::path_key;
use waygate_api::rate_limits::HitView;
use waygate_core::{LocalKey, RouteKey, ServiceId};

use crate::dashboard::traffic::filter::Filter;
use crate::dashboard::visit::Visit;
use crate::dashboard::words::{Moment, distance};

/// How many kinds of denials are listed, and how many of the latest.
const MOST_LIMITS: usize = 20;
const MOST_SAMPLES: usize = 50;

/// A limit, and how many requests it stopped.
pub(super) struct Limit {
    pub(super) service: String,
    pub(super) policy: String,
    pub(super) quota: String,
    pub(super) by: String,
    pub(super) count: u64,
}

/// Requests that were denied alike.
pub(super) struct Sample {
    pub(super) hit: HitView,
    pub(super) at: Moment,
    pub(super) route_id: Option<String>,
    pub(super) passes: String,
}

/// The denials that are still kept of those that the filter takes, the latest first.
pub(super) fn of(visit: &Visit, filter: &Filter) -> Vec<HitView> {
    let outcome = |hit: &HitView| match filter.outcome.as_str() {
        "" | "limited" => !hit.shadow,
        "shadow" => hit.shadow,
        _ => false,
    };
    let wanted = |hit: &HitView| {
        let service: Option<ServiceId> = hit.service.as_deref().and_then(|service| service.parse().ok());
        let may_see = visit.principal.may_read_named(hit.service.as_deref());
        let key = key_of(hit);
        may_see
            && outcome(hit)
            && filter.span.contains(hit.timestamp)
            && service.is_some_and(|service| filter.takes(&service, key.as_ref()))
    };
    visit.app.hits.latest(crate::hits::MOST, wanted)
}

/// The limits that have stopped the most.
pub(super) fn limits(hits: &[HitView]) -> Vec<Limit> {
    let mut sums: BTreeMap<[String; 4], u64> = BTreeMap::new();
    for hit in hits {
        let kind = [hit.service.clone().unwrap_or_default(), hit.policy.clone(), quota(hit), hit.key.clone()];
        *sums.entry(kind).or_default() += hit.count;
    }
    let limit = |([service, policy, quota, by], count): ([String; 4], u64)| Limit { service, policy, quota, by, count };
    let mut limits: Vec<Limit> = sums.into_iter().map(limit).collect();
    limits.sort_by_key(|limit| std::cmp::Reverse(limit.count));
    limits.truncate(MOST_LIMITS);
    limits
}

pub(super) fn samples(visit: &Visit, hits: Vec<HitView>) -> Vec<Sample> {
    let sample = |mut hit: HitView| {
        hit.limit = quota(&hit);
        let key = key_of(&hit).zip(hit.service.as_deref().and_then(|service| service.parse().ok()));
        let route_id = key.map(|(local, service)| path_key(&RouteKey::new(service, local).to_string()));
        let passes =
            if hit.reset_at <= visit.now { "passes again".to_owned() } else { distance(hit.reset_at, visit.now) };
        Sample { at: Moment(hit.timestamp), route_id, passes, hit }
    };
    hits.into_iter().take(MOST_SAMPLES).map(sample).collect()
}

fn key_of(hit: &HitView) -> Option<LocalKey> {
    format!("{}:{}", hit.method, hit.path).parse().ok().filter(|_| !hit.path.is_empty())
}

fn quota(hit: &HitView) -> String {
    match &hit.tier {
        Some(tier) => format!("{} (tier {tier})", hit.limit),
        None => hit.limit.clone(),
    }
}
