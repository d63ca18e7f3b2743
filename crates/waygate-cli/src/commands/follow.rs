//! Following: being told that something has changed, and reading it.
//!
//! The event stream only wakes; what has changed is then read from the log or the list, after the last that was seen.
//! So nothing is missed while the connection is down, and nothing is told twice.

use std::time::Duration;

use waygate_api::client::{ClientError, EventStream};
use waygate_api::paths;

use crate::context::{Connection, Context};
use crate::error::{CliResult, ExitStatus};

/// At least so often it is looked, for changes that the stream says nothing of.
const AT_LEAST: Duration = Duration::from_secs(5);
/// So often it is looked where there is no stream.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// Before the first and at most before each further try to connect again.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Waits for changes, over losses of the connection.
pub(crate) struct Follower<'c> {
    context: &'c Context,
    connection: &'c Connection,
    events: Option<EventStream>,
    pause: Duration,
    /// Whether the loss has been told.
    is_told: bool,
}

impl<'c> Follower<'c> {
    pub(crate) fn new(context: &'c Context, connection: &'c Connection) -> Self {
        Self { context, connection, events: None, pause: FIRST_PAUSE, is_told: false }
    }

    /// Returns when something may have changed; at once where the stream has just been opened.
    ///
    /// # Errors
    ///
    /// When the control plane refuses. That it is out of reach is waited for.
    pub(crate) async fn changed(&mut self) -> CliResult {
        loop {
            let Some(events) = &mut self.events else {
                match self.connection.client.events(paths::EVENTS, &[], None).await {
                    Ok(events) => {
                        self.events = Some(events);
                        return Ok(());
                    }
                    // Whoever may not see everything may not follow everything, and looks now and then.
                    Err(ClientError::Refused { status: 400 | 403, .. }) => {
                        tokio::time::sleep(BETWEEN_LOOKS).await;
                        return Ok(());
                    }
                    Err(error) => self.lost(self.connection.failure(error)).await?,
                }
                continue;
            };
            match tokio::time::timeout(AT_LEAST, events.next()).await {
                Ok(Some(Ok(_))) | Err(_) => return Ok(()),
                Ok(None | Some(Err(_))) => self.events = None,
            }
        }
    }

    /// What was read has come: the connection is good again.
    pub(crate) fn is_well(&mut self) {
        if self.is_told {
            self.context.printer.note("connected again");
        }
        (self.pause, self.is_told) = (FIRST_PAUSE, false);
    }

    /// Waits before the next try; gives up where trying cannot help.
    pub(crate) async fn lost(&mut self, error: crate::error::CliError) -> CliResult {
        let is_final = matches!(error.status, ExitStatus::Authentication | ExitStatus::NotFound | ExitStatus::Usage);
        if is_final || error.is_missing() {
            return Err(error);
        }
        if !self.is_told {
            self.context.printer.warn(&format!("{error}; trying again"));
            self.is_told = true;
        }
        self.events = None;
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}
