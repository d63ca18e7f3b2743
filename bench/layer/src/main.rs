//! An axum service with the guard against the same without it: requests per second over kept-alive connections, in
//! turns, and the CPU time of the server for each request. A layer that does nothing tells what axum itself takes for any.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a program of ours alone: what goes wrong ends it"
)]

mod counted;

use std::env;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tower_layer::Identity;
use waygate_sdk::axum::{GuardedRouter, get as guarded_get};
use waygate_sdk::core::Algorithm;
use waygate_sdk::{RateLimit, Waygate};

const CONNECTIONS: usize = 16;
const SLICE: Duration = Duration::from_millis(300);
/// How many turns are taken; the medians of the ratios are told.
const ROUNDS: usize = 25;
const WITHOUT: &str = "without";
const NOTHING: &str = "with a layer that does nothing";
const WITH: &str = "with";
const LIMITED: &str = "with a limit";

/// A service on a thread of its own.
struct Subject {
    name: &'static str,
    address: SocketAddr,
    /// The server's CPU time in nanoseconds, written by its own thread.
    cpu: Arc<AtomicU64>,
}

/// One slice of one subject.
struct Taken {
    per_second: f64,
    cpu_each: f64,
}

async fn account(Path(id): Path<u64>) -> String {
    format!("account {id}")
}

async fn health() -> &'static str {
    "ok"
}

/// The service that is measured, without the guard, with it, and what is between.
fn router(name: &str, waygate: &Waygate) -> Router {
    let plain = || Router::new().route("/health", get(health)).route("/accounts/{id}", get(account));
    let guarded = |account| {
        let router = GuardedRouter::new().route("/health", guarded_get(health)).route("/accounts/{id}", account);
        router.guard(waygate)
    };
    match name {
        WITHOUT => plain(),
        NOTHING => plain().layer(Identity::new()),
        WITH => guarded(guarded_get(account)),
        LIMITED => {
            let limit = RateLimit::new("1000000000/minute").algorithm(Algorithm::FixedWindow);
            guarded(guarded_get(account).rate_limit(limit))
        }
        other => panic!("there is no case `{other}`"),
    }
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &*arguments {
        [] => measure(),
        [case, count] => count_of(case, count.parse().unwrap()),
        _ => panic!("expected nothing, or a case and a count"),
    }
}

/// Has one of the services answer so many requests that nobody has sent.
fn count_of(case: &str, count: usize) {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let waygate = Waygate::builder("http://127.0.0.1:1", "bench").start().unwrap();
        counted::answer(router(case, &waygate), count);
    });
}

fn measure() {
    let [bare, idle, guarded, limited] = [WITHOUT, NOTHING, WITH, LIMITED].map(Subject::start);
    let load = Builder::new_current_thread().enable_all().build().unwrap();
    for subject in [&idle, &guarded, &limited] {
        let (mut rates, mut costs, mut added) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (floor, ours) = (bare.take(&load), subject.take(&load));
            rates.push(ours.per_second / floor.per_second);
            costs.push(ours.cpu_each / floor.cpu_each);
            added.push(ours.cpu_each - floor.cpu_each);
        }
        let (rate, cost, added) = (median(rates), median(costs), median(added));
        println!(
            "layer {}: {:.1} % of the requests per second {}; CPU of the server for each request {:.1} %, {added:+.0} ns",
            subject.name,
            rate * 100.0,
            bare.name,
            cost * 100.0,
        );
        let name = subject.name.replace(' ', "_");
        println!("# {name}.rate {rate:.4}\n# {name}.cpu {cost:.4}\n# {name}.added_ns {added:.0}");
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Subject {
    fn start(name: &'static str) -> Self {
        let cpu = Arc::new(AtomicU64::new(0));
        let (told, address) = mpsc::channel();
        let written = cpu.clone();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                // Nobody is there: what is declared is in force.
                let waygate = Waygate::builder("http://127.0.0.1:1", "bench").start().unwrap();
                let router = router(name, &waygate);
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                told.send(listener.local_addr().unwrap()).unwrap();
                tokio::spawn(async move {
                    loop {
                        written.store(thread_time(), Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                });
                axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
            });
        });
        Self { name, address: address.recv().unwrap(), cpu }
    }

    fn take(&self, load: &Runtime) -> Taken {
        load.block_on(async {
            let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
            let mut connections = Vec::new();
            for _ in 0..CONNECTIONS {
                let stream = TcpStream::connect(self.address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                connections.push(stream);
            }
            let (began, cpu) = (Instant::now(), self.cpu.load(Ordering::Relaxed));
            let run = async {
                let mut running: Vec<_> =
                    connections.into_iter().map(|stream| Box::pin(ask(stream, &stop, &count))).collect();
                std::future::poll_fn(|context| {
                    running.retain_mut(|task| task.as_mut().poll(context).is_pending());
                    if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
                })
                .await;
            };
            let end = async {
                tokio::time::sleep(SLICE).await;
                stop.store(true, Ordering::Relaxed);
            };
            tokio::join!(run, end);
            let (time, requests) = (began.elapsed(), count.into_inner() as f64);
            // Until the server has written down what it has used.
            tokio::time::sleep(Duration::from_millis(5)).await;
            let cpu = self.cpu.load(Ordering::Relaxed) - cpu;
            Taken { per_second: requests / time.as_secs_f64(), cpu_each: cpu as f64 / requests }
        })
    }
}

/// Asks one thing after another over a connection.
async fn ask(mut stream: TcpStream, stop: &AtomicBool, count: &AtomicU64) {
    let mut answer = vec![0; 4096];
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(b"GET /accounts/7 HTTP/1.1\r\nhost: bench\r\naccept: */*\r\n\r\n").await.unwrap();
        let mut read = 0;
        while !answer[..read].ends_with(b"account 7") {
            let more = stream.read(&mut answer[read..]).await.unwrap();
            assert!(more > 0, "the server has hung up");
            read += more;
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer[..read]));
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
