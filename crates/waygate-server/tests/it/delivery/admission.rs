//! Crowds.

use std::sync::Arc;

use reqwest::Method;
use tokio::task::JoinSet;
use waygate_server::StreamOptions;

use super::switch;
use crate::helpers::{Follower, TestServer, eventually};

#[tokio::test]
async fn beyond_the_most_streams_clients_are_asked_to_come_back_at_times_of_their_own() {
    let options = StreamOptions { most: 3, ..StreamOptions::default() };
    let server = TestServer::start_with(|server| server.streams(options)).await;
    let service = server.sdk("pay").await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(Follower::caught_up(&service, "pay").await);
    }
    let mut times = Vec::new();
    for _ in 0..20 {
        let answer = service.get("/api/sdk/stream?service=pay").await;
        assert_eq!(answer.refusal(), (503, "too_many_streams"));
        times.push(answer.header("retry-after").unwrap().parse::<u64>().unwrap());
    }
    assert!(times.iter().all(|seconds| (5..=15).contains(seconds)), "{times:?}");
    assert!(times.iter().any(|seconds| *seconds != times[0]), "{times:?}");
    // The reference's stream counts too, and its refusal is broken off.
    let refused = service.open(Method::GET, "/api/sdk/events", None).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.bytes().await.is_err());
    // Everything else goes on.
    assert_eq!(service.get("/api/sdk/snapshot?service=pay").await.status, 200);

    drop(open.pop());
    eventually(async || service.open(Method::GET, "/api/sdk/stream?service=pay", None).await.status() == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_comes_at_once_is_served_while_changes_go_on() {
    let server = TestServer::start().await;
    let routes: Vec<String> = (0..200).map(|number| format!("GET:/r{number}")).collect();
    server.register("pay", &routes.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (admin, service) = (server.admin().await, Arc::new(server.sdk("pay").await));
    let mut crowd = JoinSet::new();
    for _ in 0..150 {
        let service = service.clone();
        crowd.spawn(async move { Follower::caught_up(&service, "pay").await });
    }
    let mut newest = 0;
    for number in 0..20 {
        newest = switch(&admin, "pay:GET:/r7", if number % 2 == 0 { "disable" } else { "enable" }).await;
    }
    let expected = server.control.current().service_view(&"pay".parse().unwrap());
    let mut served = 0;
    while let Some(follower) = crowd.join_next().await {
        let mut follower = follower.unwrap();
        follower.until(newest).await;
        assert_eq!((&follower.view, follower.snapshots), (&expected, 1));
        served += 1;
    }
    assert_eq!(served, 150);
}

/// Where the queue is full, a connection is not refused but tries again after a second, then after two, four, eight.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_crowd_that_comes_while_the_server_is_busy_waits_in_its_queue() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let address: std::net::SocketAddr = server.address().parse().unwrap();
    let at_most = std::time::Duration::from_millis(900);
    // The server runs on this thread: while they come it accepts nobody.
    let crowd: Vec<_> = (0..1500).map(|_| std::net::TcpStream::connect_timeout(&address, at_most)).collect();
    let away = crowd.iter().filter(|come| come.is_err()).count();
    assert_eq!(away, 0, "of 1500 so many found no place");
}
