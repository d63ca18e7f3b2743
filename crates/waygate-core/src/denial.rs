//! What a stopped caller is told. Shared by every adapter, so that all frameworks answer alike.

use jiff::Timestamp;
use serde::Serialize;

use crate::decide::Denial;
use crate::limit::Exceeded;

/// The answer to a stopped request: a JSON body and, where the end is known, a `Retry-After`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenialResponse {
    pub status: u16,
    /// Whole seconds, at least 1 (RFC 9110, 10.2.3): waiting so long is enough.
    pub retry_after: Option<u64>,
    /// `{"error":{"code",…}}`, to be sent as `application/json`.
    pub body: String,
}

#[derive(Serialize)]
struct Body<T> {
    error: T,
}

#[derive(Serialize)]
struct Inner<'d> {
    code: &'static str,
    message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_env: Option<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_envs: Option<Vec<&'d str>>,
    path: &'d str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<String>,
}

#[derive(Serialize)]
struct TooMany<'d> {
    code: &'static str,
    message: &'static str,
    limit: &'d str,
    retry_after_seconds: u64,
    reset_at: String,
    path: &'d str,
    layer: &'static str,
    policy: String,
}

impl Exceeded<'_> {
    /// What the answer calls it, for programs.
    pub const CODE: &'static str = "RATE_LIMIT_EXCEEDED";
    /// What the answer says of it, for people.
    pub const MESSAGE: &'static str = "Too many requests";

    /// The answer for a request to `path`, the concrete one. Its headers, apart from `Retry-After`, are those of the
    /// [standing](crate::Standing::HEADERS).
    pub fn response(&self, path: &str) -> DenialResponse {
        let standing = &self.standing;
        let error = TooMany {
            code: Self::CODE,
            message: Self::MESSAGE,
            limit: standing.limit.as_str(),
            retry_after_seconds: standing.reset_after_seconds(),
            reset_at: in_offset_form(in_microseconds(standing.reset_at())),
            path,
            layer: standing.layer.as_str(),
            policy: standing.policy_name(),
        };
        DenialResponse {
            status: 429,
            retry_after: Some(standing.reset_after_seconds()),
            body: serde_json::to_string(&Body { error }).unwrap_or_default(),
        }
    }
}

impl Denial<'_> {
    /// What the answer calls it, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Maintenance { .. } => "MAINTENANCE_MODE",
            Self::Disabled { .. } => "ROUTE_DISABLED",
            Self::EnvGated { .. } => "ENV_GATED",
        }
    }

    /// What the answer says of it, for people.
    pub const fn message(&self) -> &'static str {
        match self {
            Self::Maintenance { .. } => "This endpoint is temporarily unavailable",
            Self::Disabled { .. } => "This endpoint has been disabled",
            Self::EnvGated { .. } => "This endpoint is not available in the current environment",
        }
    }

    /// The answer for a request to `path`, the concrete one, at `now`.
    pub fn response(&self, path: &str, now: Timestamp) -> DenialResponse {
        let inner = Inner::new(self.code(), self.message(), path);
        let (status, until, inner) = match self {
            Self::Maintenance { reason, until, .. } | Self::Disabled { reason, until } => {
                (503, *until, inner.because(reason))
            }
            Self::EnvGated { current, allowed } => {
                let inner = Inner {
                    current_env: Some(current.map_or("", |environment| environment.as_str())),
                    allowed_envs: Some(allowed.iter().map(crate::id::Environment::as_str).collect()),
                    ..inner
                };
                (403, None, inner)
            }
        };
        let inner = Inner { retry_after: until.map(in_offset_form), ..inner };
        DenialResponse {
            status,
            retry_after: until.map(|until| seconds_until(until, now)),
            body: serde_json::to_string(&Body { error: inner }).unwrap_or_default(),
        }
    }
}

impl<'d> Inner<'d> {
    fn new(code: &'static str, message: &'static str, path: &'d str) -> Self {
        Self { code, message, reason: None, current_env: None, allowed_envs: None, path, retry_after: None }
    }

    fn because(self, reason: &'d str) -> Self {
        Self { reason: Some(reason), ..self }
    }
}

/// The form that bodies of this kind have always had: `+00:00`, never `Z`.
fn in_offset_form(at: Timestamp) -> String {
    let text = at.to_string();
    text.strip_suffix('Z').map_or(text.clone(), |head| format!("{head}+00:00"))
}

/// Rounded up to what most clients can read.
fn in_microseconds(at: Timestamp) -> Timestamp {
    let rounding = jiff::TimestampRound::new().smallest(jiff::Unit::Microsecond).mode(jiff::RoundMode::Ceil);
    at.round(rounding).unwrap_or(at)
}

/// Whole seconds from `now` until `until`, rounded up, at least 1.
pub fn seconds_until(until: Timestamp, now: Timestamp) -> u64 {
    let left = until.duration_since(now);
    let whole = left.as_secs() + i64::from(left.subsec_nanos() > 0);
    u64::try_from(whole).unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Layer;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn bodies_have_the_documented_shape() {
        let now = at("2030-01-01T03:59:58.5Z");
        let until = Some(at("2030-01-01T04:00:00Z"));
        let denial = Denial::Maintenance { layer: Layer::Route, reason: "DBw", until };
        let response = denial.response("/maintw", now);
        assert_eq!(
            response.body,
            r#"{"error":{"code":"MAINTENANCE_MODE","message":"This endpoint is temporarily unavailable","reason":"DBw","path":"/maintw","retry_after":"2030-01-01T04:00:00+00:00"}}"#
        );
        assert_eq!((response.status, response.retry_after), (503, Some(2)));

        let response = Denial::Disabled { reason: "gone", until: None }.response("/dis", now);
        assert_eq!(
            response.body,
            r#"{"error":{"code":"ROUTE_DISABLED","message":"This endpoint has been disabled","reason":"gone","path":"/dis"}}"#
        );

        let allowed = crate::Environment::parse_all(["dev", "staging"]).unwrap();
        let current = "prod".parse().unwrap();
        let response = Denial::EnvGated { current: Some(&current), allowed: &allowed }.response("/env", now);
        assert_eq!(
            response.body,
            r#"{"error":{"code":"ENV_GATED","message":"This endpoint is not available in the current environment","current_env":"prod","allowed_envs":["dev","staging"],"path":"/env"}}"#
        );
        assert_eq!((response.status, response.retry_after), (403, None));
    }

    #[test]
    fn retry_after_is_never_too_short_and_never_zero() {
        let now = at("2030-01-01T00:00:00Z");
        assert_eq!(seconds_until(at("2030-01-01T00:00:00.001Z"), now), 1);
        assert_eq!(seconds_until(at("2030-01-01T00:00:02.001Z"), now), 3);
        assert_eq!(seconds_until(now, now), 1);
    }
}
