//! Which endpoint has answered a request.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::metrics::Metrics;

/// Where no endpoint was met.
const UNMATCHED: &str = "unmatched";

/// Carried by a request, so that its template is known even where no answer comes of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answered(Arc<OnceLock<&'static str>>);

impl Answered {
    /// The template of the path.
    pub(crate) fn template(&self) -> &'static str {
        self.0.get().copied().unwrap_or(UNMATCHED)
    }
}

/// Notes the template of the endpoint that is about to answer.
pub(crate) async fn note_route(State(template): State<&'static str>, request: Request, next: Next) -> Response {
    if let Some(answered) = request.extensions().get::<Answered>() {
        let _ = answered.0.set(template);
    }
    next.run(request).await
}

impl Metrics {
    /// Takes down that a request was answered.
    pub(crate) fn answered(&self, method: &Method, template: &'static str, status: StatusCode, took: Duration) {
        let method = verb(method);
        self.http_requests.at([method.into(), template.into(), status_text(status)]).inc();
        self.http_durations.observe([method, template], took.as_secs_f64());
    }
}

fn status_text(status: StatusCode) -> std::borrow::Cow<'static, str> {
    match status {
        StatusCode::OK => "200".into(),
        status => status.as_str().to_owned().into(),
    }
}

/// Methods that somebody has made up are one.
fn verb(method: &Method) -> &'static str {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    let names = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.iter().position(|known| known == method).and_then(|at| names.get(at).copied()).unwrap_or("other")
}
