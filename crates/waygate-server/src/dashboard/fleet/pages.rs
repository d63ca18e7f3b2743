//! The list of instances.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use waygate_api::error::ErrorCode;
use waygate_api::instances::{InstanceState, InstanceView};
use waygate_api::paths::{percent_decoded, percent_encoded};
use waygate_api::traffic::COUNTS_TRAFFIC;
use waygate_core::{Revision, ServiceId};

use crate::dashboard::fleet::{Fleet, bypassed};
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::routes::spark::spark;
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{counted, distance, span};
use crate::error::ApiError;

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
    routes: usize,
    /// The requests of the last minutes; `None` where nobody counts.
    spark: Option<String>,
    rows: Vec<Row>,
}

pub(super) struct Row {
    pub(super) id: String,
    pub(super) service: String,
    pub(super) path: String,
    pub(super) state: State,
    pub(super) environment: String,
    pub(super) sdk: String,
    pub(super) connected: String,
    pub(super) heard: String,
    pub(super) delivered: String,
    pub(super) applied: String,
    pub(super) lag: String,
    /// Whether it reports how many requests it has.
    pub(super) counts: &'static str,
    pub(super) stamp: String,
}

/// A state with its word.
#[derive(Clone, Copy)]
pub(super) struct State {
    state: InstanceState,
    /// That it follows and yet does not enforce.
    bypassed: Option<&'static str>,
}

impl From<InstanceState> for State {
    fn from(state: InstanceState) -> Self {
        Self { state, bypassed: None }
    }
}

impl State {
    pub(super) fn of(instance: &InstanceView) -> Self {
        Self { state: instance.state, bypassed: bypassed(instance) }
    }

    pub(super) fn word(self) -> &'static str {
        if let Some(bypassed) = self.bypassed {
            return bypassed;
        }
        match self.state {
            InstanceState::InSync => "In sync",
            InstanceState::Applying => "Applying",
            InstanceState::Behind => "Behind",
            InstanceState::Unconfirmed => "Delivered, unconfirmed",
            InstanceState::Lost => "Lost",
            InstanceState::Left => "Left",
        }
    }

    /// How it is marked; by word and form, not by colour alone.
    pub(super) fn class(self) -> &'static str {
        match self.state {
            _ if self.bypassed.is_some() => "status chip disabled",
            InstanceState::InSync | InstanceState::Applying => "status",
            InstanceState::Behind => "status chip maintenance",
            InstanceState::Unconfirmed | InstanceState::Left => "status chip deprecated",
            InstanceState::Lost => "status chip disabled",
        }
    }

    pub(super) fn means(self) -> &'static str {
        match self.state {
            _ if self.bypassed.is_some() => {
                "It knows the newest, and its own settings have it let requests pass all the same."
            }
            InstanceState::InSync => "It has confirmed the newest change that concerns it.",
            InstanceState::Applying => "The newest change is on its way to it.",
            InstanceState::Behind => "It enforces an older state, or could not apply a part of the newest.",
            InstanceState::Unconfirmed => "The newest was sent; its SDK cannot confirm it.",
            InstanceState::Lost => "Nothing was heard of it for too long. It may still enforce what it confirmed last.",
            InstanceState::Left => "It ended in order.",
        }
    }
}

pub(in crate::dashboard) async fn list(visit: Visit) -> Result<Response, ApiError> {
    let (state, fleet) = (visit.state(), Fleet::of(&visit).await);
    let mut groups = Vec::new();
    for (service, instances) in &fleet.0 {
        let rows = instances.iter().map(|instance| Row::of(&visit, instance)).collect();
        let known = service.parse::<ServiceId>().ok();
        let lately = known.as_ref().and_then(|known| visit.app.traffic.lately_of_all(known, visit.now));
        groups.push(Group {
            service: service.clone(),
            words: fleet.standing(service).words,
            routes: known.and_then(|known| state.services.get(&known)).map_or(0, |known| known.routes.len()),
            spark: lately.as_ref().map(spark),
            rows,
        });
    }
    let of = |state| fleet.0.values().flatten().filter(|instance| instance.state == state).count();
    let total = fleet.0.values().flatten().filter(|instance| instance.state != InstanceState::Left).count();
    let bypassing = fleet.0.values().flatten().filter(|instance| bypassed(instance).is_some()).count();
    let bypass = if bypassing == 0 { String::new() } else { format!("{bypassing} bypassing, ") };
    let summary = format!(
        "{} of {} run what is in force (r{}). {bypass}{} behind, {} lost, {} cannot confirm.",
        of(InstanceState::InSync),
        counted(total, "instance"),
        state.cursor.revision,
        of(InstanceState::Behind) - bypassing,
        of(InstanceState::Lost),
        of(InstanceState::Unconfirmed),
    );
    page(&FleetPage { frame: Frame::with(&visit, &state, Section::Fleet, &fleet).await, summary, groups })
}

pub(super) fn known<'f>(fleet: &'f Fleet, service: &str, id: &str) -> Result<&'f InstanceView, ApiError> {
    let id = percent_decoded(id);
    let known = fleet.0.get(service).into_iter().flatten().find(|instance| instance.id == id);
    known.ok_or_else(|| {
        let error = format!("no instance `{id}` of `{service}` is known");
        ApiError::new(StatusCode::NOT_FOUND, ErrorCode::UnknownPath, error)
    })
}

pub(super) fn is_gone(instance: &InstanceView) -> bool {
    matches!(instance.state, InstanceState::Lost | InstanceState::Left)
}

/// The address of an instance's page, below the base.
pub(in crate::dashboard) fn path_of(service: &str, id: &str) -> String {
    // Browsers take dots alone for directions; no id has a percent sign of its own.
    let is_dots = id.bytes().all(|byte| byte == b'.');
    let id = if is_dots { id.replace('.', "%252E") } else { percent_encoded(id) };
    format!("/fleet/{}/{id}", percent_encoded(service))
}

impl Row {
    pub(super) fn of(visit: &Visit, instance: &InstanceView) -> Self {
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
            path: path_of(&instance.service, &instance.id),
            id: instance.id.clone(),
            service: instance.service.clone(),
            state: State::of(instance),
            environment: instance.environment.clone().unwrap_or_default(),
            sdk,
            connected,
            heard: distance(instance.last_heard, visit.now),
            delivered: revision(instance.delivered),
            applied: revision(instance.applied),
            counts: if instance.capabilities.iter().any(|can| can == COUNTS_TRAFFIC) { "yes" } else { "no" },
            stamp: format!("{} {:?} {lag} {}", instance.state.as_str(), instance.applied, instance.last_heard),
            lag,
        }
    }
}
