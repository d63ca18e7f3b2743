//! Where the visitor is signed in.

use askama::Template;
use axum::response::Response;
use waygate_core::{Command, TokenId, TokenKind};

use super::{Row, Tab};
use crate::dashboard::form::Posted;
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::visit::{Visit, page, see_other};
use crate::error::ApiError;

#[derive(Template)]
#[template(path = "settings-sessions.html")]
struct SessionsPage {
    frame: Frame,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
}

pub(in crate::dashboard) async fn list(visit: Visit) -> Result<Response, ApiError> {
    let state = visit.state();
    page(&SessionsPage {
        rows: own(&visit).await?,
        tabs: Tab::all(&visit, "/settings/sessions"),
        frame: Frame::of(&visit, &state, Section::Settings).await,
    })
}

/// Ends one of the visitor's own sessions, or all but this one.
pub(in crate::dashboard) async fn end(posted: Posted) -> Result<Response, ApiError> {
    let visit = &posted.visit;
    let (wanted, others) = (posted.text("id"), posted.is_checked("others"));
    let state = visit.app.control.current();
    let ended = own(visit).await?.into_iter().filter(|row| if others { !row.own } else { row.id == wanted });
    let ended = ended.filter_map(|row| {
        let id: TokenId = row.id.parse().ok()?;
        let expires = state.tokens.get(&id)?.expires;
        Some(Command::RevokeToken { id, expires })
    });
    let commands: Vec<Command> = ended.collect();
    if !commands.is_empty() {
        // What is one's own may be ended by everybody, as in signing out.
        visit.app.control.execute(Command::All(commands), visit.principal.cause(visit.now)).await?;
    }
    Ok(see_other(&format!("{}/settings/sessions", visit.base)))
}

async fn own(visit: &Visit) -> Result<Vec<Row>, ApiError> {
    Row::all(visit, |token| token.kind == TokenKind::Login && token.holder == visit.principal.actor).await
}
