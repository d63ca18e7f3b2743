//! Somebody who is told of changes.

use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// One request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) head: HeaderMap,
    pub(crate) text: Vec<u8>,
    pub(crate) body: Value,
}

/// An HTTP server that writes down what it gets, and answers as told. Ends with its value.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    messages: Mutex<Vec<Message>>,
    count: watch::Sender<usize>,
    /// What to answer next; then `200`.
    answers: Mutex<VecDeque<u16>>,
    /// Each answer takes one.
    permits: Semaphore,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), Semaphore::MAX_PERMITS).await
    }

    /// Answers nobody until it is released.
    pub(crate) async fn holding() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), 0).await
    }

    pub(crate) async fn at(address: SocketAddr, permits: usize) -> Self {
        let shared = Arc::new(Shared {
            messages: Mutex::default(),
            count: watch::Sender::new(0),
            answers: Mutex::default(),
            permits: Semaphore::new(permits),
        });
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(take).with_state(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, shared, serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook/secret-path", self.address)
    }

    pub(crate) fn answer(&self, statuses: impl IntoIterator<Item = u16>) {
        self.shared.answers.lock().unwrap().extend(statuses);
    }

    pub(crate) fn release(&self) {
        self.shared.permits.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// The messages, once there are so many.
    pub(crate) async fn messages(&self, count: usize) -> Vec<Message> {
        let mut counted = self.shared.count.subscribe();
        in_time(counted.wait_for(|there| *there >= count)).await.unwrap();
        self.shared.messages.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        *self.shared.count.borrow()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(shared): State<Arc<Shared>>, head: HeaderMap, text: Bytes) -> impl IntoResponse {
    let body = serde_json::from_slice(&text).unwrap_or_default();
    let status = {
        let mut messages = shared.messages.lock().unwrap();
        messages.push(Message { head, text: text.to_vec(), body });
        shared.answers.lock().unwrap().pop_front().unwrap_or(200)
    };
    shared.count.send_modify(|count| *count += 1);
    shared.permits.acquire().await.unwrap().forget();
    (StatusCode::from_u16(status).unwrap(), [("location", "/elsewhere")])
}

impl Message {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.head.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// Whether it is signed with a secret, as the Standard Webhooks specification says.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut digest = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        digest.update(format!("{}.{}.", self.id(), self.header("webhook-timestamp")).as_bytes());
        digest.update(&self.text);
        let signature = format!("v1,{}", STANDARD.encode(digest.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').any(|given| given == signature)
    }
}

/// Waits, but not for ever.
pub(crate) async fn in_time<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap()
}
