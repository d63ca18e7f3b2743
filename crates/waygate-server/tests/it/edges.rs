//! TLS, and bounds on what a connection may take.

use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use waygate_server::{BuildError, Server, ServerBuilder};
use waygate_store::MemoryStore;

use crate::helpers::TestServer;

fn certificate() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn builder() -> ServerBuilder {
    Server::builder()
        .backend(std::sync::Arc::new(MemoryStore::new().unwrap()))
        .auth(("admin", "secret"))
        .secret_key("a stable key for tests")
}

#[tokio::test]
async fn the_server_speaks_tls_and_its_cookies_are_secure() {
    // Installs the provider for the client.
    drop(TestServer::open().await.anonymous());
    let (certificate, key) = certificate();
    let server = builder().tls(certificate.clone(), key).build().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(server.serve(listener, shutdown.clone().cancelled_owned()));
    let http = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap()])
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let url = format!("https://localhost:{port}");
    assert_eq!(http.get(format!("{url}/healthz")).send().await.unwrap().status(), 200);
    let form = "username=admin&password=secret";
    let login = http.post(format!("{url}/login")).header("content-type", "application/x-www-form-urlencoded");
    let answer = login.header("origin", &url).body(form).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-waygate_session=") && cookie.ends_with("; Secure"), "{cookie}");
    let login = r#"{"username": "admin", "password": "secret"}"#;
    let login = http.post(format!("{url}/api/auth/login")).header("content-type", "application/json").body(login);
    let login: serde_json::Value = serde_json::from_str(&login.send().await.unwrap().text().await.unwrap()).unwrap();
    let stream = http.get(format!("{url}/api/sdk/stream?service=pay"));
    let mut stream = stream.header("x-waygate-token", login["token"].as_str().unwrap()).send().await.unwrap();
    let mut told = String::new();
    while !told.contains("event: bookmark") {
        told.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
    }
    // Whoever speaks no TLS is not served, and does not hold up a stop.
    let mut plain = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answered = Vec::new();
    let _ = plain.read_to_end(&mut answered).await;
    assert!(!answered.starts_with(b"HTTP"), "{answered:?}");
    let _silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    shutdown.cancel();
    while let Some(chunk) = stream.chunk().await.expect("it ends properly") {
        told.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(told.contains("event: goodbye"), "{told}");
    tokio::time::timeout(Duration::from_secs(7), serving).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_refused_and_the_key_not_shown() {
    let ((certificate, key), (_, other)) = (certificate(), certificate());
    for (certificate, key, expected) in [
        (String::new(), key.clone(), "the certificate cannot be read"),
        (certificate.clone(), "secret".to_owned(), "the key cannot be read"),
        (certificate, other, "do not go together"),
    ] {
        let error = builder().tls(certificate, key.clone()).build().await.unwrap_err();
        assert!(matches!(error, BuildError::Tls(_)), "{error}");
        assert!(error.to_string().contains(expected) && !error.to_string().contains(&key), "{error}");
    }
}

#[tokio::test]
async fn a_connection_beyond_the_bound_waits_for_its_turn() {
    let server = TestServer::start_with(|server| server.max_connections(1)).await;
    let mut first = TcpStream::connect(server.address()).await.unwrap();
    let ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut answer = vec![0; 4096];
    first.write_all(ask).await.unwrap();
    assert!(first.read(&mut answer).await.unwrap() > 0);
    let mut second = TcpStream::connect(server.address()).await.unwrap();
    second.write_all(ask).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(200), second.read(&mut answer)).await;
    assert!(early.is_err(), "{early:?}");
    drop(first);
    assert!(second.read(&mut answer).await.unwrap() > 0);
}

/// Each instance of a service acknowledges over a connection that its client would keep.
#[tokio::test]
async fn connections_that_are_kept_do_not_hold_up_who_comes() {
    let server = TestServer::start_with(|server| server.max_connections(32)).await;
    let mut kept = Vec::new();
    for _ in 0..100 {
        let mut connection = TcpStream::connect(server.address()).await.unwrap();
        connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 4096];
        // Those that are kept would be closed for doing nothing after three times that.
        let read = tokio::time::timeout(Duration::from_secs(10), connection.read(&mut answer));
        let length = read.await.expect("a connection waits for others to end").unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..length]));
        kept.push(connection);
    }
}

#[tokio::test]
async fn a_head_beyond_the_bound_is_refused() {
    let server = TestServer::start().await;
    let long =
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: {}\r\n\r\n", "x".repeat(200_000));
    let lines: String = (0..101).fold(String::new(), |lines, number| lines + &format!("X-{number}: y\r\n"));
    let many = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n");
    for request in [long, many] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
    }
}
