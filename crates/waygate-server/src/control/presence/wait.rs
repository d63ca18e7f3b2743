//! Waiting until a change is in force where it counts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use waygate_api::instances::{Laggard, Propagation, Unproven};
use waygate_core::{Cursor, ServiceId, State};

use super::Presence;
use super::publish::{Notes, NotesRead};
use super::record::{Instance, Name};
use super::standing::Measure;
use crate::clock;
use crate::control::Concerned;
use crate::control::feed::{Newest, Past, Place};

/// How often the notes of other nodes are read while somebody waits: at first, and at the least.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// Reading them may take one part in so many of the time.
const SHARE: u32 = 10;
/// How long the first reading may take, also where nobody wants to wait.
const FIRST_READING: Duration = Duration::from_secs(1);
/// How many are named.
const MOST_NAMED: usize = 100;
/// For so long after its start a node takes services that were there before it to have more instances than it has seen
/// or remembers: they come back within the pause of the SDK, which is 5 seconds unless set.
const RETURN: Duration = Duration::from_secs(10);

/// A change to wait for.
struct Awaited<'c> {
    change: Cursor,
    concerned: &'c Concerned,
    /// Where the change was found, and what had concerned services until then.
    found: Option<Found>,
}

struct Found {
    /// Of the history in memory: while that is continued, the change is a part of it, however long ago.
    generation: u64,
    newest: Newest,
}

/// How a history stands to a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    /// It is a part of it.
    Shown,
    /// That is not known.
    Unseen,
    /// Another change is in its place.
    Vanished,
}

/// How far a change has come.
struct Count<'k> {
    sight: Sight,
    confirmed: usize,
    unconfirmed: usize,
    lost: Vec<(&'k Name, &'k Instance)>,
    laggards: Vec<(&'k Name, &'k Instance)>,
    absent: Absent,
    /// Waiting longer can change nothing.
    is_settled: bool,
}

/// Who should have confirmed a change and is not there.
#[derive(Default)]
struct Absent {
    services: Vec<ServiceId>,
    unproven: Option<Unproven>,
}

impl Presence {
    /// Waits until every instance of the services concerned enforces a change or has said that it cannot, but not
    /// longer than `patience` or `ending`; then tells how far it has come. `change` is where history stood with it.
    pub(crate) async fn propagation(
        &self,
        change: &Cursor,
        concerned: &Concerned,
        patience: Duration,
        ending: &CancellationToken,
    ) -> Propagation {
        let begin = Instant::now();
        let (mut learnt, mut moved) = (self.0.learnt.subscribe(), self.0.control.changed());
        let mut awaited = Awaited { change: change.clone(), concerned, found: None };
        let (mut notes, mut pause, mut has_read): (Option<Notes>, _, _) = (None, FIRST_PAUSE, false);
        let mut reading = Box::pin(self.read_at(concerned.only(), begin, pause));
        loop {
            learnt.mark_unchanged();
            moved.mark_unchanged();
            let others = notes.as_deref().cloned().unwrap_or_else(|| self.read_last(concerned.only()));
            let known = self.with_own(others, |service| concerned.includes(service));
            let (past, state) = (self.0.control.feed().past(), self.0.control.current());
            let count = awaited.count(&self.measure(&past), &known, &state);
            let unsettled = self.unsettled(concerned);
            let end = begin + if has_read { patience } else { patience.max(FIRST_READING) };
            let is_over = Instant::now() >= end || ending.is_cancelled();
            if is_over || (count.is_settled && notes.is_some() && unsettled.is_none()) {
                let mut told = awaited.told(&self.measure(&past), &count);
                let is_incomplete = notes.is_none() || unsettled.is_some() || self.leaves_out(concerned);
                told.unproven = told.unproven.or(is_incomplete.then_some(Unproven::Incomplete));
                told.settled_in_ms = unsettled.map(milliseconds);
                told.waited_ms = milliseconds(begin.elapsed());
                return told;
            }
            let is_shown = count.sight == Sight::Shown;
            tokio::select! {
                // The senders live as long as this handle.
                _ = learnt.changed() => {}
                _ = moved.changed(), if !is_shown => {}
                NotesRead { notes: read, took } = &mut reading => {
                    has_read = true;
                    notes = read.or(notes);
                    pause = next_pause(pause, took);
                    reading = Box::pin(self.read_at(concerned.only(), Instant::now() + pause, pause));
                }
                () = sleep_until(end) => {}
                () = ending.cancelled() => {}
            }
        }
    }

    /// Reads the notes at a time, or takes what somebody else has read not long before it.
    async fn read_at(&self, service: Option<&ServiceId>, at: Instant, pause: Duration) -> NotesRead {
        sleep_until(at).await;
        self.read_since(service, at.checked_sub(pause / 2).unwrap_or(at)).await
    }

    /// For how much longer instances of the services may come back that this node, which has started lately, neither has
    /// seen nor remembers.
    fn unsettled(&self, concerned: &Concerned) -> Option<Duration> {
        let fleet = &self.0.fleet;
        let knows_some = self.0.known_before.iter().any(|service| concerned.includes(service));
        let lasts = if fleet.follows_another() || (knows_some && !fleet.is_remembered()) {
            // Whoever is there and is not known of is lost after that.
            RETURN.max(self.0.liveness)
        } else if knows_some {
            RETURN
        } else {
            return None;
        };
        let age = Duration::try_from(clock::now().duration_since(self.0.control.started())).unwrap_or_default();
        lasts.checked_sub(age).filter(|left| !left.is_zero())
    }

    /// Whether there are instances of the services that are not kept account of.
    fn leaves_out(&self, concerned: &Concerned) -> bool {
        self.table().unlisted.keys().any(|service| concerned.includes(service))
    }
}

impl Awaited<'_> {
    fn look(&mut self, past: &Past) -> Sight {
        match past.place(&self.change) {
            Place::Here => {
                if self.found.as_ref().is_none_or(|found| found.generation != past.generation()) {
                    let newest = past.newest_until(self.change.revision);
                    self.found = Some(Found { generation: past.generation(), newest });
                }
                Sight::Shown
            }
            Place::Ahead => Sight::Unseen,
            // History has gone on for so long that the change is not kept any more.
            Place::Elsewhere if self.found.as_ref().is_some_and(|found| found.generation == past.generation()) => {
                Sight::Shown
            }
            Place::Elsewhere
                if self.change.epoch == past.head().epoch && self.change.revision < past.floor().revision =>
            {
                Sight::Unseen
            }
            Place::Elsewhere => Sight::Vanished,
        }
    }

    fn count<'k>(&mut self, measure: &Measure<'_>, known: &'k BTreeMap<Name, Instance>, state: &State) -> Count<'k> {
        let sight = self.look(measure.past);
        let mut count = Count {
            sight,
            confirmed: 0,
            unconfirmed: 0,
            lost: Vec::new(),
            laggards: Vec::new(),
            absent: Absent::default(),
            is_settled: true,
        };
        let mut there: BTreeSet<&ServiceId> = BTreeSet::new();
        for (name, instance) in known.iter().filter(|(name, _)| self.concerned.includes(&name.service)) {
            if instance.has_left() || instance.was_forgotten() {
                continue;
            }
            if !instance.confirms() {
                if instance.is_open(measure.now, measure.stale) {
                    count.unconfirmed += 1;
                    there.insert(&name.service);
                }
                continue;
            }
            if measure.is_lost(instance) {
                count.lost.push((name, instance));
                continue;
            }
            there.insert(&name.service);
            let has_come = sight == Sight::Shown && self.has_reached(measure.past, name, instance);
            let refuses = instance.said().is_some_and(|said| !said.rejected.is_empty());
            let differs = has_come && measure.difference(name, instance).is_some();
            if has_come && !refuses && !differs {
                count.confirmed += 1;
                continue;
            }
            count.is_settled &= has_come && !differs;
            count.laggards.push((name, instance));
        }
        count.absent = self.absent(&there, state);
        count.is_settled = match sight {
            Sight::Shown => count.is_settled && count.absent.unproven != Some(Unproven::Absent),
            Sight::Unseen => false,
            Sight::Vanished => true,
        };
        count
    }

    /// The services concerned that have nobody there. Of one without routes no instance has ever come.
    fn absent(&self, there: &BTreeSet<&ServiceId>, state: &State) -> Absent {
        let has_run = |service: &ServiceId| state.services.get(service).is_some_and(|known| !known.routes.is_empty());
        let is_absent = |service: &&ServiceId| !there.contains(service);
        let services: Vec<ServiceId> = match self.concerned {
            Concerned::Everyone => {
                state.services.keys().filter(is_absent).filter(|name| has_run(name)).cloned().collect()
            }
            Concerned::Services(named) => {
                named.iter().filter(is_absent).filter(|name| state.services.contains_key(*name)).cloned().collect()
            }
        };
        let is_nobody = there.is_empty() && *self.concerned == Concerned::Everyone;
        let unproven = match services.is_empty() {
            true if is_nobody => Some(Unproven::Unheard),
            true => None,
            false if services.iter().any(has_run) => Some(Unproven::Absent),
            false => Some(Unproven::Unheard),
        };
        Absent { services, unproven }
    }

    /// Whether an instance stands at a place of this history at which it enforces what the change has made.
    fn has_reached(&self, past: &Past, name: &Name, instance: &Instance) -> bool {
        let Some(found) = &self.found else { return false };
        let cursor = instance.said().and_then(|said| said.cursor.as_ref());
        cursor.is_some_and(|cursor| {
            past.place(cursor) == Place::Here && found.newest.of(&name.service) <= cursor.revision
        })
    }

    fn told(&self, measure: &Measure<'_>, count: &Count<'_>) -> Propagation {
        let mut concerning: BTreeMap<ServiceId, Vec<_>> = BTreeMap::new();
        let mut named = |all: &[(&Name, &Instance)]| -> Vec<Laggard> {
            let named = all.iter().take(MOST_NAMED).filter_map(|(name, instance)| {
                let service = &name.service;
                let concerning = concerning.entry(service.clone()).or_insert_with(|| measure.past.concerning(service));
                let view = measure.view(name, instance, concerning)?;
                let (service, instance) = (view.service, view.id);
                Some(Laggard { service, instance, applied: view.applied, state: view.state, rejected: view.rejected })
            });
            named.collect()
        };
        let (laggards, lost_instances) = (named(&count.laggards), named(&count.lost));
        Propagation {
            revision: self.change.revision,
            confirmed: count.confirmed,
            total: count.confirmed + count.laggards.len(),
            unconfirmed: count.unconfirmed,
            lost: count.lost.len(),
            waited_ms: 0,
            unproven: match count.sight {
                Sight::Shown => count.absent.unproven,
                Sight::Unseen => Some(Unproven::Unseen),
                Sight::Vanished => Some(Unproven::Vanished),
            },
            laggards,
            absent: count.absent.services.iter().take(MOST_NAMED).map(ToString::to_string).collect(),
            lost_instances,
            settled_in_ms: None,
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The more often it was read the seldomer, within bounds; but what takes long must not be asked for all the time.
fn next_pause(pause: Duration, took: Duration) -> Duration {
    (pause * 3 / 2).min(LONGEST_PAUSE).max(took * SHARE)
}

#[cfg(test)]
mod tests;
