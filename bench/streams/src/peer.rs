//! The servers that are measured.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A server that is running.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// What a stream hears when it is open.
    pub(crate) hello: &'static [u8],
    /// What it hears of a change.
    pub(crate) told: &'static [u8],
    child: Child,
    /// Where nginx keeps its files.
    folder: Option<PathBuf>,
}

/// A connection that is kept, for changes.
pub(crate) struct Control {
    reader: BufReader<TcpStream>,
}

const NCHAN: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";
/// What serves the reference, in the repository.
const REFERENCE: &str = "tests/peer/reference_server.py";
/// As much as a frame of ours is long.
const PAYLOAD: usize = 400;

impl Peer {
    /// Starts a server; `None` where it is not installed.
    pub(crate) fn start(name: &str, server: &Path) -> Option<Self> {
        match name {
            "ours" => Some(Self::ours(server)),
            "floor" => Some(Self::floor()),
            "reference" => Self::reference(),
            _ => Path::new(NCHAN).exists().then(Self::nchan),
        }
    }

    /// Whether changes it loses are counted; of any other, one that is lost is an error.
    pub(crate) fn may_lose(&self) -> bool {
        matches!(self.name, "nchan" | "reference")
    }

    /// How long its streams are left alone when they are open. The reference answers a stream before it listens for it,
    /// and what happens between is lost. Ours is given no time: what a stream is told first and what follows are one cut.
    pub(crate) fn settling(&self) -> Duration {
        if self.name == "reference" { Duration::from_secs(3) } else { Duration::ZERO }
    }

    /// Our server, with one service.
    pub(crate) fn ours(server: &Path) -> Self {
        let mut command = Command::new(server);
        command.args(["serve", "--port", "0", "--backend", "memory", "--max-streams", "20000"]);
        let peer = Self::announced("ours", &mut command, b"event: bookmark", b"event: commit");
        peer.register(1);
        peer
    }

    /// The bare loop of writes.
    fn floor() -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.arg("floor");
        Self::announced("floor", &mut command, b": hi", b"event: commit")
    }

    /// The PyPI package, with its store in memory, where `WAYGATE_PEER_VENV` names an environment that has it.
    fn reference() -> Option<Self> {
        let python = PathBuf::from(env::var_os("WAYGATE_PEER_VENV")?).join("bin/python");
        let mut command = Command::new(python);
        command.arg(REFERENCE);
        let peer = Self::announced("reference", &mut command, b"text/event-stream", br#"{"type": "state""#);
        peer.register(1);
        Some(peer)
    }

    /// nginx with nchan and two workers.
    fn nchan() -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let folder = env::temp_dir().join(format!("waygate-bench-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let at = folder.display();
        let configuration = format!(
            "load_module {NCHAN};
             daemon off; user root; worker_processes 2; worker_rlimit_nofile 20000;
             pid {at}/pid; error_log {at}/errors;
             events {{ worker_connections 19000; }}
             http {{
               access_log off; tcp_nodelay on;
               client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;
               uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;
               server {{
                 listen 127.0.0.1:{port}; keepalive_requests 1000000;
                 location /publish {{
                   nchan_publisher; nchan_channel_id changes; nchan_message_buffer_length 1;
                 }}
                 location /stream {{
                   nchan_subscriber eventsource; nchan_channel_id changes; nchan_subscriber_first_message newest;
                 }}
               }}
             }}"
        );
        fs::write(folder.join("nginx.conf"), configuration).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-c").arg(folder.join("nginx.conf")).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < end, "nginx does not start");
            thread::sleep(Duration::from_millis(20));
        }
        Self { name: "nchan", address, hello: b"text/event-stream", told: b"data: x", child, folder: Some(folder) }
    }

    /// A server whose first line ends with its address.
    fn announced(name: &'static str, command: &mut Command, hello: &'static [u8], told: &'static [u8]) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_whitespace().last().and_then(|url| url.strip_prefix("http://")).unwrap();
        Self { name, address: address.parse().unwrap(), hello, told, child, folder: None }
    }

    /// Makes services known, each with one route.
    pub(crate) fn register(&self, services: usize) {
        let mut control = self.control();
        for service in 0..services {
            let body = format!(r#"{{"app_id":"s{service}","states":[{{"path":"s{service}:GET:/route"}}]}}"#);
            control.send(&post("/api/sdk/register", &body));
            control.answer();
        }
    }

    pub(crate) fn control(&self) -> Control {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        Control { reader: BufReader::new(stream) }
    }

    /// The request for a stream of a service.
    pub(crate) fn stream(&self, service: usize) -> String {
        let path = match self.name {
            "ours" => format!("/api/sdk/stream?service=s{service}"),
            // It tells everybody everything.
            "reference" => "/api/sdk/events".to_owned(),
            _ => "/stream".to_owned(),
        };
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n")
    }

    /// The request for the change of a number, of the first service.
    pub(crate) fn change(&self, number: usize) -> String {
        if matches!(self.name, "ours" | "reference") {
            let action = if number.is_multiple_of(2) { "enable" } else { "disable" };
            post(
                &format!("/api/routes/{}/{action}", URL_SAFE_NO_PAD.encode("s0:GET:/route")),
                r#"{"reason":"a change"}"#,
            )
        } else {
            post("/publish", &"x".repeat(PAYLOAD))
        }
    }

    /// What the server has used so far, in ticks of ten milliseconds.
    pub(crate) fn cpu(&self) -> Duration {
        let ticks = self.processes().map(|process| {
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
            let fields = stat.rsplit(") ").next().unwrap().split(' ');
            fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>()
        });
        Duration::from_millis(10 * ticks.sum::<u64>())
    }

    /// The memory of the server, in KiB; what processes share is counted once.
    pub(crate) fn memory(&self) -> f64 {
        let of = |process| {
            let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap();
            let line = rollup.lines().find(|line| line.starts_with("Pss:")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap()
        };
        self.processes().map(of).sum()
    }

    /// The process and its children.
    fn processes(&self) -> impl Iterator<Item = u32> {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        let children: Vec<u32> = children.split_whitespace().map(|child| child.parse().unwrap()).collect();
        children.into_iter().chain([id])
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The workers of nginx end with it only when it is asked.
        if self.folder.is_some() {
            let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        } else {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

impl Control {
    pub(crate) fn send(&mut self, request: &str) {
        self.reader.get_mut().write_all(request.as_bytes()).unwrap();
    }

    /// Reads the answer, which has to be a good one.
    pub(crate) fn answer(&mut self) {
        let (mut line, mut length, mut is_first) = (String::new(), 0, true);
        loop {
            line.clear();
            self.reader.read_line(&mut line).unwrap();
            assert!(!is_first || line.starts_with("HTTP/1.1 2"), "{line}");
            is_first = false;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        self.reader.read_exact(&mut vec![0; length]).unwrap();
    }
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
