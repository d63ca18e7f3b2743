//! A Redis of one's own, to be killed, emptied and cut off.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use waygate_server::Credentials;
use waygate_store::{RedisOptions, RedisStore, Retention};

use crate::helpers::{TestServer, eventually};

/// Whether there is a Redis to test with. Without one, tests that need it pass without having tested anything, and say
/// so; in continuous integration they fail.
#[expect(clippy::print_stderr, reason = "skipping has to be seen")]
pub(crate) fn is_available() -> bool {
    if std::env::var_os("WAYGATE_TEST_REDIS_URL").is_some() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "WAYGATE_TEST_REDIS_URL is not set; `scripts/redis` starts a server");
    eprintln!("SKIPPED: WAYGATE_TEST_REDIS_URL is not set; `scripts/redis` starts a server");
    false
}

/// Ends with its value.
pub(crate) struct Redis {
    directory: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
}

impl Redis {
    pub(crate) async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut redis = Self { directory: tempfile::tempdir().unwrap(), port, child: None };
        redis.bring_back().await;
        redis
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again on what it has kept.
    pub(super) async fn bring_back(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always"]).arg("--dir").arg(self.directory.path());
        self.child = Some(command.stdout(Stdio::null()).spawn().unwrap());
        eventually(async || self.say(&["PING"]) == "PONG").await;
    }

    /// Has `redis-cli` say something.
    pub(super) fn say(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A node without authentication that keeps its commits here.
    pub(super) async fn node(&self) -> TestServer {
        node_at(&self.address(), Retention::default()).await
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A node that reaches Redis at an address.
pub(super) async fn node_at(address: &str, retention: Retention) -> TestServer {
    let options = RedisOptions { retention, ..RedisOptions::default() };
    let store = RedisStore::connect(&format!("redis://{address}/"), options).await.unwrap();
    TestServer::start_on(Arc::new(store), |server| server.auth(Credentials::none())).await
}

/// A way to Redis that can be cut.
pub(super) struct Way {
    target: String,
    port: u16,
    passing: Option<AbortHandle>,
}

impl Way {
    pub(super) async fn to(target: String) -> Self {
        let mut way = Self { target, port: 0, passing: None };
        way.restore().await;
        way
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends every connection, and takes no more.
    pub(super) fn cut(&mut self) {
        if let Some(passing) = self.passing.take() {
            passing.abort();
        }
    }

    pub(super) async fn restore(&mut self) {
        let target = self.target.clone();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.port = listener.local_addr().unwrap().port();
        let passing = async move {
            // Dropped with this task, and every connection with it.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let target = target.clone();
                connections.spawn(async move {
                    let mut far = TcpStream::connect(target).await?;
                    tokio::io::copy_bidirectional(&mut near, &mut far).await
                });
            }
        };
        self.passing = Some(tokio::spawn(passing).abort_handle());
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.cut();
    }
}
