use waygate_core::Cursor;
use waygate_store::MemoryStore;

use super::table::{MOST, MOST_OF_SERVICE};
use super::*;
use crate::clients::{About, Client};

async fn presence() -> (ControlPlane, Presence) {
    let control = ControlPlane::start(Arc::new(MemoryStore::new().unwrap())).await.unwrap();
    let presence = Presence::start(&control, LIVENESS).await;
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
        process: None,
        resume: None,
    }
}

fn said(number: usize, cursor: &Cursor) -> Acknowledgement {
    Acknowledgement {
        app_id: "pay".to_owned(),
        instance: format!("pod-{number}").parse().unwrap(),
        process: None,
        sequence: None,
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
    assert_eq!(presence.table().unlisted.get(&pay()), Some(&1), "which is known, so that nothing is proven");
    drop(late);
    assert_eq!(presence.table().unlisted.get(&pay()), None);
    assert!(presence.acknowledge(&pay(), Acknowledgement { leaving: true, ..said(MOST - 1, &cursor) }));
    streams.pop();
    assert!(presence.join(arrival(MOST)).place.is_some());
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

/// Whoever has the token of a service can name instances at will: the others are not to notice.
#[tokio::test]
async fn g60_names_of_one_service_take_no_room_from_others_and_leave_nothing_behind() {
    let (control, presence) = presence().await;
    let cursor = control.current().cursor.clone();
    let orders: ServiceId = "orders".parse().unwrap();
    assert!(presence.acknowledge(&orders, said(0, &cursor)));
    for number in 0..MOST_OF_SERVICE {
        assert!(presence.acknowledge(&pay(), said(number, &cursor)), "{number}");
    }
    for number in MOST_OF_SERVICE..MOST_OF_SERVICE + 100 {
        assert!(!presence.acknowledge(&pay(), said(number, &cursor)), "all of them are there");
    }
    assert!(presence.acknowledge(&pay(), said(7, &cursor)), "one that is known is heard");
    assert!(presence.acknowledge(&orders, said(1, &cursor)), "another service has its own room");
    let stream = presence.join(arrival(MOST_OF_SERVICE));
    assert!(stream.place.is_some(), "one with a stream is always listed");

    assert!(presence.acknowledge(&pay(), Acknowledgement { leaving: true, ..said(9, &cursor) }));
    assert!(presence.acknowledge(&pay(), said(MOST, &cursor)), "one has left");
    {
        let table = presence.table();
        let names: Vec<&str> = table.own.keys().map(|name| name.id.as_str()).collect();
        assert!(!names.contains(&"pod-9") && names.contains(&"pod-8"), "nobody who is there was forgotten");
        assert_eq!(table.own.keys().filter(|name| name.service == orders).count(), 2);
        let is_his = |key: &&String| key.starts_with("instances/pay/pod-9/");
        assert_eq!(table.gone.iter().filter(is_his).count(), 3, "the notes are taken back");
        assert!(!table.unsaid.iter().any(|(name, _)| name.id.as_str() == "pod-9"));
    }
    drop(stream);
    control.stop().await.unwrap();
}

/// The next start of an instance has its stream elsewhere, and its words come here.
#[tokio::test]
async fn words_of_a_later_start_are_taken_down_where_the_stream_of_an_earlier_one_was() {
    let (control, presence) = presence().await;
    let cursor = control.current().cursor.clone();
    let process = |name: &str| Some(name.parse().unwrap());
    let says =
        |name, sequence| Acknowledgement { process: process(name), sequence: Some(sequence), ..said(1, &cursor) };
    let earlier = presence.join(Arrival { process: process("first"), ..arrival(1) });
    assert!(presence.acknowledge(&pay(), says("first", 9)));
    let heard = || {
        let table = presence.table();
        let heard = table.own.values().next().unwrap().heard.clone().unwrap();
        (heard.process.clone(), heard.sequence)
    };
    assert!(presence.acknowledge(&pay(), says("second", 1)));
    assert_eq!(heard(), (process("first"), Some(9)), "of the stream that is here it is not");
    drop(earlier);
    assert!(presence.acknowledge(&pay(), says("second", 2)));
    assert_eq!(heard(), (process("second"), Some(2)));
    control.stop().await.unwrap();
}
