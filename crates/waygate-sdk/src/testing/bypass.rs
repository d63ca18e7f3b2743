//! Bypassing for the length of a scope.

use std::sync::Arc;

pub use crate::bypass::Bypass;
use crate::replica::Replica;

/// Bypasses until it is dropped; from [`ControlPlane::bypass`](super::ControlPlane::bypass).
#[derive(Debug)]
#[must_use = "nothing is bypassed any more once it is dropped"]
pub struct BypassScope {
    replica: Arc<Replica>,
    what: Bypass,
}

impl BypassScope {
    pub(super) fn new(replica: Arc<Replica>, what: Bypass) -> Self {
        replica.bypass(|bypassed| bypassed.count(what, |count| count + 1));
        Self { replica, what }
    }
}

impl Drop for BypassScope {
    fn drop(&mut self) {
        self.replica.bypass(|bypassed| bypassed.count(self.what, |count| count.saturating_sub(1)));
    }
}
