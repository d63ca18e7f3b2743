//! Guards the routes of a Rust service with Waygate: operators switch routes off and on, put them into maintenance or
//! limit them to environments, and the service obeys within the blink of a change, deciding each request in process.
//!
//! ```no_run
//! use axum::Json;
//! use serde_json::{Value, json};
//! use waygate_sdk::Waygate;
//! use waygate_sdk::axum::{GuardedRouter, get};
//!
//! async fn health() -> Json<Value> {
//!     Json(json!({"status": "ok"}))
//! }
//!
//! async fn payments() -> Json<Value> {
//!     Json(json!({"payments": []}))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let waygate = Waygate::builder("http://localhost:9000", "payments-service")
//!         // .token("<long-lived-service-token>")
//!         .start()?;
//!
//!     let app = GuardedRouter::new()
//!         .route("/health", get(health).force_active())
//!         .route("/api/payments", get(payments).maintenance("Payment processor upgrade"))
//!         .guard(&waygate);
//!
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
//!     axum::serve(listener, app).await?;
//!     waygate.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! - [`Waygate`] is the connection and the rules in force: settings by [`WaygateBuilder`], how it stands by [`Status`],
//!   what goes wrong before the start by [`BuildError`]. After the start nothing fails: what was known last, or else
//!   what is declared, stays in force while the control plane is away.
//! - [`axum`](mod@axum): routers with declarations beside the routes. For other frameworks on tower there are
//!   [`Waygate::layer`], [`Waygate::grpc_layer`] and [`Waygate::declare`], for the rest [`Waygate::admit`], and for what is
//!   no HTTP [`Waygate::check`].
//! - [`Denied`]: a service's own answers to denied requests, by [`WaygateBuilder::denied_with`] and per route.
//! - `testing`, with the feature of that name: a control plane in the process of a test.
//! - [`RateLimit`] and [`Identity`]: limits beside routes, and who counts as one caller. With the feature `redis-limits`
//!   the replicas of a service share their counters: [`WaygateBuilder::rate_limit_backend`]. With the feature `metrics`
//!   decisions and how the rules stand go to whatever recorder the program has installed: `Waygate::record_metrics`.
//! - `Waygate::openapi`, with the feature `utoipa`: a service's document of OpenAPI that says what does not answer.
//! - [`Control`] switches things at the control plane from within the service.
//! - [`Source`]: following something else than a server over the network.

mod acknowledge;
mod answers;
#[cfg(feature = "axum")]
pub mod axum;
mod builder;
mod bypass;
mod cache;
mod caller;
mod clock;
mod config;
mod control;
mod declare;
mod denied;
mod error;
mod facts;
mod gate;
mod grpc;
mod guard;
mod limit;
mod metrics;
#[cfg(feature = "utoipa")]
mod openapi;
mod replica;
mod report;
mod respond;
mod session;
mod shared;
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub mod simulation;
mod status;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod tower;
mod traffic;
mod waygate;

pub use builder::WaygateBuilder;
pub use bypass::Bypass;
pub use caller::{Identity, PeerAddress, RequestHead};
pub use control::{Control, ControlError};
pub use declare::Routes;
pub use denied::{Cause, Denied, escape_html};
pub use error::BuildError;
pub use guard::Admitted;
pub use limit::RateLimit;
pub use status::{Outage, Phase, Rules, ShareStatus, SharedCounters, Shares, Status};
pub use sync::source::{FrameStream, Source};
pub use tower::{HeadOnly, ResponseFuture, WaygateLayer, WaygateService, WithBody};
pub use waygate::Waygate;
pub use waygate_api as api;
pub use waygate_core as core;
pub use waygate_core::WhenUnknown;

/// The Rust code of the README and of the book compiles (`scripts/docs` looks that no page is forgotten).
#[cfg(all(doctest, feature = "axum", feature = "metrics", feature = "testing", feature = "utoipa"))]
mod pages {
    #[doc = include_str!("../../../README.md")]
    struct Readme;

    #[doc = include_str!("../README.md")]
    struct OwnReadme;

    #[doc = include_str!("../../../docs/howto/frameworks.md")]
    struct Frameworks;

    #[doc = include_str!("../../../docs/howto/watching.md")]
    struct Watching;

    #[doc = include_str!("../../../docs/outages.md")]
    struct Outages;

    #[doc = include_str!("../../../docs/tutorial/rust.md")]
    struct Tutorial;
}
