//! Who is there: instances of services, the streams that they have, and what they say that they enforce.
//!
//! A node keeps first hand what it sees itself: the streams that are open at it, and the acknowledgements that have
//! come to it, be the stream elsewhere. It notes both in the store's side table, in batches, and reads there what other
//! nodes have noted; so every node gives the same answer, and losing the notes costs nothing but until the next sign of
//! life. Nothing here is ever waited for by a stream, a request or the writer.

mod arrivals;
mod fleet;
mod forget;
mod present;
mod publish;
mod record;
mod shares;
mod standing;
mod stays;
mod table;
mod unable;
mod wait;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};
use waygate_api::instances::{Acknowledgement, InstanceView};
use waygate_core::{Revision, ServiceId};
use waygate_store::SideStore;

pub(crate) use self::forget::NotForgotten;
pub(crate) use self::present::{Arrival, Present};
pub(crate) use self::record::Name;
use self::record::{Heard, Instance};
use self::standing::Measure;
pub(crate) use self::stays::Stay;
use self::table::Table;
use crate::clock;
use crate::control::ControlPlane;
use crate::control::feed::Past;

/// After so long without a sign of life an instance counts as lost, unless set: two of its heartbeats are missing then.
pub(crate) const LIVENESS: Duration = Duration::from_secs(32);
/// An instance is asked for a sign of life at least so often.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A node says at least so often that its streams are open.
const REFRESH: Duration = Duration::from_secs(10);
/// How long those that are gone are remembered.
const KEPT: Duration = Duration::from_hours(24);
/// How long those that have left in order are: nobody misses them, and each start may have a name of its own.
const KEPT_LEFT: Duration = Duration::from_hours(1);

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Presence(Arc<Inner>);

struct Inner {
    control: ControlPlane,
    side: Arc<dyn SideStore>,
    /// Tells this node's notes from others'.
    node: Arc<str>,
    liveness: Duration,
    table: Mutex<Table>,
    /// Moves with everything that is learnt here.
    learnt: watch::Sender<u64>,
    /// Something is to be noted.
    unsaid: Notify,
    /// Held while this node changes who has which share of divided limits.
    dividing: tokio::sync::Mutex<()>,
    arrivals: arrivals::Arrivals,
    stays: stays::Stays,
    reader: publish::Reader,
    digests: standing::Digests,
    /// Services that had registered routes before this node was started.
    known_before: BTreeSet<ServiceId>,
    fleet: fleet::Fleet,
}

impl Presence {
    pub(crate) async fn start(control: &ControlPlane, liveness: Duration) -> Self {
        let node = format!("{:016x}", getrandom::u64().unwrap_or_default());
        let state = control.current();
        let known = state.services.iter().filter(|(_, service)| !service.routes.is_empty());
        let (fleet, remembered) = fleet::Fleet::load(&control.side(), &node, control.started()).await;
        let inner = Inner {
            control: control.clone(),
            side: control.side(),
            node: node.into(),
            liveness,
            table: Mutex::new(Table::remembering(remembered)),
            learnt: watch::Sender::new(0),
            unsaid: Notify::new(),
            dividing: tokio::sync::Mutex::default(),
            arrivals: arrivals::Arrivals::default(),
            stays: stays::Stays::default(),
            reader: publish::Reader::default(),
            digests: standing::Digests::default(),
            known_before: known.map(|(service, _)| service.clone()).collect(),
            fleet,
        };
        let presence = Self(Arc::new(inner));
        control.spawn(|ending| publish::run(presence.clone(), ending));
        control.spawn(|ending| shares::watch(presence.clone(), ending));
        control.spawn(|ending| fleet::keep(presence.clone(), ending));
        presence
    }

    /// Takes down what an instance says that it enforces. Whether there was room for it.
    pub(crate) fn acknowledge(&self, service: &ServiceId, said: Acknowledgement) -> bool {
        let name = Name { service: service.clone(), id: said.instance };
        let mut table = self.table();
        let now = clock::now();
        if !table.has_room_for(&name, false, self.0.liveness, now) {
            return false;
        }
        let Acknowledgement { cursor, digest, rejected, leaving: left, process, sequence, .. } = said;
        if let Some(cursor) = &cursor {
            self.0.arrivals.note(&name, cursor.revision, now);
            self.0.fleet.note_history(cursor, &self.0.control.current().cursor.epoch);
        }
        if left || !table.own.get(&name).is_some_and(Instance::is_expected) {
            self.0.fleet.has_changed();
        }
        table.own.entry(name.clone()).or_default();
        table.hear(&name, Heard { at: now, cursor, digest, rejected, left, process, sequence });
        drop(table);
        self.tell();
        true
    }

    /// When an instance has first confirmed a revision, where this node has heard it not too long ago.
    pub(crate) fn confirmed_at(&self, instance: &InstanceView, revision: Revision) -> Option<Timestamp> {
        let (service, id) = (instance.service.parse().ok()?, instance.id.parse().ok()?);
        self.0.arrivals.first(&Name { service, id }, revision)
    }

    /// The revisions that an instance has confirmed lately at this node, and when, the newest first.
    pub(crate) fn confirmations(&self, instance: &InstanceView) -> Vec<(Revision, Timestamp)> {
        let (Ok(service), Ok(id)) = (instance.service.parse(), instance.id.parse()) else { return Vec::new() };
        self.0.arrivals.of(&Name { service, id })
    }

    /// The streams that an instance has had at this node lately, the newest first.
    pub(crate) fn stays(&self, instance: &InstanceView) -> Vec<Stay> {
        let (Ok(service), Ok(id)) = (instance.service.parse(), instance.id.parse()) else { return Vec::new() };
        self.0.stays.of(&Name { service, id })
    }

    /// After how long an instance is asked for the next sign of life.
    pub(crate) fn heartbeat(&self) -> Duration {
        // Two of them go into the time that a silent one counts as there.
        HEARTBEAT.min(self.0.liveness * 15 / 32)
    }

    /// Every instance that is known to any node, of one service or of all, in order.
    pub(crate) async fn instances(&self, service: Option<&ServiceId>) -> Vec<InstanceView> {
        let others = self.others(service).await;
        let past = self.0.control.feed().past();
        let measure = self.measure(&past);
        let mut views = Vec::new();
        let mut concerning = None;
        let known = self.with_own(others, |known| service.is_none_or(|only| only == known));
        for (name, instance) in known.into_iter().filter(|(_, instance)| !instance.was_forgotten()) {
            if concerning.as_ref().is_none_or(|(of, _)| *of != name.service) {
                concerning = Some((name.service.clone(), past.concerning(&name.service)));
            }
            let concerning = concerning.as_ref().map(|(_, commits)| commits.as_slice()).unwrap_or_default();
            views.extend(measure.view(&name, &instance, concerning));
        }
        views
    }

    /// What other nodes have noted; what they had noted before where the store does not answer.
    async fn others(&self, service: Option<&ServiceId>) -> BTreeMap<Name, Instance> {
        match publish::read(&self.0, service).await {
            Ok(others) => others,
            Err(error) => {
                tracing::debug!(%error, "what other nodes know of instances cannot be read");
                self.read_last(service)
            }
        }
    }

    fn measure<'m>(&'m self, past: &'m Past) -> Measure<'m> {
        let (liveness, stale, digests) = (self.0.liveness, self.stale(), &self.0.digests);
        Measure { past, now: clock::now(), liveness, stale, digests }
    }

    /// Keeps digests of services that there are alone.
    fn sweep_digests(&self) {
        let state = self.0.control.current();
        self.0.digests.sweep(|service| state.services.contains_key(service));
    }

    /// What others know with what this node knows, of services that are wanted.
    fn with_own(
        &self,
        others: BTreeMap<Name, Instance>,
        wanted: impl Fn(&ServiceId) -> bool,
    ) -> BTreeMap<Name, Instance> {
        let mut all = others;
        for (name, own) in self.table().own.iter().filter(|(name, _)| wanted(&name.service)) {
            all.entry(name.clone()).or_default().take_own(own);
        }
        all
    }

    /// After how long without a word of its node a stream does not count as open.
    fn stale(&self) -> Duration {
        self.refresh() * 3
    }

    fn refresh(&self) -> Duration {
        REFRESH.min(self.0.liveness / 3)
    }

    /// Follows everything that is learnt of instances here.
    pub(crate) fn learnt(&self) -> watch::Receiver<u64> {
        self.0.learnt.subscribe()
    }

    /// Wakes those who wait, and has what is unsaid noted.
    fn tell(&self) {
        self.0.learnt.send_modify(|count| *count += 1);
        self.0.unsaid.notify_one();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a time is longer ago than so long.
fn is_past(at: Timestamp, now: Timestamp, so_long: Duration) -> bool {
    SignedDuration::try_from(so_long).is_ok_and(|so_long| now.duration_since(at) > so_long)
}

#[cfg(test)]
mod tests;
