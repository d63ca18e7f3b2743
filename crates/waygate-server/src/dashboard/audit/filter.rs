//! Which changes are wanted, as the address says it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use waygate_api::paths::percent_encoded;
use waygate_core::{Change, Commit, Record, Revision, RouteSelector};

use crate::api::audit::Subject;
use crate::dashboard::visit::Visit;
use crate::dashboard::words::sentence;

pub(super) struct Filter {
    pub(super) text: String,
    pub(super) route: String,
    pub(super) service: String,
    pub(super) actor: String,
    pub(super) action: String,
    pub(super) platform: String,
    /// The first and the last day, in UTC, as they were given.
    pub(super) from: String,
    pub(super) to: String,
    pub(super) routine: bool,
    pub(super) before: Option<Revision>,
    /// From a time on, and before another.
    span: (Option<Timestamp>, Option<Timestamp>),
}

impl Filter {
    pub(super) fn of(visit: &Visit) -> Self {
        let text = |name| visit.parameters.filter(name).unwrap_or_default().trim().to_owned();
        let (from, to) = (text("from"), text("to"));
        let midnight = |date: Date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok();
        let start = from.parse::<Date>().ok().and_then(midnight);
        let end = to.parse::<Date>().ok().and_then(|date| date.checked_add(1.day()).ok()).and_then(midnight);
        Self {
            text: text("q"),
            route: text("route"),
            service: text("service"),
            actor: text("actor"),
            action: text("action"),
            platform: text("platform"),
            from,
            to,
            routine: visit.parameters.text("routine") == Some("true"),
            before: text("before").parse().ok().map(Revision),
            span: (start, end),
        }
    }

    fn named(&self) -> [(&'static str, &str); 8] {
        [
            ("q", &self.text),
            ("route", &self.route),
            ("service", &self.service),
            ("actor", &self.actor),
            ("action", &self.action),
            ("platform", &self.platform),
            ("from", &self.from),
            ("to", &self.to),
        ]
    }

    pub(super) fn is_set(&self) -> bool {
        self.named().iter().any(|(_, text)| !text.is_empty()) || self.routine
    }

    /// Whether all changes before this one are too old.
    pub(super) fn is_past(&self, commit: &Commit) -> bool {
        // Clocks of nodes differ.
        self.span.0.is_some_and(|start| commit.draft.cause.at < start - jiff::SignedDuration::from_hours(1))
    }

    pub(super) fn takes(&self, commit: &Commit, record: &Record) -> bool {
        let subject = Subject::of(&record.change);
        let action = if self.action.is_empty() {
            self.routine || !record.action.is_routine()
        } else {
            record.action.as_str() == self.action
        };
        let cause = &commit.draft.cause;
        let imported = match &record.change {
            Change::Noted { imported, .. } => imported.as_deref(),
            _ => None,
        };
        let (at, actor, platform) = match imported {
            Some(entry) => (entry.at, entry.actor.as_str(), entry.platform.as_str()),
            None => (cause.at, cause.actor.as_str(), cause.platform.as_str()),
        };
        let is_route = || self.route.parse::<RouteSelector>().is_ok() && subject.is_called(&self.route);
        action
            && self.span.0.is_none_or(|start| start <= at)
            && self.span.1.is_none_or(|end| at < end)
            && (self.service.is_empty() || subject.service().is_some_and(|service| service.as_str() == self.service))
            && (self.actor.is_empty() || actor == self.actor)
            && (self.platform.is_empty() || platform == self.platform)
            && (self.route.is_empty() || is_route())
            && (self.text.is_empty() || {
                let text = self.text.to_lowercase();
                [sentence(record), record.reason.clone(), subject.path(), actor.to_owned()]
                    .iter()
                    .any(|place| place.to_lowercase().contains(&text))
            })
    }

    /// The query of the same list with one thing more.
    pub(super) fn query(&self, more: Option<(&str, &str)>) -> String {
        let named = self.named().into_iter().filter(|(_, value)| !value.is_empty());
        let routine = self.routine.then_some(("routine", "true"));
        let pairs = named.chain(routine).chain(more);
        let parts: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }
}
