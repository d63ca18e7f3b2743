//! Which change is meant: by its number, by an entry's id, or the caller's latest that stands.

use std::collections::BTreeSet;

use waygate_api::audit::AuditEntry;
use waygate_api::auth::Me;
use waygate_api::paths;

use super::difference::Difference;
use crate::context::{Connection, Context};
use crate::error::{CliError, CliResult, ExitStatus};

/// How far back the id of an entry is looked for.
const ENTRIES: &str = "1000";

/// So many of the changes that were passed over are named.
const NAMED: usize = 5;

/// So many changes of which nothing is left to take back are passed over at most: what each has changed is asked for.
const LOOKS: usize = 20;

const ANY: &str = "`waygate undo REVISION` takes any change back, an undo as well; `waygate history` lists them";

/// The change of this number, or that the entry of this id is about.
pub(super) async fn named(connection: &Connection, named: &str) -> CliResult<u64> {
    if let Ok(revision) = named.parse() {
        return Ok(revision);
    }
    let entries = connection.get::<Vec<AuditEntry>>(paths::AUDIT, &[("limit", ENTRIES)]).await?.value;
    let unknown = || {
        let error = CliError::new(ExitStatus::NotFound, format!("the log has no entry `{named}`"));
        error.hint("`waygate history` lists changes")
    };
    entries.into_iter().find(|entry| entry.id == named).map(|entry| entry.revision.0).ok_or_else(unknown)
}

/// The caller's latest change that stands and of which something `is_left` to take back.
pub(super) async fn standing(
    context: &Context,
    connection: &Connection,
    is_left: impl Fn(&Difference) -> CliResult<bool>,
) -> CliResult<(u64, Difference)> {
    let me = connection.get::<Me>(paths::ME, &[]).await?.value.username;
    let query = [("limit", ENTRIES), ("actor", me.as_str())];
    let mut entries = connection.get::<Vec<AuditEntry>>(paths::AUDIT, &query).await?.value;
    let own: BTreeSet<u64> = entries.iter().map(|entry| entry.revision.0).collect();
    // Others may have taken some of it back.
    let all = connection.get::<Vec<AuditEntry>>(paths::AUDIT, &[("limit", ENTRIES)]).await?.value;
    entries.extend(all.into_iter().filter(|entry| entry.undoes.is_some() && !own.contains(&entry.revision.0)));
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.revision));
    let mut empty = BTreeSet::new();
    let found = loop {
        let Some(revision) = latest(&entries, &empty).0 else { break None };
        let difference = Difference::of(connection, revision).await?;
        if is_left(&difference)? {
            break Some((revision, difference));
        }
        empty.insert(revision);
        if empty.len() == LOOKS {
            let error =
                format!("nothing is left to take back of {LOOKS} changes of yours, down to revision {revision}");
            return Err(CliError::new(ExitStatus::NotFound, error).hint(ANY));
        }
    };
    let mut passed = latest(&entries, &empty).1;
    passed.retain(|revision| own.contains(revision));
    tell_passed(context, &passed);
    found.ok_or_else(|| {
        let error =
            if own.is_empty() { "you have changed nothing yet" } else { "nothing of yours is left to take back" };
        CliError::new(ExitStatus::NotFound, error).hint(ANY)
    })
}

fn tell_passed(context: &Context, passed: &BTreeSet<u64>) {
    if passed.is_empty() {
        return;
    }
    let told = passed.iter().rev().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let more = passed.len().saturating_sub(NAMED);
    let told = if more > 0 { format!("{told} and {more} more") } else { told };
    let revision = if passed.len() == 1 { "revision" } else { "revisions" };
    let why = "an undo, taken back already, or nothing that can be (a reset, what has ended by itself or is gone); \
               `waygate undo REVISION` takes one by its number";
    context.printer.note(&format!("passed over: {revision} {told}: {why}"));
}

/// The latest of these changes that is neither taken back nor takes one back nor is `empty`, and those that it comes after.
/// So each undo goes one change further back, as in an editor, and none undoes another unawares.
fn latest(newest_first: &[AuditEntry], empty: &BTreeSet<u64>) -> (Option<u64>, BTreeSet<u64>) {
    let (mut taken_back, mut passed) = (BTreeSet::new(), BTreeSet::new());
    for entry in newest_first {
        let revision = entry.revision.0;
        if !taken_back.contains(&revision) && !empty.contains(&revision) {
            match entry.undoes {
                Some(undone) => taken_back.insert(undone.0),
                None => return (Some(revision), passed),
            };
        }
        passed.insert(revision);
    }
    (None, passed)
}
