//! Which instance enforces which of the latest changes.

use std::sync::Arc;

use askama::Template;
use axum::response::Response;
use waygate_api::instances::{InstanceState, InstanceView};
use waygate_core::{Commit, Record};
use waygate_store::HistoryQuery;

use crate::api::audit::may_see;
use crate::dashboard::audit::Entry;
use crate::dashboard::fleet::pages::{State, path_of};
use crate::dashboard::fleet::{Fleet, enforces};
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::visit::{Visit, page};
use crate::error::ApiError;

/// How many changes are shown, and among how many they are looked for.
const SHOWN: usize = 10;
const SEARCHED: usize = 500;

#[derive(Template)]
#[template(path = "revisions.html")]
struct RevisionsPage {
    frame: Frame,
    changes: Vec<Entry>,
    groups: Vec<Group>,
}

struct Group {
    service: String,
    words: String,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    path: String,
    state: State,
    cells: Vec<Cell>,
    /// Changes with whatever the row shows.
    stamp: String,
}

/// How an instance stands to a change.
#[derive(Debug, PartialEq, Eq)]
enum Cell {
    /// It does not concern its service.
    Other,
    /// It has confirmed it; after how many milliseconds, where this server has heard that.
    Applied(Option<i128>),
    /// It was sent; whether it is enforced cannot be known.
    Sent,
    /// It is not known to enforce it.
    Waiting,
}

impl Cell {
    fn of(visit: &Visit, commit: &Commit, instance: &InstanceView) -> Self {
        let revision = commit.revision();
        if !instance.service.parse().is_ok_and(|service| commit.concerns(&service)) {
            return Self::Other;
        }
        if instance.state == InstanceState::Unconfirmed {
            let sent = instance.delivered.is_some_and(|delivered| revision <= delivered);
            return if sent { Self::Sent } else { Self::Waiting };
        }
        if !enforces(instance, revision) {
            return Self::Waiting;
        }
        let made = commit.draft.cause.at;
        let confirmed = visit.app.presence.confirmed_at(instance, revision).filter(|at| made <= *at);
        Self::Applied(confirmed.map(|at| at.duration_since(made).as_millis()))
    }

    fn words(&self) -> String {
        match self {
            Self::Other => "–".to_owned(),
            Self::Applied(None) => "applied".to_owned(),
            Self::Applied(Some(milliseconds)) => format!("{milliseconds} ms"),
            Self::Sent => "sent".to_owned(),
            Self::Waiting => "not yet".to_owned(),
        }
    }

    fn is_waiting(&self) -> bool {
        *self == Self::Waiting
    }
}

pub(in crate::dashboard) async fn list(visit: Visit) -> Result<Response, ApiError> {
    let (state, fleet) = (visit.state(), Fleet::of(&visit).await);
    let history = visit.app.control.history(HistoryQuery { before: None, limit: SEARCHED }).await?;
    let seen = |record: &Record| !record.action.is_routine() && may_see(&visit.principal, record);
    let concerns = |commit: &Arc<Commit>| {
        fleet.0.keys().any(|service| service.parse().is_ok_and(|service| commit.concerns(&service)))
    };
    let (commits, changes): (Vec<Arc<Commit>>, Vec<Entry>) = history
        .commits
        .iter()
        .filter(|commit| concerns(commit))
        .filter_map(|commit| Some((commit.clone(), Entry::of_those(commit, visit.now, seen)?)))
        .take(SHOWN)
        .unzip();
    let groups = fleet.0.keys().map(|service| Group {
        service: service.clone(),
        words: fleet.standing(service).words,
        rows: fleet.there(service).map(|instance| Row::of(&visit, &commits, instance)).collect(),
    });
    let groups = groups.filter(|group| !group.rows.is_empty()).collect();
    page(&RevisionsPage { frame: Frame::with(&visit, &state, Section::Fleet, &fleet).await, changes, groups })
}

impl Row {
    fn of(visit: &Visit, commits: &[Arc<Commit>], instance: &InstanceView) -> Self {
        let cells: Vec<Cell> = commits.iter().map(|commit| Cell::of(visit, commit, instance)).collect();
        Self {
            id: instance.id.clone(),
            path: path_of(&instance.service, &instance.id),
            state: State::of(instance),
            stamp: format!("{} {cells:?}", instance.state.as_str()),
            cells,
        }
    }
}
