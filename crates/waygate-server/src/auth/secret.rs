//! Keys, derived from one secret.

use std::collections::BTreeSet;
use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// The fewest bytes that a secret should have, and the fewest different ones.
const SHORTEST: usize = 32;
const FEWEST_DIFFERENT: usize = 8;
/// What stands in documents and examples until somebody thinks of something better; in lower case.
const PLACEHOLDERS: [&str; 8] = [
    "change-me",
    "change_me",
    "changeme",
    "default-secret",
    "placeholder",
    "stable-key-for-persistent-tokens",
    "your-secret",
    "your_secret",
];

/// What is weak about a secret that somebody chose; nothing of the secret itself.
pub(crate) fn weakness(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    if PLACEHOLDERS.iter().any(|placeholder| lower.contains(placeholder)) {
        return Some("is a placeholder that stands in documents");
    }
    if text.len() < SHORTEST {
        return Some("is shorter than 32 bytes");
    }
    let different: BTreeSet<u8> = text.bytes().collect();
    (different.len() < FEWEST_DIFFERENT).then_some("has fewer than 8 different bytes")
}

/// The server's secret. Everything that is keyed has its own key derived from it.
#[derive(Clone)]
pub(crate) struct Secret([u8; 32]);

impl Secret {
    pub(crate) fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// A fresh one.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The key for one purpose.
    pub(crate) fn derive(&self, purpose: &str) -> Self {
        Self(self.digest(&[purpose.as_bytes()]))
    }

    /// The keyed digest of some parts; each is preceded by its length, so that no two lists of parts collide.
    pub(crate) fn digest(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut digest = Hmac::<Sha256>::new(&block.into());
        for part in parts {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into_bytes().into()
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
