use waygate_core::Cursor;
use waygate_store::MemoryStore;

use super::table::MOST;
use super::*;

async fn presence() -> (ControlPlane, Presence) {
    let control = ControlPlane::start(Arc::new(MemoryStore::new().unwrap())).await.unwrap();
    let presence = Presence::start(&control, LIVENESS);
    (control, presence)
}

fn pay() -> ServiceId {
    "pay".parse().unwrap()
}

fn arrival(number: usize) -> Arrival {
    Arrival {
        service: pay(),
        id: Some(format!("pod-{number}").parse().unwrap()),
        client: Client::Ours,
        about: About::default(),
        may_speak: true,
        anew: false,
    }
}

fn said(number: usize, cursor: &Cursor) -> Acknowledgement {
    Acknowledgement {
        app_id: "pay".to_owned(),
        instance: format!("pod-{number}").parse().unwrap(),
        cursor: Some(cursor.clone()),
        digest: None,
        rejected: Vec::new(),
        leaving: false,
        shares: None,
    }
}

/// A store is not asked once for each sign of life: what waits goes together, and of one instance only the newest.
#[tokio::test]
async fn signs_of_life_of_many_are_noted_in_few_batches() {
    let (control, presence) = presence().await;
    let cursor = control.current().cursor.clone();
    for number in (0..1200).chain(0..1200) {
        assert!(presence.acknowledge(&pay(), said(number, &cursor)));
    }
    let take = || Some(presence.table().take_unsaid().len()).filter(|taken| *taken > 0);
    assert_eq!(std::iter::from_fn(take).collect::<Vec<_>>(), [500, 500, 200]);
    control.stop().await.unwrap();
}

#[tokio::test]
async fn only_so_many_are_kept_and_those_that_are_gone_make_room() {
    let (control, presence) = presence().await;
    let cursor = control.current().cursor.clone();
    let mut streams: Vec<Present> = (0..MOST).map(|number| presence.join(arrival(number))).collect();
    let late = presence.join(arrival(MOST));
    assert_eq!(late.place, None, "it has its stream, and is not listed");
    assert!(!presence.acknowledge(&pay(), said(MOST, &cursor)));
    assert!(presence.acknowledge(&pay(), said(7, &cursor)), "one that is known is heard");
    streams.pop();
    assert!(presence.acknowledge(&pay(), said(MOST, &cursor)));
    assert_eq!(presence.table().own.len(), MOST);
    control.stop().await.unwrap();
}

#[tokio::test]
async fn of_two_streams_of_one_instance_the_newer_counts() {
    let (control, presence) = presence().await;
    let (older, newer) = (presence.join(arrival(1)), presence.join(arrival(1)));
    drop(older);
    assert!(presence.instances(None).await[0].connected);
    drop(newer);
    assert!(!presence.instances(None).await[0].connected);
    control.stop().await.unwrap();
}
