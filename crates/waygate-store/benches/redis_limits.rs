//! Limits that are shared in Redis: all layers of a request in one script, against bare scripts of fixed windows on the
//! same server, at the same concurrency, in turns. Run by `scripts/bench redis`, which gives it a server.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of ours alone: what goes wrong ends it"
)]

use std::env;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use redis::Script;
use redis::aio::MultiplexedConnection;
use waygate_core::{Algorithm, Meter, OnBackendFailure, Quota};
use waygate_store::{
    ChargeOutcome, ChargeRequest, CounterKey, CounterOptions, CounterStore as _, LimitCharge, RedisCounters,
};

/// How many requests are under way at a time.
const CONCURRENCY: usize = 64;
/// How many callers there are.
const CALLERS: usize = 1_000;
const SLICE: Duration = Duration::from_millis(400);
/// How many pairs of slices are taken; the median of their ratios is told.
const ROUNDS: usize = 15;

/// The least that a fixed window takes, for each key: count, and end with the period.
const BARE: &str = r"
local answer = {}
for index, key in ipairs(KEYS) do
  local count = redis.call('INCR', key)
  if count == 1 then redis.call('PEXPIRE', key, ARGV[1]) end
  answer[2 * index - 1] = count
  answer[2 * index] = redis.call('PTTL', key)
end
return answer
";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // What cargo adds says nothing here.
    let Ok(url) = env::var("WAYGATE_TEST_REDIS_URL") else {
        println!("skipped: WAYGATE_TEST_REDIS_URL names no server");
        return;
    };
    let options = CounterOptions {
        prefix: "waygate-bench".to_owned(),
        deadline: Duration::from_secs(5),
        ..CounterOptions::default()
    };
    let counters = RedisCounters::connect(&url, options).await.unwrap();
    let connection = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    for (name, algorithm) in [
        ("fixed_window", Algorithm::FixedWindow),
        ("sliding_window", Algorithm::SlidingWindow),
        ("moving_window", Algorithm::MovingWindow),
        ("token_bucket", Algorithm::TokenBucket),
    ] {
        let requests: Vec<ChargeRequest> = (0..CALLERS).map(|caller| request(caller, algorithm)).collect();
        for keys in [3, 1] {
            let (mut ratios, mut best) = (Vec::new(), (0.0_f64, 0.0_f64));
            for _ in 0..ROUNDS {
                let bare = rate(|number| floor(connection.clone(), number % CALLERS, keys)).await;
                let ours = rate(|number| charge(&counters, &requests[number % CALLERS])).await;
                ratios.push(ours / bare);
                best = (best.0.max(ours), best.1.max(bare));
            }
            ratios.sort_by(f64::total_cmp);
            println!(
                "redis {name}: three limits at {:.0} % of a bare script with {keys} keys (best slices: {:.0} and {:.0} a second)",
                ratios[ROUNDS / 2] * 100.0,
                best.0,
                best.1
            );
        }
    }
    println!("redis blocked: {:.0} a second, none of them asks Redis", blocked(&counters).await);
}

fn request(caller: usize, algorithm: Algorithm) -> ChargeRequest {
    let quota = Quota { amount: 1_000_000, period_seconds: 60 };
    let limit = |layer: &str| LimitCharge {
        key: CounterKey::new([layer.as_bytes(), &caller.to_be_bytes()]),
        meters: vec![Meter { algorithm, quota, burst: 0 }],
        shadow: false,
        on_failure: OnBackendFailure::Local,
    };
    ChargeRequest { limits: ["global", "service", "route"].map(limit).into() }
}

async fn charge(counters: &RedisCounters, request: &ChargeRequest) {
    let outcome = counters.charge(request).await;
    assert!(matches!(outcome, ChargeOutcome::Charged(answer) if answer.admitted), "a limit is reached");
}

async fn floor(mut connection: MultiplexedConnection, caller: usize, keys: usize) {
    static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(BARE));
    let mut invocation = SCRIPT.arg(60_000);
    for layer in &["global", "service", "route"][..keys] {
        invocation.key(format!("waygate-bare:{layer}:{caller:032x}"));
    }
    let answer: Vec<i64> = invocation.invoke_async(&mut connection).await.unwrap();
    assert_eq!(answer.len(), 2 * keys);
}

/// How many calls are done in a second, of which [`CONCURRENCY`] are under way.
async fn rate<F: Future<Output = ()>>(call: impl Fn(usize) -> F) -> f64 {
    let (began, next) = (Instant::now(), AtomicUsize::new(0));
    let worker = async || {
        while began.elapsed() < SLICE {
            call(next.fetch_add(1, Ordering::Relaxed)).await;
        }
    };
    futures_util::future::join_all((0..CONCURRENCY).map(|_| worker())).await;
    #[expect(clippy::cast_precision_loss, reason = "a count of calls is small")]
    let done = next.into_inner() as f64;
    done / began.elapsed().as_secs_f64()
}

/// How often a caller who is known to be denied is denied in a second.
async fn blocked(counters: &RedisCounters) -> f64 {
    let mut request = request(CALLERS, Algorithm::FixedWindow);
    for limit in &mut request.limits {
        limit.meters[0].quota.amount = 1;
    }
    counters.charge(&request).await;
    counters.charge(&request).await;
    rate(|_| async {
        let outcome = counters.charge(&request).await;
        assert!(matches!(outcome, ChargeOutcome::Charged(answer) if !answer.admitted));
    })
    .await
}
