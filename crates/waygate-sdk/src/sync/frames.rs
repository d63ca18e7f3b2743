//! What each frame does to the replica.

use std::sync::Arc;
use std::time::Duration;

use waygate_api::stream::{Frame, Skipped};
use waygate_core::{Cursor, Digest, DigestKind, LocalKey, Revision, ServiceView};

use crate::status::Outage;
use crate::sync::Syncer;
use crate::sync::source::Source;

/// What a frame means for the connection.
#[derive(Debug)]
pub(super) enum Step {
    On,
    /// Everything up to here has arrived.
    CaughtUp,
    End(Outage),
}

/// Whether what is known agrees with the digests of the control plane.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    /// All that is known came as one snapshot over this connection, and nothing was compared since.
    is_fresh: bool,
    /// The snapshot before did not agree, as if something between it and the bookmark had been lost.
    is_doubtful: bool,
    /// Two snapshots in a row did not agree: this build and the control plane reckon differently, and fetching it again
    /// would change nothing.
    is_hopeless: bool,
}

impl Agreement {
    /// A connection begins.
    pub(super) fn begin(&mut self) {
        self.is_fresh = false;
    }
}

impl<S: Source> Syncer<S> {
    pub(super) fn take(&mut self, frame: Frame) -> Step {
        match frame {
            Frame::Snapshot { cursor, view, skipped } => {
                self.replace(cursor, *view, &skipped);
                self.agreement.is_fresh = true;
                // It may be another history, or an older place of this one: the declarations are told again. What is
                // known already changes nothing.
                self.registration.is_due();
                Step::On
            }
            Frame::Commit { cursor, after, changes, skipped } => {
                if let Err(outage) = self.check_continuity(&cursor, Some(after)) {
                    return Step::End(outage);
                }
                #[cfg(feature = "simulation")]
                let changes = crate::simulation::sabotaged(changes);
                let mut view = self.replica.view();
                for change in &changes {
                    view.apply(change);
                }
                self.replica.rejections(|rejections| rejections.then(&changes, &skipped));
                self.replica.replace_view(view, &cursor, self.replica.is_complete_view() && skipped.is_empty());
                tracing::debug!(%cursor, after = after.0, "a commit of the control plane is in force");
                self.note(&skipped);
                self.cursor = Some(cursor);
                self.agreement.is_fresh = false;
                Step::On
            }
            Frame::Bookmark { cursor, digest } => {
                let checked = self.check_continuity(&cursor, None);
                if let Err(outage) = checked.and_then(|()| self.check_digest(digest.as_deref())) {
                    return Step::End(outage);
                }
                if self.cursor.as_ref() != Some(&cursor) {
                    self.replica.moved_to(&cursor);
                    self.cursor = Some(cursor);
                }
                Step::CaughtUp
            }
            Frame::Shares => {
                self.replica.nudged();
                Step::On
            }
            Frame::Goodbye { reason, retry_after_ms } => {
                Step::End(Outage::Goodbye { reason, retry_after: Duration::from_millis(retry_after_ms) })
            }
        }
    }

    /// Whether a frame joins on to what is known. A commit names the revision before it; a bookmark names only where
    /// it stands, which may be where the replica is already. Where the history is another one, the next attempt
    /// starts from nothing.
    fn check_continuity(&mut self, cursor: &Cursor, after: Option<Revision>) -> Result<(), Outage> {
        let Some(known) = &self.cursor else {
            return Err(Outage::Gap { reason: format!("{cursor} came before any snapshot") });
        };
        #[cfg(feature = "simulation")]
        if crate::simulation::overlooks(known, cursor, after) {
            return Ok(());
        }
        let reason = format!("at {known} came {cursor}");
        let same_place = cursor.revision == known.revision;
        if cursor.epoch != known.epoch
            || (after.is_none() && cursor.revision < known.revision)
            || (same_place && cursor.lineage != known.lineage)
        {
            self.cursor = None;
            return Err(Outage::Gap { reason });
        }
        match after {
            Some(after) if after > known.revision || cursor.revision <= known.revision => Err(Outage::Gap { reason }),
            _ => Ok(()),
        }
    }

    /// Whether the control plane, too, knows what is known here. Where it does not, all of it is fetched anew; what this
    /// build cannot read is expected to differ.
    fn check_digest(&mut self, told: Option<&str>) -> Result<(), Outage> {
        let Some(told) = told.and_then(|told| told.parse::<Digest>().ok()) else { return Ok(()) };
        if !self.replica.is_complete_view() {
            return Ok(());
        }
        let differing: Vec<&str> = Digest::of(&self.replica.view()).differing(told).map(DigestKind::as_str).collect();
        let kinds = differing.join(", ");
        if differing.is_empty() {
            self.agreement = Agreement::default();
            return Ok(());
        }
        if self.agreement.is_hopeless {
            return Ok(());
        }
        self.replica.drifted();
        let is_first = !std::mem::replace(&mut self.agreement.is_doubtful, self.agreement.is_fresh);
        if self.agreement.is_fresh && !is_first {
            self.agreement.is_hopeless = true;
            tracing::warn!(%kinds, "snapshots do not agree with the control plane's digest of them; they are believed");
            return Ok(());
        }
        self.cursor = None;
        Err(Outage::Drifted { kinds })
    }

    /// Puts a snapshot in the place of all that is known.
    pub(super) fn replace(&mut self, cursor: Cursor, mut view: ServiceView, skipped: &[Skipped]) {
        let last_known = self.replica.view();
        for element in skipped {
            keep_last_known(&mut view, &last_known, &element.what);
        }
        self.replica.rejections(|rejections| rejections.anew(skipped));
        self.replica.replace_view(view, &cursor, skipped.is_empty());
        tracing::debug!(%cursor, "a snapshot of the control plane is in force");
        self.note(skipped);
        self.cursor = Some(cursor);
    }

    fn note(&self, skipped: &[Skipped]) {
        if !skipped.is_empty() {
            self.replica.skipped(skipped.len());
        }
        for Skipped { what, why } in skipped {
            tracing::warn!(element = %what, %why, "an element cannot be read; its last known value stays in force");
        }
    }
}

/// An element of a snapshot that this build cannot read keeps the value that it had.
fn keep_last_known(view: &mut ServiceView, last_known: &ServiceView, what: &str) {
    let service = Arc::make_mut(&mut view.service);
    let global = Arc::make_mut(&mut view.global);
    match what.split_once(' ') {
        Some(("routes", key)) => keep_entry(&mut service.routes, &last_known.service.routes, key),
        Some(("route_limits", key)) => keep_entry(&mut service.route_limits, &last_known.service.route_limits, key),
        Some(("global", "maintenance")) => global.maintenance = last_known.global.maintenance.clone(),
        Some(("global", "rate_limit")) => global.rate_limit.clone_from(&last_known.global.rate_limit),
        Some(("service", "maintenance")) => service.maintenance = last_known.service.maintenance.clone(),
        Some(("service", "rate_limit")) => service.rate_limit.clone_from(&last_known.service.rate_limit),
        _ => {}
    }
}

fn keep_entry<T: Clone>(
    entries: &mut std::collections::BTreeMap<LocalKey, T>,
    last_known: &std::collections::BTreeMap<LocalKey, T>,
    key: &str,
) {
    if let Ok(key) = key.parse::<LocalKey>()
        && let Some(value) = last_known.get(&key)
    {
        entries.insert(key, value.clone());
    }
}
