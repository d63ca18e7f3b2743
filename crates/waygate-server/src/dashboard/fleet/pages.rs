//! The list of instances, and the page of one.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use waygate_api::error::ErrorCode;
use waygate_api::instances::{InstanceState, InstanceView};
use waygate_api::paths::percent_encoded;
use waygate_api::traffic::COUNTS_TRAFFIC;
use waygate_core::{Revision, ServiceId};
use waygate_store::HistoryQuery;

use crate::api::audit::may_see;
use crate::control::presence::NotForgotten;
use crate::dashboard::fleet::Fleet;
use crate::dashboard::form::Posted;
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::routes::spark::spark;
use crate::dashboard::sheet::{Fact, Sheet};
use crate::dashboard::visit::{Visit, page, see_other, shown};
use crate::dashboard::words::{Moment, counted, distance, sentence, span};
use crate::error::ApiError;

/// How many commits are searched for what an instance has confirmed.
const SEARCHED: usize = 500;

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
    /// Whether it reports how many requests it has.
    counts: &'static str,
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
    /// What is to be thought of its digest.
    checksum: &'static str,
    routes: usize,
    confirmed: Vec<Confirmed>,
    /// It can be forgotten.
    is_gone: bool,
}

/// A revision that an instance has confirmed.
struct Confirmed {
    revision: u64,
    at: Moment,
    /// What the change was; empty where it is too long ago.
    sentence: String,
    /// How long after the change.
    after: String,
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

pub(in crate::dashboard) async fn show(
    visit: Visit,
    Path((service, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let (state, fleet) = (visit.state(), Fleet::of(&visit).await);
    let instance = known(&fleet, &service, &id)?;
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
        checksum: checksum(instance),
        routes: service
            .parse::<ServiceId>()
            .ok()
            .and_then(|of| state.services.get(&of))
            .map_or(0, |of| of.routes.len()),
        confirmed: confirmed(&visit, instance).await?,
        is_gone: is_gone(instance),
        rejected: instance.rejected.iter().map(|part| (part.what.clone(), part.why.clone())).collect(),
    })
}

/// Whether an instance enforces what it should at the revision that it names.
fn checksum(instance: &InstanceView) -> &'static str {
    match &instance.digest {
        None => "not said",
        Some(_) if instance.rejected.iter().any(|part| part.what == "digest") => "differs from the control plane's",
        Some(_) => "does not differ from the control plane's",
    }
}

/// The revisions that an instance has confirmed lately, with how long each took.
async fn confirmed(visit: &Visit, instance: &InstanceView) -> Result<Vec<Confirmed>, ApiError> {
    let history = visit.app.control.history(HistoryQuery { before: None, limit: SEARCHED }).await?;
    let confirmed = |(revision, at): (Revision, jiff::Timestamp)| {
        let commit = history.commits.iter().find(|commit| commit.revision() == revision);
        let seen = |record: &&waygate_core::Record| may_see(&visit.principal, record);
        let record = commit.and_then(|commit| commit.draft.records.iter().find(seen));
        let took = commit.map(|commit| at.duration_since(commit.draft.cause.at).as_millis());
        Confirmed {
            revision: revision.0,
            at: Moment(at),
            sentence: record.map(sentence).unwrap_or_default(),
            after: took.filter(|took| *took >= 0).map(|took| format!("{took} ms")).unwrap_or_default(),
        }
    };
    Ok(visit.app.presence.confirmations(instance).into_iter().map(confirmed).collect())
}

/// The form to forget an instance that is gone.
pub(in crate::dashboard) async fn ask_to_forget(
    visit: Visit,
    Path((service, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    page(&forget_sheet(&visit, &service, &id).await?)
}

pub(in crate::dashboard) async fn forget(
    Path((service, id)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, ApiError> {
    let visit = &posted.visit;
    let fleet = Fleet::of(visit).await;
    let instance = known(&fleet, &service, &id)?;
    let (Ok(name), Ok(number)) = (instance.service.parse(), instance.id.parse()) else {
        return Err(ApiError::internal());
    };
    match visit.app.presence.forget(&name, &number).await {
        Ok(()) | Err(NotForgotten::Unknown) => {
            let actor = visit.principal.actor.as_str();
            tracing::info!(instance = id, service.id = service, actor, "an instance was forgotten");
            Ok(see_other(&format!("{}/fleet", visit.base)))
        }
        Err(NotForgotten::Present(state)) => {
            let mut sheet = forget_sheet(visit, &service, &id).await?;
            let words = State(state).word().to_lowercase();
            sheet.conflict = Some(format!("It is {words}: only those that are lost or have left are forgotten."));
            shown(StatusCode::CONFLICT, &sheet)
        }
    }
}

async fn forget_sheet(visit: &Visit, service: &str, id: &str) -> Result<Sheet, ApiError> {
    let fleet = Fleet::of(visit).await;
    let instance = known(&fleet, service, id)?;
    let mut sheet = Sheet::new(visit, &visit.state(), Section::Fleet, format!("Forget {id}")).await;
    sheet.facts = vec![
        Fact::words("Service", service),
        Fact::words("Now", State(instance.state).word()),
        Fact::words("Last heard", distance(instance.last_heard, visit.now)),
        Fact::words("Then", "It is not listed, until it comes back"),
    ];
    sheet.submit = "Forget it";
    Ok(sheet)
}

fn known<'f>(fleet: &'f Fleet, service: &str, id: &str) -> Result<&'f InstanceView, ApiError> {
    let known = fleet.0.get(service).into_iter().flatten().find(|instance| instance.id == id);
    known.ok_or_else(|| {
        let error = format!("no instance `{id}` of `{service}` is known");
        ApiError::new(StatusCode::NOT_FOUND, ErrorCode::UnknownPath, error)
    })
}

fn is_gone(instance: &InstanceView) -> bool {
    matches!(instance.state, InstanceState::Lost | InstanceState::Left)
}

/// The address of an instance's page, below the base.
pub(in crate::dashboard) fn path_of(service: &str, id: &str) -> String {
    format!("/fleet/{}/{}", percent_encoded(service), percent_encoded(id))
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
            path: path_of(&instance.service, &instance.id),
            id: instance.id.clone(),
            service: instance.service.clone(),
            state: State(instance.state),
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
