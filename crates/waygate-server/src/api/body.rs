//! Bodies: read within limits, then field by field, each with its own refusal.
//!
//! Only an absent body is an empty one. A present one must be a JSON object, whatever its content type says.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use waygate_api::error::ErrorCode;
use waygate_core::Revision;

use crate::error::ApiError;

/// The largest body of most endpoints, in bytes.
pub(crate) const GENERAL: usize = 256 << 10;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of an oversized body is still taken in, so that its sender gets to read the refusal.
const LARGEST_DISCARDED: usize = 32 << 20;
const LONGEST_DISCARDING: Duration = Duration::from_secs(2);

/// Marks a request of which nothing can be tried first, so that its body is not taken for a trial.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForGood;

/// The fields of a body of at most `LIMIT` bytes. Unknown fields are ignored.
#[derive(Debug, Default)]
pub(crate) struct Fields<const LIMIT: usize = GENERAL>(Map<String, Value>);

impl<const LIMIT: usize, S: Sync> FromRequest<S> for Fields<LIMIT> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let is_for_good = request.extensions().get::<ForGood>().is_some();
        let bytes = tokio::time::timeout(PATIENCE, collect(request.into_body(), LIMIT)).await.map_err(|_| {
            let error = format!("the body did not arrive within {} seconds", PATIENCE.as_secs());
            ApiError::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::RequestTimeout, error)
        })??;
        let fields = Self(parse(&bytes)?);
        if is_for_good && fields.flag("dry_run")? { Err(ApiError::cannot_be_tried()) } else { Ok(fields) }
    }
}

impl<const LIMIT: usize> From<Map<String, Value>> for Fields<LIMIT> {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

impl<const LIMIT: usize> Fields<LIMIT> {
    fn read<'f, T>(
        &'f self,
        field: &str,
        expected: &str,
        take: impl FnOnce(&'f Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.0.get(field) else {
            return Ok(None);
        };
        take(value).map(Some).ok_or_else(|| mismatch(field, expected, value))
    }

    /// The body as a whole.
    pub(crate) fn whole<T: serde::de::DeserializeOwned>(self) -> Result<T, serde_json::Error> {
        serde_json::from_value(Value::Object(self.0))
    }

    /// The value of a field as it is; `null` counts as absent.
    pub(crate) fn value(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, field: &str) -> Result<Option<&str>, ApiError> {
        self.read(field, "a text", Value::as_str)
    }

    /// A text that may also be `null`, which counts as absent.
    pub(crate) fn nullable_text(&self, field: &str) -> Result<Option<&str>, ApiError> {
        if self.value(field).is_none() { Ok(None) } else { self.text(field) }
    }

    /// A text that must be there and not be empty.
    pub(crate) fn required_text(&self, field: &str) -> Result<&str, ApiError> {
        self.text(field)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| ApiError::invalid_field(field, "expected a text that is not empty"))
    }

    /// The reason of a change; left out it is empty.
    pub(crate) fn reason(&self) -> Result<String, ApiError> {
        Ok(self.text("reason")?.unwrap_or_default().to_owned())
    }

    /// Left out it is `false`.
    pub(crate) fn flag(&self, field: &str) -> Result<bool, ApiError> {
        Ok(self.read(field, "`true` or `false`", Value::as_bool)?.unwrap_or_default())
    }

    pub(crate) fn integer(&self, field: &str) -> Result<Option<i64>, ApiError> {
        self.read(field, "a whole number", Value::as_i64)
    }

    pub(crate) fn list(&self, field: &str) -> Result<Option<&Vec<Value>>, ApiError> {
        self.read(field, "a list", Value::as_array)
    }

    /// A list of texts, each read by `item`.
    pub(crate) fn texts<T, E: std::fmt::Display>(
        &self,
        field: &str,
        item: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<Vec<T>>, ApiError> {
        let Some(list) = self.list(field)? else {
            return Ok(None);
        };
        let read = |(index, value): (usize, &Value)| {
            let place = format!("{field}[{index}]");
            let text = value.as_str().ok_or_else(|| mismatch(&place, "a text", value))?;
            item(text).map_err(|problem| ApiError::invalid_field(place, problem))
        };
        list.iter().enumerate().map(read).collect::<Result<_, _>>().map(Some)
    }

    /// A time: RFC 3339, or ISO 8601 without an offset or a time of day, which is UTC and midnight.
    pub(crate) fn time(&self, field: &str) -> Result<Option<Timestamp>, ApiError> {
        let expected = "a time such as `2026-12-01T10:00:00Z`";
        let Some(text) = self.read(field, expected, Value::as_str)? else {
            return Ok(None);
        };
        parse_time(text).map(Some).ok_or_else(|| ApiError::invalid_field(field, format!("expected {expected}")))
    }

    pub(crate) fn required_time(&self, field: &str) -> Result<Timestamp, ApiError> {
        self.time(field)?
            .ok_or_else(|| ApiError::invalid_field(field, "expected a time such as `2026-12-01T10:00:00Z`"))
    }

    /// The revision that the caller saw, from the body's `expected_revision` or from `If-Match`.
    pub(crate) fn expected_revision(&self, if_match: Option<Revision>) -> Result<Option<Revision>, ApiError> {
        let field = "expected_revision";
        let expected = self.read(field, "a revision such as 42", Value::as_u64)?.map(Revision);
        if let (Some(body), Some(head)) = (expected, if_match)
            && body != head
        {
            return Err(ApiError::invalid_field(field, "differs from `If-Match`"));
        }
        Ok(expected.or(if_match))
    }
}

pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let naive: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(naive).ok()
    })
}

pub(crate) fn mismatch(field: &str, expected: &str, value: &Value) -> ApiError {
    let got = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    ApiError::invalid_field(field, format!("expected {expected}, got {got}"))
}

fn parse(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match serde_json::from_slice(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(ApiError::invalid_body("the body must be a JSON object")),
        Err(problem) => Err(ApiError::invalid_body(format!("the body is not JSON: {problem}"))),
    }
}

async fn collect(mut body: Body, limit: usize) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    if body.size_hint().lower() <= limit as u64 {
        loop {
            let Some(frame) = body.frame().await else {
                return Ok(bytes);
            };
            let frame = frame.map_err(|_| ApiError::invalid_body("the body broke off"))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > limit {
                break;
            }
            bytes.extend_from_slice(&data);
        }
    }
    // Whether the sender gives up or not, it has been long enough.
    let _ = tokio::time::timeout(LONGEST_DISCARDING, discard(body)).await;
    let error = format!("the body is larger than the {limit} bytes that are accepted here");
    Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::PayloadTooLarge, error))
}

async fn discard(mut body: Body) {
    let mut discarded = 0;
    while let Some(Ok(frame)) = body.frame().await {
        discarded += frame.data_ref().map_or(0, bytes::Bytes::len);
        if discarded > LARGEST_DISCARDED {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form_of_the_wire() {
        let read = |text: &str| parse_time(text).map(|at| at.to_string());
        let expected = Some("2026-12-02T00:00:00Z".to_owned());
        for text in
            ["2026-12-02", "20261202T000000Z", "2026-12-02 00:00", "2026-12-02T00:00:00", "2026-12-02T02:00:00+02:00"]
        {
            assert_eq!(read(text), expected, "{text}");
        }
        for text in ["", "tomorrow", "2026-13-01", "1796200000"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn only_an_absent_body_is_an_empty_one() {
        assert!(parse(b"").unwrap().is_empty());
        assert!(parse(b"\xEF\xBB\xBF{}").unwrap().is_empty());
        let deep = "[".repeat(100_000);
        for broken in
            ["[]", "null", "\"x\"", "{\"reason\":", "a=b", "{\"reason\":NaN}", " ", &deep, r#"{"reason":"\ud83d"}"#]
        {
            assert_eq!(parse(broken.as_bytes()).unwrap_err().status, StatusCode::BAD_REQUEST);
        }
    }
}
