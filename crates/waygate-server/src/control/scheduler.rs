//! Writes down what time has done.
//!
//! Services evaluate windows and ends themselves; this is for audit, notifications and clients that have no clock of
//! their own. Any node may do it, at any time after: what is already written down is not written again.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use waygate_core::{Actor, Cause, Command, Platform, Schedule, Timestamp};

use crate::clock;
use crate::control::ControlPlane;

/// Who the log says did what time has done.
pub(super) const ACTOR: &str = "scheduler";
/// The longest sleep: a clock that is set meanwhile is noticed within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// How long to wait after a failure of the store.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs until the control plane ends.
pub(super) async fn run(control: ControlPlane, ending: CancellationToken) {
    let Ok(actor) = ACTOR.parse::<Actor>() else { return };
    let mut schedule = Schedule::default();
    let mut changed = control.changed();
    while !ending.is_cancelled() {
        changed.mark_unchanged();
        let now = clock::now();
        let sleep = match schedule.next_due(&control.current()) {
            Some(due) if due <= now => {
                let cause = Cause { actor: actor.clone(), platform: Platform::System, at: now, undoes: None };
                match control.execute(Command::Settle, cause).await {
                    Ok(_) => continue,
                    Err(error) => {
                        tracing::warn!(%error, "what time has done could not be written down; trying again");
                        PAUSE
                    }
                }
            }
            Some(due) => until(due, now),
            None => LONGEST_SLEEP,
        };
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            _ = changed.changed() => {}
            () = ending.cancelled() => return,
        }
    }
}

fn until(due: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(due.duration_since(now)).unwrap_or_default().min(LONGEST_SLEEP)
}
