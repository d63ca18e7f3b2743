//! What a limit would meet, as far as it was measured.

use jiff::Timestamp;
use waygate_api::traffic::{Outcomes, TrafficPoint};
use waygate_core::{KeyStrategy, LocalKey, Quota, RateLimitPolicy, ServiceId, State};

use crate::compat;
use crate::dashboard::limits::target::Target;
use crate::dashboard::limits::words::sentence;
use crate::dashboard::visit::Visit;
use crate::dashboard::words::{counted, span};
use crate::traffic::Window;

/// What there was in one period of a limit after the other.
#[derive(Debug, PartialEq, Eq)]
struct Met {
    periods: usize,
    /// Of how many of these it was more than the limit, all callers together.
    beyond: usize,
    busiest: u64,
    total: u64,
    /// How much it was beyond the limit in all of them.
    excess: u64,
}

/// What is to be known of a limit before it is set.
pub(super) fn notes(visit: &Visit, target: &Target, policy: &RateLimitPolicy) -> Vec<String> {
    let mut notes = vec![format!("It would be: {}.", sentence(policy))];
    if is_one_number(visit, target, policy) {
        let reached = Reached::of(visit, &visit.state(), target, policy);
        notes.extend(policy.limit.quotas().iter().map(|quota| met_words(visit, policy, *quota, &reached)));
    } else {
        notes.push("How many requests it would meet is not known: it is not one number for all.".to_owned());
    }
    if visit.principal.sees_everything() || target.scope().service().is_some() {
        let state = visit.app.control.current();
        let unable = compat::unsupported(&visit.app.presence, &state, &target.scope(), policy);
        notes.extend(unable.into_iter().map(|line| format!("Not enforced as it is: {line}.")));
    }
    notes
}

fn met_words(visit: &Visit, policy: &RateLimitPolicy, quota: Quota, reached: &Reached) -> String {
    let period = i64::try_from(quota.period_seconds).unwrap_or(i64::MAX);
    let Some(met) = met(reached.in_periods_of(quota), period, quota.amount, visit.now) else {
        return format!("How many requests {quota} would meet is not known: no period of it was measured as a whole.");
    };
    let of = if policy.key_strategy == KeyStrategy::Global { "" } else { ", all callers together" };
    let mut words = format!(
        "Of the last {} of {}, {} had more than {} requests{of}; the busiest had {}.",
        counted(met.periods, "period"),
        span(jiff::SignedDuration::from_secs(period)),
        met.beyond,
        quota.amount,
        met.busiest,
    );
    if policy.key_strategy == KeyStrategy::Global {
        let excess = format!(" About {} of {} requests would have been refused", met.excess, met.total);
        words.push_str(&excess);
        words.push_str(", had one counter counted them.");
    } else if met.beyond > 0 {
        words.push_str(" How many of these were one caller's is not measured before there is a limit.");
    }
    words
}

/// Whether the limit's own numbers apply to every caller, and the visitor is told of all that reaches it.
pub(super) fn is_one_number(visit: &Visit, target: &Target, policy: &RateLimitPolicy) -> bool {
    policy.tiers.is_empty() && (*target != Target::Global || visit.principal.sees_everything())
}

/// What reached a limit, read once for all its quotas that are looked back for as long.
pub(super) struct Reached(Vec<(Window, Vec<TrafficPoint>)>);

impl Reached {
    pub(super) fn of(visit: &Visit, state: &State, target: &Target, policy: &RateLimitPolicy) -> Self {
        let mut read: Vec<(Window, Vec<TrafficPoint>)> = Vec::new();
        for window in policy.limit.quotas().iter().map(|quota| window_of(quota.period_seconds)) {
            if !read.iter().any(|(known, _)| *known == window) {
                read.push((window, points(visit, state, target, policy, window)));
            }
        }
        Self(read)
    }

    pub(super) fn in_periods_of(&self, quota: Quota) -> &[TrafficPoint] {
        let window = window_of(quota.period_seconds);
        self.0.iter().find(|(known, _)| *known == window).map(|(_, points)| &points[..]).unwrap_or_default()
    }
}

/// For how long a limit of that period is looked back.
fn window_of(period_seconds: u64) -> Window {
    match period_seconds {
        ..60 => Window::Quarter,
        60..3600 => Window::Hour,
        _ => Window::Day,
    }
}

/// What reached the limits of the target but for the routes that the policy exempts, as fine as it is kept.
fn points(
    visit: &Visit,
    state: &State,
    target: &Target,
    policy: &RateLimitPolicy,
    window: Window,
) -> Vec<TrafficPoint> {
    let is_service = |service: &ServiceId| {
        state.services.contains_key(service) && target.scope().service().is_none_or(|only| only == service)
    };
    let is_it = |_: &ServiceId, local: Option<&LocalKey>| match target {
        Target::Route(key) => local.is_some_and(|local| key.local.covers(Some(local.method), local.path.as_str())),
        _ => local.is_none_or(|local| {
            let covers = |exempt: &LocalKey| exempt.covers(Some(local.method), local.path.as_str());
            !policy.exempt_routes.iter().any(covers)
        }),
    };
    visit.app.traffic.read(window.fine(visit.now), is_it, is_service).series
}

/// The requests in whole periods that were measured from their beginning to their end, the last of them before now;
/// `None` where there is no such period.
pub(super) fn measured(points: &[TrafficPoint], period: i64, now: Timestamp) -> Option<Vec<u64>> {
    let step = points.get(1)?.at.duration_since(points.first()?.at).as_secs();
    let length = usize::try_from((period + step - 1) / step).ok()?;
    // Reports of the last seconds are on their way.
    let whole = points.iter().filter(|point| point.at.duration_since(now).as_secs() < -step).collect::<Vec<_>>();
    let sums: Vec<u64> = whole
        .rchunks_exact(length)
        .filter_map(|chunk| chunk.iter().map(|point| point.counts.as_ref().map(reaching)).sum())
        .collect();
    (!sums.is_empty()).then_some(sums)
}

fn met(points: &[TrafficPoint], period: i64, amount: u64, now: Timestamp) -> Option<Met> {
    let sums = measured(points, period, now)?;
    Some(Met {
        periods: sums.len(),
        beyond: sums.iter().filter(|sum| **sum > amount).count(),
        busiest: sums.iter().copied().max().unwrap_or_default(),
        total: sums.iter().sum(),
        excess: sums.iter().map(|sum| sum.saturating_sub(amount)).sum(),
    })
}

/// What is stopped by a switch does not come as far as a limit.
fn reaching(counts: &Outcomes) -> u64 {
    counts.allowed + counts.limited + counts.shadow
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(counts: &[Option<u64>]) -> Vec<TrafficPoint> {
        let point = |(minute, allowed): (usize, &Option<u64>)| TrafficPoint {
            at: Timestamp::from_second(60 * i64::try_from(minute).unwrap()).unwrap(),
            counts: allowed.map(|allowed| Outcomes { allowed, blocked: 1000, ..Outcomes::default() }),
        };
        counts.iter().enumerate().map(point).collect()
    }

    #[test]
    fn only_whole_measured_periods_count() {
        let points = minutes(&[None, Some(5), Some(12), Some(7), Some(30), Some(1)]);
        let now = Timestamp::from_second(60 * 5 + 30).unwrap();
        // The minute that is not over is left out.
        assert_eq!(met(&points, 60, 10, now), Some(Met { periods: 4, beyond: 2, busiest: 30, total: 54, excess: 22 }));
        // Two minutes each, from the last that is over backwards; the first was not measured as a whole.
        assert_eq!(met(&points, 120, 20, now), Some(Met { periods: 2, beyond: 1, busiest: 37, total: 54, excess: 17 }));
        assert_eq!(met(&points, 600, 1, now), None);
        assert_eq!(met(&[], 60, 1, now), None);
    }
}
