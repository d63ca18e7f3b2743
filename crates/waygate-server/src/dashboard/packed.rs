//! Pages and assets travel compressed where the browser takes that.
//!
//! What a page says may lie beside what an address says, and so be guessed by the length of the two together; the one
//! secret in a page, the token of its forms, is therefore masked anew each time (`auth/browser.rs`).

use std::io::Write as _;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::ApiError;

/// No page is larger, in bytes.
const LARGEST: usize = 16 << 20;
/// What is smaller than this, in bytes, is sent as it is.
const SMALLEST: usize = 1000;

/// Compresses the pages that come out.
pub(super) async fn pages(request: Request, next: Next) -> Response {
    let wanted = takes_gzip(request.headers());
    let response = next.run(request).await;
    let is_page = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !wanted || !is_page {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(page) = to_bytes(body, LARGEST).await else { return ApiError::internal().into_response() };
    if page.len() < SMALLEST {
        return Response::from_parts(parts, Body::from(page));
    }
    let Some(packed) = packed(&page, Compression::new(4)) else {
        return Response::from_parts(parts, Body::from(page));
    };
    mark(&mut parts.headers);
    Response::from_parts(parts, Body::from(packed))
}

/// Says of an answer that it is compressed.
pub(super) fn mark(head: &mut HeaderMap) {
    head.remove(CONTENT_LENGTH);
    head.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    head.append(VARY, HeaderValue::from_static("accept-encoding"));
}

pub(super) fn takes_gzip(head: &HeaderMap) -> bool {
    let accepted = head.get_all(ACCEPT_ENCODING).iter().filter_map(|accepted| accepted.to_str().ok());
    accepted.flat_map(|accepted| accepted.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

/// `None` where memory is short.
pub(super) fn packed(content: &[u8], level: Compression) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(content.len() / 4), level);
    encoder.write_all(content).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_that_take_it_get_it() {
        let takes =
            |text: &'static str| takes_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(text))]));
        assert!(takes("gzip, deflate, br") && takes("br;q=1.0, GZIP;q=0.5"));
        assert!(!takes("br") && !takes("gzip;q=0") && !takes("identity"));
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
