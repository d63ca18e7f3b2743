//! Connections, and how they end.

use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::helpers::TestServer;

#[tokio::test]
async fn stopping_ends_streams_each_in_its_way_and_does_not_wait_for_anybody() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let service = server.sdk("pay").await;
    let mut frames = service.open(Method::GET, "/api/sdk/stream?service=pay", None).await;
    let mut events = service.open(Method::GET, "/api/sdk/events", None).await;
    frames.chunk().await.unwrap().unwrap();
    events.chunk().await.unwrap().unwrap();
    // One that says nothing, and one that never finishes its request.
    let idle = TcpStream::connect(server.address()).await.unwrap();
    let mut slow = TcpStream::connect(server.address()).await.unwrap();
    slow.write_all(b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{").await.unwrap();

    let begun = Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());

    let mut last = Vec::new();
    while let Some(chunk) = frames.chunk().await.expect("our frames end properly") {
        last = chunk.to_vec();
    }
    assert!(last.starts_with(b"event: goodbye"), "{}", String::from_utf8_lossy(&last));
    let broken = loop {
        match events.chunk().await {
            Ok(Some(_)) => {}
            end => break end.is_err(),
        }
    };
    assert!(broken, "the events ended properly");
    drop((idle, slow));
}

/// The reference's client repeats a complete refusal for ever.
#[tokio::test]
async fn g5_a_refused_event_stream_is_broken_off() {
    let server = TestServer::start().await;
    for path in ["/api/sdk/events", "/api/sdk/stream?service=pay"] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
        let mut text = vec![0; 4096];
        let mut length = 0;
        while let Ok(read @ 1..) = stream.read(&mut text[length..]).await {
            length += read;
            let so_far = String::from_utf8_lossy(&text[..length]);
            if path.contains("stream") && so_far.contains("\"code\"") {
                break;
            }
        }
        let answer = String::from_utf8_lossy(&text[..length]).to_lowercase();
        assert!(answer.starts_with("http/1.1 401"), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let announced: usize =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().trim().parse().unwrap();
        assert!(body.contains("\"code\":\"unauthorized\""), "{answer}");
        assert_eq!(announced > body.len(), path == "/api/sdk/events", "{answer}");
    }
}
