//! Connections: accepted, served, and ended in time.

mod handover;
mod patience;

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use waygate_store::StoreError;

use crate::api;
use crate::app::App;
use crate::serve::handover::Continued;
pub(crate) use crate::serve::handover::{Handover, Line, Way};
use crate::serve::patience::Patient;

/// How long a request's head may take to arrive; also how long an idle connection is kept.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// How long a TLS handshake may take.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// How long what is sent may go unconfirmed: three signs of life of a stream.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNCONFIRMED: Duration = Duration::from_secs(45);
/// The largest head of a request, in bytes, and the most headers in it.
const LARGEST_HEAD: usize = 64 << 10;
const MOST_HEADERS: usize = 100;
/// How long requests that are under way get when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// How long the store gets to close.
const CLOSING: Duration = Duration::from_millis(1500);
/// How many connections may wait until they are accepted, where the system allows as many (`net.core.somaxconn`): a whole
/// fleet comes back at once.
#[cfg(any(target_os = "android", target_os = "linux"))]
const WAITING: i32 = 16_384;
/// Where less than this part of all connections is left, each ends with its answer: clients that call now and then keep
/// theirs for long, and would hold up whoever comes.
const FEW_LEFT: usize = 16;
/// How long to wait before accepting again when the system has no room for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serving has not ended well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The store could not be closed. What was acknowledged is durable all the same.
    #[error("the store could not be closed: {0}")]
    Close(#[from] StoreError),
    /// The store took too long to close. What was acknowledged is durable all the same.
    #[error("the store did not close in time")]
    CloseTimeout,
}

/// How connections are taken in.
pub(crate) struct Connections {
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) most: usize,
    /// A connection that takes nothing for so long is closed.
    pub(crate) write_timeout: Duration,
}

pub(crate) async fn serve(
    app: &App,
    how: Connections,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    // Where the queue is full the system says nothing, and who comes tries again after seconds: changes among them.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    if let Err(error) = socket2::SockRef::from(&listener).listen(WAITING) {
        tracing::debug!(%error, "the queue of connections is as long as it was");
    }
    let mut connections = Open::new();
    accept(app, how, listener, shutdown, &mut connections).await;
    app.stopping.cancel();
    let drained = async { while next_ended(&mut connections).await.is_some() {} };
    if timeout(GRACE, drained).await.is_err() {
        connections.shutdown().await;
    }
    timeout(CLOSING, app.control.stop()).await.map_err(|_| ServeError::CloseTimeout)??;
    Ok(())
}

/// The connections that are open. One that ends may go on as a stream, in a task that is no larger than it needs.
type Open = JoinSet<Option<Continued>>;

/// Waits until one has ended; `None` where there are none.
async fn next_ended(connections: &mut Open) -> Option<()> {
    if let Ok(Some(continued)) = connections.join_next().await? {
        connections.spawn(async move {
            continued.await;
            None
        });
    }
    Some(())
}

/// Accepts connections until `shutdown`; the listener is closed then.
async fn accept(
    app: &App,
    how: Connections,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
    connections: &mut Open,
) {
    let router = api::router(app);
    let room = Arc::new(Semaphore::new(how.most));
    let next = async || {
        // Held for as long as the connection; without one, further connections wait in the system's queue.
        let Ok(place) = room.clone().acquire_owned().await else { return std::future::pending().await };
        (listener.accept().await, place)
    };
    tokio::pin!(shutdown);
    loop {
        let (accepted, place) = tokio::select! {
            // Streams go on before anybody else is let in: where that fails at once, it would fail again and again.
            biased;
            () = &mut shutdown => return,
            Some(()) = next_ended(connections) => continue,
            next = next() => next,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = Connection {
                    peer,
                    router: router.clone(),
                    stopping: app.stopping.clone(),
                    write_timeout: how.write_timeout,
                    room: room.clone(),
                    few: how.most / FEW_LEFT,
                    place,
                };
                connections.spawn(connection.run(stream, how.tls.clone()));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted at the moment");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One connection, from its first byte to its last.
struct Connection {
    peer: SocketAddr,
    router: Router,
    stopping: CancellationToken,
    write_timeout: Duration,
    /// For how many more there is room, and how many are few.
    room: Arc<Semaphore>,
    few: usize,
    /// Held while the connection lives.
    place: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, stream: TcpStream, tls: Option<TlsAcceptor>) -> Option<Continued> {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection goes without TCP_NODELAY");
        }
        // What is sent to a peer that is gone is never confirmed: the system would wait for a quarter of an hour.
        #[cfg(any(target_os = "android", target_os = "linux"))]
        if let Err(error) = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNCONFIRMED)) {
            tracing::debug!(%error, "a connection goes without TCP_USER_TIMEOUT");
        }
        let Some(tls) = tls else {
            return self.serve(stream).await;
        };
        let handshake = tokio::select! {
            handshake = timeout(HANDSHAKE_PATIENCE, tls.accept(stream)) => handshake,
            () = self.stopping.cancelled() => return None,
        };
        match handshake {
            Ok(Ok(stream)) => return self.serve(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake has failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
        None
    }

    /// Serves requests until the connection ends, or one of them takes it over.
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Option<Continued> {
        let (peer, handover) = (ConnectInfo(self.peer), Handover::default());
        let offer = handover.clone();
        let service = self.router.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(offer.clone());
            request.map(Body::new)
        });
        let (room, few) = (self.room, self.few);
        let service = service.map_response(move |mut response: Response| {
            if room.available_permits() < few {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            response
        });
        let mut served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .max_buf_size(LARGEST_HEAD)
            .max_headers(MOST_HEADERS)
            .serve_connection(
                TokioIo::new(Patient::new(stream, self.write_timeout, handover.clone())),
                TowerToHyperService::new(service),
            );
        let mut stopping = pin!(self.stopping.cancelled());
        let mut is_stopping = false;
        let ended = poll_fn(|context| {
            if !is_stopping && stopping.as_mut().poll(context).is_ready() {
                is_stopping = true;
                Pin::new(&mut served).graceful_shutdown();
            }
            match Pin::new(&mut served).poll(context) {
                Poll::Pending => handover.taker().map_or(Poll::Pending, |taker| Poll::Ready(Ok(Some(taker)))),
                Poll::Ready(ended) => Poll::Ready(ended.map(|()| None)),
            }
        })
        .await;
        match ended {
            Ok(taker) => {
                let taker = taker?;
                Some(taker(Line::new(served.into_parts().io.into_inner(), self.place)))
            }
            Err(error) => {
                tracing::debug!(%error, "a connection has ended");
                None
            }
        }
    }
}

/// The peer has gone again before it was accepted: the listener is well.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
