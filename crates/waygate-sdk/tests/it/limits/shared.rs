//! Counters that replicas share, in a real Redis.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, Response};
use tower::{Layer as _, Service as _, ServiceExt as _};
use waygate_sdk::core::{OnBackendFailure, RateLimitPolicy};
use waygate_sdk::{Waygate, WaygateBuilder};

use super::{ask, limit, limited, of, statuses};
use crate::script::{builder, live};

/// A Redis of one's own, to be killed and brought back.
struct Redis {
    port: u16,
    child: Child,
}

impl Redis {
    /// `None` where there is no `redis-server`; in continuous integration there has to be one.
    #[expect(clippy::print_stderr, reason = "skipping has to be seen")]
    fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        match serve(port) {
            Ok(child) => Some(Self { port, child }),
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "redis-server cannot be started: {error}");
                eprintln!("SKIPPED: redis-server cannot be started: {error}");
                None
            }
        }
    }

    fn settings(&self) -> WaygateBuilder {
        // Machines that run tests are slow.
        let url = format!("redis://127.0.0.1:{}/1", self.port);
        builder().environment("dev").rate_limit_backend(&url).rate_limit_deadline(Duration::from_secs(2))
    }

    /// How often it has run a script since its start.
    fn scripts_run(&self) -> u64 {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        connection.write_all(b"INFO commandstats\r\nQUIT\r\n").unwrap();
        let mut told = String::new();
        connection.read_to_string(&mut told).unwrap();
        let calls = told.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
        calls.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn bring_back(&mut self) {
        self.child = serve(self.port).unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(port: u16) -> std::io::Result<Child> {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    let child = command.stdout(Stdio::null()).spawn()?;
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < super::PATIENCE, "redis-server does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(child)
}

/// Waits until the counters are reached or not.
async fn reached(waygate: &Waygate, reached: bool) {
    let app = super::app(waygate);
    let asking = async {
        // Only a request tries.
        while waygate.status().shared_counters.unwrap().reachable != reached {
            ask(&app, "GET /a", "192.0.2.99", &[]).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(super::PATIENCE, asking).await.unwrap();
}

fn falling_back(text: &str, on_backend_failure: OnBackendFailure) -> RateLimitPolicy {
    RateLimitPolicy { on_backend_failure, ..of(text) }
}

#[tokio::test]
async fn replicas_count_together_over_all_layers() {
    let Some(redis) = Redis::start() else { return };
    let rules = || vec![limit("service", of("5/hour")), limit("GET:/a", of("3/hour")), limit("global", of("9/hour"))];
    let first = live(redis.settings(), rules()).await;
    reached(&first, true).await;
    let apps = [super::app(&first), limited(redis.settings(), rules()).await, limited(redis.settings(), rules()).await];
    let caller = "192.0.2.7";
    let mut told = Vec::new();
    for app in apps.iter().cycle().take(4) {
        let answer = ask(app, "GET /a", caller, &[]).await;
        told.push((answer.status, answer.number("x-ratelimit-limit"), answer.number("x-ratelimit-remaining")));
    }
    assert_eq!(told, [(200, 3, 2), (200, 3, 1), (200, 3, 0), (429, 3, 0)]);
    let denied = ask(&apps[2], "GET /a", caller, &[]).await;
    assert_eq!((&denied.body["error"]["policy"], denied.status), (&"GET:/a".into(), 429));
    assert!((3500..=3600).contains(&denied.number("retry-after")));
    // What the inner limit has denied is counted nowhere.
    assert_eq!(
        [statuses(&apps[0], "GET /x", caller, 2).await, statuses(&apps[1], "GET /x", caller, 2).await],
        [[404, 404], [429, 429]]
    );
    assert_eq!(statuses(&apps[1], "GET /a", "192.0.2.8", 1).await, [200], "another caller");
    assert!(first.status().shared_counters.unwrap().blocked > 0);
    assert_eq!(statuses(&apps[0], "GET /health", caller, 1).await, [200]);
}

#[tokio::test]
async fn a_request_takes_one_round_trip_for_all_limits_and_none_once_it_is_known_to_be_denied() {
    let Some(redis) = Redis::start() else { return };
    let rules =
        vec![limit("service", of("90/hour;50/minute")), limit("GET:/a", of("3/hour")), limit("global", of("90/hour"))];
    let app = limited(redis.settings(), rules).await;
    // The connection is made before anybody asks: the script is tried, loaded, and tried again.
    crate::script::eventually("connected", || redis.scripts_run() == 2).await;
    assert_eq!(statuses(&app, "GET /a", "192.0.2.7", 20).await[..5], [200, 200, 200, 429, 429]);
    assert_eq!(redis.scripts_run(), 2 + 4, "three that pass, and one that is denied");
    assert_eq!(statuses(&app, "GET /health", "192.0.2.7", 3).await, [200, 200, 200]);
    assert_eq!(redis.scripts_run(), 2 + 4, "what no limit charges asks nobody");
}

#[tokio::test]
async fn g18_b13_while_redis_is_away_each_policy_decides_and_no_answer_is_a_5xx() {
    use OnBackendFailure::{Closed, Local, Open};
    let Some(mut redis) = Redis::start() else { return };
    let rules = vec![
        limit("GET:/a", falling_back("2/hour", Local)),
        limit("POST:/a", falling_back("2/hour", Open)),
        limit("GET:/b/{id}", falling_back("2/hour", Closed)),
    ];
    let waygate = live(redis.settings(), rules).await;
    let app = super::app(&waygate);
    reached(&waygate, true).await;
    let lines = ["GET /a", "POST /a", "GET /b/1"];
    let all = async |caller: &str| {
        let mut all = Vec::new();
        for line in lines {
            all.push(statuses(&app, line, caller, 3).await);
        }
        all
    };
    assert_eq!(all("192.0.2.1").await, [[200, 200, 429], [200, 200, 429], [200, 200, 429]]);
    redis.kill();
    reached(&waygate, false).await;
    assert_eq!(all("192.0.2.2").await, [[200, 200, 429], [200, 200, 200], [429, 429, 429]]);
    let closed = ask(&app, "GET /b/1", "192.0.2.2", &[]).await;
    assert_eq!((closed.number("retry-after"), closed.number("x-ratelimit-remaining")), (1, 0));
    let told = waygate.status().shared_counters.unwrap();
    assert_eq!((told.outages, told.let_through, told.refused), (1, 3, 4));
    assert!(told.counted_locally >= 3, "{told:?}");
    redis.bring_back();
    reached(&waygate, true).await;
    assert_eq!(all("192.0.2.3").await, [[200, 200, 429], [200, 200, 429], [200, 200, 429]]);
    assert_eq!(waygate.status().shared_counters.unwrap().outages, 1);
}

#[tokio::test]
async fn a_backend_that_cannot_be_is_refused_at_the_start_and_one_that_is_away_is_not() {
    let refused = builder().rate_limit_backend("memory").start().unwrap_err().to_string();
    assert!(refused.contains("rate limit backend") && refused.contains("redis://"), "{refused}");
    let refused = builder().rate_limit_backend("redis://:hunter2@[::bad").start().unwrap_err().to_string();
    assert!(!refused.contains("hunter2"), "{refused}");
    let away = builder().rate_limit_backend("redis://127.0.0.1:1/").rate_limit_deadline(Duration::from_secs(2));
    let waygate = live(away, vec![limit("GET:/a", of("2/hour"))]).await;
    let app = super::app(&waygate);
    assert_eq!(statuses(&app, "GET /a", "192.0.2.7", 3).await, [200, 200, 429]);
    assert_eq!(live(builder(), Vec::new()).await.status().shared_counters, None);
}

/// An `Identity` that is not as it should be.
struct Panicking;

impl waygate_sdk::Identity for Panicking {
    fn user<'r>(&'r self, request: waygate_sdk::RequestHead<'r>) -> Option<std::borrow::Cow<'r, str>> {
        Some(request.headers.get("x-user").unwrap().to_str().unwrap().into())
    }
}

/// Is ready for one call where it was asked; a clone has not been.
#[derive(Default)]
struct Slot {
    is_ready: bool,
}

impl Clone for Slot {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl tower::Service<Request<Body>> for Slot {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        self.is_ready = true;
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "it was never asked whether it is ready");
        std::future::ready(Ok(Response::default()))
    }
}

#[tokio::test]
async fn the_one_that_is_ready_is_the_one_that_is_called() {
    // Nobody listens there: every request waits for the counters, and is counted here.
    let settings = builder().rate_limit_backend("redis://127.0.0.1:1/1");
    let waygate = live(settings, vec![limit("service", of("2/hour"))]).await;
    let mut guarded = waygate.layer().layer(Slot::default());
    for status in [200, 200, 429, 429] {
        let answer = guarded.ready().await.unwrap().call(Request::default()).await.unwrap();
        assert_eq!(answer.status(), status);
    }
}

#[tokio::test]
async fn g18_a_key_function_that_panics_is_a_missing_key() {
    let mut policy = of("2/hour");
    policy.key_strategy = waygate_sdk::core::KeyStrategy::User;
    policy.on_missing_key = Some(waygate_sdk::core::OnMissingKey::FallbackIp);
    let app = limited(builder().identity(Panicking), vec![limit("GET:/a", policy)]).await;
    assert_eq!(statuses(&app, "GET /a", "192.0.2.7", 3).await, [200, 200, 429]);
}
