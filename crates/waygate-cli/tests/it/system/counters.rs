//! The guide's shared counters: replicas of a service, a real Redis, and what happens when it is gone.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::process::{Process, example, peer, repository};
use super::world::{PATIENCE, World, http};

/// A Redis of one's own, to be killed, halted and brought back.
struct Redis {
    port: u16,
    child: Child,
}

impl Redis {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { port, child: serve(port) }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/1", self.port)
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn bring_back(&mut self) {
        self.child = serve(self.port);
    }

    /// `STOP`: it holds its connections and answers nobody. `CONT` ends that.
    fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &process]).status().unwrap().success());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(port: u16) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    let child = command.stdout(Stdio::null()).spawn().expect("redis-server is installed; scripts/redis does so");
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < PATIENCE, "redis-server does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// A replica of the orders service that counts in Redis, and the file of its log.
fn replica(world: &World, redis: &Redis, name: &str) -> (Process, std::path::PathBuf) {
    let log = world.folder.path().join(format!("{name}.log"));
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"exec "$0" 2>"$1""#])
        .arg(example("orders-service"))
        .arg(&log)
        .env_clear()
        .env("PORT", "0")
        .env("WAYGATE_SERVER_URL", world.url())
        .env("WAYGATE_APP_ID", "orders-service")
        .env("WAYGATE_RECONNECT_DELAY", "1")
        .env("WAYGATE_TRUSTED_PROXIES", "127.0.0.0/8")
        .env("WAYGATE_RATE_LIMIT_BACKEND", redis.url())
        // Machines that run tests are slow.
        .env("WAYGATE_RATE_LIMIT_DEADLINE_MS", "500");
    (Process::start("a replica of the orders service", &mut command), log)
}

fn replicas(world: &World, redis: &Redis) -> Vec<(Process, std::path::PathBuf)> {
    ["one", "two", "three"].map(|name| replica(world, redis, name)).into()
}

/// The status of an answer, and its limit, to a caller behind a proxy.
async fn ask(client: &reqwest::Client, url: &str, path: &str, caller: &str) -> (u16, Option<String>) {
    let response = client.get(format!("{url}{path}")).header("X-Forwarded-For", caller).send().await.unwrap();
    let limit = response.headers().get("x-ratelimit-limit").map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), limit)
}

/// Waits until each replica tells a limit for a path.
pub(super) async fn limited(urls: &[String], path: &str, limit: &str) {
    let (client, begun) = (http(), Instant::now());
    for url in urls {
        while ask(&client, url, path, "198.51.100.1").await.1.as_deref() != Some(limit) {
            assert!(begun.elapsed() < PATIENCE, "{url}{path} has no limit of {limit}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// How many of so many requests of one caller pass, from several tasks over all replicas at once.
pub(super) async fn passing(urls: &[String], path: &str, caller: &str, requests: usize) -> usize {
    const TASKS: usize = 6;
    let mut tasks = Vec::new();
    for number in 0..TASKS {
        let (url, path, caller) = (urls[number % urls.len()].clone(), path.to_owned(), caller.to_owned());
        tasks.push(tokio::spawn(async move {
            let (client, mut passed) = (http(), 0);
            for _ in 0..requests / TASKS {
                match ask(&client, &url, &path, &caller).await.0 {
                    200 => passed += 1,
                    429 => {}
                    other => panic!("{url}{path} answers {other}"),
                }
            }
            passed
        }));
    }
    let mut passed = 0;
    for task in tasks {
        passed += task.await.unwrap();
    }
    passed
}

/// Requests without end, from callers that come once, until they are to stop.
struct Load {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<Vec<u16>>>,
}

impl Load {
    fn on(urls: &[String], path: &str) -> Self {
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let tasks = urls.iter().map(|url| {
            let (url, path, stop, asked) = (url.clone(), path.to_owned(), stop.clone(), asked.clone());
            tokio::spawn(async move {
                let (client, mut odd) = (http(), Vec::new());
                while !stop.load(Ordering::Relaxed) {
                    let number = asked.fetch_add(1, Ordering::Relaxed);
                    let caller = format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
                    let (status, _) = ask(&client, &url, &path, &caller).await;
                    if status != 200 {
                        odd.push(status);
                    }
                }
                odd
            })
        });
        Self { tasks: tasks.collect(), stop, asked }
    }

    /// Waits for so many more answers.
    async fn more(&self, requests: usize) {
        let (begun, wanted) = (Instant::now(), self.asked.load(Ordering::Relaxed) + requests);
        while self.asked.load(Ordering::Relaxed) < wanted {
            assert!(begun.elapsed() < PATIENCE, "requests hang");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The statuses of the answers that were not as always.
    async fn end(self) -> Vec<u16> {
        self.stop.store(true, Ordering::Relaxed);
        let mut odd = Vec::new();
        for task in self.tasks {
            odd.extend(task.await.unwrap());
        }
        odd
    }
}

fn lines(log: &std::path::Path, of: &str) -> usize {
    std::fs::read_to_string(log).unwrap().lines().filter(|line| line.contains(of)).count()
}

/// Waits until every replica has logged so often that counters are away, and that they are back.
async fn logged(replicas: &[(Process, std::path::PathBuf)], what: &str, times: usize) {
    let begun = Instant::now();
    for (_, log) in replicas {
        while lines(log, what) < times {
            assert!(begun.elapsed() < PATIENCE, "not logged {times} times: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(lines(log, what), times, "{what}");
    }
}

const AWAY: &str = "shared counters are not reached";
const BACK: &str = "shared counters are reached again";

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_hold_one_hundred_a_minute_exactly_and_reset_reaches_all() {
    let (world, redis) = (World::start(false), Redis::start());
    let replicas = replicas(&world, &redis);
    let urls: Vec<String> = replicas.iter().map(|(process, _)| process.url.clone()).collect();
    world.ok("rl set orders-service:GET:/api/orders 100/hour --allow-unknown");
    limited(&urls, "/api/orders", "100").await;
    assert_eq!(passing(&urls, "/api/orders", "192.0.2.1", 300).await, 100);
    assert_eq!(passing(&urls, "/api/orders", "192.0.2.2", 300).await, 100, "another caller");
    assert_eq!(passing(&urls, "/api/orders", "192.0.2.1", 30).await, 0);

    // A limit of the service counts over all of its paths, beside that of the route, in the same round trip.
    world.ok("srl set orders-service 60/hour --algorithm moving_window");
    limited(&urls, "/api/payments", "60").await;
    let passed = passing(&urls, "/api/payments", "192.0.2.3", 30).await;
    assert_eq!(passed + passing(&urls, "/api/orders", "192.0.2.3", 90).await, 60);

    world.ok("srl delete orders-service");
    world.ok("rl reset orders-service:GET:/api/orders");
    let begun = Instant::now();
    let mut again = 0;
    while again == 0 {
        assert!(begun.elapsed() < PATIENCE, "the reset has not reached all");
        again = passing(&urls, "/api/orders", "192.0.2.1", 6).await;
    }
    // Whoever had not heard of the reset yet has denied, and counted nowhere.
    assert_eq!(
        again + passing(&urls, "/api/orders", "192.0.2.1", 300).await,
        100,
        "the counts of all have begun afresh"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn b13_redis_killed_or_halted_under_load_is_never_a_5xx_and_is_exact_again_afterwards() {
    let (world, mut redis) = (World::start(false), Redis::start());
    let replicas = replicas(&world, &redis);
    let urls: Vec<String> = replicas.iter().map(|(process, _)| process.url.clone()).collect();
    world.ok("rl set orders-service:GET:/api/orders 60/hour --allow-unknown");
    world.ok("rl set orders-service:GET:/api/payments 60/hour --allow-unknown --on-backend-failure open");
    world.ok("rl set orders-service:GET:/api/v0/orders 60/hour --allow-unknown --on-backend-failure closed");
    for path in ["/api/orders", "/api/payments", "/api/v0/orders"] {
        limited(&urls, path, "60").await;
        assert_eq!(passing(&urls, path, "192.0.2.1", 120).await, 60);
    }

    let load = Load::on(&urls, "/api/orders");
    load.more(100).await;
    redis.kill();
    load.more(200).await;
    logged(&replicas, AWAY, 1).await;
    assert_eq!(passing(&urls, "/api/orders", "192.0.2.2", 240).await, 3 * 60, "each counts for itself");
    assert_eq!(passing(&urls, "/api/payments", "192.0.2.2", 240).await, 240, "let through");
    assert_eq!(passing(&urls, "/api/v0/orders", "192.0.2.2", 60).await, 0, "refused");

    redis.bring_back();
    load.more(100).await;
    logged(&replicas, BACK, 1).await;
    for path in ["/api/orders", "/api/payments", "/api/v0/orders"] {
        assert_eq!(passing(&urls, path, "192.0.2.3", 120).await, 60, "{path} is exact again");
    }

    // A black hole: connections stand, nobody answers.
    redis.signal("STOP");
    load.more(200).await;
    logged(&replicas, AWAY, 2).await;
    redis.signal("CONT");
    load.more(100).await;
    logged(&replicas, BACK, 2).await;
    assert_eq!(passing(&urls, "/api/orders", "192.0.2.4", 120).await, 60, "and again");
    assert_eq!(load.end().await, [0; 0], "no answer was anything but 200");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_of_the_python_service_hold_one_limit_of_a_route_in_redis() {
    let (world, redis) = (World::start(false), Redis::start());
    let replica = || {
        let files = repository().join("tests/peer");
        let mut command = Command::new(peer("python"));
        command
            .arg(files.join("run_app.py"))
            .arg(files.join("payments_app_shared.py"))
            .args(["--server", world.url(), "--reconnect-delay", "1.0"])
            .env("REDIS_URL", redis.url());
        Process::start("a replica of the Python payments service", &mut command)
    };
    let replicas = [replica(), replica()];
    let urls: Vec<String> = replicas.iter().map(|process| process.url.clone()).collect();
    world.ok("rl set payments-service:GET:/api/payments 60/hour --allow-unknown");
    limited(&urls, "/api/payments", "60/hour").await;
    assert_eq!(passing(&urls, "/api/payments", "192.0.2.1", 120).await, 60);
}
