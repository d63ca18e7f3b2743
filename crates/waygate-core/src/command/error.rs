//! Why a command is refused.

use crate::id::{ServiceId, WebhookId};
use crate::revision::Revision;
use crate::route::{RouteKey, RouteSelector};

/// Why a command is refused. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    #[error("no route `{selector}` is known{}", near_matches(near))]
    UnknownRoute { selector: Box<RouteSelector>, near: Vec<String> },
    #[error("`{selector}` names {} routes: {}", matches.len(), matches.join(", "))]
    AmbiguousRoute { selector: Box<RouteSelector>, matches: Vec<String> },
    #[error("`{key}` is declared `force_active` and cannot be switched")]
    ForceActive { key: Box<RouteKey> },
    #[error("no service `{service}` is known{}", near_matches(near))]
    UnknownService { service: ServiceId, near: Vec<String> },
    #[error("`{key}` has no planned window `{id}`")]
    UnknownWindow { key: Box<RouteKey>, id: u32 },
    #[error("there is no rate limit for `{scope}`")]
    UnknownRateLimit { scope: String },
    #[error("no webhook `{id}` is known")]
    UnknownWebhook { id: WebhookId },
    #[error("{field}: {message}")]
    Invalid { field: &'static str, message: String },
    #[error("`{subject}` has changed: expected revision {expected}, it is at {actual}")]
    Conflict { subject: String, expected: Revision, actual: Revision },
    /// One of several commands is refused, and so all of them are.
    #[error("commands[{index}]: {refusal}")]
    OneOfAll { index: usize, refusal: Box<CommandError> },
}

impl CommandError {
    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { field, message: message.into() }
    }
}

fn near_matches(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; near it: {}", near.join(", ")) }
}
