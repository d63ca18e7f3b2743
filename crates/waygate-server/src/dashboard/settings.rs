//! How somebody wants the pages, where they are signed in, the tokens, and what there is to know about the server.

pub(super) mod sessions;
pub(super) mod tokens;

use askama::Template;
use axum::http::HeaderValue;
use axum::http::header::SET_COOKIE;
use axum::response::Response;
use jiff::Timestamp;
use waygate_core::{IssuedToken, TokenId};

use crate::auth::{Rights, Role};
use crate::dashboard::form::Posted;
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::visit::{Visit, local, page, see_other};
use crate::dashboard::words::Moment;
use crate::error::ApiError;

/// How long a browser remembers the preferences, in seconds.
const REMEMBERED: u32 = 365 * 24 * 3600;

#[derive(Template)]
#[template(path = "settings.html")]
struct AppearancePage {
    frame: Frame,
    tabs: Vec<Tab>,
    theme: &'static str,
}

#[derive(Template)]
#[template(path = "settings-about.html")]
struct AboutPage {
    frame: Frame,
    tabs: Vec<Tab>,
    version: &'static str,
    store: String,
    cursor: String,
    session_ends: Option<Moment>,
}

/// A link to a page of the settings.
struct Tab {
    name: &'static str,
    path: &'static str,
    current: bool,
}

/// A token as pages list it.
struct Row {
    id: String,
    holder: String,
    /// What it was issued to, in words.
    kind: &'static str,
    platform: &'static str,
    service: Option<String>,
    issued: Moment,
    expires: Moment,
    last_used: Option<Moment>,
    /// The visitor's own session.
    own: bool,
}

impl Tab {
    /// The pages that there are for the visitor, with the one at `path` as the current.
    fn all(visit: &Visit, path: &'static str) -> Vec<Self> {
        let required = visit.app.authority.is_required();
        let is_admin = matches!(visit.principal.rights, Rights::Person(Role::Admin));
        let tab = |name, own| Self { name, path: own, current: own == path };
        let mut tabs = vec![tab("Appearance", "/settings")];
        if required {
            tabs.push(tab("Sessions", "/settings/sessions"));
        }
        if required && is_admin {
            tabs.push(tab("Tokens", "/settings/tokens"));
        }
        tabs.push(tab("About", "/settings/about"));
        tabs
    }
}

impl Row {
    /// The tokens that are good and wanted, newest first.
    async fn all(visit: &Visit, wanted: impl Fn(&IssuedToken) -> bool) -> Result<Vec<Self>, ApiError> {
        let state = visit.app.control.current();
        let uses = visit.app.token_uses.all().await?;
        let good = state.tokens.iter().filter(|(_, token)| visit.now < token.expires && wanted(token));
        let mut rows: Vec<Self> = good.map(|(id, token)| Self::of(visit, id, token, uses.get(id).copied())).collect();
        rows.sort_by(|left, right| (right.issued.0, &right.id).cmp(&(left.issued.0, &left.id)));
        Ok(rows)
    }

    fn of(visit: &Visit, id: &TokenId, token: &IssuedToken, last_used: Option<Timestamp>) -> Self {
        Self {
            id: id.to_string(),
            holder: token.holder.to_string(),
            kind: match token.kind {
                waygate_core::TokenKind::Login => "sign-in",
                waygate_core::TokenKind::Service => "service's token",
            },
            platform: token.platform.as_str(),
            service: token.service.as_ref().map(ToString::to_string),
            issued: Moment(token.issued),
            expires: Moment(token.expires),
            last_used: last_used.map(Moment),
            own: visit.principal.token.as_ref() == Some(id),
        }
    }
}

pub(super) async fn appearance(visit: Visit) -> Result<Response, ApiError> {
    let state = visit.state();
    page(&AppearancePage {
        theme: visit.preferences.theme.unwrap_or("system"),
        tabs: Tab::all(&visit, "/settings"),
        frame: Frame::of(&visit, &state, Section::Settings).await,
    })
}

pub(super) async fn about(visit: Visit) -> Result<Response, ApiError> {
    let state = visit.state();
    page(&AboutPage {
        version: env!("CARGO_PKG_VERSION"),
        store: visit.app.control.describe_store(),
        cursor: state.cursor.to_string(),
        session_ends: visit.principal.expires.map(Moment),
        tabs: Tab::all(&visit, "/settings/about"),
        frame: Frame::of(&visit, &state, Section::Settings).await,
    })
}

/// Keeps the preferences in cookies of the browser.
pub(super) async fn save(posted: Posted) -> Result<Response, ApiError> {
    let theme = match posted.text("theme") {
        "light" => "light",
        "dark" => "dark",
        _ => "system",
    };
    let keys = if posted.is_checked("keys") { "on" } else { "off" };
    let zone = if posted.text("zone") == "utc" { "utc" } else { "own" };
    let visit = &posted.visit;
    let mut response = see_other(&format!("{}{}", visit.base, local("/settings")));
    let secure = if visit.client.secure { "; Secure" } else { "" };
    for (name, value) in [("waygate_theme", theme), ("waygate_keys", keys), ("waygate_zone", zone)] {
        let cookie = format!("{name}={value}; Path=/; Max-Age={REMEMBERED}; HttpOnly; SameSite=Lax{secure}");
        let cookie = HeaderValue::from_str(&cookie).map_err(|_| ApiError::internal())?;
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}
