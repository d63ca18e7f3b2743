//! The sign-in page.

use askama::Template;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use waygate_api::paths::percent_decoded;

use crate::api::names::Parameters;
use crate::api::session::NAME_COOKIE;
use crate::app::App;
use crate::dashboard::assets::{Assets, assets};
use crate::dashboard::visit::{Preferences, base_of, cookie, local, page, see_other};
use crate::error::ApiError;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    base: String,
    assets: &'static Assets,
    theme: Option<&'static str>,
    next: String,
    username: String,
    error: Option<String>,
}

/// Where nobody needs to sign in, it leads on at once.
pub(super) async fn show(
    State(app): State<App>,
    OriginalUri(original): OriginalUri,
    uri: Uri,
    head: HeaderMap,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let base = base_of(original.path(), uri.path()).to_owned();
    let next = parameters
        .filter("next")
        .map_or_else(|| if base.is_empty() { "/".to_owned() } else { base.clone() }, |next| local(next).to_owned());
    if !app.authority.is_required() {
        return Ok(see_other(&next));
    }
    page(&LoginPage {
        base,
        assets: assets(),
        theme: Preferences::of(&head).theme,
        next,
        username: cookie(&head, NAME_COOKIE).map(percent_decoded).unwrap_or_default(),
        error: parameters.filter("error").map(|why| refused(why, &parameters)),
    })
}

/// Why the last attempt was refused.
fn refused(why: &str, parameters: &Parameters) -> String {
    let seconds = parameters.filter("seconds").and_then(|seconds| seconds.parse::<u32>().ok());
    match (why, seconds) {
        ("wait", Some(seconds)) => format!("Too many attempts. Try again in {seconds} seconds."),
        _ => "That user name and password do not fit together.".to_owned(),
    }
}
