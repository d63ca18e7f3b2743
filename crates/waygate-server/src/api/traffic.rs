//! How many requests routes have had, and what became of them.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use waygate_api::traffic::{MOST_COUNTS, TrafficReport};
use waygate_core::{LocalKey, RouteSelector, ServiceId};

use crate::api::answer;
use crate::api::body::Fields;
use crate::api::names::Parameters;
use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::error::ApiError;
use crate::traffic::Window;

/// The largest report, in bytes.
const REPORT: usize = 1 << 20;

/// What was reported to this node.
pub(super) async fn show(
    State(app): State<App>,
    principal: Principal,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let window = match parameters.text("window") {
        None => Window::Quarter,
        Some(text) => Window::parse(text)
            .ok_or_else(|| ApiError::invalid_field("window", "expected one of `1m`, `15m`, `24h`"))?,
    };
    let service = parameters.service()?;
    let route = parameters.text("route").filter(|text| !text.is_empty());
    let route: Option<RouteSelector> =
        route.map(|text| text.parse().map_err(|problem| ApiError::invalid_field("route", problem))).transpose()?;
    let is_service_wanted = |of: &ServiceId| {
        principal.may_read_named(Some(of.as_str()))
            && service.as_ref().is_none_or(|only| only == of)
            && route.as_ref().and_then(|route| route.service.as_ref()).is_none_or(|only| only == of)
    };
    let is_wanted = |_: &ServiceId, key: Option<&LocalKey>| {
        route.as_ref().is_none_or(|route| {
            key.is_some_and(|key| route.path == key.path && route.method.is_none_or(|method| method == key.method))
        })
    };
    let view = app.traffic.read(window, clock::now(), is_wanted, is_service_wanted);
    Ok(answer::read(&app.control.current(), view))
}

/// An instance tells what it has counted.
pub(super) async fn report(
    State(app): State<App>,
    principal: Principal,
    fields: Fields<REPORT>,
) -> Result<Response, ApiError> {
    let service: ServiceId =
        fields.required_text("app_id")?.parse().map_err(|problem| ApiError::invalid_field("app_id", problem))?;
    principal.require_voice_of(&service)?;
    let report: TrafficReport =
        fields.whole().map_err(|problem| ApiError::invalid_body(format!("this is no report of traffic: {problem}")))?;
    if report.counts.len() > MOST_COUNTS {
        return Err(ApiError::invalid_field("counts", format!("at most {MOST_COUNTS} are accepted at once")));
    }
    let state = app.control.current();
    if let Some(known) = state.services.get(&service) {
        app.traffic.take(&service, report, clock::now(), |key| known.routes.contains_key(key));
    }
    Ok(axum::Json(serde_json::json!({ "ok": true })).into_response())
}
