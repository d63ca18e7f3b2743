//! Refusals as pages, for callers that read HTML.

use askama::Template;
use axum::body::Body;
use axum::extract::{FromRequestParts as _, OriginalUri, Request, State};
use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::visit::{Visit, base_of, protect, see_other};
use crate::edge::Client;
use crate::error::ApiError;

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage {
    frame: Frame,
    title: &'static str,
    refusal: String,
    back: String,
}

/// Words the refusals of everything that is not the API as pages, where the caller reads HTML.
pub(crate) async fn worded(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/api/") || !reads_html(request.headers()) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let keep = (parts.uri.clone(), parts.headers.clone(), parts.extensions.clone());
    let mut response = next.run(Request::from_parts(parts.clone(), body)).await;
    let Some(refusal) = response.extensions_mut().remove::<ApiError>() else { return response };
    (parts.uri, parts.headers, parts.extensions) = keep;
    match page(&app, &mut parts, &refusal).await {
        Ok(page) => {
            let head = response.headers_mut();
            protect(head);
            head.remove(CONTENT_LENGTH);
            head.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            *response.body_mut() = Body::from(page);
            response
        }
        Err(Some(elsewhere)) => elsewhere,
        Err(None) => {
            response.extensions_mut().insert(refusal);
            response
        }
    }
}

/// The page, or where somebody unknown is led to instead.
async fn page(app: &App, parts: &mut Parts, refusal: &ApiError) -> Result<String, Option<Response>> {
    let Ok(client) = Client::from_request_parts(parts, app).await;
    let Ok(OriginalUri(original)) = OriginalUri::from_request_parts(parts, app).await;
    let base = base_of(original.path(), parts.uri.path()).to_owned();
    match app.identify(&parts.headers, &client).await {
        Ok(principal) => drop(parts.extensions.insert(principal)),
        Err(unknown) if unknown.status == StatusCode::UNAUTHORIZED => {
            return Err(Some(see_other(&format!("{base}/login"))));
        }
        Err(_) => return Err(None),
    }
    let visit = Visit::from_request_parts(parts, app).await.map_err(|_| None)?;
    let state = visit.state();
    let title = match refusal.status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not yours to do",
        StatusCode::CONFLICT => "Something else came first",
        StatusCode::TOO_MANY_REQUESTS => "Too many attempts",
        status if status.is_server_error() => "That did not work",
        _ => "That cannot be done",
    };
    let back = format!("{}{}", visit.base, visit.back());
    let frame = Frame::of(&visit, &state, Section::None).await;
    RefusalPage { frame, title, refusal: refusal.body.error.clone(), back }.render().map_err(|_| None)
}

pub(crate) fn reads_html(head: &HeaderMap) -> bool {
    let accepted = head.get_all(ACCEPT).iter().filter_map(|accepted| accepted.to_str().ok());
    accepted.flat_map(|accepted| accepted.split(',')).any(|kind| kind.trim().starts_with("text/html"))
}
