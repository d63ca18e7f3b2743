//! Which node delivers, and for which webhooks.
//!
//! Of the nodes that share a store one delivers: the one that holds the lease. The place of each webhook is moved by
//! compare-and-set, so a node that lost its lease without knowing can repeat a delivery but not lose one.

use std::collections::HashMap;

use tokio::task::{Id, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use waygate_core::WebhookId;
use waygate_store::{SideValue, StoreError};

use crate::clock;
use crate::webhooks::progress::PREFIX;
use crate::webhooks::{Webhooks, worker};

/// Where the lease lies in the side table.
const LEASE: &str = "webhooks/dispatcher";

/// Runs until the control plane ends.
pub(super) async fn run(webhooks: Webhooks, ending: CancellationToken) {
    let node = format!("{:016x}", getrandom::u64().unwrap_or_default());
    let mut contest = interval(webhooks.0.options.lease / 3);
    contest.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = contest.tick() => {}
            () = ending.cancelled() => return,
        }
        match hold(&webhooks, &node).await {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => {
                tracing::debug!(%error, "the lease of the webhooks cannot be had");
                continue;
            }
        }
        let mut workers = Workers::default();
        let is_over = tokio::select! {
            () = serve(&webhooks, &node, &mut workers) => false,
            () = ending.cancelled() => true,
        };
        // Whoever delivers next shall not meet one of them.
        workers.tasks.shutdown().await;
        if is_over {
            // Without it, the lease ends by itself.
            let _ = webhooks.0.side.swap(LEASE, Some(&node), None, clock::now()).await;
            return;
        }
    }
}

/// Takes the lease, or prolongs it. Whether this node has it now.
async fn hold(webhooks: &Webhooks, node: &str) -> Result<bool, StoreError> {
    let (side, now) = (&webhooks.0.side, clock::now());
    let holder = side.value(LEASE, now).await?;
    if holder.as_deref().is_some_and(|holder| holder != node) {
        return Ok(false);
    }
    let lease = SideValue::expiring(node, webhooks.0.options.lease);
    side.swap(LEASE, holder.as_deref(), Some(lease), now).await
}

/// Delivers for as long as the lease lasts.
async fn serve(webhooks: &Webhooks, node: &str, workers: &mut Workers) {
    let inner = &webhooks.0;
    let mut changed = inner.control.changed();
    let mut renewal = interval(inner.options.lease / 3);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    sweep(webhooks).await;
    loop {
        changed.mark_unchanged();
        workers.start_missing(webhooks);
        tokio::select! {
            _ = changed.changed() => {}
            Some(()) = workers.ended() => sweep(webhooks).await,
            _ = renewal.tick() => {
                if !matches!(timeout(inner.options.lease / 3, hold(webhooks, node)).await, Ok(Ok(true))) {
                    tracing::warn!("the lease of the webhooks cannot be prolonged; another node may deliver now");
                    return;
                }
            }
        }
    }
}

/// One task per webhook that is on. Dropped, they end.
#[derive(Default)]
struct Workers {
    tasks: JoinSet<()>,
    running: HashMap<Id, WebhookId>,
}

impl Workers {
    fn start_missing(&mut self, webhooks: &Webhooks) {
        for (id, webhook) in &*webhooks.0.control.current().webhooks {
            if webhook.settings.enabled && !self.running.values().any(|running| running == id) {
                let task = self.tasks.spawn(worker::run(webhooks.clone(), id.clone()));
                self.running.insert(task.id(), id.clone());
            }
        }
    }

    /// Waits until one has ended; `None` when there is none.
    async fn ended(&mut self) -> Option<()> {
        let id = match self.tasks.join_next_with_id().await? {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(%error, "the deliveries of a webhook have ended unexpectedly");
                error.id()
            }
        };
        self.running.remove(&id);
        Some(())
    }
}

/// Forgets the places of webhooks that are gone, if that can be had soon.
async fn sweep(webhooks: &Webhooks) {
    // Left for the next time where it takes too long: the lease has to be prolonged.
    let _ = timeout(webhooks.0.options.lease / 3, forget_strangers(webhooks)).await;
}

async fn forget_strangers(webhooks: &Webhooks) {
    // A webhook that this node has not heard of yet is not gone.
    if webhooks.0.control.catch_up().await.is_err() {
        return;
    }
    let (side, now) = (&webhooks.0.side, clock::now());
    let Ok(places) = side.values(PREFIX, now).await else { return };
    let known = &webhooks.0.control.current().webhooks;
    for (key, text) in places {
        let id = key.strip_prefix(PREFIX).unwrap_or_default();
        if !known.contains_key(id) {
            // Left for the next time when it fails.
            let _ = side.swap(&key, Some(&text), None, now).await;
        }
    }
}
