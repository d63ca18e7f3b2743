//! Who somebody is, and who says so: the users of the settings, or the embedding program's own.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use waygate_core::{Actor, ServiceId};

use crate::auth::user::Role;

/// Somebody whose name and password were right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who the audit log names.
    pub name: Actor,
    pub role: Role,
    /// The services that the role is limited to; `None`: all of them, and what is global.
    pub services: Option<BTreeSet<ServiceId>>,
    /// Changes when the credentials change, and with it all tokens of this identity end. Must not give the
    /// credentials away. Travels in tokens: some ten bytes are enough.
    pub fingerprint: String,
}

/// Credentials could not be looked up at the moment. The caller is asked to come back later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("credentials cannot be looked up at the moment: {0}")]
pub struct AuthenticatorError(pub String);

/// Decides about names and passwords. Embedding programs bring their own with
/// [`ServerBuilder::authenticator`](crate::ServerBuilder::authenticator).
///
/// Attempts are throttled before they come here, and few are under way at a time.
#[async_trait]
pub trait Authenticator: Send + Sync + fmt::Debug {
    /// The identity behind a name and a password; `None` when they are wrong. Should take as long for a name that is
    /// not known.
    ///
    /// # Errors
    ///
    /// [`AuthenticatorError`]: the answer is not known.
    async fn authenticate(&self, name: &str, password: &str) -> Result<Option<Identity>, AuthenticatorError>;

    /// The identity of that name as it stands now; `None` when it is gone, which ends its tokens. Asked on every
    /// request with a token, so it should answer from memory.
    ///
    /// # Errors
    ///
    /// [`AuthenticatorError`]: the answer is not known.
    async fn identity(&self, name: &Actor) -> Result<Option<Identity>, AuthenticatorError>;
}
