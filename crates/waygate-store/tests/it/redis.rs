//! Where Redis is, for tests of it.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Longer than anything takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Whether there is a Redis to test with. Without one, tests that need it pass without having tested anything, and say
/// so; in continuous integration they fail.
#[expect(clippy::print_stderr, reason = "skipping has to be seen")]
pub(crate) fn is_available() -> bool {
    if variable("WAYGATE_TEST_REDIS_URL").is_some() {
        return true;
    }
    assert!(variable("CI").is_none(), "WAYGATE_TEST_REDIS_URL is not set; `scripts/redis` starts a server");
    eprintln!("SKIPPED: WAYGATE_TEST_REDIS_URL is not set; `scripts/redis` starts a server");
    false
}

pub(crate) fn url() -> String {
    variable("WAYGATE_TEST_REDIS_URL").unwrap()
}

/// A prefix of keys that nobody else has.
pub(crate) fn prefix() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let begun = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("test-{}-{begun}-{number}", std::process::id())
}

/// A Redis of one's own, to be killed and brought back.
pub(crate) struct Server {
    directory: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
    arguments: Vec<String>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"]).await
    }

    /// A server that follows another one.
    pub(crate) async fn replica_of(master: &Self) -> Self {
        let port = master.port.to_string();
        Self::start_with(&["--replicaof", "127.0.0.1", &port]).await
    }

    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let mut server = Self::not_started(arguments);
        server.bring_back().await;
        server
    }

    pub(crate) fn not_started(arguments: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self { directory: tempfile::tempdir().unwrap(), port, child: None, arguments }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again on what it has kept.
    pub(crate) async fn bring_back(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--repl-diskless-sync-delay", "0"]).args(&self.arguments).arg("--dir").arg(self.directory.path());
        self.child = Some(command.stdout(Stdio::null()).spawn().unwrap());
        eventually(async || self.is_up().await).await;
    }

    /// The file that it writes each change to.
    pub(crate) fn append_only_file(&self) -> std::path::PathBuf {
        let folder = self.directory.path().join("appendonlydir");
        let files = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        // Before version 7 there is one file.
        files
            .filter(|path| path.to_string_lossy().ends_with(".incr.aof"))
            .max()
            .unwrap_or_else(|| self.directory.path().join("appendonly.aof"))
    }

    /// Sends it a signal, such as `STOP`: it then answers nobody, and nobody is told.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &process]).status().unwrap().success());
    }

    /// Empties it.
    pub(crate) async fn flush(&self) {
        self.tell(&["FLUSHALL"]).await;
    }

    /// Gives it a command, and its answer as text.
    pub(crate) async fn tell(&self, command: &[&str]) -> String {
        self.try_to_tell(command).await.unwrap()
    }

    pub(crate) async fn try_to_tell(&self, command: &[&str]) -> redis::RedisResult<String> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut told = redis::cmd(command[0]);
        let answer: redis::Value = told.arg(&command[1..]).query_async(&mut connection).await?;
        Ok(redis::from_redis_value(answer.clone()).unwrap_or_else(|_| format!("{answer:?}")))
    }

    async fn is_up(&self) -> bool {
        let client = redis::Client::open(self.url()).unwrap();
        let Ok(mut connection) = client.get_multiplexed_async_connection().await else { return false };
        redis::cmd("PING").exec_async(&mut connection).await.is_ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until something holds.
pub(crate) async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}

#[expect(clippy::disallowed_methods, reason = "the settings of a test run")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
