//! Who may open a page.

use axum::extract::{OriginalUri, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use waygate_api::paths;
use waygate_core::Platform;

use crate::app::App;
use crate::auth::{Access, Proof, admit};
use crate::dashboard::visit::{FRAGMENT, base_of, see_other};
use crate::edge::Client;

/// Lets in whoever may open the page. Somebody unknown is led to the sign-in page and from there back here; a form
/// bears its token in its body, see [`crate::dashboard::form::Posted`].
pub(super) async fn enforce(
    State((app, access)): State<(App, Access)>,
    client: Client,
    OriginalUri(original): OriginalUri,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&app, access, &client, (request.method(), request.headers()), Proof::Form).await {
        Ok(mut principal) => {
            // Who says nothing is whoever sits before the page.
            if !app.authority.is_required() {
                principal.platform = Platform::Dashboard;
            }
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(refusal) if refusal.status == StatusCode::UNAUTHORIZED && !request.headers().contains_key(FRAGMENT) => {
            let base = base_of(original.path(), request.uri().path());
            let wanted = if request.method().is_safe() {
                original.path_and_query().map_or("/", |wanted| wanted.as_str())
            } else {
                original.path()
            };
            see_other(&format!("{base}/login?next={}", paths::percent_encoded(wanted)))
        }
        Err(refusal) => refusal.into_response(),
    }
}
