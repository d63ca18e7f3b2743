//! One control plane, to mount or to serve.

use std::fmt;
use std::future::Future;

use axum::Router;
use tokio::net::TcpListener;
use waygate_core::{Actor, InvalidName};
use waygate_store::StoreError;

use crate::api;
use crate::app::App;
use crate::builder::ServerBuilder;
use crate::control::ControlPlane;
use crate::embedded::Operator;
use crate::serve::{self, Connections, ServeError};

/// A control plane over its store. Made by [`Server::builder`].
///
/// It ends by [`Server::stop`], at the end of [`Server::serve`], or in the background once it and every
/// [`Server::router`] of it are dropped: handles such as [`Server::control`] do not keep it.
pub struct Server {
    app: App,
    connections: Connections,
}

impl Server {
    /// Begins with every setting at its default; a backend must be given.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    pub(crate) fn new(app: App, connections: Connections) -> Self {
        Self { app, connections }
    }

    #[cfg(test)]
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// The API, to be mounted in a router of one's own: at the root, or below a prefix with
    /// [`Router::nest`]. Whoever mounts it calls [`Server::stop`] before the process ends, to be sure that the store is
    /// closed by then.
    ///
    /// In a program whose routes are guarded by the SDK, mount it outside of the guard (`GuardedRouter::beside_guard`
    /// there): a maintenance of everything would otherwise shut the way to switch it off.
    pub fn router(&self) -> Router {
        api::router(&self.app)
    }

    /// The control plane behind the API.
    pub fn control(&self) -> ControlPlane {
        self.app.control.clone()
    }

    /// Control from the program that embeds the server; `actor` is who the audit log will name.
    ///
    /// # Errors
    ///
    /// When the name is empty, too long or has control characters.
    pub fn operator(&self, actor: &str) -> Result<Operator, InvalidName> {
        let actor: Actor = actor.parse()?;
        Ok(Operator::new(self.app.control.clone(), actor))
    }

    /// Serves the API on a listener until `shutdown` is ready, then stops: readiness ends at once, so do streams;
    /// requests that are under way get five seconds; the store is closed. Returns within seven seconds of `shutdown`,
    /// whoever is connected.
    ///
    /// # Errors
    ///
    /// [`ServeError`] when the store could not be closed. What was acknowledged is durable all the same.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        serve::serve(&self.app, self.connections, listener, shutdown).await
    }

    /// Ends the streams, takes no more changes, and closes the store. Only for mounted servers:
    /// [`Server::serve`] does it by itself.
    ///
    /// # Errors
    ///
    /// When the store cannot be closed; what was acknowledged is durable all the same.
    pub async fn stop(&self) -> Result<(), StoreError> {
        self.app.stopping.cancel();
        self.app.control.stop().await
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Server").field("app", &self.app).finish_non_exhaustive()
    }
}
