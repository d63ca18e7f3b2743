//! How instances stand to one change.

use jiff::Timestamp;
use waygate_api::instances::{InstanceState, InstanceView};
use waygate_core::{Commit, Revision, ServiceId};

use crate::dashboard::fleet::Fleet;
use crate::dashboard::fleet::pages::path_of;
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
}

impl Fleet {
    /// How each instance that a change concerns stands to it.
    pub(in crate::dashboard) fn arrivals(&self, visit: &Visit, commit: &Commit) -> Vec<Arrival> {
        let concerned = |service: &str| service.parse().is_ok_and(|service| commit.concerns(&service));
        let there = self.0.keys().filter(|service| concerned(service)).flat_map(|service| self.there(service));
        there.map(|instance| Arrival::of(visit, commit.revision(), Some(commit.draft.cause.at), instance)).collect()
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
    fn of(visit: &Visit, revision: Revision, made: Option<Timestamp>, instance: &InstanceView) -> Self {
        let applied = instance.applied.is_some_and(|applied| revision <= applied);
        let confirmed = visit.app.presence.confirmed_at(instance, revision);
        let after = match (made, confirmed) {
            (Some(made), Some(at)) if made <= at => format!("after {} ms", at.duration_since(made).as_millis()),
            (None, Some(at)) => distance(at, visit.now),
            _ if applied || instance.state == InstanceState::InSync => "not timed here".to_owned(),
            _ => String::new(),
        };
        let words = match instance.state {
            InstanceState::Unconfirmed => "cannot confirm",
            InstanceState::InSync => "applied",
            _ if applied => "applied",
            InstanceState::Lost => "lost",
            _ => "not applied yet",
        };
        let delivered = instance.delivered.is_some_and(|delivered| revision <= delivered);
        let (id, service) = (instance.id.clone(), instance.service.clone());
        Self { path: path_of(&service, &id), id, service, delivered, words, after }
    }
}
