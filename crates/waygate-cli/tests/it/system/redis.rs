//! A Redis of one's own, to be killed and brought back.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::world::PATIENCE;

/// It keeps what it has answered for.
pub(crate) struct Redis {
    port: u16,
    child: Option<Child>,
    directory: TempDir,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let port = free_port();
        let mut redis = Self { port, child: None, directory: tempfile::tempdir().unwrap() };
        redis.bring_back();
        redis
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it on what it has kept.
    pub(crate) fn bring_back(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always"]).arg("--dir").arg(self.directory.path());
        let child = command.stdout(Stdio::null()).spawn();
        self.child = Some(child.expect("redis-server is installed; scripts/redis does so"));
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < PATIENCE, "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// None that the system hands out by itself: while the server is away, somebody's connection would take its place, or one
/// that looks for it would find itself.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 20_000).unwrap();
    (0..20_000)
        .map(|_| 10_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}
