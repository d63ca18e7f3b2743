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
    /// Made by the client, of an answer that is no Waygate API's.
    #[serde(skip)]
    pub foreign: bool,
}

impl ErrorBody {
    pub fn new(code: ErrorCode, error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            code,
            field: None,
            ambiguous_matches: None,
            near: Vec::new(),
            request_id: None,
            foreign: false,
        }
    }
}

fn unknown_code() -> ErrorCode {
    ErrorCode::Unknown
}

/// The codes of refusals, each with the status that it is answered with and what it means.
macro_rules! error_codes {
    ($($code:ident $status:literal $meaning:literal;)+) => {
        /// What went wrong, as a stable word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum ErrorCode {
            $(#[doc = $meaning] $code,)+
            /// A code of a newer server, or an answer of something else.
            #[serde(other)]
            Unknown,
        }

        impl ErrorCode {
            /// All that this version answers with, in the order of the reference.
            pub const ALL: &[Self] = &[$(Self::$code),+];

            /// The HTTP status that it is answered with.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$code => $status,)+
                    Self::Unknown => 400,
                }
            }

            /// What it means, in a sentence or two.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$code => $meaning,)+
                    Self::Unknown => "A code of a newer server, or an answer of something else.",
                }
            }
        }
    };
}

error_codes! {
    InvalidBody 400 "The body as a whole makes no sense: no JSON, another media type, or something else than an object.";
    InvalidField 400 "One field, parameter or header makes no sense; `field` names it and `error` says what is accepted.";
    InvalidKey 400 "A name in the path cannot be one: no base64url, or no route key.";
    Unauthorized 401 "There is no token, or it has ended, was revoked or is nobody's: log in.";
    InvalidCredentials 401 "User name and password do not belong together.";
    Forbidden 403 "Who calls is known and may not do this: another role, another service, or a form without its token.";
    UnknownRoute 404 "No such route; `near` has names that look like it.";
    UnknownService 404 "No such service; `near` has names that look like it.";
    UnknownRateLimit 404 "There is no limit of that scope.";
    UnknownWindow 404 "There is no planned window of that id.";
    UnknownWebhook 404 "There is no webhook of that id.";
    UnknownToken 404 "There is no token of that id, or it is no longer in use.";
    UnknownInstance 404 "No instance of that id is known.";
    UnknownPath 404 "Nothing is at this path.";
    MethodNotAllowed 405 "The path is there, and takes other methods; `Allow` names them.";
    RequestTimeout 408 "The body took too long to arrive, or the request too long to be answered.";
    AmbiguousRoute 409 "Several routes fit; `ambiguous_matches` has their keys, each of which can be used as it is.";
    ForceActive 409 "The route is declared to be always on: it cannot be switched off by itself.";
    RevisionConflict 409 "It was changed since the revision that the caller expected: read it again, then decide.";
    InstancePresent 409 "An instance that is to be forgotten is there; only what was lost or has left can be forgotten.";
    PayloadTooLarge 413 "The body, or a part of it, is larger than is taken.";
    HostNotAllowed 421 "Without authentication only: the `Host` header names something that may be anybody's.";
    TooManyAttempts 429 "Too many failed logins; wait as `Retry-After` says.";
    TooManyInstances 429 "The service has more instances at this node than are kept account of.";
    Internal 500 "A mistake of the server; its log has the `request_id`.";
    AuthNotConfigured 501 "This control plane has no authentication: there is nothing to log in to.";
    StoreUnavailable 503 "The store cannot be reached at the moment, or the node is stopping; wait as `Retry-After` says.";
    StoreUnacknowledged 503
        "The change is made, and fewer replicas of the store than asked for have confirmed it; asking again asks them again.";
    TooManyStreams 503 "As many streams are open as `--max-streams` says; come back as `Retry-After` says.";
    StoreFull 507 "The store has no room; nothing was changed.";
}
