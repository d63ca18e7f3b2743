//! The Waygate control plane as a library: REST, streams and authentication over a store, as a [`Router`](axum::Router)
//! to mount or to serve.
//!
//! ```
//! use std::sync::Arc;
//! use waygate_server::Server;
//! use waygate_store::MemoryStore;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::builder()
//!     .backend(Arc::new(MemoryStore::new()?))
//!     .auth(("admin", "secret"))
//!     .secret_key("stable-key-for-persistent-tokens")
//!     .build()
//!     .await?;
//! let app = axum::Router::new().nest("/waygate", server.router());
//! # let _: axum::Router = app;
//! # Ok(())
//! # }
//! ```

mod admission;
mod api;
mod app;
mod auth;
mod builder;
mod chunk;
mod clients;
mod clock;
mod compat;
mod control;
mod dashboard;
mod edge;
mod embedded;
mod error;
mod hits;
mod metrics;
mod serve;
mod server;
mod tls;
mod traffic;
mod webhooks;

pub use admission::StreamOptions;
pub use api::{Endpoint, audit_entries, batch_command, endpoints};
pub use auth::{
    Access, Authenticator, AuthenticatorError, Credentials, HashError, Identity, Role, User, hash_password,
};
pub use builder::{BuildError, ServerBuilder};
pub use control::{Applied, Concerned, ControlPlane, ExecuteError};
pub use dashboard::pages;
pub use embedded::{Operator, OperatorError};
pub use serve::ServeError;
pub use server::Server;
pub use webhooks::WebhookOptions;
