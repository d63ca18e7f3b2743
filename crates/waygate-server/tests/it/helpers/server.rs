//! A control plane on a port of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use waygate_server::{ControlPlane, Credentials, ServeError, Server, ServerBuilder};
use waygate_store::{MemoryStore, Store};

use crate::helpers::{Answer, Caller};

/// Stops with its value.
pub(crate) struct TestServer {
    url: String,
    /// How many logins it has written down for the callers that it gave away.
    logins: AtomicU64,
    pub(crate) control: ControlPlane,
    shutdown: CancellationToken,
    serving: JoinHandle<Result<(), ServeError>>,
}

impl TestServer {
    /// With the users `admin` (password `secret`) and `alice` (password `wonder`), in memory.
    pub(crate) async fn start() -> Self {
        Self::start_with(|server| server).await
    }

    /// Without authentication.
    pub(crate) async fn open() -> Self {
        Self::start_with(|server| server.auth(Credentials::none())).await
    }

    pub(crate) async fn start_with(settings: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        Self::start_on(Arc::new(MemoryStore::new().unwrap()), settings).await
    }

    pub(crate) async fn start_on(store: Arc<dyn Store>, settings: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        let builder = Server::builder()
            .backend(store)
            .auth([("admin", "secret"), ("alice", "wonder")])
            .secret_key("a stable key for tests");
        let server = settings(builder).build().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (control, shutdown) = (server.control(), CancellationToken::new());
        let serving = tokio::spawn(server.serve(listener, shutdown.clone().cancelled_owned()));
        Self { url, logins: AtomicU64::new(0), control, shutdown, serving }
    }

    /// Ends it as a signal does, and waits for it.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.serving.await.unwrap().unwrap();
    }

    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    pub(crate) fn anonymous(&self) -> Caller {
        Caller::new(&self.url)
    }

    pub(crate) async fn admin(&self) -> Caller {
        self.login("admin", "secret").await
    }

    /// A person, logged in.
    pub(crate) async fn login(&self, user: &str, password: &str) -> Caller {
        let body = json!({"username": user, "password": password});
        let answer = self.anonymous().post("/api/auth/login", body).await;
        self.logins.fetch_add(1, Ordering::Relaxed);
        self.anonymous().with("x-waygate-token", token_of(&answer))
    }

    /// A service, logged in as the reference's SDK does.
    pub(crate) async fn sdk(&self, service: &str) -> Caller {
        let body = json!({"username": "admin", "password": "secret", "platform": "sdk"});
        let caller = self.anonymous().with("x-waygate-app-id", service);
        let answer = caller.post("/api/auth/login", body).await;
        self.logins.fetch_add(1, Ordering::Relaxed);
        caller.with("x-waygate-token", token_of(&answer))
    }

    /// Registers routes as the service itself would.
    pub(crate) async fn register(&self, service: &str, keys: &[&str]) {
        let states: Vec<Value> = keys.iter().map(|key| json!({"path": format!("{service}:{key}")})).collect();
        let body = json!({"app_id": service, "states": states});
        let answer = self.sdk(service).await.post("/api/sdk/register", body).await;
        assert_eq!((answer.status, answer.body.get("rejected")), (200, None), "{:?}", answer.body);
    }

    /// The newest revision: equal before and after means that nothing was stored, sent or audited.
    pub(crate) fn revision(&self) -> u64 {
        self.control.current().cursor.revision.0
    }

    /// The newest revision, but for the logins of the callers that it gave away.
    pub(crate) fn changes(&self) -> u64 {
        self.revision() - self.logins.load(Ordering::Relaxed)
    }
}

fn token_of(answer: &Answer) -> &str {
    answer.body["token"].as_str().unwrap_or_else(|| panic!("no token: {} {}", answer.status, answer.body))
}
