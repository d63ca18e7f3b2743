//! The guard as a tower layer.

mod form;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use self::form::Form;
pub use self::form::{HeadOnly, WithBody};
use crate::caller::RequestHead;
use crate::guard::Admitted;
use crate::waygate::Waygate;

/// Guards the services that it wraps; from [`Waygate::layer`], or for gRPC from [`Waygate::grpc_layer`]. `F` says what
/// answers to denied requests are made of: [`WithBody`] or [`HeadOnly`].
#[derive(Debug, Clone)]
pub struct WaygateLayer<F = WithBody> {
    guard: Arc<Guard>,
    form: PhantomData<F>,
}

/// What decides about the requests of a layer. Shared, because axum clones a service for each request.
#[derive(Debug)]
struct Guard {
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
    Local { prefix: Box<str> },
}

/// A service behind the guard. Decides per request; a stopped request never reaches the inner service.
#[derive(Debug, Clone)]
pub struct WaygateService<S, F = WithBody> {
    inner: S,
    guard: Arc<Guard>,
    form: PhantomData<F>,
}

/// Asks counters that are shared; gives the request back where it may go on, else the answer to it.
type Checking<Q, B> = Pin<Box<dyn Future<Output = Result<(Request<Q>, Admitted), Response<B>>> + Send>>;

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
            admitted: Admitted,
            body: PhantomData<fn() -> B>,
        },
    }
}

impl Waygate {
    /// A tower layer that guards whatever it wraps. With axum, put it on with `Router::layer`, where the matched
    /// template is known; elsewhere paths are matched against the known templates. Requests of gRPC are known by their
    /// paths, and are answered as gRPC is, wherever they come.
    pub fn layer(&self) -> WaygateLayer {
        WaygateLayer::new(self.clone())
    }

    /// The same for services of gRPC alone, such as those of tonic, whose bodies cannot be made of bytes: a denied call
    /// ends with a status in the head. `UNAVAILABLE` stands for maintenance and for what is disabled, `RESOURCE_EXHAUSTED`
    /// for a limit, `PERMISSION_DENIED` for another environment; where the end is known, `RetryInfo`,
    /// `grpc-retry-pushback-ms` and `retry-after` name it.
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), waygate_sdk::BuildError> {
    /// # let waygate = waygate_sdk::Waygate::builder("http://localhost:9000", "greeter").start()?;
    /// // A method is a route: `POST` and its path.
    /// waygate.declare(waygate_sdk::Routes::new().post("/helloworld.Greeter/SayHello").rate_limit("100/second"));
    /// let layer = waygate.grpc_layer();
    /// // tonic::transport::Server::builder().layer(layer).add_service(greeter)…
    /// # let _ = layer; Ok(()) }
    /// ```
    pub fn grpc_layer(&self) -> WaygateLayer<HeadOnly> {
        WaygateLayer::new(self.clone())
    }
}

impl<F> WaygateLayer<F> {
    fn new(waygate: Waygate) -> Self {
        Self::named(waygate, Naming::Full)
    }

    pub(crate) fn named(waygate: Waygate, naming: Naming) -> Self {
        Self { guard: Arc::new(Guard { waygate, naming }), form: PhantomData }
    }
}

impl Guard {
    #[expect(clippy::result_large_err, reason = "the answer is what callers want, and it is moved once")]
    fn check(&self, request: RequestHead<'_>) -> Result<Option<Admitted>, Response<Bytes>> {
        self.waygate.check_request(request, self.template(request))
    }

    async fn check_shared<Q>(self: Arc<Self>, request: Request<Q>) -> Result<(Request<Q>, Admitted), Response<Bytes>> {
        let head = RequestHead::from(&request);
        let admitted = self.waygate.check_request_shared(head, self.template(head)).await?;
        Ok((request, admitted))
    }

    #[cfg(feature = "axum")]
    fn template<'r>(&self, request: RequestHead<'r>) -> Option<Cow<'r, str>> {
        crate::axum::template(request, &self.naming)
    }

    #[cfg(not(feature = "axum"))]
    fn template<'r>(&self, _: RequestHead<'r>) -> Option<Cow<'r, str>> {
        match self.naming {
            Naming::Full => None,
        }
    }
}

impl<S, F> Layer<S> for WaygateLayer<F> {
    type Service = WaygateService<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        WaygateService { inner, guard: self.guard.clone(), form: PhantomData }
    }
}

impl<S, Q, B, F> Service<Request<Q>> for WaygateService<S, F>
where
    S: Service<Request<Q>, Response = Response<B>> + Clone,
    Q: Send + 'static,
    B: 'static,
    F: Form<B>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S, Q, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let state = match self.guard.check(RequestHead::from(&request)) {
            Ok(Some(admitted)) => State::forwarded(&mut self.inner, request, admitted),
            Err(response) => State::Denied { response: Some(F::of(response)) },
            Ok(None) => {
                // The one that has said that it is ready is the one to be called.
                let next = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, next);
                let checked = self.guard.clone().check_shared(request);
                State::Checking { checking: Box::pin(async { checked.await.map_err(F::of) }), inner }
            }
        };
        ResponseFuture { state }
    }
}

impl<S: Service<Request<Q>>, Q, B> State<S, Q, B> {
    fn forwarded(inner: &mut S, request: Request<Q>, admitted: Admitted) -> Self {
        Self::Forwarded { answer: inner.call(request), admitted, body: PhantomData }
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
                    Ok((request, admitted)) => State::forwarded(inner, request, admitted),
                    Err(response) => State::Denied { response: Some(response) },
                },
                StateProjection::Forwarded { answer, admitted, .. } => {
                    let mut response = ready!(answer.poll(context))?;
                    admitted.apply(response.status(), response.headers_mut());
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
