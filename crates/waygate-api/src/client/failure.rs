//! Why calls fail.

use reqwest::header::HeaderMap;

use crate::error::{ErrorBody, ErrorCode};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    #[error("cannot reach {url}: {reason}")]
    Unreachable { url: String, reason: String },
    #[error("{url} did not answer in time")]
    Timeout { url: String },
    /// The server refused the call. `body` is made up where the answer was not of our API.
    #[error("{}", body.error)]
    Refused { status: u16, body: Box<ErrorBody>, retry_after: Option<u64> },
    #[error("{url} answered with something else than the Waygate API: {reason}")]
    Malformed { url: String, reason: String },
    #[error("{0}")]
    Setup(String),
}

pub(super) fn failure(url: &str, error: &reqwest::Error) -> ClientError {
    if error.is_timeout() && !error.is_connect() {
        return ClientError::Timeout { url: url.to_owned() };
    }
    ClientError::Unreachable { url: url.to_owned(), reason: reason(error) }
}

/// The innermost cause: "connection refused" says more than "error sending request".
pub(super) fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

pub(super) fn refusal(status: u16, head: &HeaderMap, bytes: &[u8], url: &str) -> ClientError {
    let foreign =
        || ErrorBody { foreign: true, ..ErrorBody::new(ErrorCode::Unknown, format!("{url} answered HTTP {status}")) };
    let body = serde_json::from_slice(bytes).unwrap_or_else(|_| foreign());
    let retry_after = head.get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    ClientError::Refused { status, body: Box::new(body), retry_after }
}
