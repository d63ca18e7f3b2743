//! Why a request is refused, in the one shape of every error answer.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use waygate_api::error::{ErrorBody, ErrorCode};
use waygate_core::{CommandError, ServiceId, State};
use waygate_store::StoreError;

use crate::auth::AuthenticatorError;
use crate::control::ExecuteError;

/// After how many seconds to try again when the store cannot be reached.
const STORE_RETRY_AFTER: u64 = 5;

/// A refusal on its way out. [`crate::api::envelope`] writes its body, since only there the request's id is known.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) body: Box<ErrorBody>,
    retry_after: Option<u64>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: ErrorCode, error: impl Into<String>) -> Self {
        debug_assert_eq!(status.as_u16(), code.status(), "{code:?} has a status of its own");
        Self { status, body: Box::new(ErrorBody::new(code, error)), retry_after: None }
    }

    /// The body as a whole makes no sense.
    pub(crate) fn invalid_body(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidBody, error)
    }

    /// One field, header or parameter makes no sense; `problem` says what is accepted.
    pub(crate) fn invalid_field(field: impl Into<String>, problem: impl std::fmt::Display) -> Self {
        let field = field.into();
        let mut refusal = Self::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidField, format!("`{field}`: {problem}"));
        refusal.body.field = Some(field);
        refusal
    }

    /// What is done for good must not be done where it was only to be tried.
    pub(crate) fn cannot_be_tried() -> Self {
        Self::invalid_field("dry_run", "this cannot be tried first; nothing has changed")
    }

    /// The same refusal about a part of the body.
    #[must_use]
    pub(crate) fn within(mut self, place: &str) -> Self {
        self.body.error = format!("`{place}`: {}", self.body.error);
        self.body.field = Some(self.body.field.map_or(place.to_owned(), |field| format!("{place}.{field}")));
        self
    }

    /// A name in the path makes no sense.
    pub(crate) fn invalid_key(field: &str, problem: impl std::fmt::Display) -> Self {
        let mut refusal = Self::invalid_field(field, problem);
        refusal.body.code = ErrorCode::InvalidKey;
        refusal
    }

    /// There is nothing to log in to.
    pub(crate) fn without_authentication() -> Self {
        let error = "this control plane has no authentication: no login is needed";
        Self::new(StatusCode::NOT_IMPLEMENTED, ErrorCode::AuthNotConfigured, error)
    }

    /// Whether the caller may come in cannot be found out at the moment.
    pub(crate) fn undecided(error: &AuthenticatorError) -> Self {
        tracing::warn!(%error, "a caller could not be identified");
        let error = "credentials cannot be looked up at the moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::StoreUnavailable, error).retry_after(STORE_RETRY_AFTER)
    }

    pub(crate) fn unauthorized(error: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, error)
    }

    pub(crate) fn forbidden(error: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, error)
    }

    pub(crate) fn unknown_service(service: &ServiceId, state: &State) -> Self {
        CommandError::UnknownService { service: service.clone(), near: state.near_services(service) }.into()
    }

    pub(crate) fn internal() -> Self {
        let error = "the server has made a mistake; its log has the request id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, error)
    }

    /// After how many seconds it may be tried again, where that is known.
    pub(crate) fn wait(&self) -> Option<u64> {
        self.retry_after
    }

    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        let text = error.to_string();
        match error {
            CommandError::UnknownRoute { near, .. } => {
                let mut refusal = Self::new(StatusCode::NOT_FOUND, ErrorCode::UnknownRoute, text);
                refusal.body.near = near;
                refusal
            }
            CommandError::UnknownService { near, .. } => {
                let mut refusal = Self::new(StatusCode::NOT_FOUND, ErrorCode::UnknownService, text);
                refusal.body.near = near;
                refusal
            }
            CommandError::UnknownRateLimit { .. } => {
                Self::new(StatusCode::NOT_FOUND, ErrorCode::UnknownRateLimit, text)
            }
            CommandError::UnknownWebhook { .. } => Self::new(StatusCode::NOT_FOUND, ErrorCode::UnknownWebhook, text),
            CommandError::UnknownWindow { .. } => Self::new(StatusCode::NOT_FOUND, ErrorCode::UnknownWindow, text),
            CommandError::AmbiguousRoute { matches, .. } => {
                let mut refusal = Self::new(StatusCode::CONFLICT, ErrorCode::AmbiguousRoute, text);
                refusal.body.ambiguous_matches = Some(matches);
                refusal
            }
            CommandError::ForceActive { .. } => Self::new(StatusCode::CONFLICT, ErrorCode::ForceActive, text),
            CommandError::Conflict { .. } => Self::new(StatusCode::CONFLICT, ErrorCode::RevisionConflict, text),
            CommandError::Invalid { field, message } => Self::invalid_field(field, message),
            CommandError::OneOfAll { index, refusal } => {
                let field = field_of(&refusal);
                let mut refusal = Self::from(*refusal);
                refusal.body.field = refusal.body.field.or(field.map(ToOwned::to_owned));
                refusal.within(&format!("commands[{index}]"))
            }
            _ => Self::new(StatusCode::BAD_REQUEST, ErrorCode::Unknown, text),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::Full(_) => Self::new(StatusCode::INSUFFICIENT_STORAGE, ErrorCode::StoreFull, text),
            // The change is in force; asking for it again asks the replicas again.
            StoreError::Unacknowledged(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::StoreUnacknowledged, text)
                    .retry_after(STORE_RETRY_AFTER)
            }
            _ => Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::StoreUnavailable, text)
                .retry_after(STORE_RETRY_AFTER),
        }
    }
}

impl From<ExecuteError> for ApiError {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Command(error) => error.into(),
            ExecuteError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The field of a command that a refusal is about; alone, the path of the request says it.
fn field_of(refusal: &CommandError) -> Option<&'static str> {
    match refusal {
        CommandError::UnknownRoute { .. } | CommandError::AmbiguousRoute { .. } | CommandError::ForceActive { .. } => {
            Some("route")
        }
        CommandError::UnknownService { .. } => Some("service"),
        CommandError::UnknownWindow { .. } => Some("id"),
        CommandError::Conflict { .. } => Some("expected_revision"),
        _ => None,
    }
}

/// The name of one of our headers, as `http` wants it.
pub(crate) const fn header_name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}
