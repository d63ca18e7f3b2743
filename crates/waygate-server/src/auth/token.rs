//! Tokens: sealed claims (PASETO v4.local). Opaque to everybody else.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use pasetors::Local;
use pasetors::keys::SymmetricKey;
use pasetors::token::UntrustedToken;
use pasetors::version4::{LocalToken, V4};
use serde::{Deserialize, Serialize};
use waygate_core::{Actor, IssuedToken, Platform, ServiceId, TokenId, TokenKind};

use crate::auth::identity::Identity;
use crate::auth::principal::{Principal, Rights};
use crate::auth::secret::Secret;
use crate::auth::user::Role;

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
    /// Of the credentials under which it was issued; none when an administrator made it for a service.
    #[serde(rename = "fp", default, skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprint: Option<String>,
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
    /// The holder of a token that an administrator made for a service.
    pub(crate) fn of_a_service(self) -> Option<Principal> {
        let service = self.service.clone().filter(|_| self.platform == Platform::Sdk)?;
        Some(self.principal(Rights::Service, Some(BTreeSet::from([service])), false))
    }

    /// The holder of a token that `identity` got by logging in, with the rights of today. A token for a service has
    /// a service's rights, whoever logged in for it. `None` when the identity may no longer hold such a token.
    pub(crate) fn of(self, identity: &Identity, by_cookie: bool) -> Option<Principal> {
        let own = identity.services.clone();
        if self.platform != Platform::Sdk {
            return Some(self.principal(Rights::Person(identity.role), own, by_cookie));
        }
        let services = match (&self.service, own) {
            _ if identity.role == Role::Viewer => return None,
            (Some(service), Some(own)) if !own.contains(service) => return None,
            (Some(service), _) => Some(BTreeSet::from([service.clone()])),
            (None, None) => None,
            // What is bound to no service may speak for none.
            (None, Some(_)) => return None,
        };
        Some(self.principal(Rights::Service, services, by_cookie))
    }

    fn principal(self, rights: Rights, services: Option<BTreeSet<ServiceId>>, by_cookie: bool) -> Principal {
        Principal {
            actor: self.subject,
            platform: self.platform,
            rights,
            services: services.map(Arc::new),
            token: Some(self.id),
            expires: Some(self.expires),
            by_cookie,
        }
    }

    /// What is kept of the token.
    pub(crate) fn record(&self, kind: TokenKind) -> IssuedToken {
        IssuedToken {
            holder: self.subject.clone(),
            kind,
            platform: self.platform,
            service: self.service.clone(),
            issued: self.issued,
            expires: self.expires,
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tokens(…)")
    }
}
