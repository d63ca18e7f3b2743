//! The requests that services have counted lately, as they report them to this node. In memory: a restart forgets them.
//!
//! Seconds are kept for 15 minutes and minutes for 24 hours, of each route and only where there were requests: a cell is 24
//! bytes, so a route that is never idle takes 57 KB, 2,000 of them 115 MB, and one that has a request in a minute at the
//! most 60 KB less. How many instances report does not matter, they are summed up. Of callers whom limits deny there are at
//! the most 2,400 names for each service.

mod callers;
mod lately;
mod ring;
mod service;
mod span;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;
use waygate_api::rate_limits::CallerReport;
use waygate_api::traffic::{
    CallerTraffic, OLDEST, Outcomes, RouteTraffic, ServiceTraffic, TrafficCount, TrafficPoint, TrafficView,
};
use waygate_core::{LocalKey, ServiceId};

use self::callers::Caller;
pub(crate) use self::lately::Lately;
use self::service::{BEFORE, OfService};
pub(crate) use self::span::{Span, Window};

/// How many routes are told apart; those beyond are counted with the requests to no known route.
const MOST_ROUTES: usize = 4000;
/// How many callers are told.
const MOST_CALLERS: usize = 20;
const DAY: i64 = 24 * 3600;
const QUARTER: i64 = 15 * 60;

/// Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    kept: Mutex<Kept>,
    /// Counts what was learnt.
    told: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    services: BTreeMap<ServiceId, OfService>,
    swept: i64,
}

impl Traffic {
    /// A service that counts has been heard: where nothing is reported, there was nothing.
    pub(crate) fn heard(&self, service: &ServiceId, now: Timestamp) {
        self.kept().services.entry(service.clone()).or_default().is_alive(now.as_second() - BEFORE);
        self.tell();
    }

    /// Takes what a report counts. `is_known` says which routes of the service there are.
    pub(crate) fn take(
        &self,
        service: &ServiceId,
        counts: Vec<TrafficCount>,
        now: Timestamp,
        is_known: impl Fn(&LocalKey) -> bool,
    ) {
        let now = now.as_second();
        let mut kept = self.kept();
        kept.sweep(now);
        let mut room = MOST_ROUTES.saturating_sub(kept.services.values().map(|of| of.routes.len()).sum());
        let of_service = kept.services.entry(service.clone()).or_default();
        of_service.is_alive(now);
        for count in counts {
            let key: Option<LocalKey> = format!("{}:{}", count.method, count.path).parse().ok().filter(&is_known);
            let fits = |key: &Option<LocalKey>| key.is_none() || room > 0 || of_service.routes.contains_key(key);
            let key = Some(key).filter(fits).flatten();
            let at = now - i64::from(count.seconds_ago.min(OLDEST));
            let known = of_service.routes.len();
            of_service.routes.entry(key).or_default().add(at, count.counts, now);
            room = room.saturating_sub(of_service.routes.len() - known);
        }
        drop(kept);
        self.tell();
    }

    /// Takes whom limits of a service have denied.
    pub(crate) fn denied(&self, service: &ServiceId, callers: &[CallerReport], now: Timestamp) {
        if callers.is_empty() {
            return;
        }
        let mut kept = self.kept();
        let of_service = kept.services.entry(service.clone()).or_default();
        for caller in callers {
            of_service.callers.add(caller, now.as_second());
        }
        drop(kept);
        self.tell();
    }

    /// Follows everything that is learnt.
    pub(crate) fn told(&self) -> watch::Receiver<u64> {
        self.0.told.subscribe()
    }

    /// What was reported of those that are wanted.
    pub(crate) fn read(
        &self,
        span: Span,
        is_wanted: impl Fn(&ServiceId, Option<&LocalKey>) -> bool,
        is_service_wanted: impl Fn(&ServiceId) -> bool,
    ) -> TrafficView {
        let length = span.points();
        let (mut sums, mut measured) = (vec![Outcomes::default(); length], vec![false; length]);
        let (mut routes, mut services) = (Vec::new(), Vec::new());
        let mut callers: BTreeMap<(&ServiceId, &Caller), (u64, u64)> = BTreeMap::new();
        let kept = self.kept();
        for (service, of_service) in kept.services.iter().filter(|(service, _)| is_service_wanted(service)) {
            for (measured, at) in measured.iter_mut().zip(span.starts()) {
                *measured = *measured || of_service.is_measured(at, at + span.step);
            }
            let mut of_all = Outcomes::default();
            for (key, ring) in of_service.routes.iter().filter(|(key, _)| is_wanted(service, key.as_ref())) {
                let mut total = Outcomes::default();
                for (at, counts) in ring.since(span.start, span.step >= 60) {
                    if let Some(point) = span.point(at) {
                        sums[point] += counts;
                        measured[point] = true;
                        total += counts;
                    }
                }
                if total.total() > 0 {
                    of_all += total;
                    routes.push(of_route(service, key.as_ref(), total));
                }
            }
            services.push(ServiceTraffic {
                service: service.to_string(),
                measured_seconds: of_service.measured_seconds(span.start, span.end.min(span.now)),
                counts: of_all,
            });
            for denied in of_service.callers.between(span.start, span.end, span.now) {
                let route: Option<LocalKey> = denied.what.policy.parse().ok();
                if is_wanted(service, route.as_ref()) {
                    let sum = callers.entry((service, &denied.what)).or_default();
                    *sum = (sum.0.saturating_add(denied.count), sum.1.saturating_add(denied.over));
                }
            }
        }
        let callers = most_denied(callers);
        drop(kept);
        routes.sort_by(|one, other| {
            let names = |route: &RouteTraffic| (route.service.clone(), route.path.clone(), route.method.clone());
            other.counts.total().cmp(&one.counts.total()).then_with(|| names(one).cmp(&names(other)))
        });
        let points = sums.into_iter().zip(measured).zip(span.starts());
        TrafficView {
            window: span.name.to_owned(),
            step_seconds: u32::try_from(span.step).unwrap_or_default(),
            series: points
                .map(|((counts, measured), at)| TrafficPoint {
                    at: Timestamp::from_second(at).unwrap_or_default(),
                    counts: measured.then_some(counts),
                })
                .collect(),
            routes,
            services,
            callers,
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.0.told.send_modify(|told| *told = told.wrapping_add(1));
    }
}

impl Kept {
    /// Once in a minute, forgets what is too old.
    fn sweep(&mut self, now: i64) {
        if now - self.swept < 60 {
            return;
        }
        self.swept = now;
        for of_service in self.services.values_mut() {
            of_service.routes.retain(|_, ring| !ring.is_over(now));
        }
        self.services.retain(|_, of_service| {
            !of_service.routes.is_empty()
                || !of_service.callers.is_over(now)
                || of_service.measured.back().is_some_and(|(_, end)| *end >= now - DAY)
        });
    }
}

fn of_route(service: &ServiceId, key: Option<&LocalKey>, counts: Outcomes) -> RouteTraffic {
    RouteTraffic {
        service: service.to_string(),
        method: key.map_or("", |key| key.method.as_str()).to_owned(),
        path: key.map_or("", |key| key.path.as_str()).to_owned(),
        counts,
    }
}

fn most_denied(sums: BTreeMap<(&ServiceId, &Caller), (u64, u64)>) -> Vec<CallerTraffic> {
    let told = |((service, caller), (count, over)): ((&ServiceId, &Caller), (u64, u64))| CallerTraffic {
        service: service.to_string(),
        policy: caller.policy.clone(),
        caller: caller.name.clone(),
        count,
        over,
    };
    let mut callers: Vec<CallerTraffic> = sums.into_iter().map(told).collect();
    callers.sort_by_key(|caller| std::cmp::Reverse(caller.count));
    callers.truncate(MOST_CALLERS);
    callers
}
