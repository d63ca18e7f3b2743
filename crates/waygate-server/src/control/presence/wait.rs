//! Waiting until a change is in force where it counts.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use waygate_api::instances::{Laggard, Propagation};
use waygate_core::{Revision, ServiceId};

use super::Presence;
use super::record::{Instance, Name};
use super::standing::Measure;
use crate::clock;
use crate::control::Concerned;
use crate::control::feed::{Past, Place};

/// How often the notes of other nodes are read while somebody waits: at first, and at the least.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// Reading them may take one part in so many of the time.
const SHARE: u32 = 10;
/// How many are named.
const MOST_NAMED: usize = 100;

/// A change to wait for.
struct Awaited<'p> {
    revision: Revision,
    concerned: &'p Concerned,
    past: Past,
    /// The newest commit up to it that concerns each service, and what concerns it at all.
    services: BTreeMap<ServiceId, Vec<(Revision, waygate_core::Timestamp)>>,
}

impl Presence {
    /// Waits until every instance of the services concerned enforces a revision or has said that it cannot, but not
    /// longer than `patience` or `ending`; then tells how far it has come.
    pub(crate) async fn propagation(
        &self,
        revision: Revision,
        concerned: &Concerned,
        patience: Duration,
        ending: &CancellationToken,
    ) -> Propagation {
        let begin = Instant::now();
        let end = begin + patience;
        let mut learnt = self.0.learnt.subscribe();
        let past = self.0.control.feed().past();
        let mut awaited = Awaited { revision, concerned, past, services: BTreeMap::new() };
        let mut others = self.others(concerned.only()).await;
        let mut pause = FIRST_PAUSE;
        let mut next_reading = Instant::now() + pause;
        loop {
            learnt.mark_unchanged();
            let known = self.with_own(others.clone(), |service| concerned.includes(service));
            let (mut propagation, is_settled) = awaited.judge(self, &known);
            let is_over = Instant::now() >= end || ending.is_cancelled();
            if is_settled || is_over {
                propagation.waited_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
                return propagation;
            }
            tokio::select! {
                // The sender lives as long as this handle.
                _ = learnt.changed() => {}
                () = sleep_until(next_reading.min(end)) => {
                    let reading = Instant::now();
                    others = self.others(concerned.only()).await;
                    pause = (pause * 3 / 2).max(reading.elapsed() * SHARE).min(LONGEST_PAUSE);
                    next_reading = Instant::now() + pause;
                }
                () = ending.cancelled() => {}
            }
        }
    }
}

impl Awaited<'_> {
    /// How far it has come, and whether waiting longer can change that.
    fn judge(&mut self, presence: &Presence, known: &BTreeMap<Name, Instance>) -> (Propagation, bool) {
        let mut told = Propagation {
            revision: self.revision,
            confirmed: 0,
            total: 0,
            unconfirmed: 0,
            lost: 0,
            waited_ms: 0,
            laggards: Vec::new(),
        };
        let mut is_settled = true;
        for (name, instance) in known.iter().filter(|(name, _)| self.concerned.includes(&name.service)) {
            let concerning =
                self.services.entry(name.service.clone()).or_insert_with(|| self.past.concerning(&name.service));
            let measure =
                Measure { past: &self.past, now: clock::now(), liveness: presence.0.liveness, stale: presence.stale() };
            if instance.has_left() || instance.was_forgotten() {
                continue;
            }
            if !instance.confirms() {
                told.unconfirmed += usize::from(instance.is_open(measure.now, measure.stale));
                continue;
            }
            if measure.is_lost(instance) {
                told.lost += 1;
                continue;
            }
            told.total += 1;
            let target = concerning.iter().rev().map(|(at, _)| *at).find(|at| *at <= self.revision);
            let has_come = has_reached(&self.past, instance, target.unwrap_or(Revision::ZERO));
            let refuses = instance.heard.as_ref().is_some_and(|heard| !heard.rejected.is_empty());
            if has_come && !refuses {
                told.confirmed += 1;
                continue;
            }
            is_settled &= has_come;
            if told.laggards.len() < MOST_NAMED
                && let Some(view) = measure.view(name, instance, concerning)
            {
                told.laggards.push(Laggard {
                    service: view.service,
                    instance: view.id,
                    applied: view.applied,
                    state: view.state,
                    rejected: view.rejected,
                });
            }
        }
        (told, is_settled)
    }
}

fn has_reached(past: &Past, instance: &Instance, target: Revision) -> bool {
    let cursor = instance.heard.as_ref().and_then(|heard| heard.cursor.as_ref());
    cursor.is_some_and(|cursor| cursor.revision >= target && !matches!(past.place(cursor), Place::Elsewhere))
}
