//! Counters in Redis.

use std::time::{Duration, Instant};

use ::redis::{ErrorKind, RedisError};
use async_trait::async_trait;
use jiff::Timestamp;
use waygate_core::{Algorithm, Meter, Step};

use super::blocked::Blocked;
use super::breaker::Breaker;
use super::script::{self, ChargeScript};
use super::{
    ChargeAnswer, ChargeOutcome, ChargeRequest, CounterHealth, CounterKey, CounterOptions, CounterStore, Fallback,
    LimitCharge, clock,
};
use crate::StoreError;
use crate::redis::link::{Link, LinkError};

/// How long the first connection may take.
const CONNECTING: Duration = Duration::from_secs(2);

/// Counters in Redis 6.2 or newer: exact over all processes that share one.
///
/// A request takes one round trip, whatever its limits: one script asks all and then adds to all, by the clock of Redis.
/// The arithmetic is that of the counters in a process, in microseconds, so that resets are up to one microsecond later.
///
/// Keys are `{waygate}:rate:<key><algorithm><position>`: of a fixed size, whatever callers send, and gone a second after
/// they say nothing more. The hash is not keyed; whoever can read Redis can try addresses out.
///
/// Who was denied is remembered until he is admitted again, so that his requests cost no round trip. Counters that are
/// changed from outside take effect for him only then; a reset of the policy at once, as it is another key.
///
/// # When Redis fails
///
/// An answer that does not come within the deadline is none: [`ChargeOutcome::Unavailable`]. After some failures in a row
/// nobody is asked for a while, and then one request at a time tries. That is logged when it begins and when it ends.
#[derive(Debug)]
pub struct RedisCounters {
    link: Link,
    options: CounterOptions,
    charge: ChargeScript,
    blocked: Blocked,
    breaker: Breaker,
}

impl RedisCounters {
    /// Counters that are connected when they are first asked.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the address is not understood.
    pub fn new(url: &str, options: CounterOptions) -> Result<Self, StoreError> {
        Ok(Self {
            link: Link::new(url)?,
            charge: ChargeScript::new(),
            blocked: Blocked::new(options.most_blocked),
            breaker: Breaker::new(options.failures, options.pause),
            options,
        })
    }

    /// The same, connected. Where Redis is not reached now, the counters say so at each charge until it is.
    ///
    /// # Errors
    ///
    /// As [`RedisCounters::new`].
    pub async fn connect(url: &str, options: CounterOptions) -> Result<Self, StoreError> {
        let counters = Self::new(url, options)?;
        counters.reach().await;
        Ok(counters)
    }

    /// Connects before anybody asks, so that the first request need not wait for it. Where Redis is not reached, an outage
    /// begins.
    pub async fn reach(&self) {
        if let Err(error) =
            self.link.run::<()>(&self.charge.of(&ChargeRequest::default()).prepare_invoke(), CONNECTING).await
            && self.breaker.gave_up(clock::monotonic())
        {
            self.tell_outage(&error);
        }
    }

    /// The address and the database, without user and password.
    pub fn describe(&self) -> String {
        self.link.describe()
    }

    /// How the counters fare, for metrics.
    pub fn health(&self) -> CounterHealth {
        CounterHealth {
            is_open: self.breaker.is_open(),
            outages: self.breaker.outages(),
            unavailable: self.breaker.total(),
            blocked: self.blocked.len(),
        }
    }

    /// Charges as of a given time, whatever the clock of Redis says.
    #[cfg(feature = "testing")]
    pub async fn charge_at(&self, request: &ChargeRequest, now: Timestamp) -> ChargeOutcome {
        self.ask(request, Some(now)).await
    }

    async fn ask(&self, request: &ChargeRequest, now: Option<Timestamp>) -> ChargeOutcome {
        let asked = clock::monotonic();
        let Some(attempt) = self.breaker.allows(asked) else {
            return self.unavailable(request);
        };
        match self.run(request, now).await {
            Ok(answer) => {
                if attempt.succeeded() {
                    tracing::info!(redis = self.describe(), "the shared counters are reached again");
                }
                if now.is_none() {
                    self.remember(request, &answer, asked);
                }
                ChargeOutcome::Charged(answer)
            }
            Err(error) => {
                if attempt.failed(clock::monotonic()) {
                    self.tell_outage(&error);
                }
                // A late answer alone is no reason to connect anew.
                if self.breaker.is_open() || !matches!(error, LinkError::TimedOut(_)) {
                    self.link.forget();
                }
                self.unavailable(request)
            }
        }
    }

    async fn run(&self, request: &ChargeRequest, now: Option<Timestamp>) -> Result<ChargeAnswer, LinkError> {
        let mut script = self.charge.of(request).prepare_invoke();
        script.arg(script::settings(request)).arg(now.map(|now| now.as_microsecond().to_string()).unwrap_or_default());
        for limit in &request.limits {
            for (position, meter) in limit.meters.iter().enumerate() {
                script.key(self.name(limit.key, meter, position));
            }
        }
        let answer: Vec<u64> = self.link.run(&script, self.options.deadline).await?;
        let [admitted, at, steps @ ..] = &*answer else {
            return Err(RedisError::from((ErrorKind::UnexpectedReturnType, "no answer of the script")).into());
        };
        let mut steps = steps.chunks_exact(3).map(|step| Step {
            allowed: step[0] == 1,
            remaining: step[1],
            reset_after: Duration::from_micros(step[2]),
        });
        let at = i64::try_from(*at).ok().and_then(|at| Timestamp::from_microsecond(at).ok()).unwrap_or_default();
        let limits = request.limits.iter().map(|limit| steps.by_ref().take(limit.meters.len()).collect()).collect();
        Ok(ChargeAnswer { admitted: *admitted == 1, at, limits })
    }

    /// Once in an outage, whatever its length.
    fn tell_outage(&self, error: &LinkError) {
        tracing::warn!(redis = self.describe(), %error, "the shared counters are not reached; policies decide");
    }

    fn unavailable(&self, request: &ChargeRequest) -> ChargeOutcome {
        self.breaker.count();
        ChargeOutcome::Unavailable(Fallback::of(request))
    }

    fn name(&self, key: CounterKey, meter: &Meter, position: usize) -> String {
        let CounterKey(bytes) = key;
        format!("{{{}}}:rate:{:032x}{}{position}", self.options.prefix, u128::from_be_bytes(bytes), letter(meter))
    }

    fn remember(&self, request: &ChargeRequest, answer: &ChargeAnswer, asked: Instant) {
        if answer.admitted {
            return;
        }
        for (limit, steps) in request.limits.iter().zip(&answer.limits) {
            if !limit.shadow && steps.iter().any(|step| !step.allowed) {
                self.blocked.remember(limit, steps, asked);
            }
        }
    }
}

#[async_trait]
impl CounterStore for RedisCounters {
    async fn charge(&self, request: &ChargeRequest) -> ChargeOutcome {
        if request.limits.iter().all(|limit| limit.meters.is_empty()) {
            let limits = vec![Vec::new(); request.limits.len()];
            return ChargeOutcome::Charged(ChargeAnswer { admitted: true, at: clock::now(), limits });
        }
        let now = clock::monotonic();
        let known = |limit: &LimitCharge| if limit.shadow { None } else { self.blocked.steps(limit, now) };
        let steps: Vec<_> = request.limits.iter().map(known).collect();
        if steps.iter().any(Option::is_some) {
            let limits = steps.into_iter().map(Option::unwrap_or_default).collect();
            return ChargeOutcome::Charged(ChargeAnswer { admitted: false, at: clock::now(), limits });
        }
        self.ask(request, None).await
    }
}

fn letter(meter: &Meter) -> char {
    match meter.algorithm {
        Algorithm::FixedWindow => 'f',
        Algorithm::SlidingWindow => 's',
        Algorithm::MovingWindow => 'm',
        Algorithm::TokenBucket => 't',
    }
}
