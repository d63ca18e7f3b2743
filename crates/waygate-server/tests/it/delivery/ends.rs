//! How streams end by the server's own will.

use std::time::Duration;

use reqwest::Method;
use waygate_api::stream::Frame;
use waygate_server::StreamOptions;

use super::switch;
use crate::helpers::{Follower, TestServer};

/// The last words of a stream, and how long they ask to stay away, in milliseconds.
async fn goodbye(follower: &mut Follower) -> (String, u64) {
    loop {
        if let Frame::Goodbye { reason, retry_after_ms } = follower.next().await.unwrap() {
            assert!(follower.next().await.is_none(), "the stream ends with its last words");
            return (reason, retry_after_ms);
        }
    }
}

#[tokio::test]
async fn a_stream_that_has_lived_its_time_ends_and_goes_on_where_it_was() {
    let options = StreamOptions { lifetime: Duration::from_millis(200), ..StreamOptions::default() };
    let server = TestServer::start_with(|server| server.streams(options)).await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let mut follower = Follower::open(&service, "pay").await;
    let mut made = Vec::new();
    for number in 0..6 {
        made.push(switch(&admin, "pay:GET:/a", if number % 2 == 0 { "disable" } else { "enable" }).await);
        let (reason, retry_after) = goodbye(&mut follower).await;
        assert!(reason.contains("lived its time"), "{reason}");
        assert!((500..=1000).contains(&retry_after), "{retry_after}");
        follower.resume(&service).await;
    }
    follower.until(made[5]).await;
    let told: Vec<u64> = follower.commits.iter().map(|cursor| cursor.revision.0).collect();
    assert_eq!(follower.snapshots, 1, "each stream went on after the one before");
    assert!(made.ends_with(&told) && told.len() >= 5, "{told:?} of {made:?}");
}

/// The reference's client repeats a proper end without a pause.
#[tokio::test]
async fn g5_the_reference_s_stream_is_broken_off_when_it_has_lived_its_time() {
    let options = StreamOptions { lifetime: Duration::from_millis(200), ..StreamOptions::default() };
    let server = TestServer::start_with(|server| server.streams(options)).await;
    let mut events = server.sdk("pay").await.open(Method::GET, "/api/sdk/events", None).await;
    let broken = loop {
        match events.chunk().await {
            Ok(Some(_)) => {}
            end => break end.is_err(),
        }
    };
    assert!(broken, "the events ended properly");
}

#[tokio::test]
async fn when_the_server_stops_each_client_is_told_a_time_of_its_own() {
    let server = TestServer::start().await;
    let service = server.sdk("pay").await;
    let mut followers = Vec::new();
    for _ in 0..50 {
        followers.push(Follower::caught_up(&service, "pay").await);
    }
    server.stop().await;
    let mut times = Vec::new();
    for follower in &mut followers {
        let (reason, retry_after) = goodbye(follower).await;
        assert!(reason.contains("stops"), "{reason}");
        assert!((500..=550).contains(&retry_after), "{retry_after}");
        times.push(retry_after);
    }
    times.sort_unstable();
    times.dedup();
    assert!(times.len() > 10, "{times:?}");
}
