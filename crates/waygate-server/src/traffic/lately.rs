//! What there was of one route, or of a whole service, lately.

use jiff::Timestamp;
use waygate_api::traffic::Outcomes;
use waygate_core::{LocalKey, ServiceId};

use super::Traffic;
use super::service::OfService;

/// How many minutes are looked back on.
pub(crate) const MINUTES: usize = 24;
/// Over how many seconds what was stopped is counted.
const LAST: i64 = 60;

/// The minutes, the oldest first; `None` where nobody counted.
pub(crate) type Lately = [Option<Outcomes>; MINUTES];

impl Traffic {
    /// The minutes of one route. `None` where nobody has counted requests of the service in all that time.
    pub(crate) fn lately(&self, service: &ServiceId, local: &LocalKey, now: Timestamp) -> Option<Lately> {
        self.kept().services.get(service)?.lately(Some(local), now.as_second())
    }

    /// The minutes of all routes of a service together, with requests to no known route.
    pub(crate) fn lately_of_all(&self, service: &ServiceId, now: Timestamp) -> Option<Lately> {
        self.kept().services.get(service)?.lately(None, now.as_second())
    }

    /// How many requests of a route, or of a whole service, were not let through in the last minute; `None` where nobody
    /// has counted.
    pub(crate) fn stopped_lately(&self, service: &ServiceId, local: Option<&LocalKey>, now: Timestamp) -> Option<u64> {
        self.kept().services.get(service)?.stopped(local, now.as_second())
    }
}

impl OfService {
    fn lately(&self, local: Option<&LocalKey>, now: i64) -> Option<Lately> {
        let end = now.div_euclid(60) * 60 + 60;
        let start = end - 60 * i64::try_from(MINUTES).unwrap_or_default();
        let mut minutes = [None; MINUTES];
        for (minute, at) in minutes.iter_mut().zip((start..end).step_by(60)) {
            if self.is_measured(at, at + 60) {
                *minute = Some(Outcomes::default());
            }
        }
        for (at, counts) in self.rings(local).flat_map(|ring| ring.since(start, true)) {
            let minute = usize::try_from((at - start) / 60).ok().and_then(|minute| minutes.get_mut(minute));
            if let Some(minute) = minute {
                *minute.get_or_insert_default() += counts;
            }
        }
        minutes.iter().any(Option::is_some).then_some(minutes)
    }

    fn stopped(&self, local: Option<&LocalKey>, now: i64) -> Option<u64> {
        let of_all = self.rings(local).flat_map(|ring| ring.since(now - LAST, false));
        let stopped: u64 = of_all.map(|(_, counts)| counts.stopped()).sum();
        (stopped > 0 || self.is_measured(now - LAST, now)).then_some(stopped)
    }
}
