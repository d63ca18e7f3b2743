//! Everything that runs, and the links between.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::process::Command;

use crate::journal::{self, Noted};
use crate::plan::{Event, Size};
use crate::process::{Process, Redis, built};
use crate::proxy::{Mode, Proxy};
use crate::sentinel::Sentinels;

/// The name of the Python services, as the guide's example has it.
pub const PYTHON: &str = "payments-service";
/// How long the SDKs wait between two attempts.
pub const RECONNECT: Duration = Duration::from_secs(1);

/// Where changes are kept.
#[expect(clippy::large_enum_variant, reason = "there is one of it in a run")]
#[derive(Debug)]
pub enum Store {
    Alone(Redis),
    WatchedOver(Sentinels),
}

/// The processes of a run.
#[derive(Debug)]
pub struct World {
    pub size: Size,
    pub store: Store,
    pub nodes: Vec<Node>,
    pub services: Vec<Service>,
    pub pythons: Vec<(Process, Proxy)>,
    /// Between those who make changes and each node.
    pub writers: Vec<Proxy>,
    folder: TempDir,
}

/// A node of the control plane, which may be down.
#[derive(Debug)]
pub struct Node {
    port: u16,
    backend: String,
    process: Option<Process>,
    /// To Redis.
    link: Option<Proxy>,
}

/// A Rust service, which may be down.
#[derive(Debug)]
pub struct Service {
    pub name: String,
    pub process: Option<Process>,
    folder: PathBuf,
    /// To each node.
    links: Vec<Proxy>,
    first: usize,
}

impl World {
    /// Starts everything.
    ///
    /// # Errors
    ///
    /// When something does not start.
    pub async fn start(size: Size, sentinel: bool, settings: &str, python: Option<&Path>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let store = if sentinel {
            Store::WatchedOver(Sentinels::start(folder.path()).await?)
        } else {
            let lasting = ["--appendonly", "yes", "--appendfsync", "always"];
            Store::Alone(Redis::start(&folder.path().join("redis"), &lasting).await?)
        };
        let (mut nodes, mut writers) = (Vec::new(), Vec::new());
        for _ in 0..size.nodes {
            let (backend, link) = match &store {
                Store::Alone(redis) => {
                    let link = Proxy::to(redis.port).await?;
                    (format!("redis://127.0.0.1:{}/0{settings}", link.port()), Some(link))
                }
                Store::WatchedOver(sentinels) => (format!("{}{settings}", sentinels.backend()), None),
            };
            let mut node = Node { port: 0, backend, process: None, link };
            node.start().await?;
            writers.push(Proxy::to(node.port).await?);
            nodes.push(node);
        }
        let mut world = Self { size, store, nodes, services: Vec::new(), pythons: Vec::new(), writers, folder };
        for number in 0..size.services {
            let name = format!("service-{number:02}");
            let folder = world.folder.path().join(&name);
            let mut service = Service { name, process: None, folder, links: world.links().await?, first: number };
            service.start().await?;
            world.services.push(service);
        }
        for number in 0..size.pythons {
            let link = Proxy::to(world.nodes[number % size.nodes].port).await?;
            let process = start_python(python.context("the Python peer is missing")?, &link).await?;
            world.pythons.push((process, link));
        }
        Ok(world)
    }

    async fn links(&self) -> anyhow::Result<Vec<Proxy>> {
        let mut links = Vec::new();
        for node in &self.nodes {
            links.push(Proxy::to(node.port).await?);
        }
        Ok(links)
    }

    /// Lets something happen.
    ///
    /// # Errors
    ///
    /// When a process does not start again.
    pub async fn happen(&mut self, event: &Event) -> anyhow::Result<()> {
        match event {
            Event::KillNode(node) => self.nodes[*node].kill().await,
            Event::StartNode(node) => self.nodes[*node].start().await?,
            Event::KillService(service) => self.services[*service].kill().await,
            Event::StartService(service) => self.services[*service].start().await?,
            Event::KillRedis => {
                if let Store::Alone(redis) = &mut self.store {
                    redis.kill().await;
                }
            }
            Event::StartRedis => {
                if let Store::Alone(redis) = &mut self.store {
                    redis.bring_back().await?;
                }
            }
            Event::Store { node, mode } => {
                if let Some(link) = &self.nodes[*node].link {
                    link.set(*mode);
                }
            }
            Event::Services { services, node, mode } => {
                for service in services {
                    self.services[*service].links[*node].set(*mode);
                }
            }
            Event::Python { python, mode } => self.pythons[*python].1.set(*mode),
            Event::Writers { node, mode } => self.writers[*node].set(*mode),
        }
        Ok(())
    }

    /// Everything runs, and every link passes everything.
    ///
    /// # Errors
    ///
    /// When a process does not start again.
    pub async fn heal(&mut self) -> anyhow::Result<()> {
        let service_links = self.services.iter().flat_map(|service| &service.links);
        let store_links = self.nodes.iter().filter_map(|node| node.link.as_ref());
        let links = service_links.chain(store_links).chain(&self.writers).chain(self.pythons.iter().map(|it| &it.1));
        links.for_each(|link| link.set(Mode::Pass));
        self.happen(&Event::StartRedis).await?;
        for node in 0..self.nodes.len() {
            self.happen(&Event::StartNode(node)).await?;
        }
        for service in 0..self.services.len() {
            self.happen(&Event::StartService(service)).await?;
        }
        Ok(())
    }

    /// What each Rust service has noted.
    ///
    /// # Errors
    ///
    /// When a journal cannot be read.
    pub fn journals(&self) -> anyhow::Result<Vec<(String, Vec<Noted>)>> {
        let read = |service: &Service| {
            let text = std::fs::read(service.journal())?;
            Ok((service.name.clone(), journal::read(&String::from_utf8_lossy(&text))))
        };
        self.services.iter().map(read).collect()
    }

    /// How many connections have come over all links.
    pub fn connections(&self) -> u64 {
        self.services.iter().flat_map(|service| &service.links).map(Proxy::connections).sum()
    }

    /// Where to look when something is wrong; it is kept then.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

impl Node {
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill().await;
        }
    }

    async fn start(&mut self) -> anyhow::Result<()> {
        if self.process.as_mut().is_some_and(Process::is_running) {
            return Ok(());
        }
        let mut command = Command::new(built("waygate")?);
        command.args(["serve", "--port", &self.port.to_string(), "--backend", &self.backend]);
        // Short of an hour, so that streams end by age as well.
        command.args(["--secret-key", "one and the same for all nodes", "--stream-lifetime", "120"]);
        command.env_remove("WAYGATE_AUTH").env("WAYGATE_LOG", "off").stderr(Stdio::null());
        let name = format!("a node on port {}", self.port);
        if self.port == 0 {
            let process = Process::start(&name, &mut command).await?;
            self.port = process.port();
            self.process = Some(process);
        } else {
            // While Redis is out of reach a node waits for it, and gives up some time.
            self.process = Some(Process::again(&name, &mut command, self.port)?);
        }
        Ok(())
    }
}

impl Service {
    fn journal(&self) -> PathBuf {
        self.folder.join("journal")
    }

    async fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill().await;
        }
    }

    async fn start(&mut self) -> anyhow::Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        std::fs::create_dir_all(&self.folder)?;
        let mut servers: Vec<String> = self.links.iter().map(Proxy::url).collect();
        let first = self.first % servers.len();
        servers.rotate_left(first);
        let mut command = Command::new(built("fault-service")?);
        command
            .env("WAYGATE_SERVER_URL", servers.join(","))
            .env("WAYGATE_APP_ID", &self.name)
            .env("WAYGATE_RECONNECT_DELAY", RECONNECT.as_secs().to_string())
            .env("WAYGATE_CACHE_DIR", self.folder.join("cache"))
            .env("FAULTS_JOURNAL", self.journal())
            .stderr(Stdio::null());
        self.process = Some(Process::start(&self.name, &mut command).await?);
        Ok(())
    }
}

async fn start_python(python: &Path, link: &Proxy) -> anyhow::Result<Process> {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../peer");
    let mut command = Command::new(python);
    command.arg(files.join("run_app.py")).arg(files.join("payments_app.py"));
    command.args(["--server", &link.url(), "--reconnect-delay", "1.0"]).stderr(Stdio::null());
    Process::start("a Python service", &mut command).await
}
