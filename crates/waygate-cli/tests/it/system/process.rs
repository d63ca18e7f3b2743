//! Child processes that are ended with the test.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a process may take until it listens.
const START: Duration = Duration::from_secs(30);

/// A running process that has said where it listens.
pub(crate) struct Process {
    child: Child,
    pub(crate) url: String,
    name: String,
}

impl Process {
    /// Starts a command and waits for the line of its standard output that ends with a URL.
    pub(crate) fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started ({command:?}): {error}"));
        let stdout = child.stdout.take().unwrap();
        let (found, url) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(at) = line.find("http://") {
                    let _ = found.send(line[at..].trim().to_owned());
                }
            }
        });
        let Ok(url) = url.recv_timeout(START) else {
            let _ = child.kill();
            panic!("{name} did not say where it listens");
        };
        Self { child, url, name: name.to_owned() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and gives its exit code.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success(), "{} could not be asked to stop", self.name);
        let begun = std::time::Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "{} did not stop", self.name);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Our own binary.
pub(crate) fn waygate() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_waygate"))
}

/// The binary of an example, built beside ours.
pub(crate) fn example(name: &str) -> PathBuf {
    let path = waygate().with_file_name(name);
    assert!(path.exists(), "{name} is not built: run `cargo build -p {name}` (scripts/test does)");
    path
}

/// The top of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A program of the Python peer.
pub(crate) fn peer(program: &str) -> PathBuf {
    let home =
        std::env::var_os("WAYGATE_PEER_VENV").map_or_else(|| repository().join("target/peer-venv"), PathBuf::from);
    let path = home.join("bin").join(program);
    assert!(path.exists(), "the Python peer is missing: run scripts/peer (scripts/test does)");
    path
}
