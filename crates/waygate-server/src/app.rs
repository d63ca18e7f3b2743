//! What every request can reach.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;
use waygate_core::Command;

use crate::auth::{Authority, Principal};
use crate::clients::Clients;
use crate::clock;
use crate::control::{Applied, ControlPlane};
use crate::error::ApiError;
use crate::hits::Hits;
use crate::webhooks::Webhooks;

/// The shared parts of one server. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) control: ControlPlane,
    pub(crate) authority: Arc<Authority>,
    pub(crate) webhooks: Webhooks,
    pub(crate) hits: Hits,
    pub(crate) clients: Clients,
    /// Cancelled when the server begins to stop: streams end then, and readiness is over.
    pub(crate) stopping: CancellationToken,
    requests: Arc<AtomicU64>,
}

impl App {
    pub(crate) fn new(control: ControlPlane, authority: Authority, webhooks: Webhooks) -> Self {
        Self {
            control,
            authority: Arc::new(authority),
            webhooks,
            hits: Hits::default(),
            clients: Clients::default(),
            stopping: CancellationToken::new(),
            requests: Arc::new(AtomicU64::new(0)),
        }
    }

    /// Carries a command out in the name of a caller.
    pub(crate) async fn execute(&self, principal: &Principal, command: Command) -> Result<Applied, ApiError> {
        Ok(self.control.execute(command, principal.cause(clock::now())).await?)
    }

    pub(crate) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests have come in since the start, this one included.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("App").field("control", &self.control).finish_non_exhaustive()
    }
}
