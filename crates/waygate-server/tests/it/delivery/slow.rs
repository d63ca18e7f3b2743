//! Readers that take nothing.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use waygate_core::{Cause, Command, Platform, Switch, Timestamp};
use waygate_server::StreamOptions;

use crate::helpers::{Follower, TestServer, eventually};

/// So many routes are switched at once, each with the longest reason: about 200 KB on the wire.
const ROUTES: usize = 100;
/// More than the system holds back for a connection that takes nothing.
const COMMITS: u64 = 60;

/// Switches every route at once, back and forth.
async fn switch_all(server: &TestServer, number: u64) -> u64 {
    let to = if number.is_multiple_of(2) { Switch::disable() } else { Switch::enable() };
    let command = |route: usize| Command::Route {
        route: format!("pay:GET:/r{route}").parse().unwrap(),
        to: to.clone(),
        reason: format!("{number:01999}"),
        expected: None,
    };
    let cause =
        Cause { actor: "ada".parse().unwrap(), platform: Platform::Api, at: Timestamp::UNIX_EPOCH, undoes: None };
    let all = Command::All((0..ROUTES).map(command).collect());
    server.control.execute(all, cause).await.unwrap().revision.0
}

#[tokio::test(flavor = "multi_thread")]
async fn g10_a_reader_that_takes_nothing_delays_nobody_and_loses_its_place() {
    let patience = Duration::from_millis(500);
    let options = StreamOptions { most: 2, write_timeout: patience, ..StreamOptions::default() };
    let server = TestServer::start_with(|server| server.streams(options)).await;
    let routes: Vec<String> = (0..ROUTES).map(|number| format!("GET:/r{number}")).collect();
    server.register("pay", &routes.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let service = server.sdk("pay").await;

    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stuck = socket.connect(server.address().parse().unwrap()).await.unwrap();
    let token = service.header("x-waygate-token");
    let request = format!("GET /api/sdk/stream?service=pay HTTP/1.1\r\nHost: x\r\nX-Waygate-Token: {token}\r\n\r\n");
    stuck.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    stuck.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");

    let mut follower = Follower::caught_up(&service, "pay").await;
    assert_eq!(service.get("/api/sdk/stream?service=pay").await.refusal(), (503, "too_many_streams"));
    let mut newest = 0;
    for number in 0..COMMITS {
        newest = switch_all(&server, number).await;
        // The one that reads has each at once, whatever the other does.
        follower.until(newest).await;
    }
    assert_eq!((follower.commits.len() as u64, follower.snapshots), (COMMITS, 1));
    assert_eq!(server.revision(), newest);

    // There is a place again once the stuck one is given up, and what it gets then is only what had been sent.
    eventually(async || service.open(reqwest::Method::GET, "/api/sdk/stream?service=pay", None).await.status() == 200)
        .await;
    let mut rest = Vec::new();
    let _ = stuck.read_to_end(&mut rest).await;
    let whole = COMMITS * ROUTES as u64 * 2000;
    assert!((rest.len() as u64) < whole / 2, "{} of {whole} bytes were held for it", rest.len());
}

/// One who reads slowly is given all the same: everything, in order, by way of a snapshot where it has fallen too far
/// behind.
#[tokio::test(flavor = "multi_thread")]
async fn g10_a_slow_reader_ends_where_the_server_is() {
    let server = TestServer::start().await;
    let routes: Vec<String> = (0..ROUTES).map(|number| format!("GET:/r{number}")).collect();
    server.register("pay", &routes.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut follower = Follower::caught_up(&server.sdk("pay").await, "pay").await;
    let mut newest = 0;
    for number in 0..20 {
        newest = switch_all(&server, number).await;
    }
    follower.until(newest).await;
    assert_eq!(follower.view, server.control.current().service_view(&"pay".parse().unwrap()));
}
