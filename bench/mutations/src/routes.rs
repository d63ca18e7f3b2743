//! Whether many services with many routes make anything dear: the start, the lists, the pages, and a change.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs, process};

use tokio::runtime::Runtime;
use waygate_server::ControlPlane;
use waygate_store::{FileStore, MemoryStore};

use crate::http::Connection;
use crate::world::{Switched, register};
use crate::{figure, median};

const SERVICES: usize = 1_000;
const ROUTES: usize = 100;
/// How many changes are a slice, and how many slices of each size are taken in turns.
const CHANGES: usize = 3_000;
const ROUNDS: usize = 5;
const REQUESTS: usize = 15;
const ACKNOWLEDGEMENTS: usize = 10_000;

pub(crate) fn measure(runtime: &Runtime) {
    runtime.block_on(changes());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.json");
    runtime.block_on(async {
        let store = FileStore::open(&path).await.unwrap();
        let control = ControlPlane::start(Arc::new(store)).await.unwrap();
        fill(&control, SERVICES, ROUTES).await;
        control.stop().await.unwrap();
    });
    let size = fs::metadata(&path).unwrap().len();
    println!("state file: {:.1} MB", mega(size));
    figure("state_mb", mega(size));
    served(&path);
}

/// The CPU that one change takes, among how many others.
async fn changes() {
    let sizes = [(1, ROUTES), (SERVICES, 1), (SERVICES, ROUTES)];
    let mut subjects = Vec::new();
    for (services, routes) in sizes {
        let control = ControlPlane::start(Arc::new(MemoryStore::new().unwrap())).await.unwrap();
        fill(&control, services, routes).await;
        subjects.push((control, Switched::new("service-0", 0), Vec::new()));
    }
    // The service that is changed has as many routes everywhere.
    register(&subjects[1].0, "service-0", ROUTES).await;
    for _ in 0..ROUNDS {
        for (control, route, taken) in &mut subjects {
            let before = cpu(process::id());
            for _ in 0..CHANGES {
                route.change(control).await;
            }
            let spent = cpu(process::id()).saturating_sub(before);
            taken.push(spent.as_secs_f64() * 1e6 / f64::from(u32::try_from(CHANGES).unwrap()));
        }
    }
    let each: Vec<f64> = subjects.iter().map(|(.., taken)| median(taken.clone())).collect();
    for ((services, routes), cost) in sizes.iter().zip(&each) {
        println!("one change among {services} services with {routes} routes: {cost:.1} µs of CPU");
        figure(&format!("change.{services}x{routes}.cpu_us"), *cost);
    }
    println!(
        "100 times the routes in the other services: {:.2} times the CPU of a change; 1,000 times the services: {:.2} times",
        each[2] / each[1],
        each[2] / each[0]
    );
    figure("change.routes_ratio", each[2] / each[1]);
    figure("change.services_ratio", each[2] / each[0]);
}

async fn fill(control: &ControlPlane, services: usize, routes: usize) {
    for service in 0..services {
        register(control, &format!("service-{service}"), routes).await;
    }
}

/// The real server over such a state.
fn served(path: &Path) {
    let begun = Instant::now();
    let server = Served::start(path);
    let mut connection = Connection::open(server.address).unwrap();
    connection.get("/readyz");
    let start = begun.elapsed();
    println!("start until ready: {:.0} ms; {:.0} MiB resident", milli(start), server.resident());
    figure("start_ms", milli(start));
    figure("resident_mib", server.resident());
    for (name, path) in [
        ("list", "/api/routes"),
        ("page", "/api/routes?limit=100"),
        ("of_a_service", "/api/routes?service=service-500"),
        ("services", "/api/services"),
        ("overview", "/"),
        ("routes_page", "/routes"),
        ("routes_filtered", "/routes?q=service-500"),
    ] {
        let (mut times, mut length) = (Vec::new(), 0);
        for _ in 0..REQUESTS {
            let begun = Instant::now();
            length = connection.get(path).len();
            times.push(milli(begun.elapsed()));
        }
        let time = median(times);
        println!("{path}: {time:.1} ms, {:.1} kB", f64::from(u32::try_from(length).unwrap()) / 1e3);
        figure(&format!("{name}_ms"), time);
    }
    let mut times = Vec::new();
    for number in 0..10 * REQUESTS {
        let begun = Instant::now();
        connection.switch("service-500:GET:/route/7", if number.is_multiple_of(2) { "disable" } else { "enable" });
        times.push(milli(begun.elapsed()));
    }
    let time = median(times);
    println!("one change, durable in the file: {time:.2} ms");
    figure("change_ms", time);
    println!("then {:.0} MiB resident", server.resident());
    acknowledge(&server, &mut connection);
}

/// What the server spends on one acknowledgement of an instance.
fn acknowledge(server: &Served, connection: &mut Connection) {
    let document = String::from_utf8(connection.get("/api/sdk/snapshot?service=service-500")).unwrap();
    let cursor = document.split("\"cursor\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let before = cpu(server.child.id());
    for number in 0..ACKNOWLEDGEMENTS {
        let body = format!(
            r#"{{"app_id":"service-500","instance":"replica-{}","cursor":"{cursor}","sequence":{number}}}"#,
            number % 100
        );
        connection.post("/api/sdk/acknowledge", &body);
    }
    let spent = cpu(server.child.id()).saturating_sub(before);
    let each = spent.as_secs_f64() * 1e6 / f64::from(u32::try_from(ACKNOWLEDGEMENTS).unwrap());
    println!("one acknowledgement of an instance: {each:.1} µs of CPU");
    figure("acknowledgement_cpu_us", each);
}

struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    fn start(path: &Path) -> Self {
        let program = env::var_os("WAYGATE_BENCH_SERVER")
            .map_or_else(|| env::current_exe().unwrap().with_file_name("waygate"), PathBuf::from);
        let mut command = Command::new(program);
        command.args(["serve", "--port", "0", "--backend"]).arg(format!("file:{}", path.display()));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_whitespace().last().and_then(|url| url.strip_prefix("http://")).unwrap();
        Self { address: address.parse().unwrap(), child }
    }

    /// In MiB.
    fn resident(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process has used so far, in ticks of ten milliseconds.
fn cpu(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields = stat.rsplit(") ").next().unwrap().split(' ');
    let ticks = fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap());
    Duration::from_millis(10 * ticks.sum::<u64>())
}

fn milli(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn mega(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes).unwrap()) / 1e6
}
