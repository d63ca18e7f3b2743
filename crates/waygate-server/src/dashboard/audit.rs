//! What was done, newest first.

use std::collections::BTreeSet;

use askama::Template;
use axum::response::Response;
use jiff::Timestamp;
use waygate_api::paths::percent_encoded;
use waygate_core::{Change, Commit, Record, Revision, RouteKey, RouteSelector};
use waygate_store::HistoryQuery;

use crate::api::audit::{Subject, may_see};
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{Moment, distance, sentence};
use crate::error::ApiError;

/// How many changes are on a page.
const PAGE: usize = 50;
/// How many commits are read at a time.
const READ: usize = 500;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    filter: Filter,
    services: Vec<String>,
    actions: Vec<String>,
    days: Vec<Day>,
    older: Option<String>,
}

struct Day {
    name: String,
    entries: Vec<Entry>,
}

/// One change, by its first record; the others of the same commit are counted.
pub(super) struct Entry {
    pub(super) revision: u64,
    pub(super) at: Moment,
    pub(super) ago: String,
    pub(super) actor: String,
    pub(super) platform: String,
    pub(super) sentence: String,
    pub(super) reason: String,
    pub(super) more: usize,
    route: Option<RouteKey>,
}

/// Which changes are wanted, as the address says it.
struct Filter {
    text: String,
    route: String,
    service: String,
    actor: String,
    action: String,
    routine: bool,
    before: Option<Revision>,
}

impl Entry {
    fn of(commit: &Commit, record: &Record, now: Timestamp) -> Self {
        let cause = &commit.draft.cause;
        // What another installation's log said is told in its words.
        let imported = match &record.change {
            Change::Noted { imported, .. } => imported.as_deref(),
            _ => None,
        };
        let at = imported.map_or(cause.at, |entry| entry.at);
        Self {
            revision: commit.revision().0,
            at: Moment(at),
            ago: distance(at, now),
            actor: imported.map_or_else(|| cause.actor.to_string(), |entry| entry.actor.clone()),
            platform: imported.map_or_else(|| cause.platform.as_str().to_owned(), |entry| entry.platform.clone()),
            sentence: sentence(record),
            reason: record.reason.clone(),
            more: 0,
            route: match Subject::of(&record.change) {
                Subject::Route(key) | Subject::RateLimit(waygate_core::Scope::Route(key)) => Some(key.clone()),
                _ => None,
            },
        }
    }

    /// One entry for each record.
    pub(super) fn all_of(commit: &Commit, now: Timestamp) -> impl Iterator<Item = Self> {
        commit.draft.records.iter().map(move |record| Self::of(commit, record, now))
    }

    /// One entry for the commit as a whole, by those of its records that are wanted; `None` where none is.
    pub(super) fn of_those(commit: &Commit, now: Timestamp, wanted: impl Fn(&Record) -> bool) -> Option<Self> {
        let mut records = commit.draft.records.iter().filter(|record| wanted(record));
        let first = records.next()?;
        Some(Self { more: records.count(), ..Self::of(commit, first, now) })
    }

    pub(super) fn is_about(&self, key: &RouteKey) -> bool {
        self.route.as_ref() == Some(key)
    }
}

impl Filter {
    fn of(visit: &Visit) -> Self {
        let text = |name| visit.parameters.filter(name).unwrap_or_default().trim().to_owned();
        Self {
            text: text("q"),
            route: text("route"),
            service: text("service"),
            actor: text("actor"),
            action: text("action"),
            routine: visit.parameters.text("routine") == Some("true"),
            before: text("before").parse().ok().map(Revision),
        }
    }

    fn is_set(&self) -> bool {
        [&self.text, &self.route, &self.service, &self.actor, &self.action].iter().any(|text| !text.is_empty())
            || self.routine
    }

    fn takes(&self, commit: &Commit, record: &Record) -> bool {
        let subject = Subject::of(&record.change);
        let action = if self.action.is_empty() {
            self.routine || !record.action.is_routine()
        } else {
            record.action.as_str() == self.action
        };
        let cause = &commit.draft.cause;
        let is_route = || self.route.parse::<RouteSelector>().is_ok() && subject.is_called(&self.route);
        action
            && (self.service.is_empty() || subject.service().is_some_and(|service| service.as_str() == self.service))
            && (self.actor.is_empty() || cause.actor.as_str() == self.actor)
            && (self.route.is_empty() || is_route())
            && (self.text.is_empty() || {
                let text = self.text.to_lowercase();
                [sentence(record), record.reason.clone(), subject.path(), cause.actor.to_string()]
                    .iter()
                    .any(|place| place.to_lowercase().contains(&text))
            })
    }

    /// The query of the same list, of what came before a revision.
    fn query(&self, before: u64) -> String {
        let named = [
            ("q", &self.text),
            ("route", &self.route),
            ("service", &self.service),
            ("actor", &self.actor),
            ("action", &self.action),
        ];
        let set = named.iter().filter(|(_, value)| !value.is_empty());
        let mut parts: Vec<String> = set.map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
        if self.routine {
            parts.push("routine=true".to_owned());
        }
        parts.push(format!("before={before}"));
        format!("?{}", parts.join("&"))
    }
}

pub(super) async fn list(visit: Visit) -> Result<Response, ApiError> {
    let state = visit.state();
    let filter = Filter::of(&visit);
    let (entries, more) = read(&visit, filter.before, PAGE, |commit, record| filter.takes(commit, record)).await?;
    let older =
        entries.last().filter(|_| more).map(|last| format!("{}/audit{}", visit.base, filter.query(last.revision)));
    let frame = Frame::of(&visit, &state, Section::Audit).await;
    page(&AuditPage {
        frame,
        services: state.services.keys().map(ToString::to_string).collect(),
        actions: actions(),
        days: days(entries),
        older,
        filter,
    })
}

/// The latest changes before a revision, as many as are asked for, and whether there are more.
pub(super) async fn read(
    visit: &Visit,
    mut before: Option<Revision>,
    most: usize,
    wanted: impl Fn(&Commit, &Record) -> bool,
) -> Result<(Vec<Entry>, bool), ApiError> {
    let mut entries = Vec::new();
    loop {
        let page = visit.app.control.history(HistoryQuery { before, limit: READ }).await?;
        for commit in &page.commits {
            let visible = |record: &Record| may_see(&visit.principal, record) && wanted(commit, record);
            entries.extend(Entry::of_those(commit, visit.now, visible));
        }
        before = page.commits.last().map(|commit| commit.revision());
        if !page.more || entries.len() > most {
            break;
        }
    }
    let more = entries.len() > most;
    entries.truncate(most);
    Ok((entries, more))
}

fn days(entries: Vec<Entry>) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for entry in entries {
        let name = entry.at.day();
        match days.last_mut() {
            Some(day) if day.name == name => day.entries.push(entry),
            _ => days.push(Day { name, entries: vec![entry] }),
        }
    }
    days
}

/// The names of everything that the log can hold.
fn actions() -> Vec<String> {
    let names: BTreeSet<&str> = waygate_core::Action::ALL.iter().map(|action| action.as_str()).collect();
    names.into_iter().map(ToOwned::to_owned).collect()
}
