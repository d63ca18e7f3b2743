//! The visitor's own last change, and how far it has come.

use std::sync::Arc;

use jiff::SignedDuration;
use waygate_core::{Commit, Platform, Revision, State};
use waygate_store::HistoryQuery;

use crate::api::audit::may_see;
use crate::dashboard::audit::Entry;
use crate::dashboard::fleet::Fleet;
use crate::dashboard::undo::way_back;
use crate::dashboard::visit::{Visit, local};

/// When a change that is not applied everywhere is told as a warning.
const LATE: SignedDuration = SignedDuration::from_secs(5);
/// For how long a change that is not applied everywhere goes along from page to page, and among how many it is found.
const FOLLOWED: SignedDuration = SignedDuration::from_mins(10);
const SEARCHED: usize = 20;

/// A change that the visitor has made.
pub(in crate::dashboard) struct Card {
    pub(in crate::dashboard) revision: u64,
    pub(in crate::dashboard) sentence: String,
    pub(in crate::dashboard) propagation: String,
    pub(in crate::dashboard) late: bool,
    pub(in crate::dashboard) may_undo: bool,
    /// The page that this is, without the card.
    pub(in crate::dashboard) dismiss: String,
}

impl Card {
    /// The change that the address names, or else one that instances have yet to confirm.
    pub(super) async fn of(visit: &Visit, state: &State, fleet: &Fleet) -> Option<Self> {
        let commit = match visit.parameters.filter("done") {
            Some(revision) => named(visit, revision).await?,
            None => unfinished(visit, fleet).await?,
        };
        let entry = Entry::of_those(&commit, visit.now, |record| may_see(&visit.principal, record))?;
        let mut sentence = format!("{} {}", entry.actor, entry.sentence);
        if entry.more > 0 {
            sentence = format!("{sentence}, and {} more", entry.more);
        }
        let (propagation, complete) = fleet.propagation(&commit);
        let may_undo = visit.may_operate() && way_back(state, &commit, "").is_ok();
        let late = !complete && visit.now.duration_since(commit.draft.cause.at) > LATE;
        let revision = commit.revision().0;
        Some(Self { revision, sentence, propagation, late, may_undo, dismiss: without_card(visit, revision) })
    }
}

fn is_own(visit: &Visit, commit: &Commit) -> bool {
    commit.draft.cause.actor == visit.principal.actor
}

async fn named(visit: &Visit, revision: &str) -> Option<Arc<Commit>> {
    let revision: u64 = revision.parse().ok()?;
    let query = HistoryQuery { before: Some(Revision(revision.checked_add(1)?)), limit: 1 };
    let page = visit.app.control.history(query).await.ok()?;
    page.commits.into_iter().next().filter(|commit| commit.revision().0 == revision && is_own(visit, commit))
}

async fn unfinished(visit: &Visit, fleet: &Fleet) -> Option<Arc<Commit>> {
    if !visit.may_operate() {
        return None;
    }
    let dismissed = visit.dismissed.max(visit.parameters.filter("dismissed").and_then(|text| text.parse().ok()));
    let page = visit.app.control.history(HistoryQuery { before: None, limit: SEARCHED }).await.ok()?;
    let is_followed = |commit: &Arc<Commit>| {
        let cause = &commit.draft.cause;
        cause.platform == Platform::Dashboard
            && is_own(visit, commit)
            && visit.now.duration_since(cause.at) < FOLLOWED
            && dismissed.is_none_or(|dismissed| dismissed < commit.revision().0)
    };
    page.commits.into_iter().find(|commit| is_followed(commit) && fleet.awaits(commit))
}

fn without_card(visit: &Visit, revision: u64) -> String {
    let here = local(&visit.here);
    let (path, query) = here.split_once('?').unwrap_or((here, ""));
    let kept = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("done=") && !pair.starts_with("dismissed="));
    let query: Vec<String> = kept.map(ToOwned::to_owned).chain([format!("dismissed={revision}")]).collect();
    let path = if path == "/" && !visit.base.is_empty() { "" } else { path };
    format!("{}{path}?{}", visit.base, query.join("&"))
}
