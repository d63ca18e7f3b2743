//! What `--wait` tells: how far a change has come.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::value::RawValue;
use waygate_api::instances::{InstanceState, Laggard, Propagation, Unproven};

use crate::commands::instances::{brief, word};
use crate::context::{Connection, Context};
use crate::error::{CliError, CliResult, ExitStatus};
use crate::printer::{Colour, Format};

/// What answers have said about how far their changes have come. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Propagations(Arc<Mutex<All>>);

/// What a server says that does not say how far a change has come.
pub(crate) const TOO_OLD: &str = "the server does not say how far a change has come: it may be of an older version";

#[derive(Debug, Default)]
struct All {
    noted: Vec<Noted>,
    /// What was wanted is about no service that is there, so that no answer can tell of it.
    is_of_nobody: bool,
}

#[derive(Debug)]
struct Noted {
    propagation: Propagation,
    place: Place,
}

/// Where else what is known of it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nowhere.
    Apart,
    /// In the answer that programs get.
    ForPrograms,
    /// In the answer that everybody gets.
    ForAll,
}

impl Propagations {
    /// Takes note of what an answer says.
    pub(crate) fn note(&self, answer: &RawValue) {
        self.push(answer, Place::ForPrograms);
    }

    /// Takes note of what an answer says that is shown as it is.
    pub(crate) fn note_shown(&self, answer: &RawValue) {
        self.push(answer, Place::ForAll);
    }

    /// Whether every change that was waited for has been confirmed by whoever it concerns.
    pub(crate) fn are_proven(&self) -> bool {
        let noted = &self.all().noted;
        !noted.is_empty() && noted.iter().all(|noted| is_in_force(&noted.propagation) && is_proven(&noted.propagation))
    }

    /// Takes note of what was found out by asking.
    pub(crate) fn note_found(&self, propagation: Propagation) {
        self.all().noted.push(Noted { propagation, place: Place::Apart });
    }

    /// Takes note that what was noted so far is in no answer that is shown.
    pub(crate) fn keep_apart(&self) {
        for noted in &mut self.all().noted {
            noted.place = Place::Apart;
        }
    }

    fn push(&self, answer: &RawValue, place: Place) {
        if let Some(propagation) = said(answer) {
            self.all().noted.push(Noted { propagation, place });
        }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where nothing had to be changed, and so no answer tells of it: waits, if that is asked for, until everything that is
/// stored is in force at the instances of these services, or of all where none is named.
pub(crate) async fn of_what_is_stored(context: &Context, connection: &Connection, services: &[&str]) -> CliResult {
    if let Some(wait) = context.settings.wait.filter(|_| !context.settings.dry_run) {
        context.propagations.note_found(connection.propagation(services, wait).await?);
    }
    Ok(())
}

/// Where what is wanted is about no service that is there: nobody is waited for.
pub(crate) fn of_nobody(context: &Context) {
    context.propagations.all().is_of_nobody = true;
    if context.settings.wait.is_some() && !context.settings.dry_run {
        context.printer.note("it is about no service that is known there: nobody is waited for");
    }
}

/// Tells what was waited for. `is_owed` says that an answer must have told of it.
///
/// # Errors
///
/// [`ExitStatus::NotInForce`] when the time ran out before all instances enforced a change, or nobody is there to confirm
/// it; it is stored all the same.
pub(crate) fn tell(context: &Context, is_owed: bool) -> CliResult {
    if context.settings.wait.is_none() || context.settings.dry_run {
        return Ok(());
    }
    let All { noted, is_of_nobody } = std::mem::take(&mut *context.propagations.all());
    if noted.is_empty() && is_owed && !is_of_nobody {
        return Err(CliError::new(ExitStatus::NotInForce, format!("stored, but {TOO_OLD}")));
    }
    let mut late: Option<CliError> = None;
    for Noted { propagation, place } in noted {
        if is_in_force(&propagation) {
            tell_in_force(context, &propagation, place);
            continue;
        }
        let error = late.get_or_insert_with(|| CliError::new(ExitStatus::NotInForce, not_in_force(&propagation)));
        error.hints.extend(hints(&propagation));
    }
    late.map_or(Ok(()), Err)
}

/// Says that it is in force wherever that can be known, and who is lost.
pub(crate) fn tell_in_force(context: &Context, propagation: &Propagation, place: Place) {
    let printer = &context.printer;
    let is_for_people = printer.format == Format::Table;
    match place {
        Place::Apart | Place::ForPrograms if is_for_people => {
            printer.data(Some(colour(propagation)), &in_force(propagation));
        }
        Place::Apart => printer.note(&in_force(propagation)),
        Place::ForPrograms | Place::ForAll => {}
    }
    if is_for_people || place == Place::Apart {
        for line in lost_by_name(propagation) {
            printer.warn(&format!("  {line}"));
        }
    }
}

/// Who does not enforce it or is lost, by name, and what can be done.
pub(crate) fn hints(propagation: &Propagation) -> Vec<String> {
    let mut hints: Vec<String> = propagation.laggards.iter().map(named).collect();
    hints.extend(more(
        propagation.total.saturating_sub(propagation.confirmed).saturating_sub(propagation.laggards.len()),
    ));
    hints.extend(lost_by_name(propagation));
    hints.extend(advice(propagation).map(ToOwned::to_owned));
    hints
}

fn said(answer: &RawValue) -> Option<Propagation> {
    #[derive(Deserialize)]
    struct Said {
        propagation: Propagation,
    }
    serde_json::from_str(answer.get()).ok().map(|Said { propagation }| propagation)
}

pub(crate) fn is_in_force(propagation: &Propagation) -> bool {
    propagation.confirmed == propagation.total && propagation.unproven.is_none()
}

/// `3/3 instances enforcing, 12 ms`.
fn count(propagation: &Propagation) -> String {
    let Propagation { confirmed, total, waited_ms, .. } = propagation;
    format!("{confirmed}/{total} instances enforcing, {}", brief(*waited_ms))
}

pub(crate) fn not_in_force(propagation: &Propagation) -> String {
    let count = count(propagation);
    match propagation.unproven {
        None => format!("stored, but not in force everywhere: {count}{}", lost(propagation)),
        Some(Unproven::Vanished) => {
            "the change is gone: the store has lost it, and its history has gone on without it; make it again"
                .to_owned()
        }
        Some(Unproven::Unseen) => {
            format!("stored, but the server has not seen it come back from the store, so nothing is proven: {count}")
        }
        Some(Unproven::Absent | Unproven::Unheard) => {
            let nobody = nobody(propagation);
            if propagation.total == 0 && propagation.unconfirmed == 0 {
                format!("stored, but nobody has confirmed it: {nobody}{}", lost(propagation))
            } else {
                format!("stored, but not proven to be in force everywhere: {count}; {nobody}{}", lost(propagation))
            }
        }
        Some(Unproven::Incomplete) => {
            let why = match propagation.settled_in_ms {
                Some(left) => format!(
                    "the server has started lately, and for {} more instances may come back that it does not know of",
                    brief(left)
                ),
                None => "the server does not know of all instances".to_owned(),
            };
            format!("stored, but not proven to be in force everywhere: {count}; {why}{}", lost(propagation))
        }
        Some(_) => format!("stored, but it is not proven to be in force everywhere: {count}"),
    }
}

fn in_force(propagation: &Propagation) -> String {
    let mut said = match propagation {
        Propagation { total: 0, unconfirmed: 0, .. } => "stored; it concerns no service".to_owned(),
        Propagation { total: 0, .. } => "stored; no instance could confirm it".to_owned(),
        _ => count(propagation),
    };
    if propagation.unconfirmed > 0 {
        let _ = write!(said, "; {} told that cannot confirm", propagation.unconfirmed);
    }
    said + &lost(propagation)
}

fn lost(propagation: &Propagation) -> String {
    match propagation.lost {
        0 => String::new(),
        lost => format!("; {lost} lost, which may still enforce what was before"),
    }
}

fn lost_by_name(propagation: &Propagation) -> Vec<String> {
    let mut named: Vec<String> = propagation.lost_instances.iter().map(named).collect();
    if !named.is_empty() {
        named.extend(more(propagation.lost.saturating_sub(named.len())));
    }
    named
}

fn more(unnamed: usize) -> Option<String> {
    (unnamed > 0).then(|| format!("and {unnamed} more; see `waygate instances`"))
}

/// Who should have been there.
fn nobody(propagation: &Propagation) -> String {
    let heard = if propagation.unproven == Some(Unproven::Unheard) { "has ever registered" } else { "is connected" };
    match propagation.absent.as_slice() {
        [] => format!("no instance of any service {heard}"),
        services => {
            let services: Vec<String> = services.iter().map(|service| format!("`{service}`")).collect();
            format!("no instance of {} {heard}", services.join(", "))
        }
    }
}

fn advice(propagation: &Propagation) -> Option<&'static str> {
    match propagation.unproven? {
        Unproven::Absent => {
            Some("a service that is away takes it when it connects; `waygate instances` shows who is there")
        }
        Unproven::Unheard => Some("whoever comes takes it when it connects"),
        Unproven::Incomplete => Some("the same command again changes nothing, and waits again"),
        _ => None,
    }
}

/// Whether somebody has confirmed it and nobody is left who may do otherwise.
fn is_proven(propagation: &Propagation) -> bool {
    propagation.total > 0 && propagation.unconfirmed == 0 && propagation.lost == 0
}

fn colour(propagation: &Propagation) -> Colour {
    if is_proven(propagation) { Colour::Green } else { Colour::Yellow }
}

fn named(laggard: &Laggard) -> String {
    let enforces = match (laggard.state, laggard.applied) {
        (InstanceState::Lost, Some(revision)) => format!("enforced revision {revision} when it was last heard of"),
        (InstanceState::Lost, None) => "has not come back since the server has started".to_owned(),
        (_, Some(revision)) => format!("enforces revision {revision}"),
        (_, None) => "has said nothing yet".to_owned(),
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
            absent: Vec::new(),
            lost_instances: Vec::new(),
            settled_in_ms: None,
        }
    }

    #[test]
    fn g57_what_is_proven_is_told_from_what_is_only_stored() {
        assert_eq!(in_force(&propagation(3, 3, 0, 0)), "3/3 instances enforcing, 12 ms");
        assert_eq!(in_force(&propagation(0, 0, 0, 0)), "stored; it concerns no service");
        assert_eq!(
            in_force(&propagation(0, 0, 2, 0)),
            "stored; no instance could confirm it; 2 told that cannot confirm"
        );
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
            "stored, but not proven to be in force everywhere: 1/1 instances enforcing, 12 ms; the server does not know of all \
             instances"
        );
        let young =
            Propagation { unproven: Some(Unproven::Incomplete), settled_in_ms: Some(7300), ..propagation(1, 1, 0, 0) };
        assert_eq!(
            not_in_force(&young),
            "stored, but not proven to be in force everywhere: 1/1 instances enforcing, 12 ms; the server has started lately, \
             and for 7.3 s more instances may come back that it does not know of"
        );
        let away = |unproven, total, services: &[&str]| {
            let absent = services.iter().map(ToString::to_string).collect();
            not_in_force(&Propagation { unproven: Some(unproven), absent, ..propagation(total, total, 0, 1) })
        };
        assert_eq!(
            away(Unproven::Absent, 0, &["pay"]),
            "stored, but nobody has confirmed it: no instance of `pay` is connected; 1 lost, which may still enforce what was \
             before"
        );
        assert_eq!(
            away(Unproven::Absent, 2, &["pay", "orders"]),
            "stored, but not proven to be in force everywhere: 2/2 instances enforcing, 12 ms; no instance of `pay`, `orders` \
             is connected; 1 lost, which may still enforce what was before"
        );
        assert!(away(Unproven::Unheard, 0, &[]).contains("no instance of any service has ever registered"));
        let laggard = Laggard {
            service: "pay".to_owned(),
            instance: "one".to_owned(),
            applied: Some(Revision(6)),
            state: waygate_api::instances::InstanceState::Behind,
            rejected: Vec::new(),
        };
        assert_eq!(named(&laggard), "pay one: behind, enforces revision 6");
        let lost = Laggard { state: InstanceState::Lost, ..laggard };
        let all = Propagation { lost_instances: vec![lost.clone()], ..propagation(2, 2, 0, 2) };
        assert_eq!(
            hints(&all),
            ["pay one: lost, enforced revision 6 when it was last heard of", "and 1 more; see `waygate instances`"]
        );
        assert_eq!(
            named(&Laggard { applied: None, ..lost }),
            "pay one: lost, has not come back since the server has started"
        );
    }
}
