//! The HTTP API. [`table`] is the one list of endpoints: the router is made of it, and it says who may call what.

pub(crate) mod answer;
mod audit;
pub(crate) mod body;
mod envelope;
mod maintenance;
mod names;
mod rate_limits;
mod register;
mod routes;
mod services;
mod session;
mod status;
pub(crate) mod stream;
mod streams;
mod table;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn_with_state, map_response};
use tower_http::catch_panic::CatchPanicLayer;
use waygate_api::error::ErrorCode;
use waygate_api::paths;

pub use table::{Endpoint, endpoints};

use crate::app::App;
use crate::auth::{Access, enforce};
use crate::clock;
use crate::error::ApiError;

/// The whole API as a router, to serve or to mount below a prefix.
pub(crate) fn router(app: &App) -> Router {
    let mut router = Router::new();
    for (endpoint, methods) in table::table() {
        let methods = match endpoint.access {
            Access::Public => methods,
            access => methods.route_layer(from_fn_with_state((app.clone(), access), enforce)),
        };
        let methods = if endpoint.path == paths::EVENTS {
            methods.route_layer(map_response(envelope::break_off))
        } else {
            methods
        };
        router = router.route(endpoint.path, methods);
    }
    router
        .fallback(unknown_path)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(envelope::panicked))
        .layer(from_fn_with_state(app.clone(), envelope::wrap))
        .with_state(app.clone())
}

/// Strangers are not told which paths exist.
async fn unknown_path(State(app): State<App>, request: Request) -> ApiError {
    refused_unless_known(&app, &request).err().unwrap_or_else(|| {
        let error = format!("there is nothing at `{}`", request.uri().path());
        ApiError::new(StatusCode::NOT_FOUND, ErrorCode::UnknownPath, error)
    })
}

async fn method_not_allowed(State(app): State<App>, request: Request) -> ApiError {
    refused_unless_known(&app, &request).err().unwrap_or_else(|| {
        let error =
            format!("`{}` does not take {}; `Allow` lists what it takes", request.uri().path(), request.method());
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, error)
    })
}

fn refused_unless_known(app: &App, request: &Request) -> Result<(), ApiError> {
    app.authority.identify(request.headers(), &app.control.current(), clock::now()).map(drop)
}
