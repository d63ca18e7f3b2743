//! What one node knows of instances, and what of it others have not been told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use waygate_core::ServiceId;

use super::record::{self, Heard, Instance, Name};
use super::shares::Nudges;
use super::{KEPT, KEPT_LEFT, is_past};
use crate::clients::Client;

/// How many instances a node knows first hand. There is always room for those with a stream: the rest is less.
pub(super) const MOST: usize = 20_000;
/// How many it knows that have no stream here.
pub(super) const MOST_AWAY: usize = 10_000;
/// How many of those may be of one service.
pub(super) const MOST_OF_SERVICE: usize = 5000;
/// So many notes at the most wait to be taken back; those beyond are left to expire.
const MOST_GONE: usize = 10_000;
/// One part of so many of a service's is forgotten at once, so that they are not gone through for each that comes.
const LOT: usize = 8;
/// How long a service in which nothing was found to forget is believed to be full.
const FULL: Duration = Duration::from_secs(1);

/// What one node knows.
#[derive(Default)]
pub(super) struct Table {
    /// What this node knows first hand.
    pub(super) own: BTreeMap<Name, Instance>,
    /// How many of them each service has. What comes another way than by [`Table::has_room_for`] is counted from time to
    /// time.
    crowds: BTreeMap<ServiceId, Crowd>,
    /// What is not noted yet.
    pub(super) unsaid: BTreeSet<(Name, Which)>,
    /// The keys of notes that are to be taken back.
    pub(super) gone: BTreeSet<String>,
    /// What others had noted when it was read last; for when it cannot be.
    pub(super) others: BTreeMap<Name, Instance>,
    pub(super) nudges: Nudges,
    /// Whose streams are to begin anew.
    pub(super) renewals: BTreeSet<Name>,
    /// Counts the streams.
    pub(super) streams: u64,
    /// How many streams of each service there was no room for.
    pub(super) unlisted: BTreeMap<ServiceId, usize>,
}

#[derive(Debug, Default)]
struct Crowd {
    all: usize,
    with_stream: usize,
    full_until: Option<Instant>,
}

/// One of the parts of what is known of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Which {
    Connection,
    Heard,
    Forgotten,
}

impl Which {
    const ALL: [Self; 3] = [Self::Connection, Self::Heard, Self::Forgotten];
}

impl Table {
    /// One that knows of instances from before the start of its node.
    pub(super) fn remembering(own: BTreeMap<Name, Instance>) -> Self {
        let mut table = Self { own, ..Self::default() };
        table.count();
        table
    }

    /// Whether an instance can be taken in, with a stream here or without. Where its service has too many, those of it
    /// make room that have left or have not been heard of for `liveness`, the oldest first; never those of another.
    pub(super) fn has_room_for(&mut self, name: &Name, with_stream: bool, liveness: Duration, now: Timestamp) -> bool {
        if self.own.contains_key(name) {
            return true;
        }
        let has_room = |table: &Self| {
            let with_streams: usize = table.crowds.values().map(|crowd| crowd.with_stream).sum();
            let of_service =
                table.crowds.get(&name.service).map_or(0, |crowd| crowd.all.saturating_sub(crowd.with_stream));
            let away = table.own.len().saturating_sub(with_streams);
            table.own.len() < MOST && (with_stream || (away < MOST_AWAY && of_service < MOST_OF_SERVICE))
        };
        let is_taken = has_room(self) || {
            self.forget_some(&name.service, liveness, now);
            has_room(self)
        };
        if is_taken {
            self.crowds.entry(name.service.clone()).or_default().all += 1;
        }
        is_taken
    }

    /// Forgets some of a service's instances that are gone, and has the notes about them taken back.
    fn forget_some(&mut self, service: &ServiceId, liveness: Duration, now: Timestamp) {
        let Some(crowd) = self.crowds.get_mut(service) else { return };
        if crowd.full_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        // No id comes before it.
        let Ok(first) = "-".parse() else { return };
        let first = Name { service: service.clone(), id: first };
        let of_service = self.own.range(first..).take_while(|(name, _)| name.service == *service);
        let mut gone: Vec<(Option<Timestamp>, Name)> = of_service
            .filter(|(_, instance)| instance.is_gone(liveness, now))
            .map(|(name, instance)| (instance.last_known(), name.clone()))
            .collect();
        if gone.is_empty() {
            crowd.full_until = Some(Instant::now() + FULL);
        }
        gone.sort_unstable();
        let lot = gone.len().div_ceil(LOT).max(MOST_OF_SERVICE / LOT);
        for (_, name) in gone.into_iter().take(lot) {
            self.own.remove(&name);
            for which in Which::ALL {
                self.unsaid.remove(&(name.clone(), which));
                if self.gone.len() < MOST_GONE {
                    self.gone.insert(record::key(&name, which));
                }
            }
        }
        self.count();
    }

    /// Counts anew who there is.
    pub(super) fn count(&mut self) {
        for crowd in self.crowds.values_mut() {
            (crowd.all, crowd.with_stream) = (0, 0);
        }
        for (name, instance) in &self.own {
            if !self.crowds.contains_key(&name.service) {
                self.crowds.insert(name.service.clone(), Crowd::default());
            }
            if let Some(crowd) = self.crowds.get_mut(&name.service) {
                crowd.all += 1;
                crowd.with_stream += usize::from(instance.here);
            }
        }
        self.crowds.retain(|_, crowd| crowd.all > 0);
    }

    /// An instance has got its first stream here, or has lost its last one.
    pub(super) fn stream_changed(&mut self, service: &ServiceId, is_open: bool) {
        if let Some(crowd) = self.crowds.get_mut(service) {
            crowd.with_stream =
                if is_open { crowd.with_stream + 1 } else { crowd.with_stream.saturating_sub(1) }.min(crowd.all);
            crowd.full_until = None;
        }
    }

    /// Lets go of those that have been gone for long.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        self.own.retain(|_, instance| {
            instance.here || instance.last_known().is_some_and(|known| !is_past(known, now, instance.kept()))
        });
        self.count();
    }

    /// Takes down what an instance has said, unless something is known that it has said later.
    pub(super) fn hear(&mut self, name: &Name, heard: Heard) {
        if let Some(instance) = self.own.get_mut(name) {
            // Of what cannot be ordered, the last to come counts, whatever clocks say. Where the stream of one is by now that
            // is here is known first hand alone.
            let process = instance.process().filter(|_| instance.here);
            let is_late = |known: &Arc<Heard>| known.process.is_some() && !heard.replaces(known, process);
            if !instance.heard.as_ref().is_some_and(is_late) {
                if heard.left
                    && let Some(crowd) = self.crowds.get_mut(&name.service)
                {
                    crowd.full_until = None;
                }
                instance.heard = Some(Arc::new(heard));
                self.say(name, Which::Heard);
            }
        }
    }

    /// An instance begins again with less than it has said before.
    pub(super) fn lower(&mut self, name: &Name, heard: Heard) {
        if let Some(instance) = self.own.get_mut(name) {
            instance.heard = Some(Arc::new(heard));
            self.say(name, Which::Heard);
        }
    }

    pub(super) fn say(&mut self, name: &Name, which: Which) {
        self.unsaid.insert((name.clone(), which));
    }

    /// Whether the stream of an instance is one of ours: others are not asked to take everything twice.
    pub(super) fn can_begin_anew(&self, name: &Name) -> bool {
        let connection = self.own.get(name).filter(|own| own.here).and_then(|own| own.connection.as_ref());
        connection.is_some_and(|connection| matches!(connection.client, Client::Ours))
    }

    /// What is known of an instance from other nodes and first hand.
    pub(super) fn known(&self, name: &Name) -> Instance {
        let mut known = self.others.get(name).cloned().unwrap_or_default();
        if let Some(own) = self.own.get(name) {
            known.take_own(own);
        }
        known
    }
}

impl Instance {
    /// It has left, or was not heard of for so long, and has no stream here.
    fn is_gone(&self, liveness: Duration, now: Timestamp) -> bool {
        !self.here && (self.has_left() || self.last_known().is_none_or(|known| is_past(known, now, liveness)))
    }

    /// How long it is remembered once nothing more is heard of it.
    pub(super) fn kept(&self) -> Duration {
        if self.has_left() { KEPT_LEFT } else { KEPT }
    }
}
