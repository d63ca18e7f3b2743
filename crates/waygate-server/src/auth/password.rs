//! Passwords that are known by their Argon2id hash only.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params};

/// The most memory that a hash may ask for, in KiB, and the most passes: more would let one login exhaust the machine.
const MOST_MEMORY: u32 = 256 * 1024;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 16;

/// A password that cannot be hashed: without a source of randomness, or far too long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the password cannot be hashed: {0}")]
pub struct HashError(String);

/// The Argon2id hash of a password in PHC form, with a new salt and the parameters that OWASP recommends (19 MiB, two
/// passes). Takes a noticeable part of a second by design.
///
/// # Errors
///
/// [`HashError`].
pub fn hash_password(password: &str) -> Result<String, HashError> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| HashError(error.to_string()))
}

/// Whether a text is a hash that can be verified at a bearable cost; why not otherwise. The text is not repeated.
pub(super) fn check_hash(text: &str) -> Result<(), String> {
    let expected = "expected what `waygate hash-password` prints, an Argon2id hash such as `$argon2id$v=19$m=19456,…`";
    let hash = PasswordHash::new(text).map_err(|_| expected.to_owned())?;
    let params = Params::try_from(&hash).map_err(|_| expected.to_owned())?;
    if hash.algorithm != Algorithm::Argon2id.ident() || hash.salt.is_none() || hash.hash.is_none() {
        return Err(expected.to_owned());
    }
    if params.m_cost() > MOST_MEMORY || params.t_cost() > MOST_PASSES || params.p_cost() > MOST_LANES {
        return Err(format!("the hash asks for more than m={MOST_MEMORY}, t={MOST_PASSES}, p={MOST_LANES}"));
    }
    Ok(())
}

/// Whether a password has this hash. Takes its time: not for the threads that serve.
pub(super) fn verify(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_its_hash_and_no_other() {
        let hash = hash_password("secret").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash_password("secret").unwrap(), hash);
        assert_eq!(check_hash(&hash), Ok(()));
        assert!(verify("secret", &hash) && !verify("Secret", &hash) && !verify("", &hash));
    }

    #[test]
    fn g43_hashes_of_another_kind_or_of_too_great_a_cost_are_refused() {
        let hash = hash_password("secret").unwrap();
        let tampered = [
            hash.replace("argon2id", "argon2i"),
            hash.replace("m=19456", "m=4000000"),
            hash.replace("t=2", "t=1000"),
            "$2b$12$abcdefghijklmnopqrstuv".to_owned(),
            "secret".to_owned(),
            String::new(),
        ];
        for bad in tampered {
            let problem = check_hash(&bad).unwrap_err();
            assert!(bad.is_empty() || !problem.contains(&bad), "{problem}");
        }
    }
}
