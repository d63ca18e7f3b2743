//! What a service has put in force: everything that concerns it, in order, once.

use std::collections::HashMap;

use waygate_core::{Cursor, Epoch, Lineage, Revision};

use super::{Entry, Evidence, Findings, expected};
use crate::journal::Noted;

pub(super) fn check(service: &str, journal: &[Noted], log: &[Entry], may_lose: bool, findings: &mut Findings) {
    let concerns = |entry: &&Entry| entry.service.as_deref().is_none_or(|of| of == service);
    let revisions: Vec<u64> = log.iter().filter(concerns).map(|entry| entry.revision).collect();
    let mut known: Option<Cursor> = None;
    for noted in journal {
        let mut bad = |what: String| findings.violations.push(format!("{service} {what}"));
        match noted {
            Noted::Started { known: kept } => {
                // What was kept may be older by up to a second. A bookmark moves on without a word, where nothing has happened.
                let unheard = kept.as_ref().zip(known.as_ref()).and_then(|(kept, known)| {
                    revisions.iter().find(|revision| (known.revision.0 + 1..=kept.revision.0).contains(revision))
                });
                if let Some(unheard) = unheard.filter(|_| !may_lose) {
                    bad(format!("began at {kept:?} although it had never heard of revision {unheard}"));
                }
                known.clone_from(kept);
            }
            Noted::Snapshot { cursor } => {
                findings.snapshots += 1;
                if let Some(known) = known.as_ref().filter(|known| goes_back(known, cursor, may_lose)) {
                    bad(format!("went back from {known} to {cursor}"));
                }
                known = Some(cursor.clone());
            }
            Noted::Commit { cursor, after } => {
                findings.commits += 1;
                match &known {
                    None => bad(format!("has put {cursor} in force before any snapshot")),
                    Some(known) if cursor.revision <= known.revision => {
                        bad(format!("has put {cursor} in force at {known}: twice or out of order"));
                    }
                    Some(known) if known.epoch != cursor.epoch || *after > known.revision => {
                        bad(format!("has put {cursor} in force, which comes after {after}, at {known}"));
                    }
                    Some(known) if !may_lose => {
                        let missed = |revision: &&u64| (known.revision.0 + 1..cursor.revision.0).contains(revision);
                        if let Some(missed) = revisions.iter().find(missed) {
                            bad(format!("has left revision {missed} out between {known} and {cursor}"));
                        }
                    }
                    Some(_) => {}
                }
                known = Some(cursor.clone());
            }
            Noted::Decided { cursor, decisions } if !may_lose => {
                findings.decisions += 1;
                let right = expected(log, service, cursor.revision.0);
                if *decisions != right {
                    bad(format!("at {cursor} decides {decisions:?}, and the log says {right:?}"));
                }
            }
            Noted::Decided { .. } | Noted::Live => {}
        }
    }
}

/// Where a store may lose, another history of the same numbers is a way on.
fn goes_back(known: &Cursor, next: &Cursor, may_lose: bool) -> bool {
    next.epoch == known.epoch && next.revision < known.revision && !may_lose
}

/// A revision is one and the same for all.
pub(super) fn check_lineages(evidence: &Evidence, findings: &mut Findings) {
    if evidence.may_lose {
        return;
    }
    let mut lineages: HashMap<(Epoch, Revision), Lineage> = HashMap::new();
    for (service, journal) in &evidence.journals {
        let cursors = journal.iter().filter_map(|noted| match noted {
            Noted::Snapshot { cursor } | Noted::Commit { cursor, .. } => Some(cursor),
            Noted::Started { .. } | Noted::Live | Noted::Decided { .. } => None,
        });
        for Cursor { epoch, revision, lineage } in cursors.cloned() {
            if *lineages.entry((epoch, revision)).or_insert(lineage) != lineage {
                findings.violations.push(format!("{service} was told another history at revision {revision}"));
            }
        }
    }
}
