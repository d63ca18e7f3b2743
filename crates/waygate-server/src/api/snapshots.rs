//! What a stream begins with, as a document: for services between which and us no stream lives.

use axum::extract::State;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use waygate_api::headers;
use waygate_core::Cursor;

use crate::api::names::Parameters;
use crate::api::streams::resumed;
use crate::app::App;
use crate::auth::Principal;
use crate::control::feed::Subject;
use crate::error::ApiError;

/// What the entity tag of a compressed document ends with: it is another sequence of bytes.
const ZIPPED: &str = "-gzip";

/// What is in force for the service that `service` names. While nothing of it changes, every node of the control plane
/// answers 304 to the `ETag` of an earlier answer, and says how far the document is true by now. Nobody is given less than it
/// has: by `Last-Event-ID`, else by its `ETag`.
pub(super) async fn show(
    State(app): State<App>,
    principal: Principal,
    parameters: Parameters,
    head: HeaderMap,
) -> Result<Response, ApiError> {
    let service = parameters.own_service()?;
    principal.require_read(&service)?;
    if let Some(stands) = resumed(&head).or_else(|| Some(known_tags(&head).next()?.cursor)) {
        app.control.catch_up_for(&stands).await?;
    }
    let (subject, feed) = (Subject::Service(service.clone()), app.control.feed());
    let known = known_tags(&head).find_map(|tag| Some((feed.unchanged_since(&tag.cursor, &subject)?, tag)));
    if let Some((stands, tag)) = known {
        app.control.metrics().snapshots.at(["unchanged"]).inc();
        return Ok((StatusCode::NOT_MODIFIED, common_head(&tag, &stands)).into_response());
    }
    let mut subscription = feed.subscribe(subject, None);
    let due = feed.due(&mut subscription);
    let _turn = app.admission.turn().await;
    let view = subscription.view(&due, &service);
    let tag = Tag { cursor: view.cursor().clone(), is_zipped: accepts_gzip(&head) };
    let mut head = common_head(&tag, &tag.cursor);
    head.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    app.control.metrics().snapshots.at([if tag.is_zipped { "gzip" } else { "plain" }]).inc();
    let body = if tag.is_zipped {
        head.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        view.zipped()
    } else {
        view.document()
    };
    Ok((head, body).into_response())
}

/// Names a document: what is in force at a cursor is the same bytes on every node.
struct Tag {
    cursor: Cursor,
    is_zipped: bool,
}

impl Tag {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let opaque = text.strip_prefix("W/").unwrap_or(text).strip_prefix('"')?.strip_suffix('"')?;
        let cursor = opaque.strip_suffix(ZIPPED);
        Some(Self { cursor: cursor.unwrap_or(opaque).parse().ok()?, is_zipped: cursor.is_some() })
    }
}

/// `stands` is where in history the answer is true.
fn common_head(tag: &Tag, stands: &Cursor) -> HeaderMap {
    let text = format!("\"{}{}\"", tag.cursor, if tag.is_zipped { ZIPPED } else { "" });
    let mut head = HeaderMap::new();
    if let Ok(value) = HeaderValue::try_from(text) {
        head.insert(ETAG, value);
    }
    head.insert(VARY, HeaderValue::from_static("accept-encoding"));
    head.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    head.insert(HeaderName::from_static(headers::REVISION), HeaderValue::from(stands.revision.0));
    if let Ok(value) = HeaderValue::try_from(stands.to_string()) {
        head.insert(HeaderName::from_static(headers::CURSOR), value);
    }
    head
}

/// Of `If-None-Match`; tags that are not ours are nobody's.
fn known_tags(head: &HeaderMap) -> impl Iterator<Item = Tag> {
    elements(head, IF_NONE_MATCH).filter_map(Tag::parse)
}

fn accepts_gzip(head: &HeaderMap) -> bool {
    elements(head, ACCEPT_ENCODING).any(|element| {
        let mut parts = element.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        is_gzip && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}

/// The elements of a header that is a list. None of the values that we understand has a comma in it.
fn elements(head: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    head.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','))
}
