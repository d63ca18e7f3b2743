//! The side table of a file store: kept over restarts, and harmless to lose.

use std::fs;
use std::time::Duration;

use waygate_core::Timestamp;
use waygate_store::{SideValue, Store};

use crate::directory::{Directory, commit};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

#[tokio::test]
async fn the_side_table_survives_a_restart_and_a_lease_does_not_outlive_its_process() {
    let directory = Directory::new();
    let store = directory.open().await.unwrap();
    let side = store.side();
    assert!(side.swap("cursor", None, Some(SideValue::lasting("« 7 »")), NOW).await.unwrap());
    assert!(side.swap("lease", None, Some(SideValue::expiring("me", Duration::from_secs(9))), NOW).await.unwrap());
    assert!(side.swap("place", None, Some(SideValue::lasting("8")), NOW).await.unwrap());
    assert_eq!(side.value("lease", NOW).await.unwrap().as_deref(), Some("me"));
    assert_eq!(side.value("lease", NOW + Duration::from_secs(9)).await.unwrap(), None);
    drop((side, store));

    // Only one process at a time has the file: whoever held it is gone, whatever the clock says by now.
    let store = directory.open().await.unwrap();
    let side = store.side();
    let kept = side.values("", NOW).await.unwrap().into_iter().collect::<Vec<_>>();
    assert_eq!(kept, [("cursor", "« 7 »"), ("place", "8")].map(|(key, text)| (key.to_owned(), text.to_owned())));
}

#[tokio::test]
async fn a_lease_is_prolonged_without_writing() {
    let directory = Directory::new();
    let store = directory.open().await.unwrap();
    let (side, file) = (store.side(), directory.root().join("state.json.side"));
    let lease = || Some(SideValue::expiring("me", Duration::from_secs(9)));
    assert!(side.swap("lease", None, lease(), NOW).await.unwrap());
    assert!(side.swap("lease", Some("me"), lease(), NOW + Duration::from_secs(3)).await.unwrap());
    assert!(!file.exists());
    assert_eq!(side.value("lease", NOW + Duration::from_secs(11)).await.unwrap().as_deref(), Some("me"));
    assert!(side.swap("cursor", None, Some(SideValue::lasting("7")), NOW).await.unwrap());
    assert!(!fs::read_to_string(&file).unwrap().contains("lease"));
    assert!(side.swap("cursor", Some("7"), None, NOW).await.unwrap());
    assert!(!fs::read_to_string(&file).unwrap().contains("cursor"), "what is taken away is written");
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
