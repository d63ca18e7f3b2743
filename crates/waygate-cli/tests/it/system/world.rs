//! A control plane, two services and two command lines, for one test.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::process::{Process, example, peer, repository, waygate};

/// How long a service may take to start, to register, to come back.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How long a change may take until services enforce it. The guide's promise is a few milliseconds; a second is asked
/// for.
pub(crate) const SOON: Duration = Duration::from_secs(1);

/// Where a test's processes live.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) server: Process,
    auth: Option<&'static str>,
    memory: bool,
    port: u16,
}

/// An answer of a service.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl World {
    /// A control plane on a free port that keeps its state in a file; open, or with `admin:secret`.
    pub(crate) fn start(auth: bool) -> Self {
        Self::start_on(auth, false)
    }

    /// The same, open, with more settings.
    pub(crate) fn with(adjust: impl FnOnce(&mut Command)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = serve_command(&folder, None, false, 0);
        adjust(&mut command);
        let server = Process::start("waygate serve", &mut command);
        let port = server.url.rsplit(':').next().unwrap().parse().unwrap();
        Self { folder, server, auth: None, memory: false, port }
    }

    /// The same, open, on another backend.
    pub(crate) fn on(backend: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(waygate());
        command
            .args(["serve", "--port", "0", "--backend", backend, "--secret-key", "a key"])
            .env_remove("WAYGATE_AUTH");
        let server = Process::start("waygate serve", &mut command);
        let port = server.url.rsplit(':').next().unwrap().parse().unwrap();
        Self { folder, server, auth: None, memory: false, port }
    }

    /// The same, open, on memory.
    pub(crate) fn in_memory() -> Self {
        Self::start_on(false, true)
    }

    fn start_on(auth: bool, memory: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let auth = auth.then_some("admin:secret");
        let server = serve(&folder, auth, memory, 0);
        let port = server.url.rsplit(':').next().unwrap().parse().unwrap();
        Self { folder, server, auth, memory, port }
    }

    /// Starts the control plane again, at the same address and on the same state.
    pub(crate) fn restart(&mut self) {
        self.server = serve(&self.folder, self.auth, self.memory, self.port);
    }

    /// The same, with more settings.
    pub(crate) fn restart_with(&mut self, adjust: impl FnOnce(&mut Command)) {
        let mut command = serve_command(&self.folder, self.auth, self.memory, self.port);
        adjust(&mut command);
        self.server = Process::start("waygate serve", &mut command);
    }

    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    /// The guide's payments service, unmodified but for the address of the control plane.
    pub(crate) fn payments_at(&self, url: &str) -> Process {
        let file = if self.auth.is_some() { "payments_app_auth.py" } else { "payments_app.py" };
        Self::python(file, url, "")
    }

    /// The same with a token instead of credentials.
    pub(crate) fn payments_with_token(&self, token: &str) -> Process {
        Self::python("payments_app_token.py", self.url(), token)
    }

    fn python(file: &str, url: &str, token: &str) -> Process {
        let peer_files = repository().join("tests/peer");
        let mut command = Command::new(peer("python"));
        command
            .arg(peer_files.join("run_app.py"))
            .arg(peer_files.join(file))
            .args(["--server", url, "--reconnect-delay", "1.0"])
            .env("WAYGATE_USERNAME", "admin")
            .env("WAYGATE_PASSWORD", "secret")
            .env("WAYGATE_TOKEN", token);
        Process::start("the Python payments service", &mut command)
    }

    pub(crate) fn payments(&self) -> Process {
        self.payments_at(self.url())
    }

    /// Our Rust example, with user and password where the control plane asks for them.
    pub(crate) fn orders(&self) -> Process {
        self.orders_with(|command| {
            if self.auth.is_some() {
                command.env("WAYGATE_USERNAME", "admin").env("WAYGATE_PASSWORD", "secret");
            }
        })
    }

    pub(crate) fn orders_with(&self, adjust: impl FnOnce(&mut Command)) -> Process {
        let mut command = Command::new(example("orders-service"));
        command
            .env_clear()
            .env("PORT", "0")
            .env("WAYGATE_SERVER_URL", self.url())
            .env("WAYGATE_APP_ID", "orders-service")
            .env("WAYGATE_RECONNECT_DELAY", "1");
        adjust(&mut command);
        Process::start("the Rust orders service", &mut command)
    }

    /// Runs our command line.
    pub(crate) fn ours(&self, line: &str) -> Output {
        self.run(Command::new(waygate()), line)
    }

    /// Runs the reference's command line.
    pub(crate) fn theirs(&self, line: &str) -> Output {
        self.run(Command::new(peer("waygate")), line)
    }

    fn run(&self, mut command: Command, line: &str) -> Output {
        // Both share the home, and so the login.
        command
            .env("HOME", self.folder.path())
            .env("WAYGATE_SERVER_URL", self.url())
            .env("COLUMNS", "200")
            .env_remove("WAYGATE_SERVICE")
            .args(words(line))
            .output()
            .unwrap()
    }

    /// Runs our command line, which must succeed, and gives what it printed.
    pub(crate) fn ok(&self, line: &str) -> String {
        succeeded(line, &self.ours(line))
    }

    /// Runs the reference's command line, which must succeed.
    pub(crate) fn theirs_ok(&self, line: &str) -> String {
        succeeded(line, &self.theirs(line))
    }

    /// How many requests the control plane has answered by method and route, without those that services make by the
    /// clock: what they tell of their traffic.
    pub(crate) async fn requests(&self) -> BTreeMap<String, u64> {
        let text = http().get(format!("{}/metrics", self.url())).send().await.unwrap().text().await.unwrap();
        let counted =
            text.lines().filter_map(|line| line.strip_prefix("waygate_http_requests_total{")?.rsplit_once("} "));
        let counted = counted.map(|(labels, count)| (labels.to_owned(), count.parse().unwrap()));
        let requests: BTreeMap<String, u64> =
            counted.filter(|(labels, _)| !labels.contains(r#"route="/api/sdk/traffic""#)).collect();
        assert!(!requests.is_empty(), "no request is counted in {text}");
        requests
    }

    /// The token that a login has stored, where the guide says to copy it from.
    pub(crate) fn stored_token(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join(".waygate/config.json")).unwrap();
        let config: Value = serde_json::from_str(&text).unwrap();
        config["auth"]["token"].as_str().unwrap().to_owned()
    }
}

fn serve(folder: &TempDir, auth: Option<&str>, memory: bool, port: u16) -> Process {
    Process::start("waygate serve", &mut serve_command(folder, auth, memory, port))
}

fn serve_command(folder: &TempDir, auth: Option<&str>, memory: bool, port: u16) -> Command {
    let file = || format!("file:{}", folder.path().join("waygate-state.json").display());
    let mut command = Command::new(waygate());
    command
        .arg("serve")
        .args(["--port", &port.to_string()])
        .arg("--backend")
        .arg(if memory { "memory".to_owned() } else { file() })
        .env_remove("WAYGATE_AUTH");
    if let Some(auth) = auth {
        command.args(["--auth", auth]);
    }
    command
}

pub(crate) fn succeeded(line: &str, output: &Output) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "`{line}` failed with {}:\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}

/// Splits a command line at blanks, but not within double quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (position, part) in line.split('"').enumerate() {
        if position % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(ToOwned::to_owned));
        }
    }
    words
}

/// A plain HTTP client.
pub(crate) fn http() -> reqwest::Client {
    static PROVIDER: std::sync::Once = std::sync::Once::new();
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    reqwest::Client::new()
}

/// What a service answers.
pub(crate) async fn get(service: &Process, path: &str) -> Answer {
    let response = http().get(format!("{}{path}", service.url)).send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}

/// Waits until a service answers a path with a status, as it must soon after a change, and gives that answer.
pub(crate) async fn eventually(service: &Process, path: &str, status: u16) -> Answer {
    within(SOON, service, path, status).await
}

/// The same where something has to start or to come back first.
pub(crate) async fn within(patience: Duration, service: &Process, path: &str, status: u16) -> Answer {
    let begun = tokio::time::Instant::now();
    loop {
        let answer = get(service, path).await;
        if answer.status == status {
            return answer;
        }
        assert!(begun.elapsed() < patience, "{}{path} still answers {answer:?}, not {status}", service.url);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
