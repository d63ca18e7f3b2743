//! The one shape of every error answer.

use serde::{Deserialize, Serialize};

/// The body of every 4xx and 5xx answer of the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// One sentence for a person.
    pub error: String,
    /// Stable, for programs.
    #[serde(default = "unknown_code")]
    pub code: ErrorCode,
    /// The field of the request that is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The routes that an ambiguous name may mean; each is directly usable as a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ambiguous_matches: Option<Vec<String>>,
    /// Names that look like the unknown one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub near: Vec<String>,
    /// Finds the request in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl ErrorBody {
    pub fn new(code: ErrorCode, error: impl Into<String>) -> Self {
        Self { error: error.into(), code, field: None, ambiguous_matches: None, near: Vec::new(), request_id: None }
    }
}

fn unknown_code() -> ErrorCode {
    ErrorCode::Unknown
}

/// What went wrong, as a stable word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    InvalidBody,
    InvalidField,
    InvalidKey,
    UnknownRoute,
    UnknownService,
    UnknownPath,
    UnknownWebhook,
    UnknownRateLimit,
    UnknownToken,
    UnknownWindow,
    UnknownInstance,
    /// An instance that is to be forgotten is there.
    InstancePresent,
    AmbiguousRoute,
    ForceActive,
    RevisionConflict,
    Unauthorized,
    Forbidden,
    HostNotAllowed,
    InvalidCredentials,
    TooManyAttempts,
    TooManyStreams,
    /// A service has more instances than are kept of one.
    TooManyInstances,
    AuthNotConfigured,
    MethodNotAllowed,
    PayloadTooLarge,
    RequestTimeout,
    NotImplemented,
    StoreUnavailable,
    StoreFull,
    /// The change is made, but fewer replicas of the store than asked for have confirmed it.
    StoreUnacknowledged,
    Internal,
    /// A code of a newer server, or an answer of something else.
    #[serde(other)]
    Unknown,
}
