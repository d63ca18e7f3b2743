//! Users and their passwords.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use waygate_core::Actor;

use crate::auth::secret::{Secret, hex};

/// The users of a control plane, each with a password. All of them are administrators.
///
/// ```
/// use waygate_server::Credentials;
///
/// let nobody_needed = Credentials::none();
/// let one = Credentials::from(("admin", "secret"));
/// let many = Credentials::from([("alice", "pw1"), ("bob", "pw2")]);
/// # let _ = (nobody_needed, one, many);
/// ```
#[derive(Clone, Default)]
pub struct Credentials(Vec<(String, SecretString)>);

/// Credentials that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidCredentials(String);

/// Users as the server keeps them: no password, only keyed digests.
#[derive(Debug)]
pub(crate) struct Users {
    passwords: Secret,
    by_name: BTreeMap<String, User>,
}

pub(crate) struct User {
    pub(crate) actor: Actor,
    digest: [u8; 32],
    /// Changes with the password; tokens carry it.
    pub(crate) fingerprint: String,
}

impl Credentials {
    /// No authentication: everybody may do everything.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a user.
    #[must_use]
    pub fn and(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.0.push((user.into(), SecretString::from(password.into())));
        self
    }

    /// Whether there is no user, and so no authentication.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

impl<U: Into<String>, P: Into<String>> From<(U, P)> for Credentials {
    fn from((user, password): (U, P)) -> Self {
        Self::none().and(user, password)
    }
}

impl<U: Into<String>, P: Into<String>, const N: usize> From<[(U, P); N]> for Credentials {
    fn from(users: [(U, P); N]) -> Self {
        users.into_iter().collect()
    }
}

impl<U: Into<String>, P: Into<String>> FromIterator<(U, P)> for Credentials {
    fn from_iter<I: IntoIterator<Item = (U, P)>>(users: I) -> Self {
        users.into_iter().fold(Self::none(), |all, (user, password)| all.and(user, password))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(user, _)| user)).finish()
    }
}

impl Users {
    /// `None` when there are no users.
    pub(crate) fn of(credentials: &Credentials, secret: &Secret) -> Result<Option<Self>, InvalidCredentials> {
        if credentials.is_none() {
            return Ok(None);
        }
        let passwords = secret.derive("waygate password digest");
        let fingerprints = secret.derive("waygate credential fingerprint");
        let mut by_name = BTreeMap::new();
        for (name, password) in &credentials.0 {
            let actor: Actor =
                name.parse().map_err(|problem| InvalidCredentials(format!("user `{name}`: {problem}")))?;
            if password.expose_secret().is_empty() {
                return Err(InvalidCredentials(format!("user `{name}` has an empty password")));
            }
            let digest = digest_of(&passwords, actor.as_str(), password.expose_secret());
            let fingerprint = hex(&fingerprints.digest(&[&digest])[..16]);
            if by_name.insert(actor.as_str().to_owned(), User { actor, digest, fingerprint }).is_some() {
                return Err(InvalidCredentials(format!("user `{name}` is given twice")));
            }
        }
        Ok(Some(Self { passwords, by_name }))
    }

    /// The user of that name, if the password is right. Takes as long for an unknown name.
    pub(crate) fn verify(&self, name: &str, password: &str) -> Option<&User> {
        let digest = digest_of(&self.passwords, name, password);
        let user = self.by_name.get(name);
        let expected = user.map_or(&[0; 32], |user| &user.digest);
        if bool::from(digest.ct_eq(expected)) { user } else { None }
    }

    /// Whether a token with this fingerprint was issued under the user's present password.
    pub(crate) fn has_issued(&self, subject: &Actor, fingerprint: &str) -> bool {
        self.by_name
            .get(subject.as_str())
            .is_some_and(|user| user.fingerprint.as_bytes().ct_eq(fingerprint.as_bytes()).into())
    }
}

fn digest_of(key: &Secret, name: &str, password: &str) -> [u8; 32] {
    key.digest(&[name.as_bytes(), password.as_bytes()])
}

impl fmt::Debug for User {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("User").field("actor", &self.actor).finish_non_exhaustive()
    }
}
