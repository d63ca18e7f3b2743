//! What `--wait` tells: how far a change has come.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::value::RawValue;
use waygate_api::instances::{Laggard, Propagation, Unproven};

use crate::commands::instances::{brief, word};
use crate::context::Context;
use crate::error::{CliError, CliResult, ExitStatus};
use crate::printer::{Colour, Format};

/// What answers have said about how far their changes have come. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Propagations(Arc<Mutex<Vec<Propagation>>>);

impl Propagations {
    /// Takes note of what an answer says.
    pub(crate) fn note(&self, answer: &RawValue) {
        if let Some(propagation) = said(answer) {
            self.push(propagation);
        }
    }

    /// Takes note of what an answer says, unless all is well: the answer itself is shown.
    pub(crate) fn note_late(&self, answer: &RawValue) {
        if let Some(propagation) = said(answer).filter(|propagation| !is_in_force(propagation)) {
            self.push(propagation);
        }
    }

    fn push(&self, propagation: Propagation) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(propagation);
    }

    fn take(&self) -> Vec<Propagation> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Tells what was waited for.
///
/// # Errors
///
/// [`ExitStatus::NotInForce`] when the time ran out before all instances enforced a change; it is stored all the same.
pub(crate) fn tell(context: &Context) -> CliResult {
    if context.settings.wait.is_none() {
        return Ok(());
    }
    let mut late: Option<CliError> = None;
    for propagation in context.propagations.take() {
        if is_in_force(&propagation) {
            // Elsewhere it is part of the answer.
            if context.printer.format == Format::Table {
                context.printer.data(Some(colour(&propagation)), &in_force(&propagation));
            }
            continue;
        }
        let error = late.get_or_insert_with(|| CliError::new(ExitStatus::NotInForce, not_in_force(&propagation)));
        let unnamed = (propagation.total - propagation.confirmed).saturating_sub(propagation.laggards.len());
        error.hints.extend(propagation.laggards.iter().map(named));
        if unnamed > 0 {
            error.hints.push(format!("and {unnamed} more; see `waygate instances`"));
        }
    }
    late.map_or(Ok(()), Err)
}

fn said(answer: &RawValue) -> Option<Propagation> {
    #[derive(Deserialize)]
    struct Said {
        propagation: Propagation,
    }
    serde_json::from_str(answer.get()).ok().map(|Said { propagation }| propagation)
}

fn is_in_force(propagation: &Propagation) -> bool {
    propagation.confirmed == propagation.total && propagation.unproven.is_none()
}

/// `3/3 instances enforcing, 12 ms`.
fn count(propagation: &Propagation) -> String {
    let Propagation { confirmed, total, waited_ms, .. } = propagation;
    format!("{confirmed}/{total} instances enforcing, {}", brief(*waited_ms))
}

fn not_in_force(propagation: &Propagation) -> String {
    let count = count(propagation);
    match propagation.unproven {
        None => format!("stored, but not in force everywhere: {count}"),
        Some(Unproven::Vanished) => {
            "the change is gone: the store has lost it, and its history has gone on without it; make it again"
                .to_owned()
        }
        Some(Unproven::Unseen) => {
            format!("stored, but the server has not seen it come back from the store, so nothing is proven: {count}")
        }
        Some(Unproven::Incomplete) => format!(
            "stored, but the server does not know of all instances, so it is not proven to be in force everywhere: {count}"
        ),
        Some(_) => format!("stored, but it is not proven to be in force everywhere: {count}"),
    }
}

fn in_force(propagation: &Propagation) -> String {
    let Propagation { total, unconfirmed, lost, .. } = propagation;
    let mut said = if *total == 0 { "stored; no instance could confirm it".to_owned() } else { count(propagation) };
    if *unconfirmed > 0 {
        let _ = write!(said, "; {unconfirmed} told that cannot confirm");
    }
    if *lost > 0 {
        let _ = write!(said, "; {lost} lost, which may still enforce what was before");
    }
    said
}

fn colour(propagation: &Propagation) -> Colour {
    let is_proven = propagation.total > 0 && propagation.unconfirmed == 0 && propagation.lost == 0;
    if is_proven { Colour::Green } else { Colour::Yellow }
}

fn named(laggard: &Laggard) -> String {
    let enforces = match laggard.applied {
        Some(revision) => format!("enforces revision {revision}"),
        None => "has said nothing yet".to_owned(),
    };
    let refused: Vec<String> = laggard
        .rejected
        .iter()
        .map(|rejected| format!("; could not apply {}: {}", rejected.what, rejected.why))
        .collect();
    format!("{} {}: {}, {enforces}{}", laggard.service, laggard.instance, word(laggard.state), refused.concat())
}

#[cfg(test)]
mod tests {
    use waygate_core::Revision;

    use super::*;

    fn propagation(confirmed: usize, total: usize, unconfirmed: usize, lost: usize) -> Propagation {
        Propagation {
            revision: Revision(7),
            confirmed,
            total,
            unconfirmed,
            lost,
            waited_ms: 12,
            unproven: None,
            laggards: Vec::new(),
        }
    }

    #[test]
    fn g57_what_is_proven_is_told_from_what_is_only_stored() {
        assert_eq!(in_force(&propagation(3, 3, 0, 0)), "3/3 instances enforcing, 12 ms");
        assert_eq!(in_force(&propagation(0, 0, 0, 0)), "stored; no instance could confirm it");
        assert_eq!(
            in_force(&propagation(1, 1, 2, 1)),
            "1/1 instances enforcing, 12 ms; 2 told that cannot confirm; 1 lost, which may still enforce what was before"
        );
        let unproven = |unproven| not_in_force(&Propagation { unproven: Some(unproven), ..propagation(1, 1, 0, 0) });
        assert_eq!(
            unproven(Unproven::Vanished),
            "the change is gone: the store has lost it, and its history has gone on without it; make it again"
        );
        assert_eq!(
            unproven(Unproven::Incomplete),
            "stored, but the server does not know of all instances, so it is not proven to be in force everywhere: \
             1/1 instances enforcing, 12 ms"
        );
        let laggard = Laggard {
            service: "pay".to_owned(),
            instance: "one".to_owned(),
            applied: Some(Revision(6)),
            state: waygate_api::instances::InstanceState::Behind,
            rejected: Vec::new(),
        };
        assert_eq!(named(&laggard), "pay one: behind, enforces revision 6");
    }
}
