//! What every request and answer has in common: a request id, protective headers, the body of a refusal, a count.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;
use tracing::{Instrument as _, Span};
use waygate_api::error::ErrorCode;
use waygate_api::headers;
use waygate_api::trace::TraceParent;

use crate::api::asked::asked_wait;
use crate::app::App;
use crate::compat;
use crate::error::ApiError;
use crate::metrics::Answered;

/// The longest request id that is taken from a caller.
const LONGEST_REQUEST_ID: usize = 128;
/// How long an answer may take to begin; how long it goes on is not limited, since streams never end. Longer than
/// bodies may take to arrive, whose refusal says more.
const PATIENCE: Duration = Duration::from_secs(32);
/// What the log calls the lines of requests, for those who want them: `WAYGATE_LOG=warn,waygate_server=info,waygate_server::request=debug`.
const REQUESTS: &str = "waygate_server::request";
/// On every answer, unless a handler has chosen its own: browsers are to guess, keep, frame, run and tell nothing.
const PROTECTION: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CACHE_CONTROL, "no-store"),
    (X_FRAME_OPTIONS, "DENY"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (REFERRER_POLICY, "no-referrer"),
];

pub(crate) async fn wrap(State(app): State<App>, mut request: Request, next: Next) -> Response {
    app.count_request();
    let (began, answered) = (Instant::now(), Answered::default());
    request.extensions_mut().insert(answered.clone());
    let client = app.edge.client(&request);
    request.extensions_mut().insert(client);
    let id = request_id(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = span_of(&id, request.headers());
    let mut response = match check_host(request.headers()) {
        Ok(()) => timeout(PATIENCE + asked_wait(request.uri().query()), next.run(request).instrument(span.clone()))
            .await
            .unwrap_or_else(|_| timed_out()),
        Err(refusal) => refusal.into_response(),
    };
    let (route, status, duration) = (answered.template(), response.status(), began.elapsed());
    app.control.metrics().answered(&method, route, status, duration);
    span.in_scope(|| {
        let (status, duration_ms) = (status.as_u16(), duration.as_secs_f64() * 1e3);
        tracing::debug!(target: REQUESTS, %method, route, status, duration_ms, "a request was answered");
    });
    if let Some(refusal) = response.extensions_mut().remove::<ApiError>() {
        if refusal.status.is_server_error() {
            tracing::warn!(request.id = %id, %method, path, status = refusal.status.as_u16(), "{}", refusal.body.error);
        }
        write_refusal(&mut response, refusal, &id);
    }
    let head = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        head.insert(headers::REQUEST_ID, id);
    }
    for (name, value) in PROTECTION {
        head.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if response.extensions_mut().remove::<BreakOff>().is_some() { compat::broken_off(response) } else { response }
}

/// What every line of the log that comes of a request bears: its id, and the trace that it is a part of, if it says so.
fn span_of(id: &str, head: &HeaderMap) -> Span {
    let trace = head.get(headers::TRACEPARENT).and_then(|value| value.to_str().ok()?.parse::<TraceParent>().ok());
    let Some(trace) = trace else { return tracing::info_span!("request", request.id = %id) };
    // Said only where it is unusual.
    let unsampled = (!trace.is_sampled()).then_some(false);
    let (trace, parent) = (trace.trace_id(), trace.parent_id());
    tracing::info_span!("request", request.id = %id, trace.id = trace, span.parent = parent, trace.sampled = unsampled)
}

fn timed_out() -> Response {
    let error = "the request took too long; whether it was carried out is not known";
    ApiError::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::RequestTimeout, error).into_response()
}

/// Marks a refusal that is to be broken off rather than completed.
#[derive(Clone)]
struct BreakOff;

/// Has refusals of an endpoint broken off, see [`compat::broken_off`].
pub(crate) async fn break_off(mut response: Response) -> Response {
    if !response.status().is_success() {
        response.extensions_mut().insert(BreakOff);
    }
    response
}

/// Nothing here depends on the host, but a malformed one is a sign of somebody who tries (RFC 9112, 3.2).
fn check_host(head: &HeaderMap) -> Result<(), ApiError> {
    let mut hosts = head.get_all(HOST).iter();
    let well_formed = |host: &HeaderValue| host.is_empty() || Authority::try_from(host.as_bytes()).is_ok();
    match (hosts.next(), hosts.next()) {
        (None, _) => Ok(()),
        (Some(host), None) if well_formed(host) => Ok(()),
        _ => Err(ApiError::invalid_field("host", "expected one host, with or without a port")),
    }
}

/// A handler panicked; the panic hook has told the log.
pub(crate) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::internal().into_response()
}

fn write_refusal(response: &mut Response, mut refusal: ApiError, id: &str) {
    refusal.body.request_id = Some(id.to_owned());
    let text = serde_json::to_vec(&refusal.body).unwrap_or_default();
    let head = response.headers_mut();
    // Of the body that stood there so far.
    head.remove(CONTENT_LENGTH);
    if refusal.status == StatusCode::UNAUTHORIZED {
        // Strangers are not told which paths exist.
        head.remove(ALLOW);
    }
    head.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *response.body_mut() = Body::from(text);
}

/// The caller's own id where it is harmless, else a new one.
fn request_id(head: &HeaderMap) -> String {
    let harmless = |id: &&str| {
        (1..=LONGEST_REQUEST_ID).contains(&id.len())
            && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let given = head.get(headers::REQUEST_ID).and_then(|value| value.to_str().ok()).filter(harmless);
    given.map_or_else(new_request_id, ToOwned::to_owned)
}

fn new_request_id() -> String {
    format!("{:016x}", getrandom::u64().unwrap_or_default())
}
