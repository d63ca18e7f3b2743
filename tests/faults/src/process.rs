//! Child processes, ended with the run.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// How long a process may take until it listens. Machines that run tests are slow.
const START: Duration = Duration::from_mins(1);

/// One that has said where it listens.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pub url: String,
}

impl Process {
    /// Starts a command and waits for the line of its standard output that ends with a URL.
    ///
    /// # Errors
    ///
    /// When it cannot be started or does not say so.
    pub async fn start(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let mut child = spawned.with_context(|| format!("{name} cannot be started"))?;
        let stdout = child.stdout.take().context("it was asked for")?;
        let mut lines = BufReader::new(stdout).lines();
        let said = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(at) = line.find("http://") {
                    return Ok(line[at..].trim().to_owned());
                }
            }
            bail!("{name} has ended without listening")
        };
        let url = tokio::time::timeout(START, said).await.with_context(|| format!("{name} does not listen"))??;
        // What else it says is nobody's business, but has to go somewhere.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, url })
    }

    /// Starts a command that will listen where it listened before, without waiting for that.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn again(name: &str, command: &mut Command, port: u16) -> anyhow::Result<Self> {
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn();
        let child = spawned.with_context(|| format!("{name} cannot be started"))?;
        Ok(Self { child, url: format!("http://127.0.0.1:{port}") })
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// `kill -9`.
    pub async fn kill(mut self) {
        let _ = self.child.kill().await;
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default()
    }
}

/// A Redis server that keeps what it has answered for.
#[derive(Debug)]
pub struct Redis {
    pub port: u16,
    child: Option<Child>,
    directory: PathBuf,
    arguments: Vec<String>,
}

impl Redis {
    /// Starts one in a directory of its own.
    ///
    /// # Errors
    ///
    /// When it does not listen.
    pub async fn start(directory: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let arguments = arguments.iter().map(ToString::to_string).collect();
        let mut redis = Self { port: free_port()?, child: None, directory: directory.to_owned(), arguments };
        redis.bring_back().await?;
        Ok(redis)
    }

    /// `kill -9`.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill().await;
        }
    }

    /// Starts it on what it has kept, unless it runs.
    ///
    /// # Errors
    ///
    /// When it does not listen.
    pub async fn bring_back(&mut self) -> anyhow::Result<()> {
        if self.child.is_some() {
            return Ok(());
        }
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""]).args(&self.arguments);
        command.arg("--dir").arg(&self.directory).stdout(Stdio::null()).kill_on_drop(true);
        self.child = Some(command.spawn().context("`redis-server` is to be installed; scripts/redis does so")?);
        listens(self.port).await
    }

    /// What `redis-cli` prints.
    pub async fn ask(&self, command: &[&str]) -> String {
        ask(self.port, command).await
    }
}

/// What `redis-cli` prints of a server on a port.
pub async fn ask(port: u16, command: &[&str]) -> String {
    let output = Command::new("redis-cli").args(["-p", &port.to_string()]).args(command).output().await;
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// Waits until somebody listens on a port.
///
/// # Errors
///
/// When nobody does in time.
pub async fn listens(port: u16) -> anyhow::Result<()> {
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        anyhow::ensure!(begun.elapsed() < START, "nobody listens on port {port}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// A port that nobody listens on.
///
/// # Errors
///
/// When there is none.
pub fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A program that was built beside this one.
///
/// # Errors
///
/// When it was not.
pub fn built(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    anyhow::ensure!(path.exists(), "`{}` is not there; scripts/faults builds it", path.display());
    Ok(path)
}
