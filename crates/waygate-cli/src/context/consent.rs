//! The yes that a context wants before every change.

use std::sync::{Arc, Mutex, PoisonError};

use crate::context::Server;
use crate::error::{CliError, CliResult};
use crate::printer;

/// What a yes is wanted for that nobody has given yet. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Consent(Arc<Mutex<Option<String>>>);

impl Consent {
    /// From now on a change needs a yes; `what` is what is about to be done.
    pub(crate) fn want(&self, what: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The yes has been given.
    pub(crate) fn give(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Asks, where nothing else has asked.
    ///
    /// # Errors
    ///
    /// When the answer is no. Nothing has been changed then.
    pub(super) fn ask(&self, server: &Server) -> CliResult {
        let wanted = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(what) = wanted else { return Ok(()) };
        if !printer::agrees(&format!("{what} changes {}. Go on? [y/N]: ", server.place())) {
            return Err(CliError::failed("nothing has been changed"));
        }
        self.give();
        Ok(())
    }
}
