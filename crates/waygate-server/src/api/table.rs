//! The table of endpoints.

use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, on};
use waygate_api::paths;

use crate::api::openapi::{Row, fields};
use crate::api::{
    acknowledge, audit, batch, document, explain, instances, maintenance, metrics, openapi, rate_limits, register,
    routes, schedules, services, session, snapshots, status, streams, tokens, traffic, webhooks,
};
use crate::app::App;
use crate::auth::Access::{self, Admin, Operator, Public, Service, Viewer};

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
/// assert_eq!(public.len(), 6);
/// ```
pub fn endpoints() -> Vec<Endpoint> {
    table().into_iter().map(|row| row.endpoint).collect()
}

pub(crate) fn table() -> Vec<Row> {
    vec![
        get(Public, paths::HEALTHZ, status::healthz).about("Tells whether the process is alive").gives("Health"),
        get(Public, paths::READYZ, status::readyz).about("Tells whether the process can serve").gives("Health"),
        get(Service, paths::OPENAPI, openapi::show).about("Describes this API"),
        get(Viewer, paths::METRICS, metrics::show)
            .about("Gives numbers about this server; the token of `--metrics-token` will do")
            .tells(crate::metrics::MEDIA_TYPE),
        get(Viewer, "/api/server", status::server).about("Describes the server").gives("Server"),
        post(Public, paths::LOGIN, session::login)
            .about("Logs a person or a service in")
            .body(fields::LOGIN)
            .gives("Login"),
        post(Public, paths::LOGOUT, session::logout).about("Ends the token that is sent along").body(&[]).gives("Ok"),
        get(Service, paths::ME, session::me).about("Tells who the caller is").gives("Me"),
        post(Public, paths::LOGIN_FORM, session::login_form).about("Logs a browser in").form(fields::LOGIN_FORM),
        post(Public, paths::LOGOUT_FORM, session::logout_form).about("Logs a browser out").form(&[]),
        get(Admin, paths::TOKENS, tokens::list)
            .about("Lists the tokens that are in use")
            .query(fields::TOKENS)
            .lists("Token"),
        post(Admin, paths::TOKENS, tokens::create)
            .about("Makes a token for a service")
            .body(fields::NEW_TOKEN)
            .gives("NewToken"),
        delete(Admin, "/api/tokens/{token}", tokens::revoke).about("Ends a token and its streams").gives("Ok"),
        get(Service, paths::ROUTES, routes::list).about("Lists routes").query(fields::ROUTES).lists("RouteState"),
        get(Service, "/api/routes/{path_key}", routes::show).about("Shows one route").gives("RouteState"),
        delete(Operator, "/api/routes/{path_key}", routes::remove)
            .about("Forgets a route; a live registration brings it back as new")
            .change(fields::ONLY_REASON)
            .gives("RouteRemoved"),
        post(Operator, "/api/routes/{path_key}/enable", routes::enable)
            .about("Lets a route answer, and ends what is planned")
            .change(fields::ENABLE)
            .gives("RouteState"),
        post(Operator, "/api/routes/{path_key}/disable", routes::disable)
            .about("Disables a route, and ends what is planned")
            .change(fields::SWITCH)
            .gives("RouteState"),
        post(Operator, "/api/routes/{path_key}/maintenance", routes::maintenance)
            .about("Puts a route into maintenance, now or as a planned window")
            .change(fields::MAINTENANCE)
            .gives("RouteState"),
        post(Operator, "/api/routes/{path_key}/env", routes::gate)
            .about("Lets a route answer only in some environments")
            .change(fields::GATE)
            .gives("RouteState"),
        post(Operator, "/api/routes/{path_key}/schedule", routes::schedule)
            .about("Plans a maintenance window")
            .change(fields::WINDOW)
            .gives("RouteState"),
        delete(Operator, "/api/routes/{path_key}/schedule", routes::cancel_schedule)
            .about("Takes planned and open windows back")
            .query(fields::WINDOW_ID)
            .change(fields::ONLY_REASON)
            .gives("RouteState"),
        post(Operator, "/api/routes/{path_key}/deprecate", routes::deprecate)
            .about("Announces that a route will go away")
            .change(fields::DEPRECATE)
            .gives("RouteState"),
        delete(Operator, "/api/routes/{path_key}/deprecate", routes::undeprecate)
            .about("Takes the announcement back")
            .change(fields::ONLY_REASON)
            .gives("RouteState"),
        post(Operator, paths::BATCH, batch::batch)
            .about("Carries several commands out as one change: all of them, or none")
            .waits()
            .body(fields::BATCH)
            .gives("Batch"),
        get(Viewer, paths::DOCUMENT, document::show)
            .about("Gives what operators have set as a document, now or at an earlier revision")
            .query(fields::DOCUMENT),
        get(Viewer, paths::EXPLAIN, explain::show)
            .about("Tells what a request would get, and why")
            .query(fields::EXPLAIN),
        get(Viewer, paths::SCHEDULES, schedules::list)
            .about("Lists what is planned and what ends by itself")
            .query(fields::SCHEDULES)
            .lists("Scheduled"),
        get(Service, paths::GLOBAL, maintenance::show_global)
            .about("Shows the maintenance of everything")
            .gives("Maintenance"),
        post(Operator, "/api/global/enable", maintenance::enable_global)
            .about("Puts everything into maintenance")
            .change(fields::SCOPE_ON)
            .gives("Maintenance"),
        post(Operator, "/api/global/disable", maintenance::disable_global)
            .about("Ends the maintenance of everything")
            .change(fields::SCOPE_OFF)
            .gives("Maintenance"),
        post(Operator, "/api/global/exemptions", maintenance::exempt_global)
            .about("Edits what goes on answering; never switches anything")
            .change(fields::EXEMPTIONS)
            .gives("Maintenance"),
        get(Service, paths::SERVICES, services::list)
            .about("Lists services")
            .query(fields::SERVICES)
            .lists_names_or("ServiceSummary"),
        delete(Operator, "/api/services/{service}", services::remove)
            .about("Forgets a service and everything of it")
            .change(fields::ONLY_REASON)
            .gives("ServiceRemoved"),
        get(Service, "/api/services/{service}/maintenance", maintenance::show_service)
            .about("Shows the maintenance of a service")
            .gives("Maintenance"),
        post(Operator, "/api/services/{service}/maintenance/enable", maintenance::enable_service)
            .about("Puts a service into maintenance")
            .change(fields::SCOPE_ON)
            .gives("Maintenance"),
        post(Operator, "/api/services/{service}/maintenance/disable", maintenance::disable_service)
            .about("Ends the maintenance of a service")
            .change(fields::SCOPE_OFF)
            .gives("Maintenance"),
        post(Operator, "/api/services/{service}/maintenance/exemptions", maintenance::exempt_service)
            .about("Edits what goes on answering; never switches anything")
            .change(fields::EXEMPTIONS)
            .gives("Maintenance"),
        get(Viewer, paths::AUDIT, audit::list)
            .about("Lists what was done, newest first")
            .query(fields::AUDIT)
            .lists("AuditEntry"),
        get(Service, paths::EVENTS, streams::events).about("Streams changes to the reference's clients").streams(),
        get(Service, paths::STREAM, streams::frames).about("Streams changes").query(fields::STREAM).streams(),
        get(Service, paths::SNAPSHOT, snapshots::show)
            .about("Gives what is in force for a service, for clients that cannot keep a stream open")
            .query(fields::STREAM),
        post(Service, paths::REGISTER, register::register)
            .about("Tells which routes a service has")
            .body(fields::REGISTER)
            .gives("Registered"),
        post(Service, paths::SDK_AUDIT, register::report)
            .about("Takes a report of the reference's clients")
            .body(fields::REPORT)
            .gives("Ok"),
        get(Admin, paths::WEBHOOKS, webhooks::list).about("Lists webhooks").lists("Webhook"),
        post(Admin, paths::WEBHOOKS, webhooks::create)
            .about("Makes a webhook")
            .creates()
            .change(fields::WEBHOOK)
            .gives("Webhook"),
        get(Admin, "/api/webhooks/{webhook}", webhooks::show)
            .about("Shows a webhook and its deliveries")
            .gives("Webhook"),
        patch(Admin, "/api/webhooks/{webhook}", webhooks::edit)
            .about("Edits a webhook")
            .change(fields::EDIT_WEBHOOK)
            .gives("Webhook"),
        delete(Admin, "/api/webhooks/{webhook}", webhooks::remove)
            .about("Forgets a webhook")
            .change(fields::ONLY_REASON)
            .gives("Ok"),
        post(Admin, "/api/webhooks/{webhook}/rotate", webhooks::rotate)
            .about("Gives a webhook its next signing secret")
            .change(fields::ONLY_REASON)
            .gives("Webhook"),
        post(Admin, "/api/webhooks/{webhook}/test", webhooks::test)
            .about("Sends a test delivery")
            .body(&[])
            .gives("TestResult"),
        get(Service, paths::RATE_LIMITS, rate_limits::list)
            .about("Lists rate limits of routes")
            .query(fields::LIMITS)
            .lists("RateLimit"),
        post(Operator, paths::RATE_LIMITS, rate_limits::set)
            .about("Sets the rate limit of a route")
            .creates()
            .change(fields::SET_ROUTE_LIMIT)
            .gives("RateLimit"),
        get(Viewer, paths::RATE_LIMIT_HITS, rate_limits::hits)
            .about("Lists requests that limits stopped")
            .query(fields::HITS)
            .lists("Hit"),
        get(Service, "/api/rate-limits/{path_key}", rate_limits::show)
            .about("Shows the rate limit of a route")
            .query(fields::LIMIT_OF)
            .gives("RateLimit"),
        delete(Operator, "/api/rate-limits/{path_key}", rate_limits::remove)
            .about("Takes the rate limit of a route away")
            .query(fields::LIMIT_OF)
            .change(fields::ONLY_REASON)
            .gives("RateLimitSwitched"),
        delete(Operator, "/api/rate-limits/{path_key}/reset", rate_limits::reset)
            .about("Lets the counts of a route begin anew")
            .query(fields::LIMIT_OF)
            .change(fields::ONLY_REASON)
            .gives("RateLimitSwitched"),
        post(Operator, "/api/rate-limits/{path_key}/enable", rate_limits::enable)
            .about("Switches the rate limit of a route on")
            .query(fields::LIMIT_OF)
            .change(fields::ONLY_REASON)
            .gives("RateLimitSwitched"),
        post(Operator, "/api/rate-limits/{path_key}/disable", rate_limits::disable)
            .about("Switches the rate limit of a route off")
            .query(fields::LIMIT_OF)
            .change(fields::ONLY_REASON)
            .gives("RateLimitSwitched"),
        get(Service, paths::GLOBAL_RATE_LIMIT, rate_limits::show_global)
            .about("Shows the rate limit of everything")
            .gives("RateLimitState"),
        post(Operator, paths::GLOBAL_RATE_LIMIT, rate_limits::set_global)
            .about("Sets the rate limit of everything")
            .creates()
            .change(fields::SET_LIMIT)
            .gives("RateLimit"),
        delete(Operator, paths::GLOBAL_RATE_LIMIT, rate_limits::remove_global)
            .about("Takes the rate limit of everything away")
            .change(fields::ONLY_REASON)
            .gives("RateLimitSwitched"),
        delete(Operator, "/api/global-rate-limit/reset", rate_limits::reset_global)
            .about("Lets the counts of everything begin anew")
            .change(fields::ONLY_REASON)
            .gives("RateLimitSwitched"),
        post(Operator, "/api/global-rate-limit/enable", rate_limits::enable_global)
            .about("Switches the rate limit of everything on")
            .change(fields::ONLY_REASON)
            .gives("RateLimitSwitched"),
        post(Operator, "/api/global-rate-limit/disable", rate_limits::disable_global)
            .about("Switches the rate limit of everything off")
            .change(fields::ONLY_REASON)
            .gives("RateLimitSwitched"),
        get(Service, "/api/services/{service}/rate-limit", rate_limits::show_service)
            .about("Shows the rate limit of a service")
            .gives("RateLimitState"),
        post(Operator, "/api/services/{service}/rate-limit", rate_limits::set_service)
            .about("Sets the rate limit of a service")
            .creates()
            .change(fields::SET_LIMIT)
            .gives("RateLimit"),
        delete(Operator, "/api/services/{service}/rate-limit", rate_limits::remove_service)
            .about("Takes the rate limit of a service away")
            .change(fields::ONLY_REASON)
            .gives("RateLimitSwitched"),
        delete(Operator, "/api/services/{service}/rate-limit/reset", rate_limits::reset_service)
            .about("Lets the counts of a service begin anew")
            .change(fields::ONLY_REASON)
            .gives("RateLimitSwitched"),
        post(Operator, "/api/services/{service}/rate-limit/enable", rate_limits::enable_service)
            .about("Switches the rate limit of a service on")
            .change(fields::ONLY_REASON)
            .gives("RateLimitSwitched"),
        post(Operator, "/api/services/{service}/rate-limit/disable", rate_limits::disable_service)
            .about("Switches the rate limit of a service off")
            .change(fields::ONLY_REASON)
            .gives("RateLimitSwitched"),
        post(Service, paths::ACKNOWLEDGE, acknowledge::acknowledge)
            .about("Takes what an instance of a service enforces")
            .body(fields::ACKNOWLEDGE)
            .gives("Acknowledged"),
        get(Viewer, paths::INSTANCES, instances::list)
            .about("Lists instances of services and what they enforce")
            .query(fields::INSTANCES)
            .lists("Instance"),
        get(Viewer, paths::PROPAGATION, instances::propagation)
            .about("Tells how far everything that is stored has come")
            .query(fields::PROPAGATION)
            .gives("Propagation"),
        delete(Operator, "/api/instances/{instance}", instances::forget)
            .about("Forgets an instance that was lost or has left")
            .query(fields::ONE_INSTANCE)
            .gives("InstanceForgotten"),
        get(Viewer, "/api/services/{service}/instances", instances::of_service)
            .about("Lists the instances of a service and what they enforce")
            .query(fields::INSTANCES_OF_SERVICE)
            .lists("Instance"),
        post(Service, paths::SDK_HITS, rate_limits::report)
            .about("Takes a service's report of requests that limits stopped")
            .body(fields::HITS_REPORT)
            .gives("Ok"),
        post(Service, paths::SDK_TRAFFIC, traffic::report)
            .about("Takes what an instance has counted")
            .body(fields::TRAFFIC_REPORT)
            .gives("Ok"),
        get(Viewer, paths::TRAFFIC, traffic::show)
            .about("Tells how many requests routes have had, as services have reported it to this node")
            .query(fields::TRAFFIC)
            .gives("Traffic"),
    ]
}

fn get<H: Handler<T, App>, T: 'static>(access: Access, path: &'static str, handler: H) -> Row {
    Row::new(Endpoint { method: Method::GET, path, access }, on(MethodFilter::GET, handler))
}

fn post<H: Handler<T, App>, T: 'static>(access: Access, path: &'static str, handler: H) -> Row {
    Row::new(Endpoint { method: Method::POST, path, access }, on(MethodFilter::POST, handler))
}

fn patch<H: Handler<T, App>, T: 'static>(access: Access, path: &'static str, handler: H) -> Row {
    Row::new(Endpoint { method: Method::PATCH, path, access }, on(MethodFilter::PATCH, handler))
}

fn delete<H: Handler<T, App>, T: 'static>(access: Access, path: &'static str, handler: H) -> Row {
    Row::new(Endpoint { method: Method::DELETE, path, access }, on(MethodFilter::DELETE, handler))
}
