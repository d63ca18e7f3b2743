//! The table of endpoints.

use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use waygate_api::paths;

use crate::api::{audit, maintenance, rate_limits, register, routes, services, session, status, streams, webhooks};
use crate::app::App;
use crate::auth::Access::{self, Operator, Public, Service};

/// One endpoint: what is called, and who may call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `GET` answers `HEAD` too.
    pub method: Method,
    /// Path parameters are in braces.
    pub path: &'static str,
    pub access: Access,
}

/// Every endpoint of the API.
///
/// ```
/// use waygate_server::{Access, endpoints};
///
/// let public: Vec<_> = endpoints().into_iter().filter(|endpoint| endpoint.access == Access::Public).collect();
/// assert_eq!(public.len(), 4);
/// ```
pub fn endpoints() -> Vec<Endpoint> {
    table().into_iter().map(|(endpoint, _)| endpoint).collect()
}

pub(crate) fn table() -> Vec<(Endpoint, MethodRouter<App>)> {
    vec![
        get(Public, paths::HEALTHZ, status::healthz),
        get(Public, paths::READYZ, status::readyz),
        get(Operator, "/api/server", status::server),
        post(Public, paths::LOGIN, session::login),
        post(Public, paths::LOGOUT, session::logout),
        get(Service, paths::ME, session::me),
        get(Service, paths::ROUTES, routes::list),
        get(Service, "/api/routes/{path_key}", routes::show),
        post(Operator, "/api/routes/{path_key}/enable", routes::enable),
        post(Operator, "/api/routes/{path_key}/disable", routes::disable),
        post(Operator, "/api/routes/{path_key}/maintenance", routes::maintenance),
        post(Operator, "/api/routes/{path_key}/env", routes::gate),
        post(Operator, "/api/routes/{path_key}/schedule", routes::schedule),
        delete(Operator, "/api/routes/{path_key}/schedule", routes::cancel_schedule),
        get(Service, paths::GLOBAL, maintenance::show_global),
        post(Operator, "/api/global/enable", maintenance::enable_global),
        post(Operator, "/api/global/disable", maintenance::disable_global),
        get(Service, paths::SERVICES, services::list),
        get(Service, "/api/services/{service}/maintenance", maintenance::show_service),
        post(Operator, "/api/services/{service}/maintenance/enable", maintenance::enable_service),
        post(Operator, "/api/services/{service}/maintenance/disable", maintenance::disable_service),
        get(Operator, paths::AUDIT, audit::list),
        get(Service, paths::EVENTS, streams::events),
        get(Service, paths::STREAM, streams::frames),
        post(Service, paths::REGISTER, register::register),
        post(Service, paths::SDK_AUDIT, register::report),
        get(Operator, paths::WEBHOOKS, webhooks::list),
        post(Operator, paths::WEBHOOKS, webhooks::create),
        get(Operator, "/api/webhooks/{webhook}", webhooks::show),
        patch(Operator, "/api/webhooks/{webhook}", webhooks::edit),
        delete(Operator, "/api/webhooks/{webhook}", webhooks::remove),
        post(Operator, "/api/webhooks/{webhook}/rotate", webhooks::rotate),
        post(Operator, "/api/webhooks/{webhook}/test", webhooks::test),
        get(Service, paths::RATE_LIMITS, rate_limits::list),
        post(Operator, paths::RATE_LIMITS, rate_limits::not_yet),
        get(Operator, "/api/rate-limits/hits", rate_limits::hits),
        delete(Operator, "/api/rate-limits/{path_key}", rate_limits::not_yet),
        delete(Operator, "/api/rate-limits/{path_key}/reset", rate_limits::not_yet),
        get(Service, "/api/global-rate-limit", rate_limits::show_global),
        post(Operator, "/api/global-rate-limit", rate_limits::not_yet),
        delete(Operator, "/api/global-rate-limit", rate_limits::not_yet),
        delete(Operator, "/api/global-rate-limit/reset", rate_limits::not_yet),
        post(Operator, "/api/global-rate-limit/enable", rate_limits::not_yet),
        post(Operator, "/api/global-rate-limit/disable", rate_limits::not_yet),
        get(Service, "/api/services/{service}/rate-limit", rate_limits::show_service),
        post(Operator, "/api/services/{service}/rate-limit", rate_limits::not_yet),
        delete(Operator, "/api/services/{service}/rate-limit", rate_limits::not_yet),
        delete(Operator, "/api/services/{service}/rate-limit/reset", rate_limits::not_yet),
        post(Operator, "/api/services/{service}/rate-limit/enable", rate_limits::not_yet),
        post(Operator, "/api/services/{service}/rate-limit/disable", rate_limits::not_yet),
    ]
}

fn get<H: Handler<T, App>, T: 'static>(
    access: Access,
    path: &'static str,
    handler: H,
) -> (Endpoint, MethodRouter<App>) {
    (Endpoint { method: Method::GET, path, access }, on(MethodFilter::GET, handler))
}

fn post<H: Handler<T, App>, T: 'static>(
    access: Access,
    path: &'static str,
    handler: H,
) -> (Endpoint, MethodRouter<App>) {
    (Endpoint { method: Method::POST, path, access }, on(MethodFilter::POST, handler))
}

fn patch<H: Handler<T, App>, T: 'static>(
    access: Access,
    path: &'static str,
    handler: H,
) -> (Endpoint, MethodRouter<App>) {
    (Endpoint { method: Method::PATCH, path, access }, on(MethodFilter::PATCH, handler))
}

fn delete<H: Handler<T, App>, T: 'static>(
    access: Access,
    path: &'static str,
    handler: H,
) -> (Endpoint, MethodRouter<App>) {
    (Endpoint { method: Method::DELETE, path, access }, on(MethodFilter::DELETE, handler))
}
