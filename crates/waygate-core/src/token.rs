//! Tokens that were issued: what is known of them, so that they can be listed and ended. Their texts are nowhere.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::commit::Platform;
use crate::id::{Actor, ServiceId};

/// How somebody came by a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// By logging in; it ends with the password.
    Login,
    /// An administrator made it for a service; it ends when it is revoked.
    Service,
}

impl TokenKind {
    /// The text of the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Service => "service",
        }
    }
}

/// A token as it stands in lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedToken {
    /// Who the token speaks for.
    pub holder: Actor,
    pub kind: TokenKind,
    pub platform: Platform,
    /// The service that it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceId>,
    pub issued: Timestamp,
    pub expires: Timestamp,
}

impl IssuedToken {
    /// Whether both count towards the same bound: one holder's tokens of one kind for one service.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.holder == other.holder
            && self.kind == other.kind
            && self.platform == other.platform
            && self.service == other.service
    }
}
