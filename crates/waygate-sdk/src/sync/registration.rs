//! Telling the control plane which routes there are: one batch after catch-up, again when that is news to it.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use waygate_api::rate_limits::LimitSettings;
use waygate_api::sdk::{RegisterAnswer, RegisteredRoute};
use waygate_core::{Declaration, Lifecycle};

use crate::replica::{Batch, Replica};
use crate::status::Outage;
use crate::sync::backoff::Backoff;
use crate::sync::source::Source;

/// Where the registration of the declared routes stands. It lives across connections.
pub(super) struct Registration {
    replica: Arc<Replica>,
    backoff: Backoff,
    /// Everything has to be told anew.
    due: bool,
    /// The generation of declarations that the control plane was told last.
    told: u64,
    not_before: Option<Instant>,
    /// A batch under way, with its answer to come.
    sending: Option<(Batch, BoxFuture<'static, Result<RegisterAnswer, Outage>>)>,
}

impl Registration {
    pub(super) fn new(replica: Arc<Replica>, backoff: Backoff) -> Self {
        Self { replica, backoff, due: false, told: 0, not_before: None, sending: None }
    }

    /// The control plane may not know the routes.
    pub(super) fn is_due(&mut self) {
        self.due = true;
        self.not_before = None;
        self.sending = None;
        self.replica.unregistered();
    }

    /// Makes one step: waits for a declaration, for the time of the next attempt, or for an answer. May be dropped at
    /// any time and called again.
    pub(super) async fn progress(&mut self, source: &mut impl Source) {
        if let Some((_, answer)) = &mut self.sending {
            let answer = answer.await;
            if let Some((batch, _)) = self.sending.take() {
                self.finish(&batch, answer);
            }
            return;
        }
        while !self.due && self.replica.is_complete(self.told) {
            self.replica.declared().await;
        }
        if let Some(not_before) = self.not_before {
            tokio::time::sleep_until(not_before).await;
            self.not_before = None;
        }
        self.due = false;
        let batch = self.replica.batch();
        if batch.declarations.is_empty() {
            self.told = batch.generation;
            return;
        }
        let routes = batch.declarations.iter().map(registered_route).collect();
        self.sending = Some((batch, source.register(routes)));
    }

    fn finish(&mut self, batch: &Batch, answer: Result<RegisterAnswer, Outage>) {
        match answer {
            Ok(answer) => {
                self.backoff.reset();
                self.replica.registered(batch, answer.rejected.len());
                for rejected in &answer.rejected {
                    let path = rejected.path.as_deref().unwrap_or_default();
                    tracing::warn!(route = path, error = rejected.error, "the control plane refuses a declared route");
                }
                self.told = batch.generation;
            }
            Err(outage) => {
                let now = Instant::now();
                let wait = self.backoff.after(&outage, now);
                tracing::warn!(%outage, ?wait, "the routes could not be registered and will be again");
                self.due = true;
                self.not_before = Some(now + wait);
            }
        }
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Registration").field("due", &self.due).finish_non_exhaustive()
    }
}

fn registered_route(declaration: &Declaration) -> RegisteredRoute {
    let deprecation = declaration.deprecation.as_ref();
    let (status, allowed_envs) = match &declaration.control.lifecycle {
        Lifecycle::Active if deprecation.is_some() => ("deprecated", Vec::new()),
        Lifecycle::EnvGated(allowed) => ("env_gated", allowed.iter().map(ToString::to_string).collect()),
        other => (other.kind().as_str(), Vec::new()),
    };
    RegisteredRoute {
        path: declaration.key.to_string(),
        service: None,
        status: status.to_owned(),
        reason: declaration.control.reason.clone(),
        allowed_envs,
        sunset_date: deprecation.and_then(|deprecation| deprecation.sunset.clone()),
        successor_path: deprecation.and_then(|deprecation| deprecation.successor.clone()),
        force_active: declaration.force_active,
        rate_limit: declaration.rate_limit.as_deref().map(LimitSettings::of),
    }
}
