//! Users as they are given: a name, a password or its hash, a role, and the services that the role is limited to.

use std::collections::BTreeSet;
use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use waygate_core::ServiceId;

/// What a person may do. Each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks: state, streams, the audit log.
    Viewer,
    /// Switches routes, maintenance and limits.
    Operator,
    /// Also decides about tokens and who is told.
    Admin,
}

impl Role {
    /// The text of files and lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// One user of a control plane.
///
/// ```
/// use waygate_server::{Role, User};
///
/// let alice = User::new("alice", "wonder").role(Role::Operator).services(["payments".parse()?]);
/// # let _ = alice;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct User {
    pub(super) name: String,
    pub(super) password: Password,
    pub(super) role: Role,
    pub(super) services: Option<BTreeSet<ServiceId>>,
}

/// A password as it is given.
#[derive(Clone)]
pub(super) enum Password {
    Plain(SecretString),
    /// An Argon2id hash in PHC form.
    Hashed(SecretString),
}

impl User {
    /// An administrator with a password in plain text, which is kept as a keyed digest only.
    pub fn new(name: impl Into<String>, password: impl Into<String>) -> Self {
        Self::with(name.into(), Password::Plain(password.into().into()))
    }

    /// An administrator with a password that is known by its Argon2id hash; see [`crate::hash_password`].
    pub fn hashed(name: impl Into<String>, password_hash: impl Into<String>) -> Self {
        Self::with(name.into(), Password::Hashed(password_hash.into().into()))
    }

    fn with(name: String, password: Password) -> Self {
        Self { name, password, role: Role::Admin, services: None }
    }

    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// Limits the user to some services, of which there must be at least one. Administrators cannot be limited.
    #[must_use]
    pub fn services(mut self, services: impl IntoIterator<Item = ServiceId>) -> Self {
        self.services = Some(services.into_iter().collect());
        self
    }
}

impl fmt::Debug for User {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("User")
            .field("name", &self.name)
            .field("role", &self.role)
            .field("services", &self.services)
            .finish_non_exhaustive()
    }
}
