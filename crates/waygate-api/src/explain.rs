//! Why a request gets what it gets: the answer of `GET /api/explain`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waygate_core::Revision;

/// The decision about one request, step by step, as the services make it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    pub service: String,
    pub method: String,
    pub path: String,
    /// The key of the route that takes the request; `null` where none is known.
    pub route: Option<String>,
    pub at: Timestamp,
    /// The revision of the state that was asked.
    pub revision: Revision,
    /// `forward`, or `deny`.
    pub outcome: String,
    /// What the caller gets: the HTTP status and the code; 200 stands for the answer of the handler.
    pub status: u16,
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
    /// The layers in the order in which they are asked; the last one is the one that decides.
    pub steps: Vec<ExplainedStep>,
    /// The limits that the request is charged to, from the outermost.
    #[serde(default)]
    pub limits: Vec<ExplainedLimit>,
}

/// What one layer says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedStep {
    /// `global_maintenance`, `service_maintenance`, `route`, `global_limit`, `service_limit` or `route_limit`.
    pub layer: String,
    /// `pass`, `exempt`, `force_active`, `shadow`, `deny` or `charge`.
    pub verdict: String,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When that ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A limit that the request counts for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedLimit {
    pub layer: String,
    pub limit: String,
    pub algorithm: String,
    /// By what callers are told apart.
    pub key_strategy: String,
    /// The caller's address is exempt, so that nothing is charged.
    pub exempt: bool,
    /// It only counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
}
