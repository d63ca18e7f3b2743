//! Counters that the replicas of a service share: what the guide calls `rate_limit_backend`.

#[cfg(not(feature = "redis-limits"))]
mod absent;
#[cfg(feature = "redis-limits")]
mod redis;

#[cfg(not(feature = "redis-limits"))]
pub(crate) use self::absent::Shared;
#[cfg(feature = "redis-limits")]
pub(crate) use self::redis::Shared;
