//! What the replica holds of divided limits: parts under leases, which end by the replica's own clock.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use waygate_api::instances::{ShareGranted, SharesGranted, SharesHeld};
use waygate_core::{Holding, ServiceView};

use super::Replica;
use super::model::Model;
use crate::status::{ShareStatus, Shares};

/// What is held, of one service and of everything.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Divided limits are asked for; else this replica has the whole of each.
    pub(super) asks: bool,
    pub(super) service: One,
    pub(super) global: One,
}

/// A part of one whole.
#[derive(Debug, Default)]
pub(super) struct One {
    pub(super) holding: Holding,
    serial: u64,
    of: usize,
    until: Option<Instant>,
}

impl Held {
    /// Puts what is held in the place of divided limits.
    pub(super) fn apply(&self, view: &mut ServiceView) {
        if self.asks {
            view.hold(&self.service.holding, &self.global.holding);
        }
    }

    pub(super) fn status(&self, view: &ServiceView) -> Shares {
        let (service, global) = if self.asks { view.divides() } else { (false, false) };
        let of = |one: &One| ShareStatus { holding: one.holding.clone(), of: one.of };
        Shares { service: service.then(|| of(&self.service)), global: global.then(|| of(&self.global)) }
    }

    fn ends(&self) -> Option<Instant> {
        [self.service.until, self.global.until].into_iter().flatten().min()
    }
}

impl One {
    /// Takes what was given in answer to a question of that time.
    fn take(&mut self, asked: Instant, granted: ShareGranted) {
        let until = asked + std::time::Duration::from_millis(granted.lease_ms);
        if until > Instant::now() {
            let ShareGranted { serial, part, of, .. } = granted;
            *self = Self { holding: Holding::Leased(part), serial, of, until: Some(until) };
        }
    }

    fn lapse(&mut self, now: Instant) {
        if self.until.is_some_and(|until| until <= now) {
            self.until = None;
            if let Holding::Leased(part) = &self.holding {
                self.holding = Holding::Lapsed(part.half());
            }
        }
    }
}

impl Replica {
    /// From now on divided limits are not enforced beyond what is held; or, where this instance may not ask, as if they
    /// were not divided.
    pub(crate) fn ask_for_shares(&self, may_ask: bool) {
        self.change_shares(|held| held.asks = may_ask);
    }

    /// What to ask for, and what is held; `None` where nothing is divided.
    pub(crate) fn asked_shares(&self) -> Option<SharesHeld> {
        let mut model = self.model();
        if !model.held.asks {
            return None;
        }
        let (service, global) = model.merged().divides();
        // What is not divided any more is not held either.
        if !service {
            model.held.service = One::default();
        }
        if !global {
            model.held.global = One::default();
        }
        let serial = |divided: bool, one: &One| divided.then_some(one.serial);
        let asked =
            SharesHeld { service: serial(service, &model.held.service), global: serial(global, &model.held.global) };
        (service || global).then_some(asked)
    }

    /// Takes what was given in answer to a question of that time.
    pub(crate) fn take_shares(&self, asked: Instant, granted: SharesGranted) {
        self.change_shares(|held| {
            if let Some(granted) = granted.service {
                held.service.take(asked, granted);
            }
            if let Some(granted) = granted.global {
                held.global.take(asked, granted);
            }
        });
    }

    /// Nothing is held any more.
    pub(crate) fn give_shares_up(&self) {
        self.change_shares(|held| (held.service, held.global) = (One::default(), One::default()));
    }

    /// The control plane wants to be asked.
    pub(crate) fn nudged(&self) {
        self.status.send_modify(|status| status.nudges += 1);
    }

    fn change_shares(&self, change: impl FnOnce(&mut Held)) {
        let mut model = self.model();
        let before = [model.held.service.holding.clone(), model.held.global.holding.clone()];
        let asked = model.held.asks;
        change(&mut model.held);
        let Held { asks, service, global } = &model.held;
        if *asks != asked || [&service.holding, &global.holding] != [&before[0], &before[1]] {
            self.put_in_force(&model);
        }
        self.lease.send_replace(model.held.ends());
    }

    /// Compiles what is known, and puts it in force.
    pub(super) fn put_in_force(&self, model: &Model) {
        self.snapshot.store(model.compile());
        let shares = model.held.status(&model.merged());
        self.status.send_if_modified(|status| {
            let is_news = status.shares != shares;
            status.shares = shares;
            is_news
        });
    }
}

/// Ends leases on time, until `stop`, and then gives everything up.
pub(crate) async fn keep_leases(replica: Arc<Replica>, stop: CancellationToken) {
    let mut lease = replica.lease.subscribe();
    let keep = async {
        loop {
            let ends = *lease.borrow_and_update();
            tokio::select! {
                // The sender lives as long as the replica.
                _ = lease.changed() => {}
                () = async {
                    match ends {
                        Some(ends) => sleep_until(ends).await,
                        None => std::future::pending().await,
                    }
                } => {
                    let now = Instant::now();
                    replica.change_shares(|held| {
                        held.service.lapse(now);
                        held.global.lapse(now);
                    });
                }
            }
        }
    };
    let None::<std::convert::Infallible> = stop.run_until_cancelled(keep).await;
    replica.give_shares_up();
}
