//! How many requests routes have had, and what became of them.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde_json::Value;
use waygate_api::instances::InstanceId;
use waygate_api::traffic::{MOST_COUNTED, MOST_COUNTS, OLDEST, Outcomes, TrafficCount};
use waygate_core::{LocalKey, RouteSelector, ServiceId};

use crate::api::answer;
use crate::api::body::{Fields, mismatch};
use crate::api::names::Parameters;
use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::error::ApiError;
use crate::traffic::{Span, Window};

/// The largest report, in bytes.
const REPORT: usize = 1 << 20;

/// What was reported to this node.
pub(super) async fn show(
    State(app): State<App>,
    principal: Principal,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let now = clock::now();
    let span = span(&parameters, now)?;
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
    let mut view = app.traffic.read(span, is_wanted, is_service_wanted);
    if let Some(outcome) = parameters.filter("outcome") {
        let expected = "expected one of `allowed`, `limited`, `blocked`, `gated`, `shadow`";
        view = view.only(outcome).ok_or_else(|| ApiError::invalid_field("outcome", expected))?;
    }
    Ok(answer::read(&app.control.current(), view))
}

/// Which stretch of time is asked for: `from` and `to`, or a window that ends now.
fn span(parameters: &Parameters, now: Timestamp) -> Result<Span, ApiError> {
    let (from, to) = (parameters.time("from")?, parameters.time("to")?);
    if from.is_some() || to.is_some() {
        let from = from.ok_or_else(|| ApiError::invalid_field("from", "is required beside `to`"))?;
        let nothing = || ApiError::invalid_field("to", "nothing lies between `from` and `to` in the last 24 hours");
        return Span::between(from, to.unwrap_or(now), now).ok_or_else(nothing);
    }
    let window = match parameters.filter("window") {
        None => Window::Quarter,
        Some(text) => Window::parse(text)
            .ok_or_else(|| ApiError::invalid_field("window", "expected one of `1m`, `15m`, `1h`, `6h`, `24h`"))?,
    };
    Ok(if parameters.flag("fine")? { window.fine(now) } else { window.coarse(now) })
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
    if let Some(instance) = fields.text("instance")?.filter(|instance| !instance.is_empty()) {
        instance.parse::<InstanceId>().map_err(|problem| ApiError::invalid_field("instance", problem))?;
    }
    let counts = fields.list("counts")?.ok_or_else(|| ApiError::invalid_field("counts", "a list is required"))?;
    if counts.len() > MOST_COUNTS {
        return Err(ApiError::invalid_field("counts", format!("at most {MOST_COUNTS} are accepted at once")));
    }
    let counts = counts.iter().map(count).collect::<Result<Vec<_>, _>>()?;
    let state = app.control.current();
    if let Some(known) = state.services.get(&service) {
        app.traffic.take(&service, counts, clock::now(), |key| known.routes.contains_key(key));
    }
    Ok(axum::Json(serde_json::json!({ "ok": true })).into_response())
}

fn count(element: &Value) -> Result<TrafficCount, ApiError> {
    let Value::Object(map) = element else {
        return Err(mismatch("counts", "objects with `method`, `path` and numbers", element));
    };
    let fields: Fields = map.clone().into();
    let number = |name: &str, most: u64| {
        let invalid = || ApiError::invalid_field(name, format!("expected a whole number from 0 to {most}"));
        let number = fields.integer(name)?.unwrap_or_default();
        u64::try_from(number).ok().filter(|number| *number <= most).ok_or_else(invalid)
    };
    let text = |name: &str| {
        fields.text(name)?.map(str::to_owned).ok_or_else(|| ApiError::invalid_field(name, "a text is required"))
    };
    let read = || {
        let of = |name| number(name, MOST_COUNTED);
        let counts = Outcomes {
            allowed: of("allowed")?,
            limited: of("limited")?,
            blocked: of("blocked")?,
            gated: of("gated")?,
            shadow: of("shadow")?,
        };
        let seconds_ago = u32::try_from(number("seconds_ago", OLDEST.into())?).unwrap_or(OLDEST);
        Ok(TrafficCount { seconds_ago, method: text("method")?, path: text("path")?, counts })
    };
    read().map_err(|refusal: ApiError| refusal.within("counts"))
}
