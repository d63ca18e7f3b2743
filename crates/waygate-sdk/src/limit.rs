//! A limit that a service declares.

use waygate_core::{Algorithm, InvalidName, KeyStrategy, OnBackendFailure, OnMissingKey, RateLimitPolicy, Share};

/// A limit that is declared beside a route. Operators see it, and may put another in its place.
///
/// A text is a limit by address, in fixed windows: `"5/minute"`.
///
/// ```
/// use waygate_sdk::{RateLimit, core::{Algorithm, KeyStrategy}};
/// let limit = RateLimit::new("10/second;100/minute")
///     .algorithm(Algorithm::TokenBucket)
///     .key(KeyStrategy::ApiKey)
///     .burst(20);
/// # let _ = limit;
/// ```
#[derive(Debug, Clone)]
pub struct RateLimit(Result<RateLimitPolicy, InvalidName>);

impl RateLimit {
    /// What the limit is, as operators write it too. A text that is no limit is told in the log when the route is
    /// declared, and there is no limit then.
    pub fn new(limit: &str) -> Self {
        Self(limit.parse().map(RateLimitPolicy::new))
    }

    /// How requests are counted over time.
    #[must_use]
    pub fn algorithm(self, algorithm: Algorithm) -> Self {
        self.with(|policy| policy.algorithm = algorithm)
    }

    /// What counts as one caller.
    #[must_use]
    pub fn key(self, key: KeyStrategy) -> Self {
        self.with(|policy| policy.key_strategy = key)
    }

    /// What happens to a request without the key.
    #[must_use]
    pub fn on_missing_key(self, rule: OnMissingKey) -> Self {
        self.with(|policy| policy.on_missing_key = Some(rule))
    }

    /// How many more than the amount pass at once; see [`Algorithm`].
    #[must_use]
    pub fn burst(self, burst: u32) -> Self {
        self.with(|policy| policy.burst = burst)
    }

    /// Whether each replica of the service has the whole limit, or its share of it.
    #[must_use]
    pub fn share(self, share: Share) -> Self {
        self.with(|policy| policy.share = share)
    }

    /// What happens while the [rate limit backend](crate::WaygateBuilder::rate_limit_backend) is away, or, where the
    /// replicas divide the limit, the control plane.
    #[must_use]
    pub fn on_backend_failure(self, rule: OnBackendFailure) -> Self {
        self.with(|policy| policy.on_backend_failure = rule)
    }

    pub(crate) fn into_policy(self) -> Result<RateLimitPolicy, InvalidName> {
        self.0
    }

    fn with(mut self, change: impl FnOnce(&mut RateLimitPolicy)) -> Self {
        if let Ok(policy) = &mut self.0 {
            change(policy);
        }
        self
    }
}

impl From<&str> for RateLimit {
    fn from(limit: &str) -> Self {
        Self::new(limit)
    }
}
