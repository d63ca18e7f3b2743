//! Denials in the words of gRPC: a status in the head, nothing after it.
//!
//! `google.rpc.RetryInfo` and `google.rpc.ErrorInfo` go along in `grpc-status-details-bin`. They are a few fields each, and
//! are written out here rather than by a library for protocol buffers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use waygate_core::Denial;

use crate::denied::{Cause, Denied};
use crate::gate::LimitHeaders;
use crate::respond::percent_encoded;

const KIND: &str = "application/grpc";
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
/// When a client with a retry policy tries again, in place of its own backoff.
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");
/// Who says so, in an `ErrorInfo`.
const DOMAIN: &str = "waygate";

const PERMISSION_DENIED: u8 = 7;
const RESOURCE_EXHAUSTED: u8 = 8;
const UNAVAILABLE: u8 = 14;

/// Whether a request is one of gRPC, or of gRPC-Web.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let after = kind.get(..KIND.len()).filter(|begin| begin.eq_ignore_ascii_case(KIND.as_bytes()));
    after.is_some_and(|_| matches!(kind.get(KIND.len()), None | Some(b'+' | b';' | b'-' | b' ')))
}

/// A head that ends the call, which gRPC calls trailers-only.
pub(crate) fn answer(denied: &Denied<'_>) -> Response<Bytes> {
    let code = match denied.cause() {
        Cause::Lifecycle(Denial::EnvGated { .. }) => PERMISSION_DENIED,
        Cause::Lifecycle(_) => UNAVAILABLE,
        Cause::Limit(_) => RESOURCE_EXHAUSTED,
    };
    let message = match denied.reason() {
        "" => denied.message().to_owned(),
        reason => format!("{}: {reason}", denied.message()),
    };
    let details = STANDARD_NO_PAD.encode(details(code, &message, denied));
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    let kind = denied.request().headers.get(CONTENT_TYPE).cloned();
    headers.insert(CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static(KIND)));
    headers.insert(STATUS, HeaderValue::from(u16::from(code)));
    for (name, text) in [(MESSAGE, encoded(&message)), (DETAILS, details)] {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
    if let Some(seconds) = denied.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        let milliseconds = i32::try_from(seconds.saturating_mul(1000)).unwrap_or(i32::MAX);
        headers.insert(PUSHBACK, HeaderValue::from(milliseconds));
    }
    if let Cause::Limit(exceeded) = denied.cause() {
        LimitHeaders::of(&exceeded.standing).write(headers);
    }
    response
}

/// A message as it may stand in a header: what is not printable ASCII, and `%`, is percent-encoded.
fn encoded(message: &str) -> String {
    percent_encoded(message, |byte| matches!(byte, b' '..=b'~') && byte != b'%')
}

/// A `google.rpc.Status`.
fn details(code: u8, message: &str, denied: &Denied<'_>) -> Vec<u8> {
    let mut status = Vec::new();
    number(&mut status, 1, u64::from(code));
    field(&mut status, 2, message.as_bytes());
    let mut error = Vec::new();
    field(&mut error, 1, denied.code().as_bytes());
    field(&mut error, 2, DOMAIN.as_bytes());
    let mut entry = Vec::new();
    field(&mut entry, 1, b"layer");
    field(&mut entry, 2, denied.layer().as_str().as_bytes());
    field(&mut error, 3, &entry);
    field(&mut status, 3, &any("type.googleapis.com/google.rpc.ErrorInfo", &error));
    if let Some(seconds) = denied.retry_after() {
        let (mut duration, mut retry) = (Vec::new(), Vec::new());
        number(&mut duration, 1, seconds);
        field(&mut retry, 1, &duration);
        field(&mut status, 3, &any("type.googleapis.com/google.rpc.RetryInfo", &retry));
    }
    status
}

/// A `google.protobuf.Any`.
fn any(kind: &str, value: &[u8]) -> Vec<u8> {
    let mut any = Vec::new();
    field(&mut any, 1, kind.as_bytes());
    field(&mut any, 2, value);
    any
}

/// A field with a length: text, bytes or a message.
fn field(out: &mut Vec<u8>, number: u8, value: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn number(out: &mut Vec<u8>, number: u8, value: u64) {
    out.push(number << 3);
    varint(out, value);
}

/// Seven bits at a time, the lowest first.
fn varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_protocol_buffers_have_them() {
        for (value, bytes) in
            [(0, &[0][..]), (127, &[127]), (128, &[0x80, 1]), (300, &[0xac, 2]), (1 << 14, &[0x80, 0x80, 1])]
        {
            let mut out = Vec::new();
            varint(&mut out, value);
            assert_eq!(out, bytes, "{value}");
        }
    }

    #[test]
    fn only_calls_of_grpc_are_taken_for_such() {
        for (kind, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("Application/gRPC; charset=utf-8", true),
            ("application/grpc-web+proto", true),
            ("application/grpcish", false),
            ("application/json", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
            assert_eq!(is_grpc(&headers), expected, "{kind}");
        }
    }
}
