//! Limits that are shared in Redis: all layers of a request in one script, against bare scripts for as many keys on
//! the same server, at the same concurrency, over one connection each, in turns. Run by `scripts/bench redis`, which
//! gives it a server.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of ours alone: what goes wrong ends it"
)]

use std::env;
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

/// The least that each algorithm takes for each key, as such scripts are written: it counts, denies, ends with the period,
/// and says what was used and for how long. By the clock of Redis, but for the fixed window, which needs none.
const BARE: [(&str, Algorithm, &str); 4] = [
    (
        "fixed_window",
        Algorithm::FixedWindow,
        r"
local answer = {}
for index, key in ipairs(KEYS) do
  local count = redis.call('INCR', key)
  if count == 1 then redis.call('PEXPIRE', key, ARGV[1]) end
  answer[2 * index - 1] = count
  answer[2 * index] = redis.call('PTTL', key)
end
return answer
",
    ),
    (
        "sliding_window",
        Algorithm::SlidingWindow,
        r"
local time, period, answer = redis.call('TIME'), tonumber(ARGV[1]), {}
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window, into = math.floor(now / period), now % period
for index, key in ipairs(KEYS) do
  local previous = tonumber(redis.call('GET', key .. window - 1) or 0)
  local current = redis.call('INCR', key .. window)
  if current == 1 then redis.call('PEXPIRE', key .. window, 2 * period) end
  answer[2 * index - 1] = math.floor(previous * (period - into) / period) + current
  answer[2 * index] = period - into
end
return answer
",
    ),
    (
        "token_bucket",
        Algorithm::TokenBucket,
        r"
local time, period, answer = redis.call('TIME'), tonumber(ARGV[1]), {}
local now = time[1] * 1000000 + time[2]
local interval = period * 1000 / ARGV[2]
for index, key in ipairs(KEYS) do
  local arrival = math.max(now, tonumber(redis.call('GET', key) or 0)) + interval
  redis.call('SET', key, string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000))
  answer[2 * index - 1] = math.ceil((arrival - now) / interval)
  answer[2 * index] = arrival - now
end
return answer
",
    ),
    (
        "moving_window",
        Algorithm::MovingWindow,
        r"
local time, period, answer = redis.call('TIME'), tonumber(ARGV[1]), {}
local now = time[1] * 1000000 + time[2]
for index, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - period * 1000)
  redis.call('ZADD', key, now, now)
  redis.call('PEXPIRE', key, period)
  answer[2 * index - 1] = redis.call('ZCARD', key)
  answer[2 * index] = tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
end
return answer
",
    ),
];

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
    for (name, algorithm, own) in BARE {
        let requests: Vec<ChargeRequest> = (0..CALLERS).map(|caller| request(caller, algorithm)).collect();
        let floors = [("fixed windows", Script::new(BARE[0].2)), ("the same algorithm", Script::new(own))];
        for (what, script) in floors.iter().take(if algorithm == Algorithm::FixedWindow { 1 } else { 2 }) {
            let keys = format!("{name}:{what}");
            let (mut ratios, mut best) = (Vec::new(), (0.0_f64, 0.0_f64));
            for _ in 0..ROUNDS {
                let bare = rate(|number| floor(connection.clone(), script, &keys, number % CALLERS)).await;
                let ours = rate(|number| charge(&counters, &requests[number % CALLERS])).await;
                ratios.push(ours / bare);
                best = (best.0.max(ours), best.1.max(bare));
            }
            ratios.sort_by(f64::total_cmp);
            println!(
                "redis {name}: {:.0} % of a bare script of {what} (best slices: {:.0} and {:.0} a second)",
                ratios[ROUNDS / 2] * 100.0,
                best.0,
                best.1
            );
            println!("# {name}.{} {:.3}", what.replace(' ', "_"), ratios[ROUNDS / 2]);
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

async fn floor(mut connection: MultiplexedConnection, script: &Script, name: &str, caller: usize) {
    let mut invocation = script.prepare_invoke();
    invocation.arg(60_000).arg(1_000_000);
    for layer in ["global", "service", "route"] {
        invocation.key(format!("waygate-bare:{name}:{layer}:{caller:032x}"));
    }
    let answer: Vec<i64> = invocation.invoke_async(&mut connection).await.unwrap();
    assert_eq!(answer.len(), 6);
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
