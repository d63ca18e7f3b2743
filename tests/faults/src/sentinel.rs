//! A Redis with a replica and three Sentinels, that fails over.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::process::{Redis, ask, free_port, listens};

const LASTING: [&str; 6] = ["--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0"];

const PATIENCE: Duration = Duration::from_secs(90);

/// Two servers and those who watch over them.
#[derive(Debug)]
pub struct Sentinels {
    servers: [Redis; 2],
    /// Which of the servers was made the master last.
    master: usize,
    ports: Vec<u16>,
    _children: Vec<Child>,
}

impl Sentinels {
    /// Starts all of it, and waits until the Sentinels know each other.
    ///
    /// # Errors
    ///
    /// When that does not come about.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let master = Redis::start(&folder.join("redis-0"), &LASTING).await?;
        let port = master.port.to_string();
        let mut following = LASTING.to_vec();
        following.extend(["--replicaof", "127.0.0.1", &port]);
        let replica = Redis::start(&folder.join("redis-1"), &following).await?;
        let (mut ports, mut children) = (Vec::new(), Vec::new());
        for number in 0..3 {
            let port = free_port()?;
            let directory = folder.join(format!("sentinel-{number}"));
            std::fs::create_dir_all(&directory)?;
            let settings = directory.join("sentinel.conf");
            let text = format!(
                "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {} 2\n\
                 sentinel down-after-milliseconds main 3000\nsentinel failover-timeout main 3000\n",
                directory.display(),
                master.port
            );
            tokio::fs::write(&settings, text).await?;
            let mut command = Command::new("redis-server");
            command.arg(settings).arg("--sentinel").stdout(Stdio::null()).kill_on_drop(true);
            children.push(command.spawn()?);
            listens(port).await?;
            ports.push(port);
        }
        let sentinels = Self { servers: [master, replica], master: 0, ports, _children: children };
        for port in &sentinels.ports {
            sentinels
                .until("the Sentinels do not find each other", *port, &["SENTINEL", "MASTER", "main"], |said| {
                    said.contains("num-slaves\n1\n") && said.contains("num-other-sentinels\n2\n")
                })
                .await?;
        }
        Ok(sentinels)
    }

    /// As `--backend` takes it.
    pub fn backend(&self) -> String {
        let hosts: Vec<String> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+sentinel://{}/main", hosts.join(","))
    }

    /// `kill -9` of the master; returns when its replica has its place and all Sentinels say so.
    ///
    /// # Errors
    ///
    /// When it does not get it.
    pub async fn fail_over(&mut self) -> anyhow::Result<()> {
        self.servers[self.master].kill().await;
        self.master = 1 - self.master;
        let new = self.servers[self.master].port;
        self.until("no failover", new, &["ROLE"], |said| said.starts_with("master")).await?;
        // Until all know, the old one would be taken for the master if it came back.
        for port in &self.ports {
            self.until("not all Sentinels know the new master", *port, &["SENTINEL", "MASTER", "main"], |said| {
                said.contains(&format!("\nport\n{new}\n"))
            })
            .await?;
        }
        Ok(())
    }

    /// The server that was killed comes back; returns when one of the two follows the other. Where the machine is busy the
    /// Sentinels may fail over again meanwhile.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub async fn bring_back(&mut self) -> anyhow::Result<()> {
        self.servers[1 - self.master].bring_back().await?;
        let begun = Instant::now();
        loop {
            let said = [self.servers[0].ask(&["ROLE"]).await, self.servers[1].ask(&["ROLE"]).await];
            let follows = |number: usize| said[number].starts_with("slave") && said[number].contains("\nconnected\n");
            if let Some(master) = (0..2).find(|master| said[*master].starts_with("master") && follows(1 - *master)) {
                self.master = master;
                return Ok(());
            }
            anyhow::ensure!(begun.elapsed() < PATIENCE, "the old master follows nobody: {said:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn until(&self, what: &str, port: u16, command: &[&str], holds: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !holds(&ask(port, command).await) {
            anyhow::ensure!(begun.elapsed() < PATIENCE, "{what}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }
}
