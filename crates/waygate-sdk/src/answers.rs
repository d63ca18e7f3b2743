//! The service's own answers to denied requests, and what none of them can leave out.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Response, StatusCode};
use waygate_core::LocalKey;

use crate::denied::{Cause, Denied};
use crate::gate::LimitHeaders;
use crate::grpc;

/// Words the answer to a denied request.
#[derive(Clone)]
pub(crate) struct Answer(Arc<Wording>);

type Wording = dyn Fn(&Denied<'_>) -> Response<Bytes> + Send + Sync;

/// The answers of one service. Only denied requests come here.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    default: Option<Answer>,
    by_route: RwLock<BTreeMap<LocalKey, Answer>>,
    /// It has been said that one of them panics.
    panicked: AtomicBool,
}

impl Answer {
    pub(crate) fn new<B: Into<Bytes>>(answer: impl Fn(&Denied<'_>) -> Response<B> + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |denied| answer(denied).map(Into::into)))
    }
}

impl Answers {
    pub(crate) fn new(default: Option<Answer>) -> Self {
        Self { default, ..Self::default() }
    }

    /// Sets the answer of a route, or takes it away.
    pub(crate) fn set(&self, route: &LocalKey, answer: Option<Answer>) {
        let mut by_route = self.by_route.write().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Some(answer) => drop(by_route.insert(route.clone(), answer)),
            None => drop(by_route.remove(route)),
        }
    }

    /// The answer: for a gRPC request a status, else that of the route, else that of the service, else the standard one.
    pub(crate) fn answer(&self, denied: &Denied<'_>, route: Option<&LocalKey>) -> Response<Bytes> {
        if grpc::is_grpc(denied.request().headers) {
            return grpc::answer(denied);
        }
        let own = route.and_then(|route| self.of(route)).or_else(|| self.default.clone());
        match own.and_then(|own| self.made(&own, denied)) {
            Some(response) => told_once(finished(response, denied)),
            None => finished(denied.standard(), denied),
        }
    }

    fn of(&self, route: &LocalKey) -> Option<Answer> {
        self.by_route.read().unwrap_or_else(PoisonError::into_inner).get(route).cloned()
    }

    /// `None` where it panics, or has made something that is no answer.
    fn made(&self, answer: &Answer, denied: &Denied<'_>) -> Option<Response<Bytes>> {
        let made = catch_unwind(AssertUnwindSafe(|| (answer.0)(denied)));
        if made.is_err() && !self.panicked.swap(true, Ordering::Relaxed) {
            tracing::error!("the service's own answer to a denied request panics; the standard one is given instead");
        }
        made.ok().filter(|response| !response.status().is_informational())
    }
}

/// Keeps what a service has made from being remembered for longer than it is true, and from being taken for what it is not.
fn told_once(mut response: Response<Bytes>) -> Response<Bytes> {
    let has_body = response.headers().get(CONTENT_LENGTH).is_some_and(|length| length != "0");
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if has_body {
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    response
}

/// Adds what every answer tells, and takes off what this one must not have.
fn finished(mut response: Response<Bytes>, denied: &Denied<'_>) -> Response<Bytes> {
    let is_without_body = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if is_without_body {
        *response.body_mut() = Bytes::new();
    }
    let length = response.body().len();
    let headers = response.headers_mut();
    if let Some(seconds) = denied.retry_after() {
        headers.entry(RETRY_AFTER).or_insert(HeaderValue::from(seconds));
    }
    if let Cause::Limit(exceeded) = denied.cause() {
        LimitHeaders::of(&exceeded.standing).write(headers);
    }
    if is_without_body {
        headers.remove(CONTENT_LENGTH);
    } else {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    // The answer to a HEAD has the headers of the answer to a GET, and no body.
    if denied.request().method == Method::HEAD {
        *response.body_mut() = Bytes::new();
    }
    response
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Answer")
    }
}
