//! Names in paths, queries and headers.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Query, RawPathParams};
use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use jiff::Timestamp;
use waygate_api::instances::InstanceId;
use waygate_api::{headers, paths};
use waygate_core::{LifecycleKind, Revision, RouteSelector, ServiceId, WebhookId};

use crate::api::body::parse_time;
use crate::compat;
use crate::error::ApiError;

/// The route that `{path_key}` names.
#[derive(Debug)]
pub(crate) struct NamedRoute(pub(crate) RouteSelector);

/// The service that `{service}` names.
#[derive(Debug)]
pub(crate) struct NamedService(pub(crate) ServiceId);

/// The webhook that `{webhook}` names.
#[derive(Debug)]
pub(crate) struct NamedWebhook(pub(crate) WebhookId);

/// The instance that `{instance}` names.
#[derive(Debug)]
pub(crate) struct NamedInstance(pub(crate) InstanceId);

/// The query; of a repeated parameter the last value counts.
#[derive(Debug)]
pub(crate) struct Parameters(HashMap<String, String>);

/// A part of a list.
#[derive(Debug)]
pub(crate) struct Page<C> {
    /// How many at most; all where it was not asked for.
    pub(crate) limit: Option<usize>,
    /// Only what comes after this.
    pub(crate) after: Option<C>,
}

impl Parameters {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A text to filter by; empty is no filter.
    pub(crate) fn filter(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// A status to filter by.
    pub(crate) fn kind(&self, name: &str) -> Result<Option<LifecycleKind>, ApiError> {
        let expected = "expected `active`, `maintenance`, `disabled`, `env_gated` or `deprecated`";
        let read =
            |text: &str| serde_json::from_value(text.into()).map_err(|_| ApiError::invalid_field(name, expected));
        self.filter(name).map(read).transpose()
    }

    /// A time to filter by.
    pub(crate) fn time(&self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let expected = "expected a time such as `2026-12-01T10:00:00Z`";
        let read = |text: &str| parse_time(text).ok_or_else(|| ApiError::invalid_field(name, expected));
        self.filter(name).map(read).transpose()
    }

    /// Left out it is `false`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.text(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(ApiError::invalid_field(name, "expected `true` or `false`")),
        }
    }

    /// Which part of a list is wanted; `read` understands the list's cursors.
    pub(crate) fn page<C>(&self, largest: usize, read: impl Fn(&str) -> Option<C>) -> Result<Page<C>, ApiError> {
        let size = |text: &str| text.parse().ok().filter(|limit| (1..=largest).contains(limit));
        let limit = self.text("limit").map(|text| {
            size(text)
                .ok_or_else(|| ApiError::invalid_field("limit", format!("expected a whole number from 1 to {largest}")))
        });
        let after = self.text("cursor").map(|text| {
            read(text).ok_or_else(|| {
                ApiError::invalid_field("cursor", format!("expected the `{}` of an earlier answer", headers::NEXT))
            })
        });
        Ok(Page { limit: limit.transpose()?, after: after.transpose()? })
    }

    /// The service that the caller speaks for.
    pub(crate) fn own_service(&self) -> Result<ServiceId, ApiError> {
        self.service()?
            .ok_or_else(|| ApiError::invalid_field("service", "expected the service to follow: `?service=…`"))
    }

    /// A service to filter by; empty is no filter.
    pub(crate) fn service(&self) -> Result<Option<ServiceId>, ApiError> {
        self.text("service")
            .filter(|text| !text.is_empty())
            .map(|text| text.parse().map_err(|problem| ApiError::invalid_field("service", problem)))
            .transpose()
    }
}

/// The service that an SDK speaks for, by its header.
pub(crate) fn app_id(head: &HeaderMap) -> Result<Option<ServiceId>, ApiError> {
    let Some(value) = head.get(headers::APP_ID) else {
        return Ok(None);
    };
    let invalid = |problem: String| ApiError::invalid_field(headers::APP_ID, problem);
    let text = value.to_str().map_err(|_| invalid("expected ASCII text".to_owned()))?;
    text.parse().map(Some).map_err(|problem: waygate_core::InvalidName| invalid(problem.to_string()))
}

/// The revision that `If-Match` expects: a number, quoted or not.
pub(crate) fn if_match(head: &HeaderMap) -> Result<Option<Revision>, ApiError> {
    let Some(value) = head.get(IF_MATCH) else {
        return Ok(None);
    };
    value
        .to_str()
        .ok()
        .and_then(|text| text.trim().trim_matches('"').parse().ok())
        .map(|number| Some(Revision(number)))
        .ok_or_else(|| ApiError::invalid_field("if-match", "expected one revision, such as `\"42\"`"))
}

impl<S: Send + Sync> FromRequestParts<S> for NamedRoute {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let segment = parameter(parts, state, "path_key").await?;
        let invalid = |problem: String| ApiError::invalid_key("path_key", problem);
        let key = paths::key_of_path(&segment)
            .ok_or_else(|| invalid("expected a route's key in base64url without padding".to_owned()))?;
        if compat::is_reserved(&key) {
            return Err(invalid("keys that begin with `__waygate` are reserved".to_owned()));
        }
        key.parse().map(Self).map_err(|problem: waygate_core::InvalidName| invalid(problem.to_string()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NamedService {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let segment = parameter(parts, state, "service").await?;
        segment.parse().map(Self).map_err(|problem| ApiError::invalid_key("service", problem))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NamedWebhook {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let segment = parameter(parts, state, "webhook").await?;
        segment.parse().map(Self).map_err(|problem| ApiError::invalid_key("webhook", problem))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NamedInstance {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let segment = parameter(parts, state, "instance").await?;
        segment.parse().map(Self).map_err(|problem| ApiError::invalid_key("instance", problem))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let Query(pairs) = Query::<HashMap<String, String>>::try_from_uri(&parts.uri)
            .map_err(|problem| ApiError::invalid_field("query", problem))?;
        Ok(Self(pairs))
    }
}

async fn parameter<S: Send + Sync>(parts: &mut Parts, state: &S, name: &'static str) -> Result<String, ApiError> {
    let all = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| ApiError::invalid_key(name, "expected percent-encoded UTF-8"))?;
    let found = all.iter().find(|(given, _)| *given == name).map(|(_, value)| value.to_owned());
    found.ok_or_else(ApiError::internal)
}
