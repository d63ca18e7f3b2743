//! The side table of a file store: kept over restarts, and harmless to lose.

use std::fs;
use std::time::Duration;

use waygate_core::Timestamp;
use waygate_store::{SideValue, Store};

use crate::directory::{Directory, commit};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

#[tokio::test]
async fn the_side_table_survives_a_restart() {
    let directory = Directory::new();
    let store = directory.open().await.unwrap();
    let side = store.side();
    assert!(side.swap("cursor", None, Some(SideValue::lasting("« 7 »")), NOW).await.unwrap());
    assert!(side.swap("lease", None, Some(SideValue::expiring("me", Duration::from_secs(9))), NOW).await.unwrap());
    drop((side, store));

    let store = directory.open().await.unwrap();
    let side = store.side();
    assert_eq!(side.value("cursor", NOW).await.unwrap().as_deref(), Some("« 7 »"));
    assert_eq!(side.value("lease", NOW).await.unwrap().as_deref(), Some("me"));
    assert_eq!(side.value("lease", NOW + Duration::from_secs(9)).await.unwrap(), None);
}

#[tokio::test]
async fn a_damaged_side_table_begins_anew_and_costs_nothing_else() {
    let directory = Directory::new();
    let store = directory.open().await.unwrap();
    let state = commit(&store, 1..=3).await;
    assert!(store.side().swap("cursor", None, Some(SideValue::lasting("7")), NOW).await.unwrap());
    drop(store);
    let side = directory.root().join("state.json.side");
    assert!(side.exists(), "the table lies beside the state");
    fs::File::create(&side).unwrap().set_len(3).unwrap();

    let store = directory.open().await.unwrap();
    assert_eq!(store.load().await.unwrap(), state);
    assert_eq!(store.side().value("cursor", NOW).await.unwrap(), None);
    assert!(store.side().swap("cursor", None, Some(SideValue::lasting("1")), NOW).await.unwrap());
}
