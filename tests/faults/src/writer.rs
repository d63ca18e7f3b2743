//! Those who make changes, and keep what they were told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use simulation::chance::Chance;
use waygate_api::{headers, paths};

use crate::ROUTES;
use crate::history::{Operation, Outcome};

/// How long they wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// One of those who make changes. Nobody else changes the services that are theirs.
#[derive(Debug)]
pub struct Writer {
    pub number: usize,
    /// The nodes, by way of links that break.
    pub nodes: Vec<String>,
    pub services: Vec<String>,
    /// Routes beyond those of the Rust services.
    pub routes: Vec<String>,
    /// Whether maintenance of everything is theirs.
    pub is_global: bool,
    /// Between two changes.
    pub pause: Duration,
    pub chance: Chance,
    pub begun: Instant,
}

impl Writer {
    /// Makes changes until it is to stop.
    pub async fn run(mut self, stop: Arc<AtomicBool>) -> Vec<Operation> {
        let client = client();
        let mut operations = Vec::new();
        for number in 0_usize.. {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            let id = format!("w{}-{number:05}", self.number);
            let commands = self.commands(&id);
            let url = self.chance.pick(&self.nodes).clone();
            if let Some(operation) = make(&client, &url, id, &commands, self.begun).await {
                operations.push(operation);
            }
            tokio::time::sleep(self.pause.mul_f64(0.5) + self.chance.within(millis(self.pause))).await;
        }
        operations
    }

    fn commands(&mut self, id: &str) -> Vec<Value> {
        match self.chance.below(30) {
            0 if self.is_global => vec![json!({"action": "global_maintenance_on", "reason": id})],
            1..4 if self.is_global => vec![json!({"action": "global_maintenance_off", "reason": id})],
            4 => vec![json!({"action": "service_maintenance_on", "reason": id, "service": self.service()})],
            5..8 => vec![json!({"action": "service_maintenance_off", "reason": id, "service": self.service()})],
            8..12 => {
                // Of one service, and all of it or nothing.
                let service = self.service();
                let action = self.action();
                let one =
                    |path: &str| json!({"action": action, "reason": id, "route": format!("{service}:GET:{path}")});
                ROUTES.into_iter().take(3).map(one).collect()
            }
            _ => vec![json!({"action": self.action(), "reason": id, "route": self.route()})],
        }
    }

    fn service(&mut self) -> String {
        self.chance.pick(&self.services).clone()
    }

    fn action(&mut self) -> &'static str {
        let actions: [&str; 3] = ["enable", "disable", "maintenance_on"];
        actions[self.chance.below(3)]
    }

    fn route(&mut self) -> String {
        if !self.routes.is_empty() && self.chance.per_mille(150) {
            return self.chance.pick(&self.routes).clone();
        }
        let path = *self.chance.pick(&ROUTES);
        format!("{}:GET:{path}", self.service())
    }
}

/// Makes one change, and keeps what became of it; `None` where there was nothing to change.
pub async fn make(
    client: &reqwest::Client,
    node: &str,
    id: String,
    commands: &[Value],
    since: Instant,
) -> Option<Operation> {
    let micros = || u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
    let begun = micros();
    let sent = client.post(format!("{node}{}", paths::BATCH)).json(&json!({"commands": commands})).send().await;
    let outcome = match sent {
        // Nobody has heard it.
        Err(error) if error.is_connect() => Outcome::Refused,
        Err(_) => Outcome::Unknown,
        Ok(answer) if answer.status().is_success() => {
            let head = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
            if head(headers::CHANGED) == Some("false") {
                return None;
            }
            let revision = head(headers::REVISION).and_then(|revision| revision.parse().ok());
            revision.map_or(Outcome::Unknown, Outcome::Acknowledged)
        }
        // The store may have failed after it was done.
        Ok(answer) if answer.status().is_server_error() => Outcome::Unknown,
        Ok(_) => Outcome::Refused,
    };
    Some(Operation { id, entries: commands.len(), begun, ended: micros(), outcome })
}

/// An HTTP client that is not patient for ever.
///
/// # Panics
///
/// Where the system has no randomness for TLS.
#[expect(clippy::expect_used, reason = "it has no settings that could be wrong")]
pub fn client() -> reqwest::Client {
    static PROVIDER: std::sync::Once = std::sync::Once::new();
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    reqwest::Client::builder().timeout(PATIENCE).build().expect("a client")
}

/// Reads JSON.
///
/// # Errors
///
/// When there is no such answer.
pub async fn read(client: &reqwest::Client, url: &str) -> anyhow::Result<Value> {
    let answer = client.get(url).timeout(Duration::from_secs(30)).send().await.with_context(|| url.to_owned())?;
    answer.json().await.with_context(|| url.to_owned())
}

fn millis(duration: Duration) -> usize {
    usize::try_from(duration.as_millis()).unwrap_or(usize::MAX).max(1)
}
