//! The page of one instance.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use waygate_api::instances::InstanceView;
use waygate_core::{Revision, ServiceId};
use waygate_store::HistoryQuery;

use crate::api::audit::may_see;
use crate::control::presence;
use crate::dashboard::fleet::pages::{Row, is_gone, known};
use crate::dashboard::fleet::{Fleet, acts};
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{Moment, sentence, span};
use crate::error::ApiError;

/// How many commits are searched for what an instance has confirmed.
const SEARCHED: usize = 500;

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
    stays: Vec<Stay>,
    /// It can be forgotten.
    is_gone: bool,
    /// It can be told everything anew.
    can_renew: bool,
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

/// A stream that an instance has or has had here.
struct Stay {
    since: Moment,
    ended: Option<Moment>,
    length: String,
    /// When everything was told anew on it.
    renewed: Option<Moment>,
    /// It is the first of another start of the instance than the one before.
    is_new_start: bool,
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
        stays: stays(&visit, instance),
        is_gone: is_gone(instance),
        can_renew: acts::name_of(instance).is_some_and(|name| visit.app.presence.can_renew(&name)),
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

/// The streams that an instance has had here lately, the newest first.
fn stays(visit: &Visit, instance: &InstanceView) -> Vec<Stay> {
    let known = visit.app.presence.stays(instance);
    let before = known.iter().skip(1).map(Some).chain([None]);
    let is_new = |one: &presence::Stay, before: Option<&presence::Stay>| {
        before.is_some_and(|before| one.process.is_some() && one.process != before.process)
    };
    let stay = |(one, before): (&presence::Stay, Option<&presence::Stay>)| Stay {
        since: Moment(one.since),
        ended: one.ended.map(Moment),
        renewed: one.renewed.map(Moment),
        length: span(one.ended.unwrap_or(visit.now).duration_since(one.since)),
        is_new_start: is_new(one, before),
    };
    known.iter().zip(before).map(stay).collect()
}
