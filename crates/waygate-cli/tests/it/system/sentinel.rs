//! Two real nodes on a real Redis that fails over under three real Sentinels, while somebody makes changes all the time.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use waygate_api::paths;

use super::process::{Process, waygate};
use super::world::{PATIENCE, get, http};

/// A `redis-server`, or one that is a Sentinel.
struct Server {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]).args(arguments);
        command.args(["--repl-diskless-sync-delay", "0"]).arg("--dir").arg(folder.path());
        Self { child: command.stdout(Stdio::null()).spawn().unwrap(), port, _folder: folder }
    }

    fn sentinel(master: u16) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let settings = folder.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n",
            folder.path().display()
        );
        std::fs::write(&settings, text).unwrap();
        let mut command = Command::new("redis-server");
        let child = command.arg(settings).arg("--sentinel").stdout(Stdio::null()).spawn().unwrap();
        Self { child, port, _folder: folder }
    }

    /// What `redis-cli` prints.
    fn ask(&self, command: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(command).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE * 2, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn serve(backend: &str) -> Process {
    let mut command = Command::new(waygate());
    command.args(["serve", "--port", "0", "--backend", backend]).env_remove("WAYGATE_AUTH");
    command.args(["--secret-key", "one and the same for all nodes of this test"]).env("WAYGATE_LOG", "off");
    Process::start("a node", &mut command)
}

/// Makes one change after the other at whichever node answers. What was acknowledged, in order.
async fn write(nodes: [String; 2], stop: Arc<AtomicBool>) -> Vec<String> {
    let (client, mut acknowledged) = (http(), Vec::new());
    for number in 0_usize.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let reason = format!("change {number:06}");
        let url = format!("{}/api/global/enable", nodes[number % 2]);
        let answer = client.post(url).json(&json!({"reason": reason})).timeout(PATIENCE).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            acknowledged.push(reason);
        }
    }
    acknowledged
}

/// The changes as a node has them, oldest first.
async fn log(node: &Process) -> Vec<String> {
    let entries = get(node, &format!("{}?limit=100000", paths::AUDIT)).await.body;
    let entries = entries.as_array().unwrap().iter().rev();
    entries.map(|entry| entry["reason"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_nodes_converge_after_a_failover_and_what_it_has_cost_is_told() {
    let mut master = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let replica = Server::start(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
    let sentinels: Vec<Server> = (0..3).map(|_| Server::sentinel(master.port)).collect();
    for sentinel in &sentinels {
        until("the Sentinels do not find each other", async || {
            let known = sentinel.ask(&["SENTINEL", "MASTER", "main"]);
            known.contains("num-slaves\n1\n") && known.contains("num-other-sentinels\n2\n")
        })
        .await;
    }
    let hosts: Vec<String> = sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
    let backend = format!("redis+sentinel://{}/main", hosts.join(","));
    let nodes = [serve(&backend), serve(&backend)];
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn(write([nodes[0].url.clone(), nodes[1].url.clone()], stop.clone()));
    until("nothing is written", async || log(&nodes[0]).await.len() > 20).await;
    master.kill();
    until("no failover", async || replica.ask(&["ROLE"]).starts_with("master")).await;
    let before = log(&nodes[0]).await.len();
    until("no node goes on", async || log(&nodes[0]).await.len() > before + 20).await;
    stop.store(true, Ordering::SeqCst);
    let acknowledged = writing.await.unwrap();

    until("the nodes differ", async || log(&nodes[0]).await == log(&nodes[1]).await).await;
    let kept = log(&nodes[0]).await;
    assert!(kept.is_sorted() && kept.windows(2).all(|pair| pair[0] != pair[1]), "out of order or twice: {kept:?}");
    let lost: Vec<&String> = acknowledged.iter().filter(|reason| !kept.contains(reason)).collect();
    eprintln!("of {} acknowledged changes the failover has lost {}: {lost:?}", acknowledged.len(), lost.len());
    // Only what was made in the moment before the master was gone can be.
    let first_kept_after = acknowledged.iter().rposition(|reason| lost.contains(&reason)).map_or(0, |last| last + 1);
    assert!(acknowledged[first_kept_after..].len() >= 20, "what was made after the failover stays");
    for node in &nodes {
        let global: Value = get(node, paths::GLOBAL).await.body;
        assert_eq!(global["reason"], json!(kept.last().unwrap()), "what is in force is what the log says");
        until("a node is not ready", async || get(node, "/readyz").await.status == 200).await;
    }
}
