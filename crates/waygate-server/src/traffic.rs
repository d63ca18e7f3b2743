//! The requests that services have counted lately, as they report them to this node. In memory: a restart forgets them.
//!
//! Seconds are kept for 15 minutes and minutes for 24 hours, of each route and only where there were requests: a cell is 24
//! bytes, so a route that is never idle takes 57 KB, 2,000 of them 115 MB, and one that has a request in a minute at the
//! most 60 KB less. How many instances report does not matter, they are summed up.

mod ring;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use waygate_api::traffic::{OLDEST, Outcomes, RouteTraffic, ServiceTraffic, TrafficCount, TrafficPoint, TrafficView};
use waygate_core::{LocalKey, ServiceId};

use self::ring::Ring;

/// How many routes are told apart; those beyond are counted with the requests to no known route.
const MOST_ROUTES: usize = 4000;
/// How far apart two signs of life of a service that counts may be, in seconds, for it to count in between.
const SIGNS_APART: i64 = 45;
/// How long before its first sign a service counts: a report tells of the seconds before it.
const BEFORE: i64 = 5;
const DAY: i64 = 24 * 3600;

/// Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    services: BTreeMap<ServiceId, OfService>,
    swept: i64,
}

#[derive(Debug, Default)]
struct OfService {
    /// When somebody counted: beginnings and ends in seconds, in their order, none touching another.
    measured: VecDeque<(i64, i64)>,
    /// `None`: requests to no known route.
    routes: HashMap<Option<LocalKey>, Ring>,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    Minute,
    Quarter,
    Day,
}

impl Window {
    pub(crate) const ALL: [Self; 3] = [Self::Minute, Self::Quarter, Self::Day];

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|window| window.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "1m",
            Self::Quarter => "15m",
            Self::Day => "24h",
        }
    }

    fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Quarter => 15 * 60,
            Self::Day => DAY,
        }
    }

    /// The length of a point.
    fn step(self) -> i64 {
        match self {
            Self::Minute => 1,
            Self::Quarter => 10,
            Self::Day => 15 * 60,
        }
    }
}

impl OfService {
    fn is_measured(&self, from: i64, to: i64) -> bool {
        self.measured.iter().any(|(start, end)| *start < to && from < *end)
    }

    fn measured_seconds(&self, from: i64, to: i64) -> u64 {
        let within = |(start, end): &(i64, i64)| u64::try_from((*end).min(to) - (*start).max(from)).unwrap_or(0);
        self.measured.iter().map(within).sum()
    }

    fn is_alive(&mut self, now: i64) {
        match self.measured.back_mut() {
            Some((_, end)) if now - *end <= SIGNS_APART => *end = now.max(*end),
            _ => self.measured.push_back((now - BEFORE, now)),
        }
        while self.measured.front().is_some_and(|(_, end)| *end < now - DAY) {
            self.measured.pop_front();
        }
    }
}

impl Traffic {
    /// A service that counts has been heard: where nothing is reported, there was nothing.
    pub(crate) fn heard(&self, service: &ServiceId, now: Timestamp) {
        self.kept().services.entry(service.clone()).or_default().is_alive(now.as_second() - BEFORE);
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
    }

    /// What was reported of those that are wanted.
    pub(crate) fn read(
        &self,
        window: Window,
        now: Timestamp,
        is_wanted: impl Fn(&ServiceId, Option<&LocalKey>) -> bool,
        is_service_wanted: impl Fn(&ServiceId) -> bool,
    ) -> TrafficView {
        let (step, now) = (window.step(), now.as_second());
        // Whole points only, but for the last.
        let end = now.div_euclid(step) * step + step;
        let start = end - window.seconds();
        let length = usize::try_from(window.seconds() / step).unwrap_or_default();
        let (mut sums, mut measured) = (vec![Outcomes::default(); length], vec![false; length]);
        let (mut routes, mut services) = (Vec::new(), Vec::new());
        let kept = self.kept();
        for (service, of_service) in kept.services.iter().filter(|(service, _)| is_service_wanted(service)) {
            for (point, at) in (start..end).step_by(usize::try_from(step).unwrap_or(1)).enumerate() {
                measured[point] |= of_service.is_measured(at, at + step);
            }
            let mut of_all = Outcomes::default();
            for (key, ring) in &of_service.routes {
                if !is_wanted(service, key.as_ref()) {
                    continue;
                }
                let mut total = Outcomes::default();
                for (at, counts) in ring.since(start, window == Window::Day) {
                    let point = usize::try_from((at - start) / step).unwrap_or(length);
                    if let Some(sum) = sums.get_mut(point) {
                        *sum += counts;
                        measured[point] = true;
                        total += counts;
                    }
                }
                if total.total() > 0 {
                    of_all += total;
                    routes.push(RouteTraffic {
                        service: service.to_string(),
                        method: key.as_ref().map_or("", |key| key.method.as_str()).to_owned(),
                        path: key.as_ref().map_or("", |key| key.path.as_str()).to_owned(),
                        counts: total,
                    });
                }
            }
            services.push(ServiceTraffic {
                service: service.to_string(),
                measured_seconds: of_service.measured_seconds(start, now),
                counts: of_all,
            });
        }
        drop(kept);
        routes.sort_by(|one, other| {
            let names = |route: &RouteTraffic| (route.service.clone(), route.path.clone(), route.method.clone());
            other.counts.total().cmp(&one.counts.total()).then_with(|| names(one).cmp(&names(other)))
        });
        let points = sums.into_iter().zip(measured).zip((start..end).step_by(usize::try_from(step).unwrap_or(1)));
        TrafficView {
            window: window.as_str().to_owned(),
            step_seconds: u32::try_from(step).unwrap_or_default(),
            series: points
                .map(|((counts, measured), at)| TrafficPoint {
                    at: Timestamp::from_second(at).unwrap_or_default(),
                    counts: measured.then_some(counts),
                })
                .collect(),
            routes,
            services,
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
            !of_service.routes.is_empty() || of_service.measured.back().is_some_and(|(_, end)| *end >= now - DAY)
        });
    }
}
