//! One visit of one page: who, where, how the page is wanted.

use askama::Template;
use axum::extract::{FromRequestParts, OriginalUri, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, LOCATION, REFERER, REFERRER_POLICY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use waygate_core::State;

use crate::api::names::Parameters;
use crate::app::App;
use crate::auth::{Principal, Rights, Role};
use crate::clock;
use crate::edge::Client;
use crate::error::ApiError;

/// Sent by the module: a refusal is to be told as such, not by leading elsewhere.
pub(super) const FRAGMENT: HeaderName = HeaderName::from_static("x-fragment");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What a handler of a page knows.
pub(super) struct Visit {
    pub(super) app: App,
    pub(super) principal: Principal,
    pub(super) client: Client,
    pub(super) parameters: Parameters,
    /// What comes before the dashboard's own paths; empty at the root.
    pub(super) base: String,
    /// The path and query below the base.
    pub(super) here: String,
    /// The page of ours that led here, below the base.
    came_from: Option<String>,
    pub(super) preferences: Preferences,
    /// The latest change of which the visitor wants to hear no more.
    pub(super) dismissed: Option<u64>,
    pub(super) now: Timestamp,
}

/// How somebody wants the pages, by cookies.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Preferences {
    /// `light` or `dark`; `None` follows the system.
    pub(super) theme: Option<&'static str>,
    /// Single keys are shortcuts.
    pub(super) keys: bool,
    /// Times are shown in UTC, and not in the zone of the browser.
    pub(super) utc: bool,
}

impl Visit {
    /// The part of the newest state that the visitor may see.
    pub(super) fn state(&self) -> State {
        let state = self.app.control.current();
        self.principal.visible(&state).into_owned()
    }

    /// Where the visitor goes on to when this is done: the page that the address names, or that led here.
    pub(super) fn back(&self) -> &str {
        local(self.parameters.filter("back").or(self.came_from.as_deref()).unwrap_or("/routes"))
    }

    pub(super) fn may_operate(&self) -> bool {
        matches!(self.principal.rights, Rights::Person(role) if role >= Role::Operator)
    }
}

impl Preferences {
    pub(super) fn of(head: &HeaderMap) -> Self {
        let theme = match cookie(head, "waygate_theme") {
            Some("light") => Some("light"),
            Some("dark") => Some("dark"),
            _ => None,
        };
        Self {
            theme,
            keys: cookie(head, "waygate_keys") != Some("off"),
            utc: cookie(head, "waygate_zone") == Some("utc"),
        }
    }
}

/// The value of a cookie.
pub(super) fn cookie<'h>(head: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = head.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).find_map(|pair| {
        let (given, value) = pair.trim().split_once('=')?;
        (given == name).then_some(value)
    })
}

impl FromRequestParts<App> for Visit {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let principal = Principal::from_request_parts(parts, app).await?;
        let Ok(client) = Client::from_request_parts(parts, app).await;
        let parameters = Parameters::from_request_parts(parts, app).await?;
        let Ok(OriginalUri(original)) = OriginalUri::from_request_parts(parts, app).await;
        let base = base_of(original.path(), parts.uri.path()).to_owned();
        Ok(Self {
            app: app.clone(),
            principal,
            came_from: came_from(&parts.headers, &client, &base),
            client,
            parameters,
            base,
            here: parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            preferences: Preferences::of(&parts.headers),
            dismissed: cookie(&parts.headers, "waygate_dismissed").and_then(|text| text.parse().ok()),
            now: clock::now(),
        })
    }
}

/// Where the dashboard is mounted, by the path as it was asked for and as its router sees it.
pub(super) fn base_of<'p>(original: &'p str, own: &str) -> &'p str {
    let own = if own == "/" && !original.ends_with('/') { "" } else { own };
    original.strip_suffix(own).unwrap_or_default()
}

/// The page of ours that a link or a form was on. Other sites' addresses are not looked at.
fn came_from(head: &HeaderMap, client: &Client, base: &str) -> Option<String> {
    let referrer: Uri = head.get(REFERER)?.to_str().ok()?.parse().ok()?;
    let own = referrer.authority().map(ToString::to_string) == client.host;
    let path = referrer.path_and_query()?.as_str().strip_prefix(base)?;
    own.then(|| path.to_owned())
}

/// A page as an answer.
pub(super) fn page(page: &impl Template) -> Result<Response, ApiError> {
    shown(StatusCode::OK, page)
}

/// A page as an answer with a status of its own.
pub(super) fn shown(status: StatusCode, page: &impl Template) -> Result<Response, ApiError> {
    match page.render() {
        Ok(text) => Ok((status, Html(text)).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            Err(ApiError::internal())
        }
    }
}

pub(super) fn see_other(location: &str) -> Response {
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// A path of ours to go on to, below the base; whatever might lead elsewhere leads to the overview.
pub(super) fn local(wanted: &str) -> &str {
    let plain = wanted.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if wanted.starts_with('/') && !wanted.starts_with("//") && plain { wanted } else { "/" }
}

/// What browsers are to keep to on a page. Assets choose their own caching.
pub(super) async fn protected(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    protect(response.headers_mut());
    response
}

pub(super) fn protect(head: &mut HeaderMap) {
    head.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    head.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    head.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    head.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mounted_dashboard_knows_where_it_is() {
        assert_eq!(base_of("/", "/"), "");
        assert_eq!(base_of("/routes", "/routes"), "");
        assert_eq!(base_of("/waygate/routes", "/routes"), "/waygate");
        assert_eq!(base_of("/waygate/", "/"), "/waygate");
        assert_eq!(base_of("/waygate", "/"), "/waygate");
    }

    #[test]
    fn a_form_leads_back_to_a_page_of_ours() {
        assert_eq!(local("/routes?q=a"), "/routes?q=a");
        for elsewhere in ["", "routes", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/é"] {
            assert_eq!(local(elsewhere), "/", "{elsewhere:?}");
        }
    }
}
