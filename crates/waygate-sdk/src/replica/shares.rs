//! What the replica holds of divided limits: parts under leases, which end by the replica's own clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use waygate_api::instances::{ShareGranted, SharesGranted, SharesHeld};
use waygate_core::{Holding, Part, ServiceView};

use super::Replica;
use super::model::Model;
use crate::cache::KeptShares;
use crate::status::{ShareStatus, Shares};

/// How long a share is waited for before this replica goes on without the control plane's.
const GRACE: Duration = Duration::from_secs(2);
/// How long a share may take to its place on the disk before it is confirmed without.
const DISK_PATIENCE: Duration = Duration::from_secs(2);

/// What is held, of one service and of everything.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is true or not whatever the others are")]
pub(super) struct Held {
    /// Divided limits are asked for; else this replica has the whole of each.
    pub(super) asks: bool,
    /// What is left without a lease is kept on a disk.
    keeps: bool,
    /// The control plane was tried in vain, and not reached since.
    away: bool,
    /// Shares were given up for good: the service ends.
    ended: bool,
    pub(super) service: One,
    pub(super) global: One,
}

/// A part of one whole.
#[derive(Debug, Default)]
pub(super) struct One {
    holding: Holding,
    serial: u64,
    of: usize,
    /// When the lease ends.
    until: Option<Instant>,
    /// How long is waited for a part, while none is held.
    waits: Option<Instant>,
    /// What is left without a lease, also over a restart; `None` while no part was given that is any.
    left: Option<Part>,
    /// When the part was given that is held.
    given: Option<Instant>,
    /// The newest grant of which the disk says what is left.
    kept: u64,
}

impl Held {
    /// Begins with what is left of the shares of a process before.
    pub(super) fn after(kept: KeptShares) -> Self {
        let one = |left| One { left, ..One::default() };
        Self { service: one(kept.service), global: one(kept.global), ..Self::default() }
    }

    /// Puts what is held in the place of divided limits.
    pub(super) fn apply(&self, view: &mut ServiceView) {
        if self.asks {
            view.hold(&self.service.holding, &self.global.holding);
        }
    }

    /// What is left without leases, to keep.
    pub(super) fn left(&self) -> KeptShares {
        if self.asks {
            KeptShares { service: self.service.left.clone(), global: self.global.left.clone() }
        } else {
            KeptShares::default()
        }
    }

    fn status(&self, (service, global): (bool, bool)) -> Shares {
        let of = |one: &One| ShareStatus { holding: one.holding.clone(), of: one.of };
        Shares {
            service: (self.asks && service).then(|| of(&self.service)),
            global: (self.asks && global).then(|| of(&self.global)),
        }
    }

    /// Waits for what is divided and not held, or goes on without.
    fn look(&mut self, (service, global): (bool, bool), now: Instant) {
        let may_wait = self.asks && !self.ended;
        self.service.look(may_wait && service, self.away, now);
        self.global.look(may_wait && global, self.away, now);
    }

    fn ends(&self) -> Option<Instant> {
        [&self.service, &self.global].into_iter().flat_map(|one| [one.until, one.waits]).flatten().min()
    }
}

impl One {
    /// Takes what was given in answer to a question of that time.
    fn take(&mut self, asked: Instant, granted: ShareGranted) {
        let (until, now) = (asked + Duration::from_millis(granted.lease_ms), Instant::now());
        if until > now {
            let ShareGranted { serial, part, of, .. } = granted;
            if serial != self.serial {
                self.given = Some(now);
            }
            // A part of nothing is what one has that waits for others to make room.
            self.left = Some(part.half()).filter(|left| !left.is_empty());
            (self.holding, self.serial, self.of) = (Holding::Leased(part), serial, of);
            (self.until, self.waits) = (Some(until), None);
        }
    }

    fn lapse(&mut self, now: Instant) {
        if self.until.is_some_and(|until| until <= now) {
            self.until = None;
            if matches!(self.holding, Holding::Leased(_)) {
                self.go_on_without();
            }
        }
    }

    fn look(&mut self, wants: bool, away: bool, now: Instant) {
        if !wants || self.holding != Holding::Nothing {
            self.waits = None;
        } else if away || self.waits.is_some_and(|until| until <= now) {
            self.waits = None;
            self.go_on_without();
        } else {
            self.waits = self.waits.or(Some(now + GRACE));
        }
    }

    /// What is left of the last part, or all where there never was one.
    fn go_on_without(&mut self) {
        self.holding = self.left.clone().map_or(Holding::Alone, Holding::Lapsed);
        let holds = if self.left.is_some() { "what is left of the last share" } else { "the whole limit" };
        tracing::warn!(holds, "there is no lease for the share of divided limits; `on_backend_failure` decides");
    }

    /// Nothing is held any more.
    fn give_up(&mut self) {
        *self = Self { left: self.left.take(), ..Self::default() };
    }

    /// The grant that is confirmed: what has not reached the disk yet is not, since a process that starts from there
    /// would enforce what others were given meanwhile.
    fn confirms(&self, keeps: bool) -> u64 {
        let is_late = self.given.is_none_or(|given| given.elapsed() >= DISK_PATIENCE);
        if keeps && !is_late { self.kept } else { self.serial }
    }
}

impl Replica {
    /// From now on divided limits are not enforced beyond what is held; or, where this instance may not ask, as if they
    /// were not divided.
    pub(crate) fn ask_for_shares(&self, may_ask: bool) {
        self.change_shares(|held| held.asks = may_ask);
    }

    /// From now on a share is confirmed only once [`Replica::shares_kept`] was told of it.
    pub(crate) fn keeps_shares(&self) {
        self.change_shares(|held| held.keeps = true);
    }

    /// This was written to the disk, or cannot be.
    pub(crate) fn shares_kept(&self, kept: &KeptShares) {
        let is_news = {
            let mut model = self.model();
            let Held { service, global, .. } = &mut model.held;
            let mut is_news = false;
            for (one, left) in [(service, &kept.service), (global, &kept.global)] {
                if one.left == *left && one.kept != one.serial {
                    one.kept = one.serial;
                    is_news = true;
                }
            }
            is_news
        };
        if is_news {
            // Whoever confirms it waits for a change of the status.
            self.status.send_modify(|_| {});
        }
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
        let keeps = model.held.keeps;
        let serial = |divided: bool, one: &One| divided.then(|| one.confirms(keeps));
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
        // What is left now is to be kept.
        self.moved.notify_one();
    }

    /// The service ends: nothing is held any more, and nothing is waited for.
    pub(crate) fn give_shares_up(&self) {
        self.change_shares(|held| {
            held.ended = true;
            held.service.give_up();
            held.global.give_up();
        });
    }

    /// Each server of the control plane was tried, and none was there.
    pub(crate) fn unreached(&self) {
        self.change_shares(|held| held.away = true);
    }

    /// The control plane is there.
    pub(super) fn reached(&self) {
        self.model().held.away = false;
    }

    /// The control plane wants to be asked.
    pub(crate) fn nudged(&self) {
        self.status.send_modify(|status| status.nudges += 1);
    }

    fn change_shares(&self, change: impl FnOnce(&mut Held)) {
        let mut model = self.model();
        let of = |held: &Held| (held.asks, held.service.holding.clone(), held.global.holding.clone());
        let before = of(&model.held);
        change(&mut model.held);
        let divided = model.merged().divides();
        model.held.look(divided, Instant::now());
        if of(&model.held) == before {
            self.lease.send_replace(model.held.ends());
        } else {
            self.put_in_force(&mut model);
        }
    }

    /// Compiles what is known, and puts it in force.
    pub(super) fn put_in_force(&self, model: &mut Model) {
        let view = model.merged();
        let divided = view.divides();
        model.held.look(divided, Instant::now());
        self.lease.send_replace(model.held.ends());
        let shares = model.held.status(divided);
        self.snapshot.store(model.compile(view));
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

#[cfg(test)]
mod tests;
