//! What nodes that share a Redis tell each other of instances: how much of its one thread that takes.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use waygate_core::Timestamp;
use waygate_store::{SideValue, Store};

use crate::figure;

/// How many go at once, and how many there are in the end.
const BATCH: usize = 500;
const NOTES: usize = 50_000;
/// As long as one about a stream.
const LENGTH: usize = 400;

/// Leaves notes by the store's own way, and reads all of them; the time is what Redis has spent by its own word.
pub(crate) async fn measure(store: &dyn Store, connection: &mut MultiplexedConnection) {
    let (side, count) = (store.side(), f64::from(u32::try_from(NOTES).unwrap()));
    let before = spent(connection).await;
    for batch in 0..NOTES / BATCH {
        let note = |number: usize| {
            let key = format!("instances/bench/{:06}", batch * BATCH + number);
            (key, SideValue::expiring("x".repeat(LENGTH), Duration::from_mins(10)))
        };
        side.note((0..BATCH).map(note).collect(), Timestamp::now()).await.unwrap();
    }
    let noted = spent(connection).await;
    assert_eq!(side.noted("instances/bench/", Timestamp::now()).await.unwrap().len(), NOTES);
    let read = spent(connection).await;
    let (take, give) = ((noted - before) / count, (read - noted) / count);
    println!("redis, notes about instances: {take:.2} µs to take one, {give:.2} µs to give one back");
    figure("notes.take_us", take);
    figure("notes.give_us", give);
}

/// The microseconds that scripts have taken so far.
async fn spent(connection: &mut MultiplexedConnection) -> f64 {
    let told: String = redis::cmd("INFO").arg("commandstats").query_async(connection).await.unwrap();
    let of = |line: &str| line.split("usec=").nth(1)?.split(',').next()?.parse::<f64>().ok();
    told.lines().filter(|line| line.starts_with("cmdstat_eval")).filter_map(of).sum()
}
