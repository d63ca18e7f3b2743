//! No shared counters: the feature `redis-limits` is off.

use std::time::Duration;

use waygate_core::{CallerFacts, Charged, LimitChain, LocalCounters, ServiceId};

use crate::error::BuildError;
use crate::status::SharedCounters;

/// There are none.
#[derive(Debug)]
pub(crate) enum Shared {}

impl Shared {
    pub(crate) fn open(_: &str, _: Duration, _: &ServiceId) -> Result<Self, BuildError> {
        let problem = "this program is built without the feature `redis-limits` of `waygate-sdk`";
        Err(BuildError::RateLimitBackend(problem.to_owned()))
    }

    #[expect(clippy::unused_async, reason = "what the other one waits for")]
    pub(crate) async fn charge<'s>(&self, _: &LocalCounters, _: &LimitChain<'s>, _: &impl CallerFacts) -> Charged<'s> {
        match *self {}
    }

    #[expect(clippy::unused_async, reason = "what the other one waits for")]
    pub(crate) async fn reach(&self) {
        match *self {}
    }

    pub(crate) fn status(&self) -> SharedCounters {
        match *self {}
    }
}
