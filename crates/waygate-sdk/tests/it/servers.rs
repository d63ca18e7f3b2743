//! A control plane of several servers.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use waygate_sdk::api::client::{Client, ClientOptions};
use waygate_sdk::api::paths;
use waygate_sdk::{Phase, Waygate};
use waygate_server::Server;
use waygate_store::MemoryStore;

use crate::end_to_end::{ControlPlane, PATIENCE, QUICK, eventually_answers, payments, settings};
use crate::proxy::{Fault, Proxy};
use crate::script::eventually;

/// An address where nobody listens.
async fn nobody() -> String {
    let placeholder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    format!("http://{}", placeholder.local_addr().unwrap())
}

#[tokio::test]
async fn when_a_server_goes_the_next_one_is_followed_from_the_same_place() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let node = || Server::builder().backend(store.clone()).secret_key("one-secret-key-of-all-servers");
    let (first, second) = (ControlPlane::start_at(0, node()).await, ControlPlane::start_at(0, node()).await);
    let way = Proxy::before(first.address).await;
    let urls = format!("{}, {} ,http://{}", nobody().await, way.url, second.address);
    let pay = Waygate::builder(&urls, "pay").reconnect_delay(QUICK).start().unwrap();
    let app = payments(&pay);
    assert!(pay.ready(PATIENCE).await, "{:?}", pay.status());
    assert_eq!(pay.status().server.as_ref(), Some(&way.url));
    second.operator.disable("pay:/api/payments", "x").await.unwrap();
    eventually_answers(&app, "/api/payments", 503).await;

    way.set(Fault::Reset(0));
    second.operator.enable("pay:/api/payments", "").await.unwrap();
    eventually_answers(&app, "/api/payments", 200).await;
    let at_second = Some(format!("http://{}", second.address));
    eventually("at the second", || pay.status().phase == Phase::Live && pay.status().server == at_second).await;
    pay.control().disable("/api/payments", "from within").await.unwrap();
    eventually_answers(&app, "/api/payments", 503).await;

    way.set(Fault::None);
    second.stop().await;
    eventually("at the first again", || {
        pay.status().phase == Phase::Live && pay.status().server.as_ref() == Some(&way.url)
    })
    .await;
    pay.shutdown().await;
}

/// Somebody who writes down what is asked, and knows no logins and no streams.
async fn stranger() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let heard = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut buffer = vec![0; 16 * 1024];
            let read = client.read(&mut buffer).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&buffer[..read]).to_lowercase();
            let (status, body) = if request.starts_with("post /api/auth/login") {
                ("400 Bad Request", r#"{"error":"no logins here","code":"auth_not_configured"}"#)
            } else {
                ("503 Service Unavailable", r#"{"error":"not now","code":"unavailable"}"#)
            };
            heard.lock().unwrap().push(request);
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = client.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    (url, asked)
}

#[tokio::test]
async fn g47_a_token_goes_to_the_server_that_issued_it_and_to_no_other() {
    let guarded = || settings().auth(("admin", "secret")).secret_key("one-secret-key-of-the-server");
    let server = ControlPlane::start_at(0, guarded()).await;
    let (elsewhere, asked) = stranger().await;
    let own = format!("http://{}", server.address);
    let pay = Waygate::builder("http://replaced.invalid", "pay")
        .servers([own.as_str(), &elsewhere])
        .credentials("admin", "secret")
        .reconnect_delay(QUICK)
        .start()
        .unwrap();
    let app = payments(&pay);
    assert!(pay.ready(PATIENCE).await, "{:?}", pay.status());
    let port = server.stop().await;
    let has_streamed = || asked.lock().unwrap().iter().any(|request| request.starts_with("get /api/sdk/stream"));
    eventually("the other one is asked", has_streamed).await;
    {
        let asked = asked.lock().unwrap();
        assert!(asked.iter().all(|request| !request.contains("x-waygate-token") && !request.contains("authorization")));
        let resumed = asked.iter().filter(|request| request.starts_with("get /api/sdk/stream"));
        assert!(resumed.clone().all(|request| request.contains("last-event-id: ")), "{asked:?}");
    }
    let server = ControlPlane::start_at(port, guarded()).await;
    assert!(pay.ready(PATIENCE).await, "{:?}", pay.status());
    server.operator.disable("pay:/api/payments", "x").await.unwrap();
    eventually_answers(&app, "/api/payments", 503).await;
    pay.shutdown().await;
    server.stop().await;
}

#[tokio::test]
async fn g4_who_polls_says_where_it_stands_so_that_no_server_takes_it_back() {
    let (url, asked) = stranger().await;
    let client = Client::new(url.parse().unwrap(), &ClientOptions::default()).unwrap();
    client.document(paths::SNAPSHOT, &[("service", "pay")], None, Some("abc:7:0a")).await.unwrap_err();
    let asked = asked.lock().unwrap().concat();
    assert!(
        asked.starts_with("get /api/sdk/snapshot?service=pay ") && asked.contains("last-event-id: abc:7:0a\r\n"),
        "{asked}"
    );
}

#[tokio::test]
async fn lists_of_servers_that_cannot_work_are_refused_at_the_start() {
    let message = |urls: &str| Waygate::builder(urls, "pay").start().unwrap_err().to_string();
    assert!(message("http://a,localhost:9000").contains("localhost:9000"));
    assert!(message("http://a,,http://b").contains("URL"));
    let none = Waygate::builder("http://a", "pay").servers([]).start().unwrap_err().to_string();
    assert!(none.contains("at least one"), "{none}");
}
