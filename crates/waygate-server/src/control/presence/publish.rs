//! Telling other nodes what this one knows first hand, and reading what they tell.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use waygate_core::ServiceId;
use waygate_store::{SideValue, StoreError};

use super::record::{self, Connection, Instance, Name, Note, Part};
use super::table::{Table, Which};
use super::{Inner, Presence};
use crate::clock;

/// How many notes go at once.
const BATCH: usize = 500;
/// How long to wait before trying again when the store does not take them.
const PAUSE: Duration = Duration::from_secs(1);
/// The lifetime of a note that takes the place of one that is to be gone.
const AT_ONCE: Duration = Duration::from_millis(1);
/// How long the last notes may take.
const PARTING: Duration = Duration::from_millis(500);

/// What other nodes have noted.
pub(super) type Notes = Arc<BTreeMap<Name, Instance>>;

/// What came of a reading, and how long it was until there was one, waiting for one's turn included.
#[derive(Debug)]
pub(super) struct NotesRead {
    /// `None` where the store did not answer.
    pub(super) notes: Option<Notes>,
    pub(super) took: Duration,
}

/// Reads for those who wait: one after the other, and many who wait at once share what is read.
#[derive(Debug, Default)]
pub(super) struct Reader(Mutex<Option<Reading>>);

#[derive(Debug)]
struct Reading {
    service: Option<ServiceId>,
    begun: Instant,
    notes: Option<Notes>,
}

impl Presence {
    /// What is noted of a service, or of all, as it was read since a time by whomever.
    pub(super) async fn read_since(&self, service: Option<&ServiceId>, not_before: Instant) -> NotesRead {
        let asked = Instant::now();
        let mut kept = self.0.reader.0.lock().await;
        let is_fresh = |kept: &&Reading| kept.service.as_ref() == service && not_before <= kept.begun;
        let notes = if let Some(fresh) = kept.as_ref().filter(is_fresh) {
            fresh.notes.clone()
        } else {
            let begun = Instant::now();
            let notes = match read(&self.0, service).await {
                Ok(notes) => Some(Arc::new(notes)),
                Err(error) => {
                    tracing::debug!(%error, "what other nodes know of instances cannot be read");
                    None
                }
            };
            *kept = Some(Reading { service: service.cloned(), begun, notes: notes.clone() });
            notes
        };
        NotesRead { notes, took: asked.elapsed() }
    }

    /// What was read last of a service, or of all, when it could be.
    pub(super) fn read_last(&self, service: Option<&ServiceId>) -> BTreeMap<Name, Instance> {
        let table = self.table();
        let known = table.others.iter().filter(|(name, _)| service.is_none_or(|only| *only == name.service));
        known.map(|(name, instance)| (name.clone(), instance.clone())).collect()
    }
}

/// Notes until the control plane ends: what is new at once, what is open from time to time.
pub(super) async fn run(presence: Presence, ending: CancellationToken) {
    let mut refresh = interval(presence.refresh());
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = presence.0.unsaid.notified() => {}
            _ = refresh.tick() => {
                presence.table().refresh();
                presence.0.fleet.has_changed();
                presence.sweep_digests();
                if let Ok(others) = read(&presence.0, None).await {
                    presence.table().others = others;
                }
            }
            () = ending.cancelled() => {
                let _ = timeout(PARTING, say_all(&presence)).await;
                return;
            }
        }
        if let Err(error) = say_all(&presence).await {
            tracing::debug!(%error, "what is known of instances cannot be noted; trying again");
            ending.run_until_cancelled(sleep(PAUSE)).await;
            presence.0.unsaid.notify_one();
        }
    }
}

/// What is noted of a service, or of all.
pub(super) async fn read(inner: &Inner, service: Option<&ServiceId>) -> Result<BTreeMap<Name, Instance>, StoreError> {
    let notes = inner.side.noted(&record::prefix(service), clock::now()).await?;
    let mut instances: BTreeMap<Name, Instance> = BTreeMap::new();
    // A note that cannot be read is of a newer version, which will be told by its own nodes.
    for Note { name, part } in notes.values().filter_map(|text| serde_json::from_str(text).ok()) {
        instances.entry(name).or_default().take(part);
    }
    Ok(instances)
}

async fn say_all(presence: &Presence) -> Result<(), StoreError> {
    loop {
        let (taken, gone) = {
            let mut table = presence.table();
            (table.take_unsaid(), table.take_gone())
        };
        if taken.is_empty() && gone.is_empty() {
            return Ok(());
        }
        // What is gone without a trace is replaced by what is gone at once.
        let erased = gone.iter().map(|key| (key.clone(), SideValue::expiring("", AT_ONCE)));
        let notes = taken.iter().filter_map(|(_, note)| note.clone()).chain(erased).collect();
        if let Err(error) = presence.0.side.note(notes, clock::now()).await {
            let mut table = presence.table();
            let still_known: Vec<_> =
                taken.into_iter().map(|(what, _)| what).filter(|(name, _)| table.own.contains_key(name)).collect();
            table.unsaid.extend(still_known);
            table.gone.extend(gone);
            return Err(error);
        }
    }
}

pub(super) type Unsaid = ((Name, Which), Option<(String, SideValue)>);

impl Table {
    pub(super) fn take_unsaid(&mut self) -> Vec<Unsaid> {
        let mut taken = Vec::new();
        while taken.len() < BATCH {
            let Some((name, which)) = self.unsaid.pop_first() else { break };
            let note = self.own.get(&name).and_then(|instance| note(&name, instance, which));
            let nameless_is_gone = self.own.get(&name).is_some_and(Instance::is_forgotten);
            if nameless_is_gone {
                self.own.remove(&name);
            }
            taken.push(((name, which), note));
        }
        taken
    }

    fn take_gone(&mut self) -> Vec<String> {
        let mut taken = Vec::new();
        while taken.len() < BATCH
            && let Some(key) = self.gone.pop_first()
        {
            taken.push(key);
        }
        taken
    }

    /// Says of every open stream that it is open, and forgets who has been gone for long.
    fn refresh(&mut self) {
        self.sweep(clock::now());
        let open: Vec<Name> =
            self.own.iter().filter(|(_, instance)| instance.here).map(|(name, _)| name.clone()).collect();
        for name in open {
            self.say(&name, Which::Connection);
        }
    }
}

impl Instance {
    /// One without a name of its own is not known again when it comes back.
    fn is_forgotten(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.ended.is_some() && !connection.confirms)
    }
}

fn note(name: &Name, instance: &Instance, which: Which) -> Option<(String, SideValue)> {
    let part = match which {
        Which::Connection => {
            let connection = instance.connection.as_ref()?;
            let seen = if instance.here { clock::now() } else { connection.seen };
            Part::Connection(Arc::new(Connection { seen, ..Connection::clone(connection) }))
        }
        Which::Heard => Part::Heard(instance.heard.clone()?),
        Which::Forgotten => Part::Forgotten(instance.forgotten?),
    };
    let lifetime = if instance.is_forgotten() { AT_ONCE } else { instance.kept() };
    let key = record::key(name, which);
    let text = serde_json::to_string(&Note { name: name.clone(), part }).ok()?;
    Some((key, SideValue::expiring(text, lifetime)))
}
