//! The table of endpoints.

use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use waygate_api::paths;

use crate::api::{
    audit, batch, maintenance, rate_limits, register, routes, schedules, services, session, status, streams, webhooks,
};
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
        delete(Operator, "/api/routes/{path_key}", routes::remove),
        post(Operator, "/api/routes/{path_key}/enable", routes::enable),
        post(Operator, "/api/routes/{path_key}/disable", routes::disable),
        post(Operator, "/api/routes/{path_key}/maintenance", routes::maintenance),
        post(Operator, "/api/routes/{path_key}/env", routes::gate),
        post(Operator, "/api/routes/{path_key}/schedule", routes::schedule),
        delete(Operator, "/api/routes/{path_key}/schedule", routes::cancel_schedule),
        post(Operator, "/api/routes/{path_key}/deprecate", routes::deprecate),
        delete(Operator, "/api/routes/{path_key}/deprecate", routes::undeprecate),
        post(Operator, paths::BATCH, batch::batch),
        get(Operator, paths::SCHEDULES, schedules::list),
        get(Service, paths::GLOBAL, maintenance::show_global),
        post(Operator, "/api/global/enable", maintenance::enable_global),
        post(Operator, "/api/global/disable", maintenance::disable_global),
        post(Operator, "/api/global/exemptions", maintenance::exempt_global),
        get(Service, paths::SERVICES, services::list),
        delete(Operator, "/api/services/{service}", services::remove),
        get(Service, "/api/services/{service}/maintenance", maintenance::show_service),
        post(Operator, "/api/services/{service}/maintenance/enable", maintenance::enable_service),
        post(Operator, "/api/services/{service}/maintenance/disable", maintenance::disable_service),
        post(Operator, "/api/services/{service}/maintenance/exemptions", maintenance::exempt_service),
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
        post(Operator, paths::RATE_LIMITS, rate_limits::set),
        get(Operator, paths::RATE_LIMIT_HITS, rate_limits::hits),
        get(Service, "/api/rate-limits/{path_key}", rate_limits::show),
        delete(Operator, "/api/rate-limits/{path_key}", rate_limits::remove),
        delete(Operator, "/api/rate-limits/{path_key}/reset", rate_limits::reset),
        post(Operator, "/api/rate-limits/{path_key}/enable", rate_limits::enable),
        post(Operator, "/api/rate-limits/{path_key}/disable", rate_limits::disable),
        get(Service, paths::GLOBAL_RATE_LIMIT, rate_limits::show_global),
        post(Operator, paths::GLOBAL_RATE_LIMIT, rate_limits::set_global),
        delete(Operator, paths::GLOBAL_RATE_LIMIT, rate_limits::remove_global),
        delete(Operator, "/api/global-rate-limit/reset", rate_limits::reset_global),
        post(Operator, "/api/global-rate-limit/enable", rate_limits::enable_global),
        post(Operator, "/api/global-rate-limit/disable", rate_limits::disable_global),
        get(Service, "/api/services/{service}/rate-limit", rate_limits::show_service),
        post(Operator, "/api/services/{service}/rate-limit", rate_limits::set_service),
        delete(Operator, "/api/services/{service}/rate-limit", rate_limits::remove_service),
        delete(Operator, "/api/services/{service}/rate-limit/reset", rate_limits::reset_service),
        post(Operator, "/api/services/{service}/rate-limit/enable", rate_limits::enable_service),
        post(Operator, "/api/services/{service}/rate-limit/disable", rate_limits::disable_service),
        post(Service, paths::SDK_HITS, rate_limits::report),
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
