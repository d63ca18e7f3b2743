//! Charging requests to limits.

use http::{HeaderMap, HeaderName, HeaderValue};
use waygate_core::{CallerFacts, Charged, LimitChain, LocalCounters, Standing};

use crate::caller::Callers;
use crate::clock;
use crate::report::Hits;

/// The limits of one service in one process: counters, how callers are told apart, and what was denied.
pub(crate) struct Gate {
    pub(crate) counters: LocalCounters,
    pub(crate) callers: Callers,
    pub(crate) hits: Hits,
}

/// What an answer tells of the limit that bites first.
#[derive(Debug)]
pub(crate) struct LimitHeaders([(HeaderName, HeaderValue); 5]);

impl Gate {
    /// Charges a request, and notes what is denied or would be. `template` is that of its route, empty for none.
    pub(crate) fn charge<'s>(
        &self,
        limits: &LimitChain<'s>,
        caller: &impl CallerFacts,
        method: &str,
        template: &str,
    ) -> Charged<'s> {
        let charged = self.counters.charge(limits, caller, clock::now());
        match &charged {
            Charged::Exceeded(exceeded) => self.hits.note(exceeded, method, template, false),
            Charged::Admitted { shadow: Some(exceeded), .. } => self.hits.note(exceeded, method, template, true),
            Charged::Admitted { shadow: None, .. } => {}
        }
        charged
    }
}

impl LimitHeaders {
    pub(crate) fn of(standing: &Standing<'_>) -> Self {
        Self(standing.headers().map(|(name, value)| {
            // Digits and fixed words: they always fit.
            let value = HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static(""));
            (HeaderName::from_static(name), value)
        }))
    }

    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.extend(self.0);
    }
}
