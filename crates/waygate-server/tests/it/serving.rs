//! Connections, and how they end.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::helpers::{TestServer, route};

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

/// What a connection says in answer to a request, until something is in it; to its end for "".
async fn said(stream: &mut TcpStream, request: &str, until: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    let mut some = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut some).await {
        text.extend_from_slice(&some[..read]);
        if !until.is_empty() && String::from_utf8_lossy(&text).contains(until) {
            break;
        }
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn a_stream_comes_by_every_way_of_http_and_after_other_requests() {
    let server = TestServer::open().await;
    let service = server.anonymous();
    let body = json!({"app_id": "pay", "states": [{"path": "pay:GET:/a"}]});
    assert_eq!(service.post("/api/sdk/register", body).await.status, 200);
    let path = "/api/sdk/stream?service=pay";
    let get = |path: &str, version: &str| format!("GET {path} HTTP/{version}\r\nHost: localhost\r\n\r\n");

    let mut kept = TcpStream::connect(server.address()).await.unwrap();
    let well = said(&mut kept, &get("/healthz", "1.1"), "\r\n\r\n").await;
    assert!(well.starts_with("HTTP/1.1 200"), "{well}");
    let begun = said(&mut kept, &get(path, "1.1"), "event: bookmark").await.to_lowercase();
    assert!(begun.contains("transfer-encoding: chunked") && begun.contains("event: snapshot"), "{begun}");

    let mut old = TcpStream::connect(server.address()).await.unwrap();
    let begun = said(&mut old, &get(path, "1.0"), "event: bookmark").await.to_lowercase();
    assert!(begun.contains("event: snapshot") && !begun.contains("transfer-encoding"), "{begun}");

    let mut asking = TcpStream::connect(server.address()).await.unwrap();
    let head = format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let head = said(&mut asking, &head, "\r\n\r\n").await.to_lowercase();
    assert!(head.contains("text/event-stream") && head.ends_with("\r\n\r\n"), "{head}");
    let well = said(&mut asking, &get("/healthz", "1.1"), "\r\n\r\n").await;
    assert!(well.starts_with("HTTP/1.1 200"), "{well}");
    drop(asking);

    let switch = service.post(&route("pay:GET:/a", "disable"), json!({"reason": "why"})).await;
    assert_eq!(switch.status, 200);
    for stream in [&mut kept, &mut old] {
        assert!(said(stream, "", "event: commit").await.contains("disabled"));
    }
    let (ends, ()) =
        tokio::join!(async { (said(&mut kept, "", "").await, said(&mut old, "", "").await) }, server.stop());
    assert!(ends.0.contains("event: goodbye") && ends.0.ends_with("\r\n0\r\n\r\n"), "{}", ends.0);
    assert!(ends.1.contains("event: goodbye") && ends.1.ends_with("\n\n"), "{}", ends.1);
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
