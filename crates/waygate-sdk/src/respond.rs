//! What is told to callers: the answer to a stopped request, and the announcements on the answer to a deprecated one.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LINK, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use waygate_core::{Denial, DenialResponse, Deprecation, Exceeded};

use crate::gate::LimitHeaders;
use waygate_api::paths::percent_decoded;

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// The answer to a stopped request for the concrete path as it stands in the URL.
pub(crate) fn denial<B: From<Bytes>>(denial: &Denial<'_>, method: &Method, path: &str, now: Timestamp) -> Response<B> {
    answered(denial.response(&percent_decoded(path), now), method)
}

/// The answer to a request that a limit denies.
pub(crate) fn exceeded<B: From<Bytes>>(exceeded: &Exceeded<'_>, method: &Method, path: &str) -> Response<B> {
    let mut response = answered(exceeded.response(&percent_decoded(path)), method);
    LimitHeaders::of(&exceeded.standing).write(response.headers_mut());
    response
}

fn answered<B: From<Bytes>>(answer: DenialResponse, method: &Method) -> Response<B> {
    let length = answer.body.len();
    // The answer to a HEAD has the headers of the answer to a GET, and no body.
    let body = if method == Method::HEAD { Bytes::new() } else { Bytes::from(answer.body) };
    let mut response = Response::new(B::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if let Some(seconds) = answer.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The headers that announce a deprecation: RFC 9745, RFC 8594 and a link (RFC 8288). What cannot be a header is
/// left out; what the handler has set itself stays.
pub(crate) fn announce(deprecation: &Deprecation, headers: &mut HeaderMap) {
    let since = format!("@{}", deprecation.since.as_second());
    insert_if_absent(headers, DEPRECATION, &since);
    let sunset = deprecation
        .sunset_at()
        .and_then(|sunset| rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&sunset).ok());
    if let Some(sunset) = sunset {
        insert_if_absent(headers, SUNSET, &sunset);
    }
    if let Some(successor) = &deprecation.successor {
        let link = format!("<{}>; rel=\"successor-version\"", uri_reference(successor));
        if let Ok(link) = HeaderValue::from_str(&link) {
            headers.append(LINK, link);
        }
    }
}

fn insert_if_absent(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if !headers.contains_key(&name)
        && let Ok(value) = HeaderValue::from_str(value)
    {
        headers.insert(name, value);
    }
}

/// A text as a URI reference: what may not stand in one is percent-encoded.
fn uri_reference(text: &str) -> String {
    use std::fmt::Write as _;
    text.trim().bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'!'..=b'~' if !matches!(byte, b'<' | b'>' | b'"' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}') => {
                out.push(byte as char);
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_decoded() {
        for (path, told) in
            [("/sp%20ace", "/sp ace"), ("/%C3%a9", "/é"), ("/100%", "/100%"), ("/%+1", "/%+1"), ("/%ff", "/\u{fffd}")]
        {
            assert_eq!(percent_decoded(path), told);
        }
    }

    #[test]
    fn g18_odd_deprecations_give_the_headers_that_are_possible() {
        let mut headers = HeaderMap::new();
        let odd = Deprecation {
            since: Timestamp::MIN,
            sunset: Some("bientôt".to_owned()),
            successor: Some("/é\r\nx: y>\"".to_owned()),
        };
        announce(&odd, &mut headers);
        assert_eq!(headers[LINK], "</%C3%A9%0D%0Ax:%20y%3E%22>; rel=\"successor-version\"");
        assert!(headers.contains_key(DEPRECATION) && !headers.contains_key(SUNSET));
        announce(
            &Deprecation { since: Timestamp::MIN, sunset: Some("-009999-01-01".to_owned()), successor: None },
            &mut headers,
        );
        assert!(!headers.contains_key(SUNSET));
    }
}
