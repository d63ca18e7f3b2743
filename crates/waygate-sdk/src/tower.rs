//! The guard as a tower layer.

mod guard;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
#[cfg(feature = "axum")]
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use self::guard::{Afterwards, Guard};
use crate::waygate::Waygate;

/// Guards the services that it wraps; from [`Waygate::layer`].
#[derive(Debug, Clone)]
pub struct WaygateLayer {
    guard: Guard,
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
    guard: Guard,
}

/// Asks counters that are shared; gives the request back where it may go on, else the answer to it.
type Checking<Q, B> = Pin<Box<dyn Future<Output = Result<(Request<Q>, Afterwards), Response<B>>> + Send>>;

pin_project! {
    /// The answer of a guarded service.
    pub struct ResponseFuture<S, Q, B>
    where
        S: Service<Request<Q>>,
    {
        #[pin]
        state: State<S, Q, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, Q, B>
    where
        S: Service<Request<Q>>,
    {
        Denied { response: Option<Response<B>> },
        Checking { checking: Checking<Q, B>, inner: S },
        Forwarded {
            #[pin]
            answer: S::Future,
            afterwards: Afterwards,
            body: PhantomData<fn() -> B>,
        },
    }
}

impl WaygateLayer {
    pub(crate) fn new(waygate: Waygate) -> Self {
        Self { guard: Guard { waygate, naming: Naming::Full } }
    }

    #[cfg(feature = "axum")]
    pub(crate) fn named(self, naming: Naming) -> Self {
        Self { guard: Guard { naming, ..self.guard } }
    }
}

impl<S> Layer<S> for WaygateLayer {
    type Service = WaygateService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WaygateService { inner, guard: self.guard.clone() }
    }
}

impl<S, Q, B> Service<Request<Q>> for WaygateService<S>
where
    S: Service<Request<Q>, Response = Response<B>> + Clone,
    Q: Send + 'static,
    B: From<Bytes> + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S, Q, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let state = match self.guard.check(&request) {
            Ok(Some(afterwards)) => State::forwarded(&mut self.inner, request, afterwards),
            Err(response) => State::Denied { response: Some(response) },
            Ok(None) => {
                // The one that has said that it is ready is the one to be called.
                let next = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, next);
                State::Checking { checking: Box::pin(self.guard.clone().check_shared(request)), inner }
            }
        };
        ResponseFuture { state }
    }
}

impl<S: Service<Request<Q>>, Q, B> State<S, Q, B> {
    fn forwarded(inner: &mut S, request: Request<Q>, afterwards: Afterwards) -> Self {
        Self::Forwarded { answer: inner.call(request), afterwards, body: PhantomData }
    }
}

impl<S, Q, B> Future for ResponseFuture<S, Q, B>
where
    S: Service<Request<Q>, Response = Response<B>>,
{
    type Output = Result<Response<B>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut state = self.as_mut().project().state;
            let next = match state.as_mut().project() {
                StateProjection::Denied { response } => {
                    // Taken already: polled again after its end, which no executor does.
                    return response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)));
                }
                StateProjection::Checking { checking, inner } => match ready!(checking.as_mut().poll(context)) {
                    Ok((request, afterwards)) => State::forwarded(inner, request, afterwards),
                    Err(response) => State::Denied { response: Some(response) },
                },
                StateProjection::Forwarded { answer, afterwards, .. } => {
                    let mut response = ready!(answer.poll(context))?;
                    afterwards.apply(&mut response);
                    return Poll::Ready(Ok(response));
                }
            };
            state.set(next);
        }
    }
}

impl<S: Service<Request<Q>>, Q, B> fmt::Debug for ResponseFuture<S, Q, B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
