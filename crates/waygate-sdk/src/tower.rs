//! The guard as a tower layer.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;
use waygate_core::{Charged, Decision, Deprecation, RequestFacts as _, RouteMethod};

use crate::clock;
use crate::facts::HttpFacts;
use crate::gate::LimitHeaders;
use crate::replica::Replica;
use crate::respond;
use crate::waygate::Waygate;

/// Guards the services that it wraps; from [`Waygate::layer`].
#[derive(Debug, Clone)]
pub struct WaygateLayer {
    waygate: Waygate,
    naming: Naming,
}

/// How a matched template becomes the name of a route.
#[derive(Debug, Clone)]
pub(crate) enum Naming {
    /// As the outermost router has it.
    Full,
    /// As the router that carries the layer has it, below a prefix: what that router is mounted under does not count.
    #[cfg(feature = "axum")]
    Local { prefix: Arc<str> },
}

/// A service behind the guard. Decides per request; a stopped request never reaches the inner service.
#[derive(Debug, Clone)]
pub struct WaygateService<S> {
    inner: S,
    waygate: Waygate,
    naming: Naming,
}

pin_project! {
    /// The answer of a guarded service.
    pub struct ResponseFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, B> {
        Denied { response: Option<Response<B>> },
        Forwarded {
            #[pin]
            answer: F,
            afterwards: Afterwards,
            body: PhantomData<fn() -> B>,
        },
    }
}

/// What is left to do once the inner service has answered.
#[derive(Debug, Default)]
struct Afterwards {
    deprecation: Option<Box<Deprecation>>,
    unknown: Option<Unknown>,
    limits: Option<LimitHeaders>,
}

/// A matched route that is not known yet. Whether it exists for this method shows in the answer.
#[derive(Debug)]
struct Unknown {
    method: RouteMethod,
    template: String,
    replica: Arc<Replica>,
}

impl WaygateLayer {
    pub(crate) fn new(waygate: Waygate) -> Self {
        Self { waygate, naming: Naming::Full }
    }

    #[cfg(feature = "axum")]
    pub(crate) fn named(self, naming: Naming) -> Self {
        Self { naming, ..self }
    }
}

impl<S> Layer<S> for WaygateLayer {
    type Service = WaygateService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WaygateService { inner, waygate: self.waygate.clone(), naming: self.naming.clone() }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for WaygateService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: From<Bytes>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let afterwards = match self.check(&request) {
            Ok(afterwards) => afterwards,
            Err(response) => return ResponseFuture { state: State::Denied { response: Some(response) } },
        };
        let answer = self.inner.call(request);
        ResponseFuture { state: State::Forwarded { answer, afterwards, body: PhantomData } }
    }
}

impl<S> WaygateService<S> {
    /// What to do after the inner service, or the answer in its stead.
    fn check<ReqBody, ResBody: From<Bytes>>(
        &self,
        request: &Request<ReqBody>,
    ) -> Result<Afterwards, Response<ResBody>> {
        let replica = self.waygate.replica();
        let snapshot = replica.snapshot().load();
        let facts = HttpFacts::new(request, self.template(request));
        let pass = match snapshot.decide(&facts) {
            Decision::Forward(pass) => pass,
            Decision::Deny(denial) => {
                return Err(respond::denial(&denial, request.method(), outer_path(request), clock::now()));
            }
        };
        let unknown = match (facts.method(), facts.template()) {
            (Some(method), Some(template)) if is_observed(method) && !snapshot.knows(Some(method), template) => {
                Some(Unknown { method, template: template.to_owned(), replica: replica.clone() })
            }
            _ => None,
        };
        let limits = if pass.limits.is_empty() {
            None
        } else {
            let known = facts.template().filter(|template| snapshot.knows(facts.method(), template));
            let gate = self.waygate.gate();
            let caller = gate.callers.caller(request);
            match gate.charge(&pass.limits, &caller, request.method().as_str(), known.unwrap_or_default()) {
                Charged::Admitted { tightest, .. } => tightest.as_ref().map(LimitHeaders::of),
                Charged::Exceeded(exceeded) => {
                    return Err(respond::exceeded(&exceeded, request.method(), outer_path(request)));
                }
            }
        };
        Ok(Afterwards { deprecation: pass.deprecation.cloned().map(Box::new), unknown, limits })
    }

    #[cfg(feature = "axum")]
    fn template<'r, B>(&self, request: &'r Request<B>) -> Option<Cow<'r, str>> {
        crate::axum::template(request, &self.naming)
    }

    #[cfg(not(feature = "axum"))]
    fn template<'r, B>(&self, _: &'r Request<B>) -> Option<Cow<'r, str>> {
        match self.naming {
            Naming::Full => None,
        }
    }
}

/// The concrete path as the caller has sent it, also below a mount point.
fn outer_path<B>(request: &Request<B>) -> &str {
    #[cfg(feature = "axum")]
    if let Some(path) = crate::axum::original_path(request) {
        return path;
    }
    request.uri().path()
}

/// Methods that a router may answer by itself, beside the service's handlers, do not make a route.
fn is_observed(method: RouteMethod) -> bool {
    matches!(method, RouteMethod::Get | RouteMethod::Post | RouteMethod::Put | RouteMethod::Patch | RouteMethod::Delete)
}

impl Afterwards {
    fn apply<B>(&mut self, response: &mut Response<B>) {
        if let Some(deprecation) = self.deprecation.take() {
            respond::announce(&deprecation, response.headers_mut());
        }
        if let Some(limits) = self.limits.take() {
            limits.write(response.headers_mut());
        }
        if let Some(Unknown { method, template, replica }) = self.unknown.take()
            && response.status() != StatusCode::METHOD_NOT_ALLOWED
        {
            replica.observe(method, &template);
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Denied { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                // Polled again after its end, which no executor does.
                None => Poll::Pending,
            },
            StateProjection::Forwarded { answer, afterwards, .. } => {
                let mut response = ready!(answer.poll(context))?;
                afterwards.apply(&mut response);
                Poll::Ready(Ok(response))
            }
        }
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
