//! How somebody wants the pages, and what there is to know about the server.

use askama::Template;
use axum::http::HeaderValue;
use axum::http::header::SET_COOKIE;
use axum::response::Response;

use crate::dashboard::form::Posted;
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::visit::{Visit, local, page, see_other};
use crate::dashboard::words::Moment;
use crate::error::ApiError;

/// How long a browser remembers the preferences, in seconds.
const REMEMBERED: u32 = 365 * 24 * 3600;

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    theme: &'static str,
    version: &'static str,
    store: String,
    cursor: String,
    session_ends: Option<Moment>,
}

pub(in crate::dashboard) async fn show(visit: Visit) -> Result<Response, ApiError> {
    let state = visit.state();
    let frame = Frame::of(&visit, &state, Section::Settings).await;
    page(&SettingsPage {
        theme: visit.preferences.theme.unwrap_or("system"),
        version: env!("CARGO_PKG_VERSION"),
        store: visit.app.control.describe_store(),
        cursor: state.cursor.to_string(),
        session_ends: visit.principal.expires.map(Moment),
        frame,
    })
}

/// Keeps the preferences in cookies of the browser.
pub(in crate::dashboard) async fn save(posted: Posted) -> Result<Response, ApiError> {
    let theme = match posted.text("theme") {
        "light" => "light",
        "dark" => "dark",
        _ => "system",
    };
    let keys = if posted.is_checked("keys") { "on" } else { "off" };
    let visit = &posted.visit;
    let mut response = see_other(&format!("{}{}", visit.base, local("/settings")));
    let secure = if visit.client.secure { "; Secure" } else { "" };
    for (name, value) in [("waygate_theme", theme), ("waygate_keys", keys)] {
        let cookie = format!("{name}={value}; Path=/; Max-Age={REMEMBERED}; HttpOnly; SameSite=Lax{secure}");
        let cookie = HeaderValue::from_str(&cookie).map_err(|_| ApiError::internal())?;
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}
