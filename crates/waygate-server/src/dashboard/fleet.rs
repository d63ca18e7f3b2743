//! Instances of services: who is there, and what they enforce.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use waygate_api::error::ErrorCode;
use waygate_api::instances::{InstanceState, InstanceView};
use waygate_core::{Commit, Revision};

use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{Moment, counted, distance, span};
use crate::error::ApiError;

/// The instances that a visitor may know of, by service.
#[derive(Default)]
pub(super) struct Fleet(BTreeMap<String, Vec<InstanceView>>);

/// How far the instances of one service are.
#[derive(Default)]
pub(super) struct Standing {
    pub(super) words: String,
    /// Not every instance enforces it.
    pub(super) behind: bool,
}

/// How one instance stands to one change.
pub(super) struct Arrival {
    pub(super) path: String,
    pub(super) id: String,
    pub(super) service: String,
    pub(super) delivered: bool,
    pub(super) words: &'static str,
    /// How long after the change it has confirmed it.
    pub(super) after: String,
}

#[derive(Template)]
#[template(path = "fleet.html")]
struct FleetPage {
    frame: Frame,
    summary: String,
    groups: Vec<Group>,
}

struct Group {
    service: String,
    words: String,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    service: String,
    path: String,
    state: State,
    environment: String,
    sdk: String,
    connected: String,
    heard: String,
    delivered: String,
    applied: String,
    lag: String,
    stamp: String,
}

#[derive(Template)]
#[template(path = "instance.html")]
struct InstancePage {
    frame: Frame,
    row: Row,
    protocol: String,
    capabilities: String,
    connected_since: Option<Moment>,
    last_heard: Moment,
    digest: String,
    cursor: String,
    rejected: Vec<(String, String)>,
}

/// A state with its word.
#[derive(Clone, Copy)]
struct State(InstanceState);

impl State {
    fn word(self) -> &'static str {
        match self.0 {
            InstanceState::InSync => "In sync",
            InstanceState::Applying => "Applying",
            InstanceState::Behind => "Behind",
            InstanceState::Unconfirmed => "Delivered, unconfirmed",
            InstanceState::Lost => "Lost",
            InstanceState::Left => "Left",
        }
    }

    /// How it is marked; by word and form, not by colour alone.
    fn class(self) -> &'static str {
        match self.0 {
            InstanceState::InSync | InstanceState::Applying => "status",
            InstanceState::Behind => "status chip maintenance",
            InstanceState::Unconfirmed | InstanceState::Left => "status chip deprecated",
            InstanceState::Lost => "status chip disabled",
        }
    }

    fn means(self) -> &'static str {
        match self.0 {
            InstanceState::InSync => "It has confirmed the newest change that concerns it.",
            InstanceState::Applying => "The newest change is on its way to it.",
            InstanceState::Behind => "It enforces an older state, or could not apply a part of the newest.",
            InstanceState::Unconfirmed => "The newest was sent; its SDK cannot confirm it.",
            InstanceState::Lost => "Nothing was heard of it for too long. It may still enforce what it confirmed last.",
            InstanceState::Left => "It ended in order.",
        }
    }
}

impl Fleet {
    pub(super) async fn of(visit: &Visit) -> Self {
        let mut services: BTreeMap<String, Vec<InstanceView>> = BTreeMap::new();
        for instance in visit.app.presence.instances(visit.principal.only_service()).await {
            if visit.principal.may_read_named(Some(&instance.service)) {
                services.entry(instance.service.clone()).or_default().push(instance);
            }
        }
        Self(services)
    }

    fn there(&self, service: &str) -> impl Iterator<Item = &InstanceView> {
        let all = self.0.get(service).into_iter().flatten();
        all.filter(|instance| !matches!(instance.state, InstanceState::Left))
    }

    /// How many instances there are that need a look.
    pub(super) fn exceptions(&self) -> usize {
        let all = self.0.values().flatten();
        all.filter(|instance| matches!(instance.state, InstanceState::Behind | InstanceState::Lost)).count()
    }

    /// How the instances of a service stand as a whole.
    pub(super) fn standing(&self, service: &str) -> Standing {
        let of = |state| self.there(service).filter(|instance| instance.state == state).count();
        let total = self.there(service).count();
        if total == 0 {
            return Standing { words: "no instance connected".to_owned(), behind: false };
        }
        let mut parts = vec![format!("{} of {} in sync", of(InstanceState::InSync), counted(total, "instance"))];
        for (state, word) in [
            (InstanceState::Applying, "applying"),
            (InstanceState::Behind, "behind"),
            (InstanceState::Unconfirmed, "unconfirmed"),
            (InstanceState::Lost, "lost"),
        ] {
            if of(state) > 0 {
                parts.push(format!("{} {word}", of(state)));
            }
        }
        Standing { words: parts.join(", "), behind: of(InstanceState::Behind) + of(InstanceState::Lost) > 0 }
    }

    /// How many instances of a service enforce what was last changed at a revision.
    pub(super) fn applied(&self, service: &str, changed_at: Revision) -> Standing {
        let can_say = |instance: &&InstanceView| instance.state != InstanceState::Unconfirmed;
        let total = self.there(service).filter(can_say).count();
        let applied = |instance: &&InstanceView| {
            instance.state == InstanceState::InSync || instance.applied.is_some_and(|applied| changed_at <= applied)
        };
        let confirmed = self.there(service).filter(can_say).filter(applied).count();
        let unconfirmed = self.there(service).count() - total;
        let words = match (total, unconfirmed) {
            (0, 0) => "none".to_owned(),
            (0, unconfirmed) => format!("{unconfirmed} unconfirmed"),
            (total, 0) => format!("{confirmed}/{total} applied"),
            (total, unconfirmed) => format!("{confirmed}/{total} applied, {unconfirmed} unconfirmed"),
        };
        Standing { words, behind: confirmed < total }
    }

    /// How far a change has come, in words, and whether it is everywhere.
    pub(super) fn propagation(&self, commit: &Commit) -> (String, bool) {
        let concerned = |service: &str| service.parse().is_ok_and(|service| commit.concerns(&service));
        let there = self.0.keys().filter(|service| concerned(service)).flat_map(|service| self.there(service));
        let (mut total, mut confirmed, mut unconfirmed, mut waiting) = (0, 0, 0, Vec::new());
        for instance in there {
            match instance.state {
                InstanceState::Unconfirmed => unconfirmed += 1,
                InstanceState::InSync => (total, confirmed) = (total + 1, confirmed + 1),
                _ if instance.applied.is_some_and(|applied| commit.revision() <= applied) => {
                    (total, confirmed) = (total + 1, confirmed + 1);
                }
                _ => {
                    total += 1;
                    waiting.push(instance.id.as_str());
                }
            }
        }
        let mut words = match total {
            0 if unconfirmed == 0 => "No instance that it concerns is connected.".to_owned(),
            0 => String::new(),
            total => format!("Applied {confirmed} of {total}."),
        };
        if let Some((first, others)) = waiting.split_first() {
            let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
            words = format!("{words} Waiting for {first}{more}.");
        }
        if unconfirmed > 0 {
            words = format!("{words} Delivered to {unconfirmed} that cannot confirm.");
        }
        (words.trim().to_owned(), waiting.is_empty())
    }
}

impl Fleet {
    /// How each instance that a change concerns stands to it.
    pub(super) fn arrivals(&self, visit: &Visit, commit: &Commit) -> Vec<Arrival> {
        let concerned = |service: &str| service.parse().is_ok_and(|service| commit.concerns(&service));
        let there = self.0.keys().filter(|service| concerned(service)).flat_map(|service| self.there(service));
        there.map(|instance| Arrival::of(visit, commit, instance)).collect()
    }
}

impl Arrival {
    fn of(visit: &Visit, commit: &Commit, instance: &InstanceView) -> Self {
        let revision = commit.revision();
        let applied = instance.applied.is_some_and(|applied| revision <= applied);
        let after = match visit.app.presence.confirmed_at(instance, revision) {
            Some(at) if commit.draft.cause.at <= at => {
                format!("after {} ms", at.duration_since(commit.draft.cause.at).as_millis())
            }
            _ if applied || instance.state == InstanceState::InSync => "not timed here".to_owned(),
            _ => String::new(),
        };
        let words = match instance.state {
            InstanceState::Unconfirmed => "cannot confirm",
            InstanceState::InSync => "applied",
            _ if applied => "applied",
            InstanceState::Lost => "lost",
            _ => "not applied yet",
        };
        let delivered = instance.delivered.is_some_and(|delivered| revision <= delivered);
        let row = Row::of(visit, instance);
        Self { path: row.path, id: row.id, service: row.service, delivered, words, after }
    }
}

pub(super) async fn list(visit: Visit) -> Result<Response, ApiError> {
    let (state, fleet) = (visit.state(), Fleet::of(&visit).await);
    let mut groups = Vec::new();
    for (service, instances) in &fleet.0 {
        let rows = instances.iter().map(|instance| Row::of(&visit, instance)).collect();
        groups.push(Group { service: service.clone(), words: fleet.standing(service).words, rows });
    }
    let of = |state| fleet.0.values().flatten().filter(|instance| instance.state == state).count();
    let total = fleet.0.values().flatten().filter(|instance| instance.state != InstanceState::Left).count();
    let summary = format!(
        "{} of {} run what is in force (r{}). {} behind, {} lost, {} cannot confirm.",
        of(InstanceState::InSync),
        counted(total, "instance"),
        state.cursor.revision,
        of(InstanceState::Behind),
        of(InstanceState::Lost),
        of(InstanceState::Unconfirmed),
    );
    page(&FleetPage { frame: Frame::with(&visit, &state, Section::Fleet, &fleet).await, summary, groups })
}

pub(super) async fn show(visit: Visit, Path((service, id)): Path<(String, String)>) -> Result<Response, ApiError> {
    let (state, fleet) = (visit.state(), Fleet::of(&visit).await);
    let known = fleet.0.get(&service).into_iter().flatten().find(|instance| instance.id == id);
    let instance = known.ok_or_else(|| {
        let error = format!("no instance `{id}` of `{service}` is known");
        ApiError::new(StatusCode::NOT_FOUND, ErrorCode::UnknownPath, error)
    })?;
    let text = |text: Option<String>| text.unwrap_or_else(|| "not said".to_owned());
    page(&InstancePage {
        frame: Frame::with(&visit, &state, Section::Fleet, &fleet).await,
        row: Row::of(&visit, instance),
        protocol: text(instance.protocol.map(|protocol| protocol.to_string())),
        capabilities: instance.capabilities.join(", "),
        connected_since: instance.connected_since.map(Moment),
        last_heard: Moment(instance.last_heard),
        digest: text(instance.digest.clone()),
        cursor: text(instance.cursor.as_ref().map(ToString::to_string)),
        rejected: instance.rejected.iter().map(|part| (part.what.clone(), part.why.clone())).collect(),
    })
}

impl Row {
    fn of(visit: &Visit, instance: &InstanceView) -> Self {
        let revision =
            |revision: Option<Revision>| revision.map_or_else(|| "unknown".to_owned(), |at| format!("r{at}"));
        let lag = match (instance.lag, instance.lag_ms) {
            (Some(0), _) => "none".to_owned(),
            (Some(lag), Some(ms)) => {
                let since = i64::try_from(ms).map(jiff::SignedDuration::from_millis).unwrap_or_default();
                format!("{} for {}", counted(usize::try_from(lag).unwrap_or(usize::MAX), "change"), span(since))
            }
            (Some(lag), None) => counted(usize::try_from(lag).unwrap_or(usize::MAX), "change"),
            (None, _) => "unknown".to_owned(),
        };
        let sdk = [&instance.sdk, &instance.version].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
        let connected = match (instance.connected, instance.connected_since) {
            (true, Some(since)) => format!("for {}", span(visit.now.duration_since(since))),
            (true, None) => "yes".to_owned(),
            (false, _) => "no".to_owned(),
        };
        Self {
            path: format!(
                "/fleet/{}/{}",
                waygate_api::paths::percent_encoded(&instance.service),
                waygate_api::paths::percent_encoded(&instance.id)
            ),
            id: instance.id.clone(),
            service: instance.service.clone(),
            state: State(instance.state),
            environment: instance.environment.clone().unwrap_or_default(),
            sdk,
            connected,
            heard: distance(instance.last_heard, visit.now),
            delivered: revision(instance.delivered),
            applied: revision(instance.applied),
            stamp: format!("{} {:?} {lag} {}", instance.state.as_str(), instance.applied, instance.last_heard),
            lag,
        }
    }
}
