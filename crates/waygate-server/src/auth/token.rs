//! Tokens: sealed claims (PASETO v4.local). Opaque to everybody else.

use std::fmt;

use jiff::Timestamp;
use pasetors::Local;
use pasetors::keys::SymmetricKey;
use pasetors::token::UntrustedToken;
use pasetors::version4::{LocalToken, V4};
use serde::{Deserialize, Serialize};
use waygate_core::{Actor, Platform, ServiceId, TokenId};

use crate::auth::principal::{Principal, Role};
use crate::auth::secret::Secret;

/// Says what the sealed text is, so that nothing else sealed with this key passes for a token.
const KIND: &[u8] = b"waygate token 1";

/// Seals and opens tokens.
pub(crate) struct Tokens(SymmetricKey<V4>);

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    #[serde(rename = "sub")]
    pub(crate) subject: Actor,
    #[serde(rename = "jti")]
    pub(crate) id: TokenId,
    #[serde(rename = "plat")]
    pub(crate) platform: Platform,
    #[serde(rename = "iat")]
    pub(crate) issued: Timestamp,
    #[serde(rename = "exp")]
    pub(crate) expires: Timestamp,
    /// The service that the token is bound to.
    #[serde(rename = "app", default, skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<ServiceId>,
    /// Of the credentials under which it was issued.
    #[serde(rename = "fp")]
    pub(crate) fingerprint: String,
}

impl Tokens {
    /// `None` only if the key had the wrong length, which it never has.
    pub(crate) fn new(secret: &Secret) -> Option<Self> {
        SymmetricKey::from(secret.derive("waygate token key").as_bytes()).ok().map(Self)
    }

    /// `None` only without a source of randomness.
    pub(crate) fn seal(&self, claims: &Claims) -> Option<String> {
        let text = serde_json::to_vec(claims).ok()?;
        LocalToken::encrypt(&self.0, &text, None, Some(KIND)).ok()
    }

    /// The claims of a token that was sealed with this key. Whether they still hold is not looked at.
    pub(crate) fn open(&self, token: &str) -> Option<Claims> {
        let sealed = UntrustedToken::<Local, V4>::try_from(token).ok()?;
        let opened = LocalToken::decrypt(&self.0, &sealed, None, Some(KIND)).ok()?;
        serde_json::from_str(opened.payload()).ok()
    }
}

impl Claims {
    /// A token for a service has a service's rights, whoever logged in for it.
    pub(crate) fn into_principal(self) -> Principal {
        let role = match self.platform {
            Platform::Sdk => Role::Service,
            _ => Role::Admin,
        };
        Principal {
            actor: self.subject,
            platform: self.platform,
            role,
            service: self.service,
            token: Some(self.id),
            expires: Some(self.expires),
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tokens(…)")
    }
}
