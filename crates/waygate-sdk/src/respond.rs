//! What is told to callers of a deprecated route, and texts as they may stand in headers.

use std::fmt::Write as _;

use http::header::LINK;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::fmt::rfc2822;
use waygate_core::Deprecation;

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

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
pub(crate) fn uri_reference(text: &str) -> String {
    percent_encoded(text.trim(), |byte| {
        matches!(byte, b'!'..=b'~') && !matches!(byte, b'<' | b'>' | b'"' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
    })
}

/// A text with all bytes but some percent-encoded.
pub(crate) fn percent_encoded(text: &str, is_plain: impl Fn(u8) -> bool) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if is_plain(byte) {
            out.push(byte as char);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use waygate_api::paths::percent_decoded;

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
