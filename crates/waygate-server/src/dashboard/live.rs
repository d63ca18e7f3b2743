//! Tells open pages that something has changed. Events name the revision; the pages fetch what they show.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use waygate_core::{Revision, Timestamp};

use crate::clock;
use crate::dashboard::visit::Visit;
use crate::error::ApiError;

/// How often a page hears that it still is connected.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Changes that come closer together are told as one.
const PAUSE: Duration = Duration::from_millis(100);
/// What is learnt of instances within so long is told as one.
const FLEET_PAUSE: Duration = Duration::from_millis(500);
/// What services report of their requests is told at most so often.
const TRAFFIC_PAUSE: Duration = Duration::from_secs(5);
/// After how many milliseconds a page comes back when the server stops.
const RETURN: u64 = 2000;

/// A stream of `revision` events, of `fleet` events when instances have come, gone or caught up, of `traffic` events when
/// services have reported requests, and of a `heartbeat` in between, until the session or the server ends.
pub(super) async fn follow(visit: Visit) -> Result<Response, ApiError> {
    let Visit { app, principal, .. } = visit;
    let follower = Follower {
        changed: app.control.changed(),
        learnt: app.presence.learnt(),
        counted: app.traffic.told(),
        told: None,
        drawn: 0,
        next_traffic: Instant::now(),
        next_beat: Instant::now() + HEARTBEAT,
        ends: principal.expires,
        stopping: app.stopping.clone(),
    };
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    Ok(Sse::new(events).into_response())
}

/// One open page.
struct Follower {
    changed: watch::Receiver<Revision>,
    learnt: watch::Receiver<u64>,
    counted: watch::Receiver<u64>,
    /// The revision that the page knows of.
    told: Option<Revision>,
    /// How much of what was counted the page knows of, and when it is told again at the earliest.
    drawn: u64,
    next_traffic: Instant,
    next_beat: Instant,
    ends: Option<Timestamp>,
    stopping: CancellationToken,
}

impl Follower {
    /// The next event; `None` when there is no more to come.
    async fn next(&mut self) -> Option<Event> {
        if self.stopping.is_cancelled() || self.ends.is_some_and(|ends| ends <= clock::now()) {
            return None;
        }
        if self.told.is_some_and(|told| told == *self.changed.borrow()) {
            tokio::select! {
                () = self.stopping.cancelled() => {
                    return Some(Event::default().event("bye").data(json!({"retry_after_ms": RETURN}).to_string()));
                }
                changed = self.changed.changed() => {
                    changed.ok()?;
                    sleep(PAUSE).await;
                }
                learnt = self.learnt.changed() => {
                    learnt.ok()?;
                    sleep(FLEET_PAUSE).await;
                    self.learnt.mark_unchanged();
                    if self.told.is_some_and(|told| told == *self.changed.borrow()) {
                        return Some(Event::default().event("fleet").data("{}"));
                    }
                }
                counted = counted(&mut self.counted, self.drawn, self.next_traffic) => {
                    self.drawn = counted?;
                    self.next_traffic = Instant::now() + TRAFFIC_PAUSE;
                    return Some(Event::default().event("traffic").data("{}"));
                }
                () = sleep_until(self.next_beat) => {
                    self.next_beat = Instant::now() + HEARTBEAT;
                    return Some(Event::default().event("heartbeat").data("{}"));
                }
            }
        }
        let revision = *self.changed.borrow_and_update();
        self.told = Some(revision);
        let data = json!({"revision": revision}).to_string();
        Some(Event::default().event("revision").id(revision.to_string()).data(data))
    }
}

/// Waits until more was counted than is drawn, and until it may be told.
async fn counted(counted: &mut watch::Receiver<u64>, drawn: u64, earliest: Instant) -> Option<u64> {
    counted.wait_for(|count| *count != drawn).await.ok()?;
    sleep_until(earliest).await;
    Some(*counted.borrow())
}
