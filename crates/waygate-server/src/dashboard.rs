//! The pages for people, at the root of the server.
//!
//! Every page is made by the server and complete without script: actions are links to forms, forms are answered by a
//! redirect. The module (`assets/waygate.js`) only makes them quicker and live. What a page changes, it changes by the
//! same commands as the API, with the revision that the page has shown.

mod admit;
mod assets;
mod audit;
mod change;
mod chart;
mod difference;
mod fleet;
mod form;
mod frame;
mod limits;
mod live;
mod login;
mod maintenance;
mod overview;
mod packed;
mod preview;
mod refusal;
mod routes;
mod schedule;
mod search;
mod settings;
mod sheet;
mod switch;
mod traffic;
mod undo;
mod visit;
mod words;

use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::api::Endpoint;
use crate::app::App;
use crate::auth::Access::{self, Admin, Operator, Public, Viewer};

/// One page or form.
pub(crate) struct Page {
    endpoint: Endpoint,
    methods: MethodRouter<App>,
}

/// Every page and form of the dashboard, and who may open it.
pub fn pages() -> Vec<Endpoint> {
    table().into_iter().map(|page| page.endpoint).collect()
}

pub(crate) fn table() -> Vec<Page> {
    vec![
        get(Viewer, "/", overview::show),
        get(Viewer, "/routes", routes::list),
        get(Operator, "/routes/bulk", switch::ask_many),
        post(Operator, "/routes/bulk", switch::carry_out),
        get(Viewer, "/routes/{path_key}", routes::detail::show),
        get(Operator, "/routes/{path_key}/{action}", switch::ask),
        post(Operator, "/routes/{path_key}/{action}", switch::carry_out),
        get(Operator, "/stop", maintenance::stop),
        post(Operator, "/stop", maintenance::carry_out_stop),
        get(Operator, "/maintenance", maintenance::ask_global),
        post(Operator, "/maintenance", maintenance::carry_out_global),
        get(Operator, "/maintenance/{service}", maintenance::ask_service),
        post(Operator, "/maintenance/{service}", maintenance::carry_out_service),
        get(Viewer, "/fleet", fleet::pages::list),
        get(Viewer, "/fleet/revisions", fleet::revisions::list),
        get(Viewer, "/fleet/{service}/{instance}", fleet::detail::show),
        get(Operator, "/fleet/{service}/{instance}/{action}", fleet::acts::ask),
        post(Operator, "/fleet/{service}/{instance}/{action}", fleet::acts::carry_out),
        get(Viewer, "/traffic", traffic::show),
        get(Viewer, "/traffic/export", traffic::export),
        get(Viewer, "/limits", limits::list),
        get(Viewer, "/limits/{kind}/{name}", limits::detail::show),
        get(Operator, "/limits/{kind}/{name}/{action}", limits::ask),
        post(Operator, "/limits/{kind}/{name}/{action}", limits::carry_out),
        get(Viewer, "/schedule", schedule::list),
        get(Operator, "/schedule/new", schedule::plan::ask),
        post(Operator, "/schedule/new", schedule::plan::carry_out),
        get(Viewer, "/schedule/calendar.ics", schedule::calendar::export),
        get(Viewer, "/schedule/{path_key}/{window}", schedule::window::show),
        get(Viewer, "/audit", audit::list),
        get(Viewer, "/audit/export", audit::export::export),
        get(Viewer, "/changes/{revision}", change::show),
        get(Operator, "/changes/{revision}/undo", undo::ask),
        post(Operator, "/changes/{revision}/undo", undo::carry_out),
        get(Viewer, "/search", search::show),
        get(Viewer, "/ui/events", live::follow),
        get(Viewer, "/settings", settings::appearance),
        post(Viewer, "/settings", settings::save),
        get(Viewer, "/settings/about", settings::about),
        get(Viewer, "/settings/sessions", settings::sessions::list),
        post(Viewer, "/settings/sessions", settings::sessions::end),
        get(Admin, "/settings/tokens", settings::tokens::list),
        post(Admin, "/settings/tokens", settings::tokens::change),
        get(Public, "/login", login::show),
        get(Public, "/ui/assets/{name}", assets::serve),
    ]
}

impl Page {
    /// The page behind the check of who may open it.
    pub(crate) fn guarded(self, app: &App) -> (&'static str, MethodRouter<App>) {
        let Self { endpoint, methods } = self;
        let methods = match endpoint.access {
            Public => methods,
            access => methods.route_layer(from_fn_with_state((app.clone(), access), admit::enforce)),
        };
        (endpoint.path, methods.route_layer(from_fn(visit::protected)).route_layer(from_fn(packed::pages)))
    }
}

pub(crate) use refusal::{reads_html, worded};

fn get<H: Handler<T, App>, T: 'static>(access: Access, path: &'static str, handler: H) -> Page {
    Page { endpoint: Endpoint { method: Method::GET, path, access }, methods: on(MethodFilter::GET, handler) }
}

fn post<H: Handler<T, App>, T: 'static>(access: Access, path: &'static str, handler: H) -> Page {
    Page { endpoint: Endpoint { method: Method::POST, path, access }, methods: on(MethodFilter::POST, handler) }
}
