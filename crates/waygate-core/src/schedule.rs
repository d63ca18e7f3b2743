//! When time will next do something that is to be written down.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::id::ServiceId;
use crate::lifecycle::Route;
use crate::limit::RateLimitPolicy;
use crate::maintenance::Maintenance;
use crate::state::{ServiceState, State};

/// Something about a route that the time brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transition {
    /// The window of that id opens.
    Open(u32),
    /// The window of that id closes.
    Close(u32),
    /// The timed switch ends.
    Expire,
}

/// The next transition of a route that has not been written down. At the same instant an end comes before a beginning.
pub(crate) fn next_transition(route: &Route) -> Option<(Timestamp, Transition)> {
    let windows = route.windows.iter().map(|window| {
        if window.opened {
            (window.end, 0, Transition::Close(window.id))
        } else {
            (window.start, 2, Transition::Open(window.id))
        }
    });
    let expiry = route.temporary.iter().map(|temporary| (temporary.until, 1, Transition::Expire));
    windows.chain(expiry).min_by_key(|(at, rank, _)| (*at, *rank)).map(|(at, _, transition)| (at, transition))
}

/// Finds the next instant at which [`crate::Command::Settle`] has something to do.
///
/// It remembers what it has looked at: only services that have changed are looked at again.
///
/// ```
/// use waygate_core::{Cursor, Schedule, State};
/// let state = State::new(Cursor::start_of("0123456789abcdef".parse()?));
/// assert_eq!(Schedule::default().next_due(&state), None);
/// # Ok::<(), waygate_core::InvalidName>(())
/// ```
#[derive(Debug, Default)]
pub struct Schedule {
    services: BTreeMap<ServiceId, (Arc<ServiceState>, Option<Timestamp>)>,
}

impl Schedule {
    /// The next instant, which may have passed; `None` while nothing is planned.
    pub fn next_due(&mut self, state: &State) -> Option<Timestamp> {
        self.services.retain(|service, _| state.services.contains_key(service));
        let mut next = earlier(end_of(&state.global.maintenance), end_of_limit(state.global.rate_limit.as_ref()));
        for (service, current) in &state.services {
            let due = match self.services.get(service) {
                Some((seen, due)) if Arc::ptr_eq(seen, current) => *due,
                _ => {
                    let due = due_of(current);
                    self.services.insert(service.clone(), (current.clone(), due));
                    due
                }
            };
            next = earlier(next, due);
        }
        next
    }
}

fn due_of(service: &ServiceState) -> Option<Timestamp> {
    let timed = service.routes.values().filter(|route| route.is_timed());
    let due =
        timed.fold(end_of(&service.maintenance), |due, route| earlier(due, next_transition(route).map(|(at, _)| at)));
    let limits = service.route_limits.values().chain(&service.rate_limit);
    limits.fold(due, |due, policy| earlier(due, end_of_limit(Some(policy))))
}

fn end_of(maintenance: &Maintenance) -> Option<Timestamp> {
    maintenance.until.filter(|_| maintenance.enabled)
}

fn end_of_limit(policy: Option<&Arc<RateLimitPolicy>>) -> Option<Timestamp> {
    policy?.until
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
