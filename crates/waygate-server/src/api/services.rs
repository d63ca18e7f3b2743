//! Which services there are.

use axum::extract::State;
use axum::response::Response;
use waygate_core::ServiceId;

use crate::api::answer;
use crate::app::App;
use crate::auth::Principal;

/// The names of every service that something is known of, sorted.
pub(super) async fn list(State(app): State<App>, principal: Principal) -> Response {
    let state = app.control.current();
    let names: Vec<&ServiceId> = state.services.keys().filter(|service| principal.may_read(service)).collect();
    answer::read(&state, names)
}
