//! Where things are.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

pub const HEALTHZ: &str = "/healthz";
pub const READYZ: &str = "/readyz";
/// Numbers about the server, in `OpenMetrics` text.
pub const METRICS: &str = "/metrics";
pub const LOGIN: &str = "/api/auth/login";
pub const LOGOUT: &str = "/api/auth/logout";
pub const ME: &str = "/api/auth/me";
/// Where a browser's form logs in, and out.
pub const LOGIN_FORM: &str = "/login";
pub const LOGOUT_FORM: &str = "/logout";
pub const TOKENS: &str = "/api/tokens";
pub const ROUTES: &str = "/api/routes";
pub const AUDIT: &str = "/api/audit";
pub const GLOBAL: &str = "/api/global";
pub const SERVICES: &str = "/api/services";
/// The description of the API, OpenAPI 3.1.
pub const OPENAPI: &str = "/api/openapi.json";
pub const SCHEDULES: &str = "/api/schedules";
pub const BATCH: &str = "/api/batch";
/// What operators have set, as a document.
pub const DOCUMENT: &str = "/api/document";
pub const EXPLAIN: &str = "/api/explain";
pub const RATE_LIMITS: &str = "/api/rate-limits";
pub const RATE_LIMIT_HITS: &str = "/api/rate-limits/hits";
pub const GLOBAL_RATE_LIMIT: &str = "/api/global-rate-limit";
pub const SDK_HITS: &str = "/api/sdk/hits";
/// What instances of services have counted.
pub const SDK_TRAFFIC: &str = "/api/sdk/traffic";
/// Requests of routes, by what became of them.
pub const TRAFFIC: &str = "/api/traffic";
pub const ACKNOWLEDGE: &str = "/api/sdk/acknowledge";
pub const INSTANCES: &str = "/api/instances";
/// How far everything that is stored has come.
pub const PROPAGATION: &str = "/api/propagation";
pub const WEBHOOKS: &str = "/api/webhooks";
pub const REGISTER: &str = "/api/sdk/register";
pub const SDK_AUDIT: &str = "/api/sdk/audit";
/// The frames of [`crate::stream`].
pub const STREAM: &str = "/api/sdk/stream";
/// What a snapshot frame carries, as a document with an entity tag: for clients between whom and us no stream lives.
pub const SNAPSHOT: &str = "/api/sdk/snapshot";
/// The envelopes `state` and `rl_policy` that the guide describes.
pub const EVENTS: &str = "/api/sdk/events";

const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A route's key as one URL segment: base64url (RFC 4648, section 5) without padding.
///
/// ```
/// assert_eq!(waygate_api::paths::path_key("/payments"), "L3BheW1lbnRz");
/// ```
pub fn path_key(key: &str) -> String {
    URL_SAFE.encode(key)
}

/// The key in a URL segment; padding is optional, and `+` is read as `-`. `None` when it is no base64url of UTF-8.
pub fn key_of_path(segment: &str) -> Option<String> {
    String::from_utf8(URL_SAFE.decode(segment.replace('+', "-")).ok()?).ok()
}

/// `/api/routes/{path_key}`, and with an action `/api/routes/{path_key}/{action}`.
pub fn route(key: &str, action: Option<&str>) -> String {
    let path = format!("{ROUTES}/{}", path_key(key));
    action.map_or(path.clone(), |action| format!("{path}/{action}"))
}

/// `/api/rate-limits/{path_key}`, and with an action `/api/rate-limits/{path_key}/{action}`.
pub fn rate_limit(key: &str, action: Option<&str>) -> String {
    let path = format!("{RATE_LIMITS}/{}", path_key(key));
    action.map_or(path.clone(), |action| format!("{path}/{action}"))
}

/// `/api/services/{service}/{rest}` with the service percent-encoded.
pub fn service(service: &str, rest: &str) -> String {
    format!("{SERVICES}/{}/{rest}", percent_encoded(service))
}

/// `/api/instances/{id}` with the id percent-encoded.
pub fn instance(id: &str) -> String {
    format!("{INSTANCES}/{}", percent_encoded(id))
}

/// What stays as it is in a URL path segment (RFC 3986, 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A text as one URL path segment.
pub fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// The text behind percent-encoding. What is no UTF-8 is shown by replacement characters.
pub fn percent_decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_keys_are_those_of_the_wire() {
        for (key, segment) in [
            ("/payments", "L3BheW1lbnRz"),
            ("payments-service:GET:/api/payments/{id}", "cGF5bWVudHMtc2VydmljZTpHRVQ6L2FwaS9wYXltZW50cy97aWR9"),
            ("/é?>", "L8OpPz4"),
        ] {
            assert_eq!(path_key(key), segment);
            assert_eq!(key_of_path(segment).as_deref(), Some(key));
        }
        assert_eq!(key_of_path("R0VUOi9wYXltZW50cw==").as_deref(), Some("GET:/payments"));
        assert_eq!(key_of_path("Lz8+").as_deref(), Some("/?>"));
        for bad in ["!!!!", "L", "_w"] {
            assert_eq!(key_of_path(bad), None, "{bad}");
        }
    }

    #[test]
    fn services_are_percent_encoded() {
        assert_eq!(service("R&D team", "maintenance"), "/api/services/R%26D%20team/maintenance");
    }
}
