//! Tokens, for administrators: listed, made for services, ended.

use std::time::Duration;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use waygate_core::{Command, ServiceId, TokenId};

use super::{Row, Tab};
use crate::dashboard::form::Posted;
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::visit::{Visit, page, see_other, shown};
use crate::error::ApiError;

/// A day, in seconds.
const DAY: u64 = 24 * 3600;
/// How long a new token is good, in days; the first unless said.
const DAYS: [u64; 4] = [90, 1, 365, 3650];

#[derive(Template)]
#[template(path = "settings-tokens.html")]
struct TokensPage {
    frame: Frame,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    services: Vec<String>,
    days: [u64; 4],
    /// The text of the token that was just made. It is told this once.
    made: Option<String>,
    service: String,
    error: Option<String>,
}

impl TokensPage {
    async fn of(visit: &Visit) -> Result<Self, ApiError> {
        let state = visit.state();
        Ok(Self {
            rows: Row::all(visit, |_| true).await?,
            services: state.services.keys().map(ToString::to_string).collect(),
            tabs: Tab::all(visit, "/settings/tokens"),
            frame: Frame::of(visit, &state, Section::Settings).await,
            days: DAYS,
            made: None,
            service: String::new(),
            error: None,
        })
    }
}

pub(in crate::dashboard) async fn list(visit: Visit) -> Result<Response, ApiError> {
    page(&TokensPage::of(&visit).await?)
}

/// Makes a token for a service, or ends one.
pub(in crate::dashboard) async fn change(posted: Posted) -> Result<Response, ApiError> {
    let visit = &posted.visit;
    if !visit.app.authority.is_required() {
        return Err(ApiError::without_authentication());
    }
    if !posted.text("id").is_empty() {
        end(&posted).await?;
        return Ok(see_other(&format!("{}/settings/tokens", visit.base)));
    }
    let service: ServiceId = match posted.text("service").parse() {
        Ok(service) => service,
        Err(problem) => {
            let refused = TokensPage::of(visit).await?;
            let error = Some(format!("{problem}"));
            let service = posted.text("service").to_owned();
            return shown(StatusCode::UNPROCESSABLE_ENTITY, &TokensPage { service, error, ..refused });
        }
    };
    let days = posted.text("days").parse().ok().filter(|days| DAYS.contains(days)).unwrap_or(DAYS[0]);
    let lifetime = Duration::from_secs(days * DAY);
    let (session, _) = visit.app.issue_service_token(&visit.principal, service, Some(lifetime)).await?;
    page(&TokensPage { made: Some(session.token), ..TokensPage::of(visit).await? })
}

async fn end(posted: &Posted) -> Result<(), ApiError> {
    let visit = &posted.visit;
    let state = visit.app.control.current();
    let known = posted.text("id").parse::<TokenId>().ok().and_then(|id| Some((state.tokens.get(&id)?.expires, id)));
    // Whoever has ended it first has done what is wanted.
    if let Some((expires, id)) = known {
        visit.app.execute(&visit.principal, Command::RevokeToken { id, expires }).await?;
    }
    Ok(())
}
