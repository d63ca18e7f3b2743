//! Instances of services: who is there, and what they enforce.

pub(super) mod acts;
mod arrival;
pub(super) mod detail;
pub(super) mod pages;
pub(super) mod revisions;

use std::collections::BTreeMap;

use waygate_api::instances::{BYPASSES_LIFECYCLE, BYPASSES_RATE_LIMITS, InstanceState, InstanceView};
use waygate_core::{Change, Commit, Revision, ServiceId};

pub(super) use self::arrival::{Arrival, pace};
use crate::dashboard::visit::Visit;
use crate::dashboard::words::counted;

/// The instances that a visitor may know of, by service.
#[derive(Default)]
pub(super) struct Fleet(BTreeMap<String, Vec<InstanceView>>);

/// How far the instances of one service are.
#[derive(Default)]
pub(super) struct Standing {
    pub(super) words: String,
    /// Not every instance enforces it.
    pub(super) behind: bool,
}

impl Fleet {
    pub(super) async fn of(visit: &Visit) -> Self {
        let mut services: BTreeMap<String, Vec<InstanceView>> = BTreeMap::new();
        for instance in visit.app.presence.instances(visit.principal.only_service()).await {
            if visit.principal.may_read_named(Some(&instance.service)) {
                services.entry(instance.service.clone()).or_default().push(instance);
            }
        }
        Self(services)
    }

    fn there(&self, service: &str) -> impl Iterator<Item = &InstanceView> {
        let all = self.0.get(service).into_iter().flatten();
        all.filter(|instance| !matches!(instance.state, InstanceState::Left))
    }

    /// The service and the name of each instance.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.values().flatten().map(|instance| (instance.service.as_str(), instance.id.as_str()))
    }

    /// How many instances of a service there are, whatever their state.
    pub(super) fn count(&self, service: &str) -> usize {
        self.there(service).count()
    }

    /// How many instances there are that need a look.
    pub(super) fn exceptions(&self) -> usize {
        let all = self.0.values().flatten();
        all.filter(|instance| matches!(instance.state, InstanceState::Behind | InstanceState::Lost)).count()
    }

    /// How the instances of a service stand as a whole.
    pub(super) fn standing(&self, service: &str) -> Standing {
        let of = |state| self.there(service).filter(|instance| instance.state == state).count();
        let total = self.there(service).count();
        if total == 0 {
            return Standing { words: "no instance connected".to_owned(), behind: false };
        }
        let mut parts = vec![format!("{} of {} in sync", of(InstanceState::InSync), counted(total, "instance"))];
        let bypassing = self.there(service).filter(|instance| bypassed(instance).is_some()).count();
        if bypassing > 0 {
            parts.push(format!("{bypassing} bypassing"));
        }
        for (state, word) in [
            (InstanceState::Applying, "applying"),
            (InstanceState::Behind, "behind"),
            (InstanceState::Unconfirmed, "unconfirmed"),
            (InstanceState::Lost, "lost"),
        ] {
            let count = of(state) - if state == InstanceState::Behind { bypassing } else { 0 };
            if count > 0 {
                parts.push(format!("{count} {word}"));
            }
        }
        Standing { words: parts.join(", "), behind: of(InstanceState::Behind) + of(InstanceState::Lost) > 0 }
    }

    /// How many instances of a service enforce what was last changed at a revision.
    pub(super) fn applied(&self, service: &str, changed_at: Revision) -> Standing {
        let can_say = |instance: &&InstanceView| instance.state != InstanceState::Unconfirmed;
        let total = self.there(service).filter(can_say).count();
        let applied = |instance: &&InstanceView| enforces(instance, changed_at) && !says(instance, BYPASSES_LIFECYCLE);
        let confirmed = self.there(service).filter(can_say).filter(applied).count();
        let unconfirmed = self.there(service).count() - total;
        let words = match (total, unconfirmed) {
            (0, 0) => "none".to_owned(),
            (0, unconfirmed) => format!("{unconfirmed} unconfirmed"),
            (total, 0) => format!("{confirmed}/{total} applied"),
            (total, unconfirmed) => format!("{confirmed}/{total} applied, {unconfirmed} unconfirmed"),
        };
        Standing { words, behind: confirmed < total }
    }

    /// How far a change has come, in words, and whether it is everywhere.
    pub(super) fn propagation(&self, commit: &Commit) -> (String, bool) {
        let concerned = |service: &str| service.parse().is_ok_and(|service| commit.concerns(&service));
        let there = self.0.keys().filter(|service| concerned(service)).flat_map(|service| self.there(service));
        let (mut total, mut confirmed, mut unconfirmed, mut bypassing, mut waiting) = (0, 0, 0, 0, Vec::new());
        for instance in there {
            match instance.state {
                InstanceState::Unconfirmed => unconfirmed += 1,
                _ if bypasses(instance, commit) => (total, bypassing) = (total + 1, bypassing + 1),
                _ if enforces(instance, commit.revision()) => (total, confirmed) = (total + 1, confirmed + 1),
                _ => {
                    total += 1;
                    waiting.push(instance.id.as_str());
                }
            }
        }
        let mut words = match total {
            0 if unconfirmed == 0 => "No instance that it concerns is connected.".to_owned(),
            0 => String::new(),
            total => format!("Applied {confirmed} of {total}."),
        };
        if let Some((first, others)) = waiting.split_first() {
            let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
            words = format!("{words} Waiting for {first}{more}.");
        }
        if bypassing > 0 {
            words = format!("{words} {bypassing} bypassed by settings of the instance.");
        }
        if unconfirmed > 0 {
            words = format!("{words} Delivered to {unconfirmed} that cannot confirm.");
        }
        (words.trim().to_owned(), waiting.is_empty() && bypassing == 0)
    }

    /// Whether an instance that is there and follows has yet to confirm a change.
    pub(super) fn awaits(&self, commit: &Commit) -> bool {
        let concerned = |service: &str| service.parse().is_ok_and(|service| commit.concerns(&service));
        let there = self.0.keys().filter(|service| concerned(service)).flat_map(|service| self.there(service));
        let follows =
            |instance: &&InstanceView| matches!(instance.state, InstanceState::Applying | InstanceState::Behind);
        there.filter(follows).any(|instance| !enforces(instance, commit.revision()) && !bypasses(instance, commit))
    }
}

/// What an instance that knows the newest says that it does not enforce, whatever is in force: its own settings bypass it.
fn bypassed(instance: &InstanceView) -> Option<&'static str> {
    if instance.state != InstanceState::Behind || instance.lag != Some(0) {
        return None;
    }
    match (says(instance, BYPASSES_LIFECYCLE), says(instance, BYPASSES_RATE_LIMITS)) {
        (true, true) => Some("Bypassing everything"),
        (true, false) => Some("Bypassing lifecycle"),
        (false, true) => Some("Bypassing limits"),
        (false, false) => None,
    }
}

fn says(instance: &InstanceView, what: &str) -> bool {
    instance.rejected.iter().any(|part| part.what == what)
}

/// Whether an instance knows a change, and its own settings bypass all of that which concerns it.
fn bypasses(instance: &InstanceView, commit: &Commit) -> bool {
    let Ok(service) = instance.service.parse::<ServiceId>() else { return false };
    let setting = |change: &Change| match change {
        Change::RateLimitSet { .. } | Change::RateLimitCleared { .. } => BYPASSES_RATE_LIMITS,
        _ => BYPASSES_LIFECYCLE,
    };
    let mut concerning = commit.changes().filter(|change| change.concerns(&service));
    knows(instance, commit.revision()) && concerning.all(|change| says(instance, setting(change)))
}

/// Whether an instance has said that it is past a revision, of a place in the history that is known.
fn knows(instance: &InstanceView, changed_at: Revision) -> bool {
    instance.lag.is_some() && instance.applied.is_some_and(|applied| changed_at <= applied)
}

/// Whether an instance has all of what was changed at a revision; what its settings bypass is another matter.
fn enforces(instance: &InstanceView, changed_at: Revision) -> bool {
    let is_setting = |what: &str| [BYPASSES_LIFECYCLE, BYPASSES_RATE_LIMITS].contains(&what);
    instance.state == InstanceState::InSync
        || (knows(instance, changed_at) && instance.rejected.iter().all(|part| is_setting(&part.what)))
}
