//! What every request can reach.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, StatusCode};
use tokio_util::sync::CancellationToken;
use waygate_core::Command;

use crate::admission::{Admission, Place};
use crate::auth::{Authority, FailedLogins, Principal, TokenUses};
use crate::clock;
use crate::compat::Absences;
use crate::control::presence::Presence;
use crate::control::{Applied, ControlPlane};
use crate::edge::{Client, Edge};
use crate::error::ApiError;
use crate::hits::Hits;
use crate::traffic::Traffic;
use crate::webhooks::Webhooks;

/// The shared parts of one server. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) control: ControlPlane,
    pub(crate) authority: Arc<Authority>,
    pub(crate) edge: Arc<Edge>,
    pub(crate) failed_logins: FailedLogins,
    pub(crate) token_uses: TokenUses,
    pub(crate) webhooks: Webhooks,
    pub(crate) hits: Hits,
    pub(crate) traffic: Traffic,
    pub(crate) presence: Presence,
    pub(crate) absences: Absences,
    pub(crate) admission: Admission,
    /// Cancelled when the server begins to stop: streams end then, and readiness is over.
    pub(crate) stopping: CancellationToken,
    requests: Arc<AtomicU64>,
    #[expect(dead_code, reason = "dropping the last one ends the control plane")]
    held: Arc<Held>,
}

/// Held by everything through which the control plane can be called.
struct Held {
    control: ControlPlane,
    stopping: CancellationToken,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.stopping.cancel();
        self.control.abandon();
    }
}

impl App {
    pub(crate) fn new(
        control: ControlPlane,
        authority: Authority,
        edge: Edge,
        webhooks: Webhooks,
        presence: Presence,
        admission: Admission,
    ) -> Self {
        let stopping = CancellationToken::new();
        Self {
            held: Arc::new(Held { control: control.clone(), stopping: stopping.clone() }),
            token_uses: TokenUses::start(&control),
            absences: Absences::new(&control.describe_store(), clock::now()),
            control,
            authority: Arc::new(authority),
            edge: Arc::new(edge),
            failed_logins: FailedLogins::default(),
            webhooks,
            hits: Hits::default(),
            traffic: Traffic::default(),
            presence,
            admission,
            stopping,
            requests: Arc::new(AtomicU64::new(0)),
        }
    }

    /// Who the caller of a request is.
    pub(crate) async fn identify(&self, head: &HeaderMap, client: &Client) -> Result<Principal, ApiError> {
        if !self.authority.is_required() {
            self.edge.allowed_hosts.require(client)?;
        }
        let (state, now) = (self.control.current(), clock::now());
        let principal = self.authority.identify(head, client, &state, now).await.inspect_err(|refusal| {
            if refusal.status == StatusCode::UNAUTHORIZED {
                self.not_let_in(if self.authority.is_token_missing(head, client) { "missing" } else { "token" });
            }
        })?;
        if let Some(token) = &principal.token {
            self.token_uses.note(token, &state, now);
        }
        Ok(principal)
    }

    /// Carries a command out in the name of a caller, as far as the caller's reach goes.
    pub(crate) async fn execute(&self, principal: &Principal, command: Command) -> Result<Applied, ApiError> {
        let command = principal.within_reach(command, self).await?;
        Ok(self.control.execute(command, principal.cause(clock::now())).await?)
    }

    /// What a command would come to in the name of a caller. Nothing is changed.
    pub(crate) async fn preview(&self, principal: &Principal, command: Command) -> Result<Applied, ApiError> {
        let command = principal.within_reach(command, self).await?;
        Ok(self.control.preview(&command, &principal.cause(clock::now())).await?)
    }

    /// Takes down that somebody was not let in, and why.
    pub(crate) fn not_let_in(&self, reason: &'static str) {
        self.control.metrics().auth_failures.at([reason]).inc();
    }

    /// A place for one more stream.
    pub(crate) fn admit_stream(&self) -> Result<Place, ApiError> {
        self.admission.admit().inspect_err(|_| self.control.metrics().streams_refused.count())
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
