//! For the project's own simulation (`tests/simulation`), and for nobody else: what a service knows, chance from a seed,
//! and bugs that the simulation has to notice. All of it concerns the calling thread only.

use std::cell::Cell;

use waygate_core::{Change, Cursor, Revision, ServiceView};

use crate::waygate::Waygate;

thread_local! {
    static CHANCE: Cell<Option<u64>> = const { Cell::new(None) };
    static SABOTAGE: Cell<Option<Sabotage>> = const { Cell::new(None) };
    static COMMITS: Cell<u64> = const { Cell::new(0) };
}

/// Every so many commits one is dropped.
const DROPPED: u64 = 10;

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Now and then the changes of a commit are not applied.
    DropFrame,
    /// A commit that is known already is applied once more.
    ApplyTwice,
    /// A commit is applied whether or not it joins on to what is known.
    SkipContinuity,
}

/// Draws chance from a seed, and puts a bug in, until the next call.
pub fn set(seed: Option<u64>, sabotage: Option<Sabotage>) {
    CHANCE.set(seed);
    SABOTAGE.set(sabotage);
    COMMITS.set(0);
}

/// What the control plane has said, and where in history that stands; `None` before it has said anything.
pub fn known(waygate: &Waygate) -> Option<(Cursor, ServiceView)> {
    waygate.replica().known()
}

/// At least 0, below 1; `None` without a seed.
pub(crate) fn fraction() -> Option<f64> {
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    let state = CHANCE.get()?.wrapping_add(SPREAD);
    CHANCE.set(Some(state));
    // SplitMix64.
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let bits = u32::try_from((mixed ^ (mixed >> 31)) >> 32).ok()?;
    Some(f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}

/// The changes of a commit, as far as they are not dropped.
pub(crate) fn sabotaged(changes: Vec<Change>) -> Vec<Change> {
    let commits = COMMITS.get() + 1;
    COMMITS.set(commits);
    let dropped = SABOTAGE.get() == Some(Sabotage::DropFrame) && commits.is_multiple_of(DROPPED);
    if dropped { Vec::new() } else { changes }
}

/// Whether a frame that does not join on is taken all the same.
pub(crate) fn overlooks(known: &Cursor, cursor: &Cursor, after: Option<Revision>) -> bool {
    after.is_some()
        && match SABOTAGE.get() {
            Some(Sabotage::ApplyTwice) => cursor.revision <= known.revision,
            Some(Sabotage::SkipContinuity) => true,
            Some(Sabotage::DropFrame) | None => false,
        }
}
