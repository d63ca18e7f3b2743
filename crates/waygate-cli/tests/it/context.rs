//! A control plane and a home of its own for each test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use waygate_api::client::{Client, ClientOptions};
use waygate_api::paths;

/// The binary under test with nothing of this machine's environment.
pub(crate) fn waygate(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waygate"));
    command.env_clear().env("HOME", home).current_dir(home).stdin(Stdio::null());
    command
}

/// What a command came to, for snapshots: exit code, stdout, stderr.
pub(crate) fn shown(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("output is UTF-8");
    format!(
        "exit: {}\n-- stdout\n{}-- stderr\n{}",
        output.status.code().map_or("killed".to_owned(), |code| code.to_string()),
        text(&output.stdout),
        text(&output.stderr)
    )
}

/// A control plane that listens, and where.
fn serve(home: &Path, arguments: &[&str]) -> (Child, String) {
    let mut server = waygate(home)
        .arg("serve")
        .args(arguments)
        .env("WAYGATE_LOG", "error")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut line = String::new();
    let stdout = server.stdout.take().expect("stdout is piped");
    BufReader::new(stdout).read_line(&mut line).expect("a line on stdout");
    let url = line.trim().strip_prefix("waygate listening on ").expect("the line names the URL").to_owned();
    (server, url)
}

/// A control plane in memory, with the guide's two services, and a user's home.
pub(crate) struct Fleet {
    pub(crate) home: TempDir,
    pub(crate) url: String,
    server: Child,
}

impl Fleet {
    /// Open to everybody; this home is set to use it.
    pub(crate) fn open() -> Self {
        Self::start(&[])
    }

    /// With the user `admin` whose password is `secret`; nobody is logged in.
    pub(crate) fn guarded() -> Self {
        Self::start(&["--auth", "admin:secret"])
    }

    /// Like [`Fleet::open`], and its state survives a restart.
    pub(crate) fn kept() -> Self {
        Self::start(&["--backend", "file:state.json"])
    }

    /// Ends the control plane; [`Fleet::restart`] brings it back.
    pub(crate) fn stop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }

    /// Ends the control plane and starts it again at the same place.
    pub(crate) fn restart(&mut self) {
        self.stop();
        let port = self.url.rsplit(':').next().expect("a port").to_owned();
        (self.server, _) = serve(self.home.path(), &["--port", &port, "--backend", "file:state.json"]);
    }

    pub(crate) fn start(arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let backend = if arguments.contains(&"--backend") { &[][..] } else { &["--backend", "memory"] };
        let (server, url) = serve(home.path(), &[&["--port", "0"], backend, arguments].concat());
        let fleet = Self { home, url, server };
        fleet.ok(&["config", "set-url", &fleet.url]);
        fleet
    }

    /// Registers the guide's two services; both have `GET /api/payments`.
    pub(crate) fn with_services(self) -> Self {
        let token = self.token();
        for (service, paths) in [
            ("payments-service", &["GET:/health", "GET:/api/payments", "GET:/api/refunds"][..]),
            ("orders-service", &["GET:/health", "GET:/api/payments", "GET:/api/orders", "POST:/api/orders"]),
        ] {
            let states: Vec<Value> = paths
                .iter()
                .map(|path| {
                    json!({"path": format!("{service}:{path}"), "service": service, "status": "active",
                           "force_active": path.ends_with("/health")})
                })
                .collect();
            let body = json!({"app_id": service, "states": states});
            let url = self.url.parse().expect("a URL");
            let client = Client::new(url, &ClientOptions::default()).expect("a client");
            let client = client.with_token(token.as_deref()).expect("a token");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(client.post::<Value>(paths::REGISTER, &body)).expect("a registration");
        }
        self
    }

    /// A call that the command line does not make.
    pub(crate) fn post(&self, path: &str, body: &Value) {
        let client = Client::new(self.url.parse().expect("a URL"), &ClientOptions::default()).expect("a client");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(client.post::<Value>(path, body)).expect("an answer");
    }

    pub(crate) fn logged_in(self) -> Self {
        self.ok(&["login", "admin", "--password", "secret"]);
        self
    }

    /// The token that this home has, if it has one.
    pub(crate) fn token(&self) -> Option<String> {
        Some(self.config()["auth"]["token"].as_str()?.to_owned())
    }

    pub(crate) fn config(&self) -> Value {
        let text = std::fs::read(self.home.path().join(".waygate/config.json")).expect("a config file");
        serde_json::from_slice(&text).expect("JSON")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = waygate(self.home.path());
        command.args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the command runs")
    }

    /// Runs a command that has to succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}\n{}", shown(&output));
        output
    }

    /// What a command prints, with what differs between runs put out of the way.
    pub(crate) fn told(&self, arguments: &[&str]) -> String {
        self.plain(&shown(&self.run(arguments)))
    }

    pub(crate) fn plain(&self, text: &str) -> String {
        text.replace(&self.url, "[URL]").replace(self.home.path().to_str().expect("a UTF-8 path"), "[HOME]")
    }

    /// The stdout of a command under `--json`.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{}", shown(&output)))
    }

    /// Gives a command something to read.
    pub(crate) fn fed(mut command: Command, input: &str) -> Output {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        child.stdin.take().expect("stdin is piped").write_all(input.as_bytes()).expect("it reads");
        child.wait_with_output().expect("it ends")
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn what_cannot_be_understood_or_written_is_not_passed_over() {
    let home = tempfile::tempdir().unwrap();
    let run = |folder: &std::path::Path| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_waygate"));
        command.env("WAYGATE_CONFIG_DIR", home.path()).env_remove("WAYGATE_SERVER_URL").current_dir(folder);
        command
    };
    let folder = tempfile::tempdir().unwrap();
    for odd in ["http://127.0.0.1:19061", r#"{"server_url":"x"}"#] {
        std::fs::write(folder.path().join(".waygate"), odd).unwrap();
        let output = run(folder.path()).arg("services").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot understand"), "{output:?}");
    }
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = run(home.path()).arg("current-service").env("WAYGATE_SERVICE", "pay").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");

    let output = run(home.path()).args(["status", "pay:GET:/a", "--service", "orders"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
