//! What the service has counted, added up over a test.

use std::collections::BTreeMap;

use waygate_api::rate_limits::HitReport;
use waygate_api::traffic::Outcomes;
use waygate_core::RouteSelector;

use crate::gate::Gate;

#[derive(Debug, Default)]
pub(super) struct Seen {
    hits: Vec<HitReport>,
    /// By method and template.
    requests: BTreeMap<(String, String), Outcomes>,
}

impl Seen {
    /// Takes over what was counted since the last look.
    pub(super) fn look(&mut self, gate: &Gate) {
        for hit in gate.hits.take() {
            match self.hits.iter_mut().find(|known| is_alike(known, &hit)) {
                Some(known) => *known = HitReport { count: known.count + hit.count, ..hit },
                None => self.hits.push(hit),
            }
        }
        gate.traffic.drain(|method, path, counts| {
            *self.requests.entry((method.to_owned(), path.to_owned())).or_default() += counts;
        });
    }

    pub(super) fn hits(&self) -> &[HitReport] {
        &self.hits
    }

    pub(super) fn outcomes(&self, route: &RouteSelector) -> Outcomes {
        let method = route.method.map(waygate_core::RouteMethod::as_str);
        let of_route = self
            .requests
            .iter()
            .filter(|((known, path), _)| path == route.path.as_str() && method.is_none_or(|method| method == known));
        of_route.fold(Outcomes::default(), |mut sum, (_, counts)| {
            sum += *counts;
            sum
        })
    }
}

/// The same in everything but the count and the times.
fn is_alike(one: &HitReport, other: &HitReport) -> bool {
    let counted = |hit: &HitReport| (hit.count, hit.timestamp, hit.reset_at);
    let (count, timestamp, reset_at) = counted(other);
    HitReport { count, timestamp, reset_at, ..one.clone() } == *other
}
