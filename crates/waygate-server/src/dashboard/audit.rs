//! What was done, newest first.

pub(super) mod export;
mod filter;

use std::collections::BTreeSet;

use askama::Template;
use axum::response::Response;
use jiff::Timestamp;
use waygate_core::{Audience, Change, Commit, Platform, Record, Revision, RouteKey};
use waygate_store::HistoryQuery;

use self::filter::Filter;
use crate::api::audit::{Subject, may_see};
use crate::dashboard::change::{Part, part};
use crate::dashboard::fleet::Fleet;
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{Moment, distance, sentence};
use crate::error::ApiError;

/// How many changes are on a page.
const PAGE: usize = 50;
/// Of how many parts of a change is told at once what they have changed.
const PARTS: usize = 10;
/// How many commits are read at a time.
const READ: usize = 500;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    filter: Filter,
    services: Vec<String>,
    actions: Vec<String>,
    platforms: [&'static str; 5],
    days: Vec<Day>,
    older: Option<String>,
    /// Where all that fits is to be had as a file, without the format.
    export: String,
}

struct Day {
    name: String,
    entries: Vec<Shown>,
}

/// A change with what it has changed.
struct Shown {
    entry: Entry,
    parts: Vec<Part>,
    /// How far it has come, and whether it is everywhere.
    propagation: (String, bool),
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

impl Entry {
    pub(super) fn of(commit: &Commit, record: &Record, now: Timestamp) -> Self {
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

pub(super) async fn list(visit: Visit) -> Result<Response, ApiError> {
    let state = visit.state();
    let filter = Filter::of(&visit);
    let wanted = |commit: &Commit, record: &Record| filter.takes(commit, record);
    let fleet = Fleet::of(&visit).await;
    let (entries, more) = search(&visit, &fleet, filter.before, PAGE, wanted, |commit| filter.is_past(commit)).await?;
    let last = entries.last().filter(|_| more).map(|shown| shown.entry.revision);
    let older = last.map(|last| format!("{}/audit{}", visit.base, filter.query(Some(("before", &last.to_string())))));
    let frame = Frame::with(&visit, &state, Section::Audit, &fleet).await;
    page(&AuditPage {
        frame,
        services: state.services.keys().map(ToString::to_string).collect(),
        actions: actions(),
        platforms: [Platform::Dashboard, Platform::Cli, Platform::Sdk, Platform::Api, Platform::System]
            .map(Platform::as_str),
        days: days(entries),
        older,
        export: format!("{}/audit/export{}", visit.base, filter.query(Some(("format", "")))),
        filter,
    })
}

/// The latest changes before a revision, as many as are asked for, and whether there are more.
async fn search(
    visit: &Visit,
    fleet: &Fleet,
    mut before: Option<Revision>,
    most: usize,
    wanted: impl Fn(&Commit, &Record) -> bool,
    is_past: impl Fn(&Commit) -> bool,
) -> Result<(Vec<Shown>, bool), ApiError> {
    let mut found = Vec::new();
    loop {
        let page = visit.app.control.history(HistoryQuery { before, limit: READ }).await?;
        for commit in &page.commits {
            let visible = |record: &Record| may_see(&visit.principal, record) && wanted(commit, record);
            let Some(entry) = Entry::of_those(commit, visit.now, visible) else { continue };
            if found.len() == most {
                return Ok((found, true));
            }
            let parts = commit
                .draft
                .records
                .iter()
                .filter(|record| visible(record))
                .take(PARTS)
                .map(|record| part(record, None))
                .collect();
            // What services and sessions do by themselves is for nobody to put in force, nor what no service hears of.
            let is_servers = |record: &Record| matches!(record.change.audience(), Audience::Servers);
            let is_routine = commit.draft.records.iter().all(|record| record.action.is_routine() || is_servers(record));
            let propagation = if is_routine { (String::new(), true) } else { fleet.propagation(commit) };
            found.push(Shown { entry, parts, propagation });
        }
        before = page.commits.last().map(|commit| commit.revision());
        if !page.more || page.commits.iter().all(|commit| is_past(commit)) {
            return Ok((found, false));
        }
    }
}

/// Those of the latest changes that are wanted.
pub(super) async fn latest(
    visit: &Visit,
    most: usize,
    wanted: impl Fn(&Commit, &Record) -> bool,
) -> Result<Vec<Entry>, ApiError> {
    let page = visit.app.control.history(HistoryQuery { before: None, limit: READ }).await?;
    let entries = page.commits.iter().filter_map(|commit| {
        Entry::of_those(commit, visit.now, |record| may_see(&visit.principal, record) && wanted(commit, record))
    });
    Ok(entries.take(most).collect())
}

fn days(entries: Vec<Shown>) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for entry in entries {
        let name = entry.entry.at.day();
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
