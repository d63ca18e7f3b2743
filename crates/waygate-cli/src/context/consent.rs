//! The yes that a context wants before every change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::context::Server;
use crate::error::{CliError, CliResult};
use crate::printer;

/// Whether a yes is wanted that nobody has given yet. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Consent(Arc<AtomicBool>);

impl Consent {
    /// From now on a change needs a yes.
    pub(crate) fn want(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// The yes has been given.
    pub(crate) fn give(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Asks, where nothing else has asked.
    ///
    /// # Errors
    ///
    /// When the answer is no. Nothing has been changed then.
    pub(super) fn ask(&self, server: &Server) -> CliResult {
        if !self.0.load(Ordering::Relaxed) {
            return Ok(());
        }
        if !printer::agrees(&format!("This changes {}. Go on? [y/N]: ", server.place())) {
            return Err(CliError::failed("nothing has been changed"));
        }
        self.give();
        Ok(())
    }
}
