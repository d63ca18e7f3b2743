//! Why calls fail.

use reqwest::header::HeaderMap;

use crate::error::{ErrorBody, ErrorCode};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No answer came. It is in doubt what came of a call that changes something and may have been sent.
    #[error("cannot reach {url}: {reason}")]
    Unreachable { url: String, reason: String, is_in_doubt: bool },
    /// No answer came in time; in doubt as above.
    #[error("{url} did not answer in time")]
    Timeout { url: String, is_in_doubt: bool },
    /// The server refused the call. `body` is made up where the answer was not of our API.
    #[error("{}", body.error)]
    Refused { status: u16, body: Box<ErrorBody>, retry_after: Option<u64> },
    #[error("{url} answered with something else than the Waygate API: {reason}")]
    Malformed { url: String, reason: String },
    #[error("{0}")]
    Setup(String),
}

impl ClientError {
    /// The same, of a call whose outcome is unknown or not.
    pub(super) fn in_doubt(self, is_in_doubt: bool) -> Self {
        match self {
            Self::Unreachable { url, reason, .. } => Self::Unreachable { url, reason, is_in_doubt },
            Self::Timeout { url, .. } => Self::Timeout { url, is_in_doubt },
            known => known,
        }
    }
}

pub(super) fn failure(url: &str, error: &reqwest::Error) -> ClientError {
    if error.is_timeout() && !error.is_connect() {
        return ClientError::Timeout { url: url.to_owned(), is_in_doubt: false };
    }
    ClientError::Unreachable { url: url.to_owned(), reason: reason(error), is_in_doubt: false }
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
    let leads = head.get("location").filter(|_| (300..400).contains(&status)).and_then(|to| to.to_str().ok());
    let leads = leads.map(|to| format!(", which leads to `{to}`")).unwrap_or_default();
    let told = format!("{url} answered HTTP {status}{leads}");
    let foreign = || ErrorBody { foreign: true, ..ErrorBody::new(ErrorCode::Unknown, told) };
    let body = serde_json::from_slice(bytes).unwrap_or_else(|_| foreign());
    let retry_after = head.get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    ClientError::Refused { status, body: Box::new(body), retry_after }
}
