//! What operators have set, as a document: now, or at a revision that the log still reaches back to.

use axum::extract::State;
use axum::response::Response;
use waygate_api::document::Document;
use waygate_core::{Revision, State as WholeState};
use waygate_store::HistoryQuery;

use crate::api::answer;
use crate::api::names::Parameters;
use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::error::ApiError;

/// How many commits are read at a time.
const PAGE: usize = 1000;

/// Of one service it says nothing about what is global.
pub(super) async fn show(
    State(app): State<App>,
    principal: Principal,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let mut state = WholeState::clone(&app.control.current());
    if let Some(revision) = revision(&parameters)? {
        go_back(&app, &mut state, revision).await?;
    }
    let visible = principal.visible(&state);
    let mut document = Document::of(&visible, clock::now());
    if let Some(service) = parameters.service()? {
        principal.require_read(&service)?;
        if !visible.services.contains_key(&service) {
            return Err(ApiError::unknown_service(&service, &visible));
        }
        document.global = None;
        document.services.retain(|name, _| name == service.as_str());
    }
    Ok(answer::read(&state, document))
}

fn revision(parameters: &Parameters) -> Result<Option<Revision>, ApiError> {
    let expected = "expected the number of a revision";
    let read = |text: &str| text.parse().map(Revision).map_err(|_| ApiError::invalid_field("revision", expected));
    parameters.filter("revision").map(read).transpose()
}

/// Takes back one commit after the other, from the newest.
async fn go_back(app: &App, state: &mut WholeState, to: Revision) -> Result<(), ApiError> {
    if to > state.cursor.revision {
        let problem = format!("there is no revision {to} yet: it is at {}", state.cursor.revision);
        return Err(ApiError::invalid_field("revision", problem));
    }
    let mut before = Some(state.cursor.revision.next());
    while to < state.cursor.revision {
        let page = app.control.history(HistoryQuery { before, limit: PAGE }).await?;
        for commit in page.commits.iter().take_while(|commit| to < commit.revision()) {
            state.take_back(commit);
        }
        before = page.commits.last().map(|commit| commit.revision());
        if to < state.cursor.revision && (!page.more || before.is_none()) {
            let problem = format!("the log reaches back to revision {} only", state.cursor.revision);
            return Err(ApiError::invalid_field("revision", problem));
        }
    }
    Ok(())
}
