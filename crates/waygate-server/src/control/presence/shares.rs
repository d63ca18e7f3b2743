//! Shares of divided limits: who is given which part, and who is told that it has become another one.
//!
//! Who holds what of one service, and who of everything, is one value each in the store's side table, changed by
//! compare-and-swap at whichever node is asked; so all nodes give from the same whole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use waygate_api::instances::{ShareGranted, SharesGranted, SharesHeld, TAKES_SHARES};
use waygate_api::paths;
use waygate_api::rate_limits::InstanceShare;
use waygate_core::{Division, LeaseTerms, RateLimitPolicy, Scope, ServiceId, Share, State, Timestamp};
use waygate_store::{SideValue, StoreError};

use super::Presence;
use super::record::{Connection, Name};
use crate::clients::Client;
use crate::clock;

/// What the keys of all values begin with.
const PREFIX: &str = "shares/";
/// How often is looked whether an instance here is to be given something else.
const LOOK: Duration = Duration::from_secs(1);
/// How long an instance waits for its share before it is answered without one.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a change is tried that others come before.
const ATTEMPTS: usize = 50;

/// One whole that is divided.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Whole {
    /// The limits of a service and of its routes.
    Service(ServiceId),
    /// The limit of everything.
    Everything,
}

impl Presence {
    /// Gives an instance its shares; none where the store does not answer, so that its leases go on running out.
    pub(crate) async fn share_out(&self, name: &Name, asked: SharesHeld) -> SharesGranted {
        SharesGranted {
            service: self.give(&Whole::Service(name.service.clone()), name, asked.service).await,
            global: self.give(&Whole::Everything, name, asked.global).await,
        }
    }

    async fn give(&self, whole: &Whole, name: &Name, enforced: Option<u64>) -> Option<ShareGranted> {
        let (enforced, terms) = (enforced?, LeaseTerms::of(self.0.liveness));
        let (who, without) = (whole.who(name), self.without(whole.service()));
        let change = |division: &mut Division, now| division.ask(&who, enforced, without, &terms, now);
        let granted = timeout(PATIENCE, self.change(whole, true, change)).await;
        match granted {
            Ok(Ok(Some(granted))) => Some(ShareGranted {
                serial: granted.serial,
                part: granted.part,
                lease_ms: u64::try_from(granted.lease.as_millis()).unwrap_or(u64::MAX),
                of: granted.seats,
                partial: !granted.complete,
            }),
            Ok(Err(error)) => {
                tracing::warn!(%error, instance = name.id.as_str(), "a share of divided limits cannot be given");
                None
            }
            Ok(Ok(None)) | Err(_) => None,
        }
    }

    /// An instance has given up its shares.
    pub(crate) async fn give_back(&self, name: &Name) {
        self.end_shares(name, |division, who, _, _| division.leave(who)).await;
    }

    /// Nothing is kept for an instance once its leases have ended.
    pub(super) async fn forget_shares(&self, name: &Name) {
        self.end_shares(name, Division::forget).await;
    }

    async fn end_shares(&self, name: &Name, end: impl Fn(&mut Division, &str, &LeaseTerms, Timestamp)) {
        let terms = LeaseTerms::of(self.0.liveness);
        for whole in [Whole::Service(name.service.clone()), Whole::Everything] {
            let who = whole.who(name);
            let change = |division: &mut Division, now| end(division, &who, &terms, now);
            if !matches!(timeout(PATIENCE, self.change(&whole, false, change)).await, Ok(Ok(_))) {
                tracing::warn!(
                    instance = name.id.as_str(),
                    "its shares of divided limits are kept until its leases end"
                );
            }
        }
    }

    /// Changes a division; one that is not there yet only where it is to be begun.
    async fn change<T>(
        &self,
        whole: &Whole,
        begin: bool,
        change: impl Fn(&mut Division, Timestamp) -> T,
    ) -> Result<Option<T>, StoreError> {
        let key = whole.key();
        let _turn = self.0.dividing.lock().await;
        for _ in 0..ATTEMPTS {
            let now = clock::now();
            let before = self.0.side.value(&key, now).await?;
            let mut division = match &before {
                Some(text) => read(text)?,
                None if begin => Division::new(now),
                None => return Ok(None),
            };
            let result = change(&mut division, now);
            let after = serde_json::to_string(&division).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            if before.as_ref() == Some(&after) {
                return Ok(Some(result));
            }
            if self.0.side.swap(&key, before.as_deref(), Some(SideValue::lasting(after)), now).await? {
                self.nudge(whole, &division);
                return Ok(Some(result));
            }
        }
        Err(StoreError::Unavailable("others divide the limits at the same time".to_owned()))
    }

    /// Tells instances with a stream here that would be given something else.
    fn nudge(&self, whole: &Whole, division: &Division) {
        let restless = division.restless(&LeaseTerms::of(self.0.liveness), clock::now());
        if restless.is_empty() {
            return;
        }
        let table = self.table();
        let followed = table.nudges.iter().filter(|(name, _)| whole.includes(&name.service));
        for (_, (_, nudge)) in followed.filter(|(name, _)| restless.binary_search(&&*whole.who(name)).is_ok()) {
            nudge.notify_one();
        }
    }

    /// How many connected instances count the whole limit whatever is divided, as far as is known here.
    fn without(&self, service: Option<&ServiceId>) -> usize {
        self.unable_counts(service, takes_none).values().map(|(unable, _)| unable).sum()
    }

    /// What of a divided limit some connected instances do not do, in words.
    pub(crate) fn unable_to_share(&self, service: Option<&ServiceId>) -> Vec<String> {
        self.unable_lines(service, "cannot take a share and count the whole limit each", takes_none)
    }

    /// What each instance holds of a divided limit.
    pub(crate) async fn shares(&self, scope: &Scope, policy: &RateLimitPolicy) -> Vec<InstanceShare> {
        if policy.share != Share::Divided {
            return Vec::new();
        }
        let whole = scope.service().map_or(Whole::Everything, |service| Whole::Service(service.clone()));
        let now = clock::now();
        let Ok(Some(text)) = self.0.side.value(&whole.key(), now).await else { return Vec::new() };
        let Ok(mut division) = read(&text) else { return Vec::new() };
        division.settle(&LeaseTerms::of(self.0.liveness), now);
        let share = |held: waygate_core::Held<'_>| {
            let (service, instance) = whole.named(held.who);
            let quotas = policy.limit.part(held.part);
            let terms: Vec<String> = quotas.quotas().iter().map(ToString::to_string).collect();
            InstanceShare { service, instance, limit: terms.join(";"), lapsed: held.lapsed }
        };
        division.held().map(share).collect()
    }
}

/// Looks from time to time whether instances here are to be given something else: because others, at other nodes, have
/// come, have gone, or have made room.
pub(super) async fn watch(presence: Presence, ending: CancellationToken) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut divides = (None, false);
    while ending.run_until_cancelled(look.tick()).await.is_some() {
        let state = presence.0.control.current();
        if divides.0 != Some(state.cursor.revision) {
            divides = (Some(state.cursor.revision), divides_any(&state));
        }
        if !divides.1 || presence.table().nudges.is_empty() {
            continue;
        }
        let Ok(values) = presence.0.side.values(PREFIX, clock::now()).await else { continue };
        for (key, text) in &values {
            if let (Some(whole), Ok(division)) = (Whole::of(key), read(text)) {
                presence.nudge(&whole, &division);
            }
        }
    }
}

/// Streams here by whose they are: which of its streams it is, and what wakes that.
pub(super) type Nudges = BTreeMap<Name, (u64, Arc<tokio::sync::Notify>)>;

fn divides_any(state: &State) -> bool {
    let is_divided = |policy: &Arc<RateLimitPolicy>| policy.share == Share::Divided;
    state.global.rate_limit.as_ref().is_some_and(is_divided)
        || state.services.values().any(|known| known.route_limits.values().chain(&known.rate_limit).any(is_divided))
}

fn read(text: &str) -> Result<Division, StoreError> {
    serde_json::from_str(text).map_err(|error| {
        StoreError::Corrupt(format!(
            "who holds which share of divided limits cannot be read, as of another version: {error}"
        ))
    })
}

/// Whoever may not speak cannot ask either.
fn takes_none(connection: &Connection) -> bool {
    connection.client == Client::Reference
        || !connection.confirms
        || !connection.about.capabilities.iter().any(|name| name == TAKES_SHARES)
}

impl Whole {
    fn of(key: &str) -> Option<Self> {
        match key.strip_prefix(PREFIX)? {
            "everything" => Some(Self::Everything),
            rest => paths::percent_decoded(rest.strip_prefix("service/")?).parse().ok().map(Self::Service),
        }
    }

    fn key(&self) -> String {
        match self {
            Self::Service(service) => format!("{PREFIX}service/{}", paths::percent_encoded(service.as_str())),
            Self::Everything => format!("{PREFIX}everything"),
        }
    }

    fn service(&self) -> Option<&ServiceId> {
        match self {
            Self::Service(service) => Some(service),
            Self::Everything => None,
        }
    }

    fn includes(&self, service: &ServiceId) -> bool {
        self.service().is_none_or(|only| only == service)
    }

    /// What an instance is called in it.
    fn who(&self, Name { service, id }: &Name) -> String {
        match self {
            Self::Service(_) => id.to_string(),
            Self::Everything => format!("{}/{id}", paths::percent_encoded(service.as_str())),
        }
    }

    /// The service and the instance that are called so.
    fn named(&self, who: &str) -> (String, String) {
        match (self, who.split_once('/')) {
            (Self::Service(service), _) => (service.to_string(), who.to_owned()),
            (Self::Everything, Some((service, id))) => (paths::percent_decoded(service), id.to_owned()),
            (Self::Everything, None) => (String::new(), who.to_owned()),
        }
    }
}
