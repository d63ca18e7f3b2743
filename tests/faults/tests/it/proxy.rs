use std::time::Duration;

use faults::proxy::{Mode, Proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Long enough for anything that is to come; short enough for what never does.
const SOON: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that says everything again, behind a link.
async fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::to(listener.local_addr().unwrap().port()).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = client.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    proxy
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap()
}

async fn hears(client: &mut TcpStream, text: &str) {
    let mut heard = vec![0; text.len()];
    timeout(PATIENCE, client.read_exact(&mut heard)).await.unwrap().unwrap();
    assert_eq!(heard, text.as_bytes());
}

async fn hears_nothing(client: &mut TcpStream) {
    assert!(timeout(SOON, client.read_u8()).await.is_err());
}

#[tokio::test]
async fn a_link_passes_pauses_and_goes_on_where_it_was() {
    let proxy = echo().await;
    let mut client = connect(&proxy).await;
    client.write_all(b"one").await.unwrap();
    hears(&mut client, "one").await;
    proxy.set(Mode::Pause);
    client.write_all(b"two").await.unwrap();
    hears_nothing(&mut client).await;
    proxy.set(Mode::Pass);
    hears(&mut client, "two").await;
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn what_a_half_open_link_or_a_black_hole_has_lost_never_comes() {
    for mode in [Mode::HalfOpen, Mode::BlackHole] {
        let proxy = echo().await;
        let (mut before, mut idle) = (connect(&proxy).await, connect(&proxy).await);
        for client in [&mut before, &mut idle] {
            client.write_all(b"one").await.unwrap();
            hears(client, "one").await;
        }
        proxy.set(mode);
        let mut during = connect(&proxy).await;
        for client in [&mut before, &mut during] {
            client.write_all(b"lost").await.unwrap();
            hears_nothing(client).await;
        }
        proxy.set(Mode::Pass);
        for client in [&mut before, &mut during] {
            client.write_all(b"late").await.unwrap();
            hears_nothing(client).await;
        }
        for client in [&mut idle, &mut connect(&proxy).await] {
            client.write_all(b"two").await.unwrap();
            hears(client, "two").await;
        }
    }
}

#[tokio::test]
async fn a_reset_link_resets_old_connections_and_new_ones() {
    let proxy = echo().await;
    let mut client = connect(&proxy).await;
    client.write_all(b"one").await.unwrap();
    hears(&mut client, "one").await;
    proxy.set(Mode::Reset);
    let ended = timeout(PATIENCE, client.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(ended.kind(), std::io::ErrorKind::ConnectionReset);
    let mut client = connect(&proxy).await;
    assert!(timeout(PATIENCE, client.read_u8()).await.unwrap().is_err());
    proxy.set(Mode::Pass);
    let mut client = connect(&proxy).await;
    client.write_all(b"two").await.unwrap();
    hears(&mut client, "two").await;
}

#[tokio::test]
async fn a_trickling_link_brings_everything_slowly() {
    let proxy = echo().await;
    let mut client = connect(&proxy).await;
    proxy.set(Mode::Trickle);
    let text = "x".repeat(2000);
    let begun = tokio::time::Instant::now();
    client.write_all(text.as_bytes()).await.unwrap();
    hears(&mut client, &text).await;
    // 32 pieces each way, 20 ms apart.
    assert!(begun.elapsed() > Duration::from_millis(500), "{:?}", begun.elapsed());
}
