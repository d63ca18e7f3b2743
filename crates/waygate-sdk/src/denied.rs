//! A request that is not served, told to whoever words the answer to it.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use waygate_api::paths::percent_decoded;
use waygate_core::{Denial, DenialResponse, Exceeded, Layer, seconds_until};

use crate::caller::RequestHead;
use crate::respond::uri_reference;

/// A request that is not served, and why: what an answer of the service's own is made of, see
/// [`WaygateBuilder::denied_with`](crate::WaygateBuilder::denied_with).
///
/// [`html`](Self::html), [`json`](Self::json) and [`redirect`](Self::redirect) are answers of the usual kinds,
/// [`standard`](Self::standard) is the one that is given without a say of the service. Any other [`Response`] will do.
#[derive(Debug, Clone, Copy)]
pub struct Denied<'d> {
    cause: Cause<'d>,
    request: RequestHead<'d>,
    path: &'d str,
    now: Timestamp,
}

/// What stops a request.
#[derive(Debug, Clone, Copy)]
pub enum Cause<'d> {
    /// Maintenance, or a route that is disabled or not for this environment.
    Lifecycle(&'d Denial<'d>),
    /// A limit that is used up.
    Limit(&'d Exceeded<'d>),
}

impl<'d> Denied<'d> {
    /// `path` is the concrete one, as it stands in the URL.
    pub(crate) fn new(cause: Cause<'d>, request: RequestHead<'d>, path: &'d str, now: Timestamp) -> Self {
        Self { cause, request, path, now }
    }

    /// All that is known of why.
    pub fn cause(&self) -> Cause<'d> {
        self.cause
    }

    /// The request.
    pub fn request(&self) -> RequestHead<'d> {
        self.request
    }

    /// The concrete path of the request as it stands in the URL, also below a mount point.
    pub fn path(&self) -> &'d str {
        self.path
    }

    /// The layer that stops the request.
    pub fn layer(&self) -> Layer {
        match self.cause {
            Cause::Lifecycle(denial) => denial.layer(),
            Cause::Limit(exceeded) => exceeded.standing.layer,
        }
    }

    /// `MAINTENANCE_MODE`, `ROUTE_DISABLED`, `ENV_GATED` or `RATE_LIMIT_EXCEEDED`.
    pub fn code(&self) -> &'static str {
        match self.cause {
            Cause::Lifecycle(denial) => denial.code(),
            Cause::Limit(_) => Exceeded::CODE,
        }
    }

    /// Why, in a few words for people that do not depend on what operators write.
    pub fn message(&self) -> &'static str {
        match self.cause {
            Cause::Lifecycle(denial) => denial.message(),
            Cause::Limit(_) => Exceeded::MESSAGE,
        }
    }

    /// What the operator, or the code, has given as the reason; empty where there is none. It is text, not HTML: see
    /// [`escape_html`].
    pub fn reason(&self) -> &'d str {
        match self.cause {
            Cause::Lifecycle(Denial::Maintenance { reason, .. } | Denial::Disabled { reason, .. }) => reason,
            Cause::Lifecycle(Denial::EnvGated { .. }) | Cause::Limit(_) => "",
        }
    }

    /// When a request will pass again, where that is known.
    pub fn until(&self) -> Option<Timestamp> {
        match self.cause {
            Cause::Lifecycle(Denial::Maintenance { until, .. } | Denial::Disabled { until, .. }) => *until,
            Cause::Lifecycle(Denial::EnvGated { .. }) => None,
            Cause::Limit(exceeded) => Some(exceeded.standing.reset_at()),
        }
    }

    /// The same in whole seconds from now on, at least 1: waiting so long is enough.
    pub fn retry_after(&self) -> Option<u64> {
        match self.cause {
            Cause::Lifecycle(_) => self.until().map(|until| seconds_until(until, self.now)),
            Cause::Limit(exceeded) => Some(exceeded.standing.reset_after_seconds()),
        }
    }

    /// 503, 403 for what is not for this environment, 429 for a limit.
    pub fn status(&self) -> StatusCode {
        match self.cause {
            Cause::Lifecycle(Denial::EnvGated { .. }) => StatusCode::FORBIDDEN,
            Cause::Lifecycle(_) => StatusCode::SERVICE_UNAVAILABLE,
            Cause::Limit(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// Whether the caller would rather see a page than data: `text/html` stands in its `Accept`, as browsers have it.
    pub fn accepts_html(&self) -> bool {
        let kinds = self.request.headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
        kinds.flat_map(|accept| accept.split(',')).any(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
        })
    }

    /// The answer that is given without a say of the service: `{"error":{"code",…}}` in JSON.
    pub fn standard(&self) -> Response<Bytes> {
        let path = percent_decoded(self.path);
        let DenialResponse { retry_after, body, .. } = match self.cause {
            Cause::Lifecycle(denial) => denial.response(&path, self.now),
            Cause::Limit(exceeded) => exceeded.response(&path),
        };
        let mut response = self.answer("application/json", body);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// A page, with the [status](Self::status) of the denial. What is put into it of [`reason`](Self::reason) or
    /// [`path`](Self::path) has to be [escaped](escape_html).
    pub fn html(&self, page: impl Into<Bytes>) -> Response<Bytes> {
        self.answer("text/html; charset=utf-8", page)
    }

    /// Data, with the [status](Self::status) of the denial. What cannot be JSON gives the [standard](Self::standard)
    /// answer.
    pub fn json(&self, value: &impl Serialize) -> Response<Bytes> {
        serde_json::to_vec(value)
            .inspect_err(|error| tracing::error!(%error, "an answer to a denied request is no JSON"))
            .map_or_else(|_| self.standard(), |body| self.answer("application/json", body))
    }

    /// Sends the caller elsewhere for now: 303, which is asked for with `GET` whatever this request was, and is not
    /// remembered. A request for that very page gets the [standard](Self::standard) answer, so that nobody is sent round
    /// in circles where the page is stopped, too.
    pub fn redirect(&self, location: &str) -> Response<Bytes> {
        let location = uri_reference(location);
        let target = location.split(['?', '#']).next().unwrap_or_default();
        match HeaderValue::from_str(&location) {
            Ok(header) if target != self.path => {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::SEE_OTHER;
                response.headers_mut().insert(LOCATION, header);
                response
            }
            _ => self.standard(),
        }
    }

    fn answer(&self, kind: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
        let mut response = Response::new(body.into());
        *response.status_mut() = self.status();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }
}

/// A text as it may stand in a page, within elements and within quoted attributes.
///
/// ```
/// assert_eq!(waygate_sdk::escape_html("<b>\"5 & 6\"</b>"), "&lt;b&gt;&quot;5 &amp; 6&quot;&lt;/b&gt;");
/// ```
pub fn escape_html(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, letter| {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
        out
    })
}
