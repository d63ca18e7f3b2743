//! What a change costs where there are many routes.

use std::fs;

use waygate_core::{Cause, Command, Declaration, Draft, Platform, State, Switch, Timestamp, plan};
use waygate_store::{RedisOptions, RedisStore, Store};

use crate::directory::Directory;
use crate::redis::{Server, is_available};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn drafted(state: &State, command: &Command, number: u64) -> Draft {
    let cause = Cause { actor: "ada".parse().unwrap(), platform: Platform::Cli, at: NOW, undoes: None };
    let records = plan(state, command, NOW).unwrap().records;
    assert!(!records.is_empty());
    Draft { id: format!("draft-{number:016}").try_into().unwrap(), cause, records }
}

/// Registers so many routes of one service, as one commit.
async fn register(store: &dyn Store, routes: usize) {
    let declared = |number| Declaration::active(format!("GET:/route/{number}").parse().unwrap());
    let routes = (0..routes).map(declared).collect();
    let command = Command::Register { service: "pay".parse().unwrap(), routes };
    let state = store.load().await.unwrap();
    let draft = drafted(&state, &command, 1);
    let commits = store.commit(&state.cursor, vec![draft]).await.unwrap();
    assert_eq!(commits.len(), 1);
}

/// Switches one route, the number-th time.
async fn switch(store: &dyn Store, number: u64) {
    let to = if number.is_multiple_of(2) { Switch::enable() } else { Switch::disable() };
    let route = "pay:GET:/route/0".parse().unwrap();
    let command = Command::Route { route, to, reason: "a reason".to_owned(), expected: None };
    let state = store.load().await.unwrap();
    let draft = drafted(&state, &command, 10 + number);
    store.commit(&state.cursor, vec![draft]).await.unwrap();
}

/// That a change where there are many costs about what it costs where there are few.
fn assert_alike(few: u64, many: u64) {
    assert!(
        few > 0 && many.abs_diff(few) <= few / 4,
        "{few} bytes where there are few routes, {many} where there are many"
    );
}

#[tokio::test]
async fn g27_a_change_is_as_small_among_thousands_of_routes_on_a_file() {
    let mut costs = Vec::new();
    for routes in [1, 3000] {
        let directory = Directory::new();
        let store = directory.open().await.unwrap();
        register(&store, routes).await;
        let written = || directory.content().values().map(|bytes| bytes.len() as u64).sum::<u64>();
        let document = fs::read(directory.state()).unwrap();
        let before = written();
        for number in 1..=8 {
            switch(&store, number).await;
        }
        costs.push(written() - before);
        assert!(fs::read(directory.state()).unwrap() == document, "the document is not written again for each");
    }
    assert_alike(costs[0], costs[1]);
}

#[tokio::test]
async fn g27_a_change_is_as_small_among_thousands_of_routes_on_redis() {
    if !is_available() {
        return;
    }
    let mut costs = Vec::new();
    for routes in [1, 3000] {
        let server = Server::start().await;
        let store = RedisStore::connect(&server.url(), RedisOptions::default()).await.unwrap();
        register(&store, routes).await;
        let received = async || {
            let stats = server.tell(&["INFO", "stats"]).await;
            let line = stats.lines().find_map(|line| line.strip_prefix("total_net_input_bytes:")).unwrap();
            line.trim().parse::<u64>().unwrap()
        };
        let before = received().await;
        for number in 1..=40 {
            switch(&store, number).await;
        }
        costs.push(received().await - before);
    }
    assert_alike(costs[0], costs[1]);
}
