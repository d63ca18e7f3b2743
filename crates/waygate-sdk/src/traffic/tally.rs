//! The counters: a table of fixed size that survives every change of the rules.

use std::hash::BuildHasher as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;
use waygate_api::traffic::Outcomes;
use waygate_core::{LocalKey, RouteMethod};

/// How many places there are: twice as many as a service has routes, so that each finds one.
const PLACES: usize = 4096;
/// How many places are looked at for a route.
const PROBES: usize = 16;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Allowed,
    Limited,
    Blocked,
    Gated,
    /// Let through, although something that only counts would have stopped it.
    Shadow,
}

/// The requests of one service in one process since they were last told.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// None where nobody is told.
    places: Box<[Place]>,
    /// Those that fall under no route, or find no place.
    others: Tally,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Place {
    route: OnceLock<(RouteMethod, Box<str>)>,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Tally([AtomicU64; 5]);

impl Traffic {
    pub(crate) fn new(reported: bool) -> Self {
        let places = if reported { PLACES } else { 0 };
        Self { places: (0..places).map(|_| Place::default()).collect(), ..Self::default() }
    }

    /// Counts a request. Takes no lock: only the first of a route ever writes its name, all others compare it.
    pub(crate) fn note(&self, route: Option<&LocalKey>, outcome: Outcome) {
        if !self.places.is_empty() {
            route.and_then(|route| self.place(route)).unwrap_or(&self.others).add(outcome);
        }
    }

    fn place(&self, route: &LocalKey) -> Option<&Tally> {
        let path = route.path.as_str();
        let hash = self.hasher.hash_one((route.method as usize, path));
        let first = usize::try_from(hash % PLACES as u64).unwrap_or_default();
        (0..PROBES).map(|step| &self.places[(first + step) % PLACES]).find_map(|place| {
            let (method, kept) = place.route.get_or_init(|| (route.method, path.into()));
            (*method == route.method && **kept == *path).then_some(&place.tally)
        })
    }

    /// Takes what was counted, with method and template; both are empty for requests to no known route.
    pub(crate) fn drain(&self, mut take: impl FnMut(&str, &str, Outcomes)) {
        for place in &self.places {
            if let Some((method, path)) = place.route.get()
                && let Some(counts) = place.tally.take()
            {
                take(method.as_str(), path, counts);
            }
        }
        if let Some(counts) = self.others.take() {
            take("", "", counts);
        }
    }
}

impl Tally {
    fn add(&self, outcome: Outcome) {
        self.0[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted; nothing where that is nothing.
    fn take(&self) -> Option<Outcomes> {
        let is_idle = self.0.iter().all(|count| count.load(Ordering::Relaxed) == 0);
        let [allowed, limited, blocked, gated, shadow] = &self.0;
        let taken = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        (!is_idle).then(|| Outcomes {
            allowed: taken(allowed),
            limited: taken(limited),
            blocked: taken(blocked),
            gated: taken(gated),
            shadow: taken(shadow),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn drained(traffic: &Traffic) -> HashMap<String, Outcomes> {
        let mut all = HashMap::new();
        traffic.drain(|method, path, counts| {
            all.insert(format!("{method}:{path}"), counts);
        });
        all
    }

    #[test]
    fn every_request_is_told_once_whoever_counts_at_the_same_time() {
        let traffic = Traffic::new(true);
        let routes: Vec<LocalKey> = (0..50).map(|n| format!("GET:/a/{n}").parse().unwrap()).collect();
        let mut told = Outcomes::default();
        std::thread::scope(|scope| {
            let counting: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        for round in 0..2000 {
                            traffic.note(Some(&routes[round % 50]), Outcome::Allowed);
                            traffic.note(None, Outcome::Blocked);
                        }
                    })
                })
                .collect();
            while counting.iter().any(|thread| !thread.is_finished()) {
                traffic.drain(|_, _, counts| told += counts);
            }
        });
        traffic.drain(|_, _, counts| told += counts);
        assert_eq!(told, Outcomes { allowed: 8000, blocked: 8000, ..Outcomes::default() });
        assert!(drained(&traffic).is_empty(), "nothing is told twice, and nothing where there was nothing");
    }

    #[test]
    fn routes_are_told_apart_by_method_and_template_and_outcomes_by_kind() {
        let traffic = Traffic::new(true);
        let (read, write): (LocalKey, LocalKey) = ("GET:/a".parse().unwrap(), "POST:/a".parse().unwrap());
        for outcome in [Outcome::Allowed, Outcome::Limited, Outcome::Limited] {
            traffic.note(Some(&read), outcome);
        }
        traffic.note(Some(&write), Outcome::Gated);
        traffic.note(Some(&write), Outcome::Shadow);
        let told = drained(&traffic);
        assert_eq!(told.len(), 2);
        assert_eq!(told["GET:/a"], Outcomes { allowed: 1, limited: 2, ..Outcomes::default() });
        assert_eq!(told["POST:/a"], Outcomes { gated: 1, shadow: 1, ..Outcomes::default() });
    }

    #[test]
    fn more_routes_than_there_are_places_for_are_counted_together() {
        let traffic = Traffic::new(true);
        for n in 0..PLACES * 2 {
            traffic.note(Some(&format!("GET:/a/{n}").parse().unwrap()), Outcome::Allowed);
        }
        let told = drained(&traffic);
        assert!(told.len() <= PLACES + 1 && told[":"].allowed > 0);
        assert_eq!(told.values().map(Outcomes::total).sum::<u64>(), PLACES as u64 * 2);
    }

    #[test]
    fn nothing_is_kept_where_nobody_is_told() {
        let traffic = Traffic::new(false);
        traffic.note(None, Outcome::Allowed);
        assert!(drained(&traffic).is_empty());
    }
}
