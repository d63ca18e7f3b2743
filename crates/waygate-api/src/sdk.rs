//! What services send.

use serde::{Deserialize, Serialize};

use crate::rate_limits::LimitSettings;
use crate::routes::RouteState;

/// Body of `POST /api/sdk/register`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterRequest {
    pub app_id: String,
    pub states: Vec<RegisteredRoute>,
}

/// One declared route: the part of the reference's `RouteState` that a declaration may set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredRoute {
    /// `service:METHOD:/path`, or without the service.
    pub path: String,
    #[serde(default)]
    pub service: Option<String>,
    /// `active`, `maintenance`, `disabled`, `env_gated` or `deprecated`.
    pub status: String,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub allowed_envs: Vec<String>,
    #[serde(default)]
    pub sunset_date: Option<String>,
    #[serde(default)]
    pub successor_path: Option<String>,
    #[serde(default)]
    pub force_active: bool,
    /// The limit that the code declares, under that of operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<LimitSettings>,
}

/// Answer of a registration: the server's word on each route that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterAnswer {
    pub states: Vec<RouteState>,
    /// What was not taken, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<Rejected>,
}

/// An element of a registration that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Its position in the request.
    pub index: usize,
    pub path: Option<String>,
    pub error: String,
}
