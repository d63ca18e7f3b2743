//! Shared counters in Redis.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use waygate_core::{CallerFacts, Charged, Enforcement, LimitChain, LocalCounters, Meter, ServiceId, SharedCharge};
use waygate_store::{
    ChargeOutcome, ChargeRequest, CounterKey, CounterOptions, CounterStore as _, Fallback, LimitCharge, RedisCounters,
};

use crate::clock;
use crate::error::BuildError;
use crate::status::SharedCounters;

/// When a caller who is refused for want of counters is told to try again.
const RETRY: Duration = Duration::from_secs(1);

/// The counters of all replicas of a service.
#[derive(Debug)]
pub(crate) struct Shared {
    counters: RedisCounters,
    service: ServiceId,
    fallbacks: Fallbacks,
}

/// How requests were decided that had no answer.
#[derive(Debug, Default)]
struct Fallbacks {
    local: AtomicU64,
    open: AtomicU64,
    closed: AtomicU64,
}

impl Shared {
    /// Those at an address, for which a request waits so long.
    pub(crate) fn open(url: &str, deadline: Duration, service: &ServiceId) -> Result<Self, BuildError> {
        let options = CounterOptions { deadline, ..CounterOptions::default() };
        let counters =
            RedisCounters::new(url, options).map_err(|error| BuildError::RateLimitBackend(error.to_string()))?;
        Ok(Self { counters, service: service.clone(), fallbacks: Fallbacks::default() })
    }

    /// Charges a request to all of its limits in one round trip. Where there is no answer, the policies decide; what
    /// they want counted here is counted in `local`.
    pub(crate) async fn charge<'s>(
        &self,
        local: &LocalCounters,
        limits: &LimitChain<'s>,
        caller: &impl CallerFacts,
    ) -> Charged<'s> {
        let charge = limits.shared(&self.service, caller, |parts| CounterKey::new(parts.iter().copied()));
        if let Some(known) = charge.known(clock::now()) {
            return known;
        }
        match self.counters.charge(&request(&charge)).await {
            ChargeOutcome::Charged(answer) => {
                charge.charged(answer.at, answer.admitted, answer.limits.iter().map(Vec::as_slice))
            }
            ChargeOutcome::Unavailable(Fallback::Local { limits }) => {
                self.fallbacks.local.fetch_add(1, Ordering::Relaxed);
                local.charge(&charge.only(&limits), caller, clock::now())
            }
            ChargeOutcome::Unavailable(Fallback::Open) => {
                self.fallbacks.open.fetch_add(1, Ordering::Relaxed);
                Charged::Admitted { tightest: None, shadow: None }
            }
            ChargeOutcome::Unavailable(Fallback::Closed { limit }) => {
                self.fallbacks.closed.fetch_add(1, Ordering::Relaxed);
                let refused = charge.refused(limit, clock::now(), RETRY);
                refused.unwrap_or(Charged::Admitted { tightest: None, shadow: None })
            }
        }
    }

    /// Connects before the first request.
    pub(crate) async fn reach(&self) {
        self.counters.reach().await;
    }

    pub(crate) fn status(&self) -> SharedCounters {
        let health = self.counters.health();
        SharedCounters {
            reachable: !health.is_open,
            outages: health.outages,
            counted_locally: self.fallbacks.local.load(Ordering::Relaxed),
            let_through: self.fallbacks.open.load(Ordering::Relaxed),
            refused: self.fallbacks.closed.load(Ordering::Relaxed),
            blocked: health.blocked,
        }
    }
}

fn request(charge: &SharedCharge<'_, CounterKey>) -> ChargeRequest {
    let limits = charge.limits().map(|limit| LimitCharge {
        key: *limit.key,
        meters: Meter::of(limit.policy, limit.limit).collect(),
        shadow: limit.policy.enforcement == Enforcement::Shadow,
        on_failure: limit.policy.on_backend_failure,
    });
    ChargeRequest { limits: limits.collect() }
}
