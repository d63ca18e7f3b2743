//! The HTTP API. [`table`] is the one list of endpoints: the router is made of it, and it says who may call what.

mod acknowledge;
pub(crate) mod answer;
mod asked;
pub(crate) mod audit;
mod batch;
pub(crate) mod body;
mod document;
mod envelope;
mod explain;
mod instances;
mod maintenance;
mod metrics;
pub(crate) mod names;
mod openapi;
mod rate_limits;
mod register;
mod routes;
pub(crate) mod schedules;
mod services;
pub(crate) mod session;
mod snapshots;
mod status;
pub(crate) mod stream;
mod streams;
mod switches;
mod table;
mod tokens;
mod traffic;
mod webhooks;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use tower_http::catch_panic::CatchPanicLayer;
use waygate_api::error::ErrorCode;
use waygate_api::paths;

pub use audit::audit_entries;
pub use batch::batch_command;
pub use table::{Endpoint, endpoints};

use crate::app::App;
use crate::auth::{Access, enforce, enforce_scraper};
use crate::dashboard;
use crate::edge::Client;
use crate::error::ApiError;
use crate::metrics::note_route;

/// The whole API as a router, to serve or to mount below a prefix.
pub(crate) fn router(app: &App) -> Router {
    let mut router = Router::new();
    for row in table::table() {
        let (can_be_tried, reads_body) = (row.can_be_tried(), row.reads_body());
        let openapi::Row { endpoint, methods, .. } = row;
        let methods = match (can_be_tried, reads_body) {
            (true, _) => methods,
            (false, true) => methods.route_layer(from_fn(refuse_trial)),
            (false, false) => methods.route_layer(from_fn(refuse_unread_trial)).route_layer(from_fn(refuse_trial)),
        };
        let methods = match endpoint.access {
            Access::Public => methods,
            _ if endpoint.path == paths::METRICS => {
                methods.route_layer(from_fn_with_state(app.clone(), enforce_scraper))
            }
            access => methods.route_layer(from_fn_with_state((app.clone(), access), enforce)),
        };
        let methods = if endpoint.path == paths::EVENTS {
            methods.route_layer(map_response(envelope::break_off))
        } else {
            methods
        };
        router = router.route(endpoint.path, methods.route_layer(from_fn_with_state(endpoint.path, note_route)));
    }
    for page in dashboard::table() {
        let (path, methods) = page.guarded(app);
        router = router.route(path, methods.route_layer(from_fn_with_state(path, note_route)));
    }
    let router = router.fallback(unknown_path).method_not_allowed_fallback(method_not_allowed);
    // Around the router as a whole: what it adds to an answer by itself is seen too.
    enveloped(Router::new().fallback_service(router.with_state(app.clone())), app).with_state(app.clone())
}

/// Adds what every request and answer has in common.
fn enveloped(router: Router<App>, app: &App) -> Router<App> {
    router
        .layer(CatchPanicLayer::custom(envelope::panicked))
        .layer(from_fn_with_state(app.clone(), dashboard::worded))
        .layer(from_fn_with_state(app.clone(), envelope::wrap))
}

/// What cannot be tried first must not be done for good in its place.
async fn refuse_trial(parameters: names::Parameters, mut request: Request, next: Next) -> Result<Response, ApiError> {
    if parameters.flag("dry_run")? {
        return Err(ApiError::cannot_be_tried());
    }
    request.extensions_mut().insert(body::ForGood);
    Ok(next.run(request).await)
}

/// The same where nobody else looks at the body. What cannot be read there asks for no trial.
async fn refuse_unread_trial(request: Request, next: Next) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let mut unread = Request::new(body);
    unread.extensions_mut().insert(body::ForGood);
    match body::Fields::<{ body::GENERAL }>::from_request(unread, &()).await {
        Err(refused) if refused.body.field.as_deref() == Some("dry_run") => Err(refused),
        _ => Ok(next.run(Request::from_parts(parts, Body::empty())).await),
    }
}

/// Strangers are not told which paths exist.
async fn unknown_path(State(app): State<App>, client: Client, request: Request) -> ApiError {
    refused_unless_known(&app, &client, request.headers()).await.err().unwrap_or_else(|| {
        let error = format!("there is nothing at `{}`", request.uri().path());
        ApiError::new(StatusCode::NOT_FOUND, ErrorCode::UnknownPath, error)
    })
}

async fn method_not_allowed(State(app): State<App>, client: Client, request: Request) -> ApiError {
    refused_unless_known(&app, &client, request.headers()).await.err().unwrap_or_else(|| {
        let error =
            format!("`{}` does not take {}; `Allow` lists what it takes", request.uri().path(), request.method());
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, error)
    })
}

async fn refused_unless_known(app: &App, client: &Client, head: &HeaderMap) -> Result<(), ApiError> {
    app.identify(head, client).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::{Body, to_bytes};
    use axum::routing::get;
    use tower::ServiceExt as _;
    use waygate_store::MemoryStore;

    use super::*;
    use crate::server::Server;

    #[tokio::test]
    async fn a_panic_is_a_500_in_the_shape_of_every_refusal() {
        let store = Arc::new(MemoryStore::new().unwrap());
        let server = Server::builder().backend(store).build().await.unwrap();
        let broken = Router::new().route("/", get(async || panic!("a mistake") as ()));
        let router = enveloped(broken, server.app()).with_state(server.app().clone());
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let text = to_bytes(response.into_body(), 4096).await.unwrap();
        let body: waygate_api::error::ErrorBody = serde_json::from_slice(&text).unwrap();
        assert_eq!(body.code, ErrorCode::Internal);
        assert!(body.request_id.is_some(), "{body:?}");
    }
}
