//! Where in history something stands.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::commit::DraftId;
use crate::id::InvalidName;

/// The number of a commit. The first commit of a store is 1; each commit adds 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Names one history. A store makes a new one when it is created, imported into or restored; two cursors of
/// different epochs have nothing to do with each other. 8 to 64 ASCII letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Epoch(Arc<str>);

impl Epoch {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Epoch {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !(8..=64).contains(&text.len()) || !text.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(InvalidName("an epoch is 8 to 64 ASCII letters and digits".to_owned()));
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for Epoch {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Epoch> for String {
    fn from(epoch: Epoch) -> Self {
        epoch.0.as_ref().to_owned()
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A fingerprint of all commits up to a revision, so that a history which was rolled back and then went on
/// differently is told apart although its revisions come again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Lineage(pub u64);

impl Lineage {
    /// The lineage after a commit, from the id that its draft alone has: other nodes can tell whether it continues what
    /// they know, even where it says things that their build cannot read. Set by the store; clients only echo it.
    #[must_use]
    pub fn then(self, revision: Revision, draft: &DraftId) -> Self {
        let digest = Sha256::new()
            .chain_update(self.0.to_be_bytes())
            .chain_update(revision.0.to_be_bytes())
            .chain_update(draft.as_str())
            .finalize();
        let mut head = [0; 8];
        head.copy_from_slice(&digest[..8]);
        Self(u64::from_be_bytes(head))
    }
}

/// A place in a history: which history, which commit, and which commits led there. As text, on streams and in
/// headers: `<epoch>:<revision>:<lineage in hex>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    pub epoch: Epoch,
    pub revision: Revision,
    pub lineage: Lineage,
}

impl Cursor {
    /// Before the first commit of a history.
    pub fn start_of(epoch: Epoch) -> Self {
        Self { epoch, revision: Revision::ZERO, lineage: Lineage::default() }
    }

    /// A number for what the next commit begins, that no commit of this or of another history has: also where a history
    /// was lost or rolled back, so that its revisions come again. Of 53 bits, which every reader of JSON has exactly.
    pub(crate) fn next_generation(&self) -> u64 {
        let digest = Sha256::new()
            .chain_update(self.epoch.to_string())
            .chain_update(self.revision.0.to_be_bytes())
            .chain_update(self.lineage.0.to_be_bytes())
            .finalize();
        let mut head = [0; 8];
        head.copy_from_slice(&digest[..8]);
        u64::from_be_bytes(head) >> 11
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{:016x}", self.epoch, self.revision, self.lineage.0)
    }
}

impl FromStr for Cursor {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || InvalidName("a cursor is `<epoch>:<revision>:<lineage>`".to_owned());
        let mut parts = text.split(':');
        let (Some(epoch), Some(revision), Some(lineage), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed());
        };
        Ok(Self {
            epoch: epoch.parse()?,
            revision: Revision(revision.parse().map_err(|_| malformed())?),
            lineage: Lineage(u64::from_str_radix(lineage, 16).map_err(|_| malformed())?),
        })
    }
}

impl TryFrom<String> for Cursor {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_odd_ones_are_refused() {
        let text = "0123456789abcdef:42:00000000000000ff";
        assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
        for odd in ["", "42", "0123456789abcdef:42", "0123456789abcdef:x:0", "short:1:0", "0123456789abcdef:1:0:9"] {
            assert!(odd.parse::<Cursor>().is_err(), "{odd}");
        }
    }

    #[test]
    fn lineage_depends_on_everything_before() {
        let draft = |name: char| DraftId::try_from(name.to_string().repeat(16)).unwrap();
        let one = Lineage::default().then(Revision(1), &draft('a'));
        let other = Lineage::default().then(Revision(1), &draft('b'));
        assert_ne!(one, other);
        assert_ne!(one.then(Revision(2), &draft('c')), other.then(Revision(2), &draft('c')));
    }
}
