//! Names in paths, queries and headers.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Query, RawPathParams};
use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use waygate_api::{headers, paths};
use waygate_core::{Revision, RouteSelector, ServiceId, WebhookId};

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

/// The query; of a repeated parameter the last value counts.
#[derive(Debug)]
pub(crate) struct Parameters(HashMap<String, String>);

impl Parameters {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
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
