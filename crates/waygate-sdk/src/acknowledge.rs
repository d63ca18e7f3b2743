//! Telling the control plane what is enforced here: at once when it changes, and from time to time as a sign of life.
//!
//! One message is under way at a time and the newest replaces those before it; nothing waits for any of it, and one that
//! does not arrive costs nothing but the proof.

mod rejections;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use waygate_api::client::ClientError;
use waygate_api::instances::{
    Acknowledged, Acknowledgement, InstanceId, NotApplied, PROTOCOL, SharesHeld, TAKES_SHARES,
};
use waygate_api::traffic::COUNTS_TRAFFIC;
use waygate_api::{headers, paths};
use waygate_core::{Cursor, Digest, Environment, ServiceId};

pub(crate) use self::rejections::Rejections;
use crate::replica::Replica;
use crate::session::Session;
use crate::status::{Outage, Phase, Status};
use crate::sync::backoff::Backoff;

/// How long until the next sign of life, unless the control plane asks for another time, and within what bounds.
const HEARTBEAT: Duration = Duration::from_secs(15);
const HEARTBEATS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_mins(5));
/// The longest wait at first where an acknowledgement does not get through.
const SLOW: Duration = Duration::from_secs(5);
/// How long the farewell may take when the service stops.
const PARTING: Duration = Duration::from_secs(1);

/// What is enforced here, and what is not although it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Enforced {
    pub(crate) cursor: Cursor,
    pub(crate) digest: Digest,
    pub(crate) rejected: Vec<NotApplied>,
}

/// What makes an acknowledgement news.
#[derive(Debug, Clone, PartialEq, Eq)]
struct News {
    cursor: Cursor,
    /// Since when changes arrive; `None` while they do not.
    live_since: Option<Timestamp>,
    /// What is held of divided limits, and how often the control plane has wanted to be asked for it.
    shares: (Option<SharesHeld>, u64),
}

impl News {
    /// Whether the control plane does not know it, which was told `told`: a new connection may be one to a control plane
    /// that was started again, and has forgotten.
    fn is_news_after(&self, told: Option<&Self>) -> bool {
        told.is_none_or(|told| {
            self.cursor != told.cursor
                || self.shares != told.shares
                || (self.live_since.is_some() && self.live_since != told.live_since)
        })
    }
}

/// Acknowledges for one instance.
pub(crate) struct Acknowledger {
    replica: Arc<Replica>,
    session: Session,
    service: ServiceId,
    identity: Identity,
    /// How many acknowledgements there were.
    said: AtomicU64,
    /// Divided limits are asked for, where that is allowed.
    takes_shares: bool,
    backoff: Backoff,
    /// What the control plane was told last.
    told: Option<News>,
}

/// Who acknowledges.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) instance: InstanceId,
    /// Tells this start from others of an instance of the same name.
    pub(crate) process: InstanceId,
}

/// What the instance says of itself with each call.
pub(crate) fn introduction(identity: &Identity, environment: Option<&Environment>) -> Vec<(&'static str, String)> {
    let mut said = vec![
        (headers::INSTANCE, identity.instance.to_string()),
        (headers::PROCESS, identity.process.to_string()),
        (headers::SDK, concat!("waygate-rust/", env!("CARGO_PKG_VERSION")).to_owned()),
        (headers::PROTOCOL, PROTOCOL.to_string()),
        (headers::CAPABILITIES, format!("acknowledge,digest,{COUNTS_TRAFFIC},{TAKES_SHARES}")),
    ];
    said.extend(environment.map(|environment| (headers::ENVIRONMENT, environment.to_string())));
    said
}

/// An id of a start, and of an instance that has none of its own: another one each time.
pub(crate) fn random_id() -> Option<InstanceId> {
    format!("{:016x}", getrandom::u64().ok()?).parse().ok()
}

impl Acknowledger {
    pub(crate) fn new(
        replica: Arc<Replica>,
        session: Session,
        service: ServiceId,
        identity: Identity,
        takes_shares: bool,
    ) -> Self {
        let (said, backoff) = (AtomicU64::new(0), Backoff::new(SLOW));
        Self { replica, session, service, identity, said, takes_shares, backoff, told: None }
    }

    /// Acknowledges until `stop`, then takes leave.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let None = stop.run_until_cancelled(self.acknowledge_for_ever()).await;
        // One of whom nothing is known needs no farewell.
        if self.told.is_some() {
            let farewell = timeout(PARTING, self.say(true)).await;
            tracing::debug!(?farewell, "the control plane was told that this instance ends");
        }
    }

    async fn acknowledge_for_ever(&mut self) -> std::convert::Infallible {
        let mut status = self.replica.status();
        let mut again_at = Instant::now() + HEARTBEAT;
        // Not before a time, unless the connection is another one by then.
        let mut failed: Option<(Instant, Option<Timestamp>)> = None;
        loop {
            // Nothing is asked of the replica while a status is borrowed: whoever changes the replica waits for that.
            let seen = status.borrow_and_update().clone();
            let news = self.news(&seen);
            let Some(news) = news.filter(|news| news.is_news_after(self.told.as_ref()) || again_at <= Instant::now())
            else {
                tokio::select! {
                    // The sender lives as long as the replica.
                    _ = status.changed() => {}
                    () = sleep_until(again_at.max(Instant::now() + HEARTBEATS.0)) => {}
                }
                continue;
            };
            if let Some((not_before, live_since)) = failed
                && Instant::now() < not_before
                && live_since == news.live_since
            {
                tokio::select! {
                    _ = status.changed() => {}
                    () = sleep_until(not_before) => {}
                }
                continue;
            }
            match self.say(false).await {
                Ok(answer) => {
                    self.told = Some(news);
                    self.replica.ask_for_shares(self.takes_shares);
                    (self.backoff, failed) = (Backoff::new(SLOW), None);
                    let asked = answer.map_or(HEARTBEAT, |answer| Duration::from_millis(answer.again_in_ms));
                    again_at = Instant::now() + asked.clamp(HEARTBEATS.0, HEARTBEATS.1);
                }
                Err(error) => {
                    if matches!(error, ClientError::Refused { status: 403, .. }) {
                        // Its token may only read: nobody will ever give it a share.
                        self.replica.ask_for_shares(false);
                    }
                    tracing::debug!(%error, "what is enforced here could not be acknowledged");
                    let wait = self.backoff.after(&Outage::from(error), Instant::now());
                    failed = Some((Instant::now() + wait, news.live_since));
                }
            }
        }
    }

    /// Tells what is enforced now; nothing where that is nothing.
    async fn say(&self, leaving: bool) -> Result<Option<Acknowledged>, ClientError> {
        let (enforced, asked, mut shares) = (self.replica.enforced(), Instant::now(), self.replica.asked_shares());
        if leaving {
            self.replica.give_shares_up();
            shares = shares.map(|_| SharesHeld::default());
        }
        if enforced.is_none() && !leaving {
            return Ok(None);
        }
        let (app_id, Identity { instance, process }) = (self.service.to_string(), self.identity.clone());
        let (process, sequence) = (Some(process), Some(self.said.fetch_add(1, Ordering::Relaxed) + 1));
        let (cursor, digest, rejected) = match enforced {
            Some(Enforced { cursor, digest, rejected }) => (Some(cursor), Some(digest.to_string()), rejected),
            None => (None, None, Vec::new()),
        };
        let said = &Acknowledgement { app_id, instance, process, sequence, cursor, digest, rejected, leaving, shares };
        let answer = self.session.call(|client| async move { client.post(paths::ACKNOWLEDGE, said).await }).await?;
        let mut answer: Acknowledged = answer.value;
        if let Some(granted) = answer.shares.take() {
            self.replica.take_shares(asked, granted);
        }
        Ok(Some(answer))
    }

    fn news(&self, status: &Status) -> Option<News> {
        let live_since = matches!(status.phase, Phase::Live).then_some(status.since);
        let shares = (self.replica.asked_shares(), status.nudges);
        let cursor = status.cursor.clone().filter(|_| self.replica.knows_what_is_missing())?;
        Some(News { cursor, live_since, shares })
    }
}
