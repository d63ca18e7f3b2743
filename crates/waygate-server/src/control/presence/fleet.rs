//! Who was there, kept where a start would forget it: so a node knows after its start who has yet to come back.
//!
//! Notes of a store that others share outlive a node, and say the same. Where they end with it, the names of all instances
//! are kept as one value of the side table, written when they become others, and not more often than once a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use waygate_api::instances::InstanceId;
use waygate_core::{Cursor, Epoch, ServiceId};
use waygate_store::{SideStore, SideValue, StoreError};

use super::record::{Connection, Delivered, Instance, Name};
use super::table::Table;
use super::{Inner, Presence, is_past};
use crate::clients::{About, Client};
use crate::clock;

/// The key of the value.
const KEY: &str = "fleet";
/// Between two times that it is written.
const PAUSE: Duration = Duration::from_secs(1);

/// What a node knows of instances from before its start.
#[derive(Debug)]
pub(super) struct Fleet {
    /// Those that were there are known.
    is_remembered: bool,
    /// Instances have come from a history that this one has taken the place of.
    follows_another: AtomicBool,
    changed: Notify,
}

/// All who can confirm and have not left: since when one is lost, nothing for one that is not.
type Roster = BTreeMap<ServiceId, BTreeMap<InstanceId, Option<Timestamp>>>;

impl Fleet {
    /// Reads who was there. Whoever was not lost counts as gone since the start of this node, so that there is time to come
    /// back before it is lost.
    pub(super) async fn load(
        side: &Arc<dyn SideStore>,
        node: &str,
        started: Timestamp,
    ) -> (Self, BTreeMap<Name, Instance>) {
        let fleet =
            |is_remembered| Self { is_remembered, follows_another: AtomicBool::new(false), changed: Notify::new() };
        if side.keeps_notes() {
            return (fleet(true), BTreeMap::new());
        }
        let kept = side.value(KEY, clock::now()).await.inspect_err(|error| {
            tracing::warn!(%error, "which instances were there cannot be read");
        });
        let roster = kept.ok().flatten().and_then(|text| serde_json::from_str::<Roster>(&text).ok());
        let is_remembered = roster.is_some();
        let instances = roster.unwrap_or_default().into_iter().flat_map(|(service, instances)| {
            instances.into_iter().map(move |(id, lost)| {
                let name = Name { service: service.clone(), id };
                (name, remembered(node, lost.unwrap_or(started)))
            })
        });
        (fleet(is_remembered), instances.collect())
    }

    pub(super) fn is_remembered(&self) -> bool {
        self.is_remembered
    }

    pub(super) fn follows_another(&self) -> bool {
        self.follows_another.load(Ordering::Relaxed)
    }

    /// Takes note of where an instance comes from.
    pub(super) fn note_history(&self, cursor: &Cursor, own: &Epoch) {
        if cursor.epoch != *own {
            self.follows_another.store(true, Ordering::Relaxed);
        }
    }

    /// Somebody has come or gone.
    pub(super) fn has_changed(&self) {
        self.changed.notify_one();
    }
}

/// Writes down who is there until the control plane ends.
pub(super) async fn keep(presence: Presence, ending: CancellationToken) {
    let Inner { side, fleet, .. } = &*presence.0;
    if side.keeps_notes() {
        return;
    }
    let (mut kept, mut is_over) = (None, false);
    // That nobody was there yet is to be known as well.
    fleet.has_changed();
    // What has changed last is written when it ends, too.
    while !is_over {
        is_over = ending.run_until_cancelled(fleet.changed.notified()).await.is_none();
        let roster = roster(&presence.table(), presence.0.liveness, clock::now());
        let text = serde_json::to_string(&roster).unwrap_or_default();
        if kept.as_ref() == Some(&text) {
            continue;
        }
        match write(side, &text).await {
            Ok(()) => kept = Some(text),
            Err(error) => {
                tracing::debug!(%error, "which instances are there cannot be written down; trying again");
                fleet.has_changed();
            }
        }
        ending.run_until_cancelled(sleep(PAUSE)).await;
    }
}

async fn write(side: &Arc<dyn SideStore>, text: &str) -> Result<(), StoreError> {
    let known = side.value(KEY, clock::now()).await?;
    // Nobody else writes it.
    side.swap(KEY, known.as_deref(), Some(SideValue::lasting(text)), clock::now()).await.map(drop)
}

fn roster(table: &Table, liveness: Duration, now: Timestamp) -> Roster {
    let mut roster = Roster::new();
    for (name, instance) in &table.own {
        if !instance.is_expected() {
            continue;
        }
        let lost = instance.last_known().filter(|known| !instance.here && is_past(*known, now, liveness));
        roster.entry(name.service.clone()).or_default().insert(name.id.clone(), lost);
    }
    roster
}

impl Instance {
    /// Whether it is to come back after a start of this node.
    pub(super) fn is_expected(&self) -> bool {
        self.confirms() && !self.has_left() && !self.was_forgotten()
    }
}

/// One of which only its name is known, and when it was last there.
fn remembered(node: &str, at: Timestamp) -> Instance {
    let connection = Connection {
        node: node.into(),
        number: 0,
        process: None,
        client: Client::Ours,
        confirms: true,
        about: About::default(),
        since: at,
        seen: at,
        ended: Some(at),
        delivered: Delivered::default(),
    };
    Instance { connection: Some(Arc::new(connection)), ..Instance::default() }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use waygate_api::instances::Acknowledgement;
    use waygate_store::MemoryStore;

    use super::super::{Arrival, LIVENESS};
    use super::*;
    use crate::control::ControlPlane;

    #[tokio::test]
    async fn g57_one_that_comes_back_after_it_has_left_is_written_down_at_once() {
        let control = ControlPlane::start(Arc::new(MemoryStore::new().unwrap())).await.unwrap();
        let presence = Presence::start(&control, LIVENESS).await;
        let (service, id): (ServiceId, InstanceId) = ("pay".parse().unwrap(), "pod".parse().unwrap());
        let join = || {
            presence.join(Arrival {
                service: service.clone(),
                id: Some(id.clone()),
                client: Client::Ours,
                about: About::default(),
                may_speak: true,
                process: None,
                resume: None,
            })
        };
        let say = |leaving| {
            let said = Acknowledgement {
                app_id: "pay".to_owned(),
                instance: id.clone(),
                process: None,
                sequence: None,
                cursor: None,
                digest: None,
                rejected: Vec::new(),
                leaving,
                shares: None,
            };
            assert!(presence.acknowledge(&service, said));
        };
        let has_changed = || presence.0.fleet.changed.notified().now_or_never().is_some();
        let streams = [join(), join()];
        assert!(has_changed());
        say(false);
        assert!(!has_changed(), "it was there already");
        drop(streams);
        say(true);
        assert!(has_changed());
        let _stream = join();
        assert!(has_changed(), "it is there again");
        say(true);
        assert!(has_changed());
        say(false);
        assert!(has_changed(), "it is there again, also without a stream");
    }
}
