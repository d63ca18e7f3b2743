//! Telling other nodes what this one knows first hand, and reading what they tell.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use waygate_core::ServiceId;
use waygate_store::{SideValue, StoreError};

use super::record::{self, Connection, Instance, Name, Note, Part};
use super::table::{Table, Which};
use super::{Inner, KEPT, Presence, is_past};
use crate::clock;

/// How many notes go at once.
const BATCH: usize = 500;
/// How long to wait before trying again when the store does not take them.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the last notes may take.
const PARTING: Duration = Duration::from_millis(500);

/// Notes until the control plane ends: what is new at once, what is open from time to time.
pub(super) async fn run(presence: Presence, ending: CancellationToken) {
    let mut refresh = interval(presence.refresh());
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = presence.0.unsaid.notified() => {}
            _ = refresh.tick() => {
                presence.table().refresh();
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
        let taken = presence.table().take_unsaid();
        if taken.is_empty() {
            return Ok(());
        }
        let notes = taken.iter().filter_map(|(_, note)| note.clone()).collect();
        if let Err(error) = presence.0.side.note(notes, clock::now()).await {
            presence.table().unsaid.extend(taken.into_iter().map(|(what, _)| what));
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

    /// Says of every open stream that it is open, and forgets who has been gone for long.
    fn refresh(&mut self) {
        let now = clock::now();
        self.own.retain(|_, instance| {
            instance.here || instance.last_known().is_some_and(|known| !is_past(known, now, KEPT))
        });
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
    // What is gone without a trace is replaced by what is gone at once.
    let lifetime = if instance.is_forgotten() { Duration::from_millis(1) } else { KEPT };
    let key = record::key(name, &part);
    let text = serde_json::to_string(&Note { name: name.clone(), part }).ok()?;
    Some((key, SideValue::expiring(text, lifetime)))
}
