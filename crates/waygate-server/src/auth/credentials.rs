//! Users and their passwords.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;
use waygate_core::Actor;

use crate::auth::identity::{Authenticator, AuthenticatorError, Identity};
use crate::auth::password;
use crate::auth::secret::{Secret, hex};
use crate::auth::user::{Password, Role, User};

/// The users of a control plane. Given as names and passwords they are administrators; see [`User`] for more.
///
/// ```
/// use waygate_server::{Credentials, Role, User};
///
/// let nobody_needed = Credentials::none();
/// let one = Credentials::from(("admin", "secret"));
/// let many = Credentials::from([("alice", "pw1"), ("bob", "pw2")]);
/// let with_role = one.clone().and_user(User::new("eve", "pw3").role(Role::Viewer));
/// # let _ = (nobody_needed, many, with_role);
/// ```
#[derive(Clone, Default)]
pub struct Credentials(Vec<User>);

/// Credentials that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidCredentials(String);

/// Users as the server keeps them: no password, only keyed digests and hashes.
#[derive(Debug)]
pub(crate) struct Users {
    passwords: Secret,
    by_name: BTreeMap<String, Known>,
    /// Verified where there is no hash of the name's own, so that all failures take as long; there where anybody has a
    /// hash.
    decoy: Option<Arc<str>>,
}

struct Known {
    identity: Identity,
    proof: Proof,
}

/// How a password is recognised.
enum Proof {
    Digest([u8; 32]),
    Hash(Arc<str>),
}

impl Credentials {
    /// No authentication: everybody may do everything.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds an administrator.
    #[must_use]
    pub fn and(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.and_user(User::new(user, password))
    }

    /// Adds a user.
    #[must_use]
    pub fn and_user(mut self, user: User) -> Self {
        self.0.push(user);
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

impl From<User> for Credentials {
    fn from(user: User) -> Self {
        Self(vec![user])
    }
}

impl<U: Into<String>, P: Into<String>> FromIterator<(U, P)> for Credentials {
    fn from_iter<I: IntoIterator<Item = (U, P)>>(users: I) -> Self {
        users.into_iter().fold(Self::none(), |all, (user, password)| all.and(user, password))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(&self.0).finish()
    }
}

impl Users {
    pub(crate) fn of(credentials: &Credentials, secret: &Secret) -> Result<Self, InvalidCredentials> {
        let passwords = secret.derive("waygate password digest");
        let fingerprints = secret.derive("waygate credential fingerprint");
        let mut by_name = BTreeMap::new();
        let mut decoy = None;
        for user in &credentials.0 {
            let known = Known::of(user, &passwords, &fingerprints)
                .map_err(|problem| InvalidCredentials(format!("user `{}`: {problem}", user.name)))?;
            if let Proof::Hash(hash) = &known.proof {
                decoy.get_or_insert_with(|| hash.clone());
            }
            if by_name.insert(known.identity.name.as_str().to_owned(), known).is_some() {
                return Err(InvalidCredentials(format!("user `{}` is given twice", user.name)));
            }
        }
        Ok(Self { passwords, by_name, decoy })
    }
}

#[async_trait]
impl Authenticator for Users {
    async fn authenticate(&self, name: &str, password: &str) -> Result<Option<Identity>, AuthenticatorError> {
        let known = self.by_name.get(name);
        let digest = digest_of(&self.passwords, name, password);
        let (expected, hash) = match known.map(|known| &known.proof) {
            Some(Proof::Digest(expected)) => (expected, None),
            Some(Proof::Hash(hash)) => (&[0; 32], Some(hash.clone())),
            None => (&[0; 32], None),
        };
        let by_digest = bool::from(digest.ct_eq(expected));
        // Every failure takes as long, whoever there is: with the hash of somebody else, which then proves nothing.
        let verified_against = hash.clone().or_else(|| self.decoy.clone()).filter(|_| !by_digest);
        let by_hash = match verified_against {
            Some(against) => {
                let password = zeroizing(password);
                let verified = move || password::verify(password.expose_secret(), &against);
                tokio::task::spawn_blocking(verified).await.unwrap_or(false) && hash.is_some()
            }
            None => false,
        };
        Ok(known.filter(|_| by_digest || by_hash).map(|known| known.identity.clone()))
    }

    async fn identity(&self, name: &Actor) -> Result<Option<Identity>, AuthenticatorError> {
        Ok(self.by_name.get(name.as_str()).map(|known| known.identity.clone()))
    }
}

impl Known {
    fn of(user: &User, passwords: &Secret, fingerprints: &Secret) -> Result<Self, String> {
        let name: Actor = user.name.parse().map_err(|problem: waygate_core::InvalidName| problem.to_string())?;
        match &user.services {
            Some(services) if services.is_empty() => return Err("the list of services is empty".to_owned()),
            Some(_) if user.role == Role::Admin => {
                return Err("an administrator cannot be limited to services".to_owned());
            }
            _ => {}
        }
        let (proof, fingerprint) = match &user.password {
            Password::Plain(password) if password.expose_secret().is_empty() => {
                return Err("the password is empty".to_owned());
            }
            Password::Plain(password) => {
                let digest = digest_of(passwords, name.as_str(), password.expose_secret());
                (Proof::Digest(digest), fingerprints.digest(&[&digest]))
            }
            Password::Hashed(hash) => {
                let hash = hash.expose_secret().trim();
                password::check_hash(hash).map_err(|problem| format!("password_hash: {problem}"))?;
                let fingerprint = fingerprints.digest(&[name.as_str().as_bytes(), hash.as_bytes()]);
                (Proof::Hash(hash.into()), fingerprint)
            }
        };
        let fingerprint = hex(&fingerprint[..16]);
        let identity = Identity { name, role: user.role, services: user.services.clone(), fingerprint };
        Ok(Self { identity, proof })
    }
}

fn zeroizing(password: &str) -> secrecy::SecretString {
    password.to_owned().into()
}

fn digest_of(key: &Secret, name: &str, password: &str) -> [u8; 32] {
    key.digest(&[name.as_bytes(), password.as_bytes()])
}

impl fmt::Debug for Known {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Known").field("identity", &self.identity.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn g43_what_is_verified_to_take_as_long_lets_nobody_in() {
        let hash = password::hash_password("hers").unwrap();
        let credentials = Credentials::from(("admin", "secret")).and_user(User::hashed("vera", hash));
        let users = Users::of(&credentials, &Secret::of("a key")).unwrap();
        for (name, password, is_right) in [
            ("admin", "secret", true),
            ("vera", "hers", true),
            ("admin", "hers", false),
            ("nobody", "hers", false),
            ("vera", "secret", false),
            ("admin", "", false),
        ] {
            let found = users.authenticate(name, password).await.unwrap();
            assert_eq!(found.is_some_and(|found| found.name.as_str() == name), is_right, "{name}: {password}");
        }
    }
}
