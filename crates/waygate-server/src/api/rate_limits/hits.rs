//! The requests that limits have denied.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use waygate_api::rate_limits::{HitView, HitsReport, MOST_CALLERS};
use waygate_core::{RouteSelector, ServiceId};

use crate::api::answer;
use crate::api::body::Fields;
use crate::api::names::Parameters;
use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::error::ApiError;

const DEFAULT_HITS: usize = 50;
/// The largest report of denied requests, in bytes.
const REPORT: usize = 1 << 20;
const MOST_REPORTED: usize = 1000;

/// Denied requests, the latest first.
pub(in crate::api) async fn hits(
    State(app): State<App>,
    principal: Principal,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let limit = match parameters.text("limit") {
        None => DEFAULT_HITS,
        Some(text) => text.parse().ok().filter(|limit| *limit <= crate::hits::MOST).ok_or_else(|| {
            ApiError::invalid_field("limit", format!("expected a whole number from 0 to {}", crate::hits::MOST))
        })?,
    };
    let service = parameters.service()?;
    let route = parameters.text("route").filter(|text| !text.is_empty());
    let route: Option<RouteSelector> =
        route.map(|text| text.parse().map_err(|problem| ApiError::invalid_field("route", problem))).transpose()?;
    let state = app.control.current();
    let wanted = |hit: &HitView| {
        let in_service = |only: &ServiceId| hit.service.as_deref() == Some(only.as_str());
        principal.may_read_named(hit.service.as_deref())
            && service.as_ref().is_none_or(in_service)
            && route.as_ref().is_none_or(|route| {
                route.path.as_str() == hit.path
                    && route.method.is_none_or(|method| method.as_str() == hit.method)
                    && route.service.as_ref().is_none_or(in_service)
            })
    };
    Ok(answer::read(&state, app.hits.latest(limit, wanted)))
}

/// A service tells what it has denied.
pub(in crate::api) async fn report(
    State(app): State<App>,
    principal: Principal,
    fields: Fields<REPORT>,
) -> Result<Response, ApiError> {
    let service: ServiceId =
        fields.required_text("app_id")?.parse().map_err(|problem| ApiError::invalid_field("app_id", problem))?;
    principal.require_voice_of(&service)?;
    let report: HitsReport =
        fields.whole().map_err(|problem| ApiError::invalid_body(format!("this is no report of hits: {problem}")))?;
    if report.hits.len() > MOST_REPORTED {
        return Err(ApiError::invalid_field("hits", format!("at most {MOST_REPORTED} are accepted at once")));
    }
    if report.callers.len() > MOST_CALLERS {
        return Err(ApiError::invalid_field("callers", format!("at most {MOST_CALLERS} are accepted at once")));
    }
    app.traffic.denied(&service, &report.callers, clock::now());
    app.hits.take(&service, report);
    Ok(axum::Json(serde_json::json!({ "ok": true })).into_response())
}
