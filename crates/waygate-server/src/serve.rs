//! Connections: accepted, served, and ended in time.

use std::future::Future;
use std::io;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use waygate_store::StoreError;

use crate::api;
use crate::app::App;

/// How long a request's head may take to arrive; also how long an idle connection is kept.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// How long requests that are under way get when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// How long the store gets to close.
const CLOSING: Duration = Duration::from_millis(1500);
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

pub(crate) async fn serve(
    app: &App,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let mut connections = JoinSet::new();
    accept(app, listener, shutdown, &mut connections).await;
    app.stopping.cancel();
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, drained).await.is_err() {
        connections.shutdown().await;
    }
    timeout(CLOSING, app.control.stop()).await.map_err(|_| ServeError::CloseTimeout)??;
    Ok(())
}

/// Accepts connections until `shutdown`; the listener is closed then.
async fn accept(
    app: &App,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
    connections: &mut JoinSet<()>,
) {
    let router = api::router(app);
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => return,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, router.clone(), app.stopping.clone()));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted at the moment");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, router: Router, stopping: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection goes without TCP_NODELAY");
    }
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = stopping.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection has ended");
    }
}

/// The peer has gone again before it was accepted: the listener is well.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
