//! Charging requests to limits.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use waygate_core::{CallerFacts, Charged, LimitChain, LocalCounters, Standing};

use crate::caller::Callers;
use crate::clock::Clock;
use crate::report::Hits;
use crate::shared::Shared;
use crate::traffic::Traffic;

const NAMES: [HeaderName; 5] = {
    let [limit, remaining, reset, policy, standing] = Standing::HEADERS;
    [
        HeaderName::from_static(limit),
        HeaderName::from_static(remaining),
        HeaderName::from_static(reset),
        HeaderName::from_static(policy),
        HeaderName::from_static(standing),
    ]
};

/// The limits of one service in one process: counters, how callers are told apart, and what was denied.
pub(crate) struct Gate {
    pub(crate) clock: Clock,
    pub(crate) counters: LocalCounters,
    /// Those that the replicas of the service share.
    pub(crate) shared: Option<Shared>,
    pub(crate) callers: Callers,
    pub(crate) hits: Hits,
    pub(crate) traffic: Traffic,
}

/// What an answer tells of the limit that bites first: the values of [`Standing::HEADERS`].
#[derive(Debug)]
pub(crate) struct LimitHeaders([HeaderValue; 5]);

impl Gate {
    /// Whether charging asks counters outside of this process.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Connects to the shared counters.
    pub(crate) async fn reach(&self) {
        if let Some(shared) = &self.shared {
            shared.reach().await;
        }
    }

    /// Charges a request in this process, and notes what is denied or would be. `template` is that of its route, empty
    /// for none.
    pub(crate) fn charge<'s>(
        &self,
        limits: &LimitChain<'s>,
        caller: &impl CallerFacts,
        method: &str,
        template: &str,
    ) -> Charged<'s> {
        let charged = self.counters.charge(limits, caller, self.clock.now());
        self.note(&charged, caller, method, template);
        charged
    }

    /// The same, in the shared counters where there are any.
    pub(crate) async fn charge_shared<'s>(
        &self,
        limits: &LimitChain<'s>,
        caller: &impl CallerFacts,
        method: &str,
        template: &str,
    ) -> Charged<'s> {
        let Some(shared) = &self.shared else { return self.charge(limits, caller, method, template) };
        let charged = shared.charge(&self.counters, limits, caller).await;
        self.note(&charged, caller, method, template);
        charged
    }

    fn note(&self, charged: &Charged<'_>, caller: &impl CallerFacts, method: &str, template: &str) {
        match charged {
            Charged::Exceeded(exceeded) => self.hits.note(exceeded, caller, method, template, false),
            Charged::Admitted { shadow: Some(exceeded), .. } => {
                self.hits.note(exceeded, caller, method, template, true);
            }
            Charged::Admitted { shadow: None, .. } => {}
        }
    }
}

impl LimitHeaders {
    pub(crate) fn of(standing: &Standing<'_>) -> Self {
        let (text, ends) = standing.header_values();
        let (text, mut start) = (Bytes::from(text), 0);
        Self(ends.map(|end| {
            let value = text.slice(start..end);
            start = end;
            // Digits and fixed words: they always fit.
            HeaderValue::from_maybe_shared(value).unwrap_or_else(|_| HeaderValue::from_static(""))
        }))
    }

    /// Replaces what the handler, or one that it has asked, says of limits of its own: a caller reads one of each.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.reserve(self.0.len());
        for (name, value) in NAMES.into_iter().zip(self.0) {
            headers.insert(name, value);
        }
    }
}
