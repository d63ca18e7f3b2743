//! How instances stand to one change.

use waygate_api::instances::{BYPASSES_LIFECYCLE, InstanceState, InstanceView};
use waygate_core::{Commit, Revision, ServiceId};

use crate::dashboard::fleet::pages::path_of;
use crate::dashboard::fleet::{Fleet, bypasses, enforces, knows, says};
use crate::dashboard::visit::Visit;
use crate::dashboard::words::distance;

/// How one instance stands to one change.
pub(in crate::dashboard) struct Arrival {
    pub(in crate::dashboard) path: String,
    pub(in crate::dashboard) id: String,
    pub(in crate::dashboard) service: String,
    pub(in crate::dashboard) delivered: bool,
    pub(in crate::dashboard) words: &'static str,
    /// When it has confirmed it: how long after the change, or how long ago.
    pub(in crate::dashboard) after: String,
    /// The same in milliseconds, where it is known how long after the change.
    took: Option<i128>,
}

/// How soon a change was confirmed, in a sentence; none where nobody has heard.
pub(in crate::dashboard) fn pace(arrivals: &[Arrival]) -> Option<String> {
    let mut took: Vec<i128> = arrivals.iter().filter_map(|arrival| arrival.took).collect();
    took.sort_unstable();
    let last = took.last()?;
    let at = |percent: usize| took[(took.len() * percent).div_ceil(100).saturating_sub(1)];
    Some(match took.len() {
        1 => format!("Confirmed after {last} ms."),
        _ => format!("Confirmed after {} ms (p50), {} ms (p95), {last} ms at the latest.", at(50), at(95)),
    })
}

impl Fleet {
    /// How each instance that a change concerns stands to it.
    pub(in crate::dashboard) fn arrivals(&self, visit: &Visit, commit: &Commit) -> Vec<Arrival> {
        let concerned = |service: &str| service.parse().is_ok_and(|service| commit.concerns(&service));
        let there = self.0.keys().filter(|service| concerned(service)).flat_map(|service| self.there(service));
        there.map(|instance| Arrival::of(visit, commit.revision(), Some(commit), instance)).collect()
    }

    /// How each instance of a service stands to what was last changed of it at a revision.
    pub(in crate::dashboard) fn arrived(
        &self,
        visit: &Visit,
        service: &ServiceId,
        changed_at: Revision,
    ) -> Vec<Arrival> {
        self.there(service.as_str()).map(|instance| Arrival::of(visit, changed_at, None, instance)).collect()
    }
}

impl Arrival {
    /// How it stands to a change, or else to what was last changed of a route.
    fn of(visit: &Visit, revision: Revision, commit: Option<&Commit>, instance: &InstanceView) -> Self {
        let made = commit.map(|commit| commit.draft.cause.at);
        let applied = instance.applied.is_some_and(|applied| revision <= applied);
        let confirmed = visit.app.presence.confirmed_at(instance, revision);
        let took = made.zip(confirmed).filter(|(made, at)| made <= at);
        let took = took.map(|(made, at)| at.duration_since(made).as_millis());
        let after = match (took, confirmed) {
            (Some(took), _) => format!("after {took} ms"),
            (None, Some(at)) if made.is_none() => distance(at, visit.now),
            _ if applied || instance.state == InstanceState::InSync => "not timed here".to_owned(),
            _ => String::new(),
        };
        let bypassed = match commit {
            Some(commit) => bypasses(instance, commit),
            None => knows(instance, revision) && says(instance, BYPASSES_LIFECYCLE),
        };
        let words = match instance.state {
            InstanceState::Unconfirmed => "cannot confirm",
            _ if bypassed => "bypassed by its settings",
            _ if enforces(instance, revision) => "applied",
            InstanceState::Lost => "lost",
            _ if applied => "applied in part",
            _ => "not applied yet",
        };
        let delivered = instance.delivered.is_some_and(|delivered| revision <= delivered);
        let (id, service) = (instance.id.clone(), instance.service.clone());
        Self { path: path_of(&service, &id), id, service, delivered, words, after, took }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_of_a_change_is_that_of_those_who_were_timed() {
        let arrival = |took| Arrival {
            path: String::new(),
            id: String::new(),
            service: String::new(),
            delivered: true,
            words: "applied",
            after: String::new(),
            took,
        };
        assert_eq!(pace(&[arrival(None)]), None);
        assert_eq!(pace(&[arrival(Some(7)), arrival(None)]), Some("Confirmed after 7 ms.".to_owned()));
        let twenty: Vec<Arrival> = (1..=20).rev().map(|took| arrival(Some(took))).collect();
        let words = "Confirmed after 10 ms (p50), 19 ms (p95), 20 ms at the latest.";
        assert_eq!(pace(&twenty), Some(words.to_owned()));
    }
}
