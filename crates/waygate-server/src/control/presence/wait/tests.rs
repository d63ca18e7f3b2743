use std::sync::Arc;

use waygate_core::{Lineage, Revision};
use waygate_store::MemoryStore;

use super::super::LIVENESS;
use super::*;
use crate::control::ControlPlane;

#[test]
fn g60_what_takes_long_to_read_is_read_seldom() {
    let quick = Duration::from_millis(1);
    let pauses = (0..20).scan(FIRST_PAUSE, |pause, _| {
        *pause = next_pause(*pause, quick);
        Some(*pause)
    });
    assert_eq!(pauses.last(), Some(LONGEST_PAUSE));
    assert_eq!(next_pause(LONGEST_PAUSE, Duration::from_secs(1)), Duration::from_secs(10));
}

/// The store has a change that this node was not told of yet: nothing that instances have said can be about it.
#[tokio::test]
async fn g57_what_this_node_has_not_seen_is_confirmed_by_nobody() {
    let control = ControlPlane::start(Arc::new(MemoryStore::new().unwrap())).await.unwrap();
    let presence = Presence::start(&control, LIVENESS).await;
    let (pay, here): (ServiceId, _) = ("pay".parse().unwrap(), control.current().cursor.clone());
    let change = Cursor { revision: Revision(1), lineage: Lineage(7), ..here.clone() };
    for (instance, cursor) in [("one", &here), ("two", &change)] {
        let said = serde_json::json!({"app_id": "pay", "instance": instance, "cursor": cursor});
        assert!(presence.acknowledge(&pay, serde_json::from_value(said).unwrap()));
    }
    let concerned = Concerned::Everyone;
    let (patience, ending) = (Duration::from_millis(60), CancellationToken::new());
    let told = presence.propagation(&change, &concerned, patience, &ending).await;
    assert_eq!((told.confirmed, told.total, told.unproven), (0, 2, Some(Unproven::Unseen)));
    let told = presence.propagation(&here, &concerned, patience, &ending).await;
    assert_eq!((told.confirmed, told.total, told.unproven), (1, 2, None), "the other is ahead of what is known");
    control.stop().await.unwrap();
}
