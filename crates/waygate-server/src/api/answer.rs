//! Answers, with the revision that they stand for.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use waygate_api::instances::Propagation;
use waygate_api::{headers, paths};
use waygate_core::{Revision, State};

use crate::control::Applied;

/// So many notices an answer has in its head; clients take no more than a hundred lines there.
const MOST_NOTICES: usize = 40;

/// The answer to a read: what was asked for, and at which revision it was read.
pub(crate) fn read(state: &State, body: impl Serialize) -> Response {
    (revision(state.cursor.revision), Json(body)).into_response()
}

/// The answer to a read of a list, of which `next` is the cursor of the next page, and `total` counts all pages.
pub(crate) fn list(state: &State, body: impl Serialize, total: Option<usize>, next: Option<&str>) -> Response {
    let mut response = read(state, body);
    let head = response.headers_mut();
    if let Some(total) = total {
        head.insert(headers::TOTAL, HeaderValue::from(total));
    }
    if let Some(next) = next.and_then(|next| HeaderValue::from_str(next).ok()) {
        head.insert(headers::NEXT, next);
    }
    response
}

/// The answer to a change: what is there now, the revision of the change, and what the caller should know.
pub(crate) fn changed(applied: &Applied, body: impl Serialize) -> Response {
    let mut head = revision(applied.revision);
    head.insert(headers::CHANGED, HeaderValue::from_static(if applied.changed { "true" } else { "false" }));
    if applied.dry_run {
        head.insert(headers::DRY_RUN, HeaderValue::from_static("true"));
    }
    let notices = applied.ended.len() + applied.warnings.len();
    let more = notices.checked_sub(MOST_NOTICES).filter(|more| *more > 0).map(|more| format!("and {more} more"));
    let notices = applied.ended.iter().map(|ended| format!("ended: {ended}")).chain(applied.warnings.iter().cloned());
    for notice in notices.take(MOST_NOTICES).chain(more) {
        if let Ok(value) = HeaderValue::from_str(&paths::percent_encoded(&notice)) {
            head.append(headers::NOTICE, value);
        }
    }
    match &applied.propagation {
        None => (head, Json(body)).into_response(),
        Some(propagation) => (head, Json(Propagated { body, propagation })).into_response(),
    }
}

/// An answer, and how far the change has come.
#[derive(Serialize)]
struct Propagated<'a, B: Serialize> {
    #[serde(flatten)]
    body: B,
    propagation: &'a Propagation,
}

fn revision(revision: Revision) -> HeaderMap {
    HeaderMap::from_iter([(crate::error::header_name(headers::REVISION), HeaderValue::from(revision.0))])
}
