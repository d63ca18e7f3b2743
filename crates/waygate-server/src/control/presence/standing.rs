//! How an instance stands, judged from what is known of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use waygate_api::instances::{InstanceState, InstanceView, NotApplied};
use waygate_core::{Cursor, Digest, DigestKind, Revision, ServiceId, ServiceView};

use super::is_past;
use super::record::{Instance, Name};
use crate::control::feed::{Past, Place};

/// How long an acknowledgement may be on its way until an instance counts as behind.
const APPLYING: Duration = Duration::from_secs(5);

/// What instances are measured by.
pub(super) struct Measure<'p> {
    pub(super) past: &'p Past,
    pub(super) now: Timestamp,
    /// So long without a sign of life is a loss.
    pub(super) liveness: Duration,
    /// So long without a word of its node is the end of a stream.
    pub(super) stale: Duration,
    pub(super) digests: &'p Digests,
}

/// What an instance does not enforce of what it should.
struct Lag {
    /// `None` where it cannot be counted.
    revisions: Option<u64>,
    since: Option<Timestamp>,
    /// It names a later place than is known: what it enforces is known once that is, or is of a history that is gone.
    is_ahead: bool,
}

impl Measure<'_> {
    /// One instance; `concerning` are the commits that concern its service, oldest first.
    pub(super) fn view(
        &self,
        name: &Name,
        instance: &Instance,
        concerning: &[(Revision, Timestamp)],
    ) -> Option<InstanceView> {
        let connection = instance.connection.as_deref();
        let heard = instance.said();
        let connected = instance.is_open(self.now, self.stale);
        let cursor = heard.and_then(|heard| heard.cursor.clone());
        let lag = cursor.as_ref().map(|cursor| self.lag(cursor, concerning));
        let mut rejected = heard.map(|heard| heard.rejected.clone()).unwrap_or_default();
        rejected.extend(self.difference(name, instance));
        let since = lag.as_ref().and_then(|lag| lag.since);
        let about = connection.map(|connection| connection.about.clone()).unwrap_or_default();
        let applied = cursor.as_ref().map(|cursor| cursor.revision);
        let delivered = connection.map(|connection| connection.delivered.revision()).filter(|sent| sent.0 > 0);
        Some(InstanceView {
            id: name.id.to_string(),
            service: name.service.to_string(),
            state: self.state(instance, lag.as_ref(), rejected.is_empty()),
            sdk: about.sdk,
            version: about.version,
            environment: about.environment,
            protocol: about.protocol,
            capabilities: about.capabilities,
            connected,
            connected_since: connection.filter(|_| connected).map(|connection| connection.since),
            last_heard: self.last_heard(instance)?,
            // Of another node it is known as of some seconds ago; what is enforced was delivered.
            delivered: delivered.max(applied),
            applied,
            cursor,
            digest: heard.and_then(|heard| heard.digest.clone()),
            lag: lag.and_then(|lag| lag.revisions),
            lag_ms: since.map(|since| u64::try_from(self.now.duration_since(since).as_millis()).unwrap_or_default()),
            rejected,
        })
    }

    fn state(&self, instance: &Instance, lag: Option<&Lag>, is_whole: bool) -> InstanceState {
        let connected = instance.is_open(self.now, self.stale);
        if instance.has_left() {
            return InstanceState::Left;
        }
        if !instance.confirms() {
            return if connected { InstanceState::Unconfirmed } else { InstanceState::Lost };
        }
        if self.is_lost(instance) {
            return InstanceState::Lost;
        }
        if is_whole && lag.is_some_and(|lag| lag.revisions == Some(0)) {
            return InstanceState::InSync;
        }
        let connection = instance.connection.as_ref().filter(|_| connected);
        let ahead_since = instance.said().filter(|_| lag.is_some_and(|lag| lag.is_ahead)).map(|heard| heard.at);
        let waits_since = lag.and_then(|lag| lag.since).max(connection.map(|connection| connection.since));
        let waits_since = waits_since.max(ahead_since);
        let is_young = waits_since.is_some_and(|since| !is_past(since, self.now, APPLYING));
        if is_whole && connected && is_young { InstanceState::Applying } else { InstanceState::Behind }
    }

    /// Whether nothing was heard of an instance for too long.
    pub(super) fn is_lost(&self, instance: &Instance) -> bool {
        self.last_heard(instance).is_none_or(|heard| is_past(heard, self.now, self.liveness))
    }

    /// Of one that speaks, when it last spoke or opened a stream; of one that does not, when its stream was last open.
    fn last_heard(&self, instance: &Instance) -> Option<Timestamp> {
        if !instance.confirms() {
            return if instance.here { Some(self.now) } else { instance.last_known() };
        }
        let opened = instance.connection.as_ref().map(|connection| connection.since);
        opened.max(instance.said().map(|heard| heard.at))
    }

    /// How what an instance enforces differs from what it should, where it stands at the newest that concerns it.
    pub(super) fn difference(&self, name: &Name, instance: &Instance) -> Option<NotApplied> {
        let heard = instance.said()?;
        let cursor = heard.cursor.as_ref()?;
        // What an instance calls its digest may be that of a later build.
        let told: Digest = heard.digest.as_ref()?.parse().ok()?;
        let is_newest =
            self.past.place(cursor) == Place::Here && self.past.newest().of(&name.service) <= cursor.revision;
        if !is_newest {
            return None;
        }
        let kinds: Vec<&str> =
            self.digests.of(self.past, &name.service).differing(told).map(DigestKind::as_str).collect();
        let why = || format!("at revision {} it enforces other {} than it should", cursor.revision, kinds.join(", "));
        (!kinds.is_empty()).then(|| NotApplied { what: "digest".to_owned(), why: why() })
    }

    fn lag(&self, cursor: &Cursor, concerning: &[(Revision, Timestamp)]) -> Lag {
        match self.past.place(cursor) {
            Place::Here => {
                let missing = concerning.partition_point(|(revision, _)| *revision <= cursor.revision);
                let missing = concerning.get(missing..).unwrap_or_default();
                Lag {
                    revisions: Some(missing.len() as u64),
                    since: missing.first().map(|(_, at)| *at),
                    is_ahead: false,
                }
            }
            place => Lag { revisions: None, since: None, is_ahead: place == Place::Ahead },
        }
    }
}

/// The digests of what services have to know, each made once for all who ask until it changes.
#[derive(Debug, Default)]
pub(super) struct Digests(Mutex<BTreeMap<ServiceId, (ServiceView, Digest)>>);

impl Digests {
    fn of(&self, past: &Past, service: &ServiceId) -> Digest {
        let view = past.view(service);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, digest)) = kept.get(service)
            && Arc::ptr_eq(&known.service, &view.service)
            && Arc::ptr_eq(&known.global, &view.global)
        {
            return *digest;
        }
        let digest = Digest::of(&view);
        kept.insert(service.clone(), (view, digest));
        digest
    }

    /// Keeps nothing of services that are not there any more.
    pub(super) fn sweep(&self, is_there: impl Fn(&ServiceId) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|service, _| is_there(service));
    }
}

impl Instance {
    /// Whether it can say what it enforces. One of which only that is known can.
    pub(super) fn confirms(&self) -> bool {
        self.connection.as_ref().is_none_or(|connection| connection.confirms)
    }

    /// It ended in order, and has not come back since.
    pub(super) fn has_left(&self) -> bool {
        let Some(left) = self.said().filter(|said| said.left) else { return false };
        self.connection.as_ref().is_none_or(|connection| {
            // A process that has left does not come back; of one that does not say which it is, the clocks tell.
            (connection.process.is_some() && connection.process == left.process) || connection.since <= left.at
        })
    }
}

#[cfg(test)]
mod tests;
