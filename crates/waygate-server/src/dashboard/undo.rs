//! Taking a change back: what it was about becomes again what it was, as a new change.

use std::collections::BTreeSet;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use waygate_api::error::ErrorCode;
use waygate_core::{
    Cause, Change, Command, Commit, LimitTarget, MaintenanceScope, MaintenanceSwitch, RateLimitSwitch, Revision, Scope,
    State, Switch,
};

use crate::api::audit::may_see;
use crate::clock;
use crate::control::Applied;
use crate::dashboard::change::{commit_of, part};
use crate::dashboard::form::Posted;
use crate::dashboard::frame::Section;
use crate::dashboard::sheet::{Fact, Field, Sheet};
use crate::dashboard::visit::{Visit, local, page, shown};
use crate::error::ApiError;

/// Of how many parts of a change the form tells.
const MOST: usize = 20;

/// Whether a change can be taken back: how, or why not.
pub(super) fn way_back(state: &State, commit: &Commit, reason: &str) -> Result<Command, String> {
    let expected = commit.revision();
    let (mut commands, mut seen) = (Vec::new(), BTreeSet::new());
    for record in &commit.draft.records {
        let [before] = &record.before[..] else {
            return Err(
                "What this changed is made anew by a service, or by signing in, and is not taken back here.".to_owned()
            );
        };
        let (name, moved) = subject(state, before).ok_or_else(|| {
            "This made or removed something as a whole, or touched no route, maintenance or limit; it is not taken back \
             here."
                .to_owned()
        })?;
        if !seen.insert(name.clone()) {
            continue;
        }
        let gone = matches!(&record.change, Change::RateLimitCleared { .. });
        let seen_as = if gone { Revision::ZERO } else { expected };
        if moved != seen_as {
            let by = if moved == Revision::ZERO { "removed".to_owned() } else { format!("changed by r{moved}") };
            return Err(format!("{name} was {by} since. Taking back this change would undo that one too."));
        }
        commands.push(command(before, reason, seen_as).ok_or("This is not taken back here.")?);
    }
    match commands.len() {
        0 => Err("Nothing was changed that could be taken back.".to_owned()),
        1 => Ok(commands.remove(0)),
        _ => Ok(Command::All(commands)),
    }
}

/// What a change is about, and which revision has changed it last.
fn subject(state: &State, before: &Change) -> Option<(String, Revision)> {
    Some(match before {
        Change::RouteSet { key, .. } => {
            (key.to_string(), state.route(key).map(|route| route.changed_at).unwrap_or_default())
        }
        Change::MaintenanceSet { scope, .. } => {
            let name = match scope {
                MaintenanceScope::Global => "The maintenance of everything".to_owned(),
                MaintenanceScope::Service(service) => format!("The maintenance of {service}"),
            };
            (name, state.maintenance(scope).map(|maintenance| maintenance.changed_at).unwrap_or_default())
        }
        Change::RateLimitSet { scope, .. } | Change::RateLimitCleared { scope } => {
            let changed = state.rate_limit(scope).map(|policy| policy.changed_at);
            (format!("The limit of {scope}"), changed.unwrap_or_default())
        }
        _ => return None,
    })
}

fn command(before: &Change, reason: &str, expected: Revision) -> Option<Command> {
    let (reason, expected) = (reason.to_owned(), Some(expected));
    Some(match before {
        Change::RouteSet { key, route } => Command::Route {
            route: key.clone().into(),
            to: Switch::Restore(Box::new((**route).clone())),
            reason,
            expected,
        },
        Change::MaintenanceSet { scope, maintenance } => {
            let to = if maintenance.enabled {
                MaintenanceSwitch::On {
                    exempt: Some(maintenance.exempt.clone()),
                    include_force_active: maintenance.include_force_active,
                    until: maintenance.until,
                    enforcement: maintenance.enforcement,
                }
            } else {
                MaintenanceSwitch::Off
            };
            // What callers are told again is what they were told before.
            let reason = if maintenance.enabled { maintenance.reason.clone() } else { reason };
            Command::Maintenance { scope: scope.clone(), to, reason, allow_unknown: false, expected }
        }
        Change::RateLimitSet { scope, policy } => {
            // Of a limit that code declares, an operator's is taken away.
            let to = if policy.declared {
                RateLimitSwitch::Delete
            } else {
                RateLimitSwitch::Set(Box::new((**policy).clone()))
            };
            Command::RateLimit { target: target(scope), to, reason, allow_unknown: true, expected }
        }
        Change::RateLimitCleared { scope } => Command::RateLimit {
            target: target(scope),
            to: RateLimitSwitch::Delete,
            reason,
            allow_unknown: true,
            expected,
        },
        _ => return None,
    })
}

fn target(scope: &Scope) -> LimitTarget {
    match scope {
        Scope::Global => LimitTarget::Global,
        Scope::Service(service) => LimitTarget::Service(service.clone()),
        Scope::Route(key) => LimitTarget::Route(key.clone().into()),
    }
}

pub(super) async fn ask(visit: Visit, Path(revision): Path<String>) -> Result<Response, ApiError> {
    let commit = commit_of(&visit, &revision).await?;
    page(&sheet(&visit, &visit.state(), &commit).await)
}

pub(super) async fn carry_out(Path(revision): Path<String>, posted: Posted) -> Result<Response, ApiError> {
    let visit = &posted.visit;
    let commit = commit_of(visit, &revision).await?;
    let refused = match take_back(&posted, &commit).await {
        Ok(applied) => return Ok(posted.done(&applied)),
        Err(refused) => refused,
    };
    let mut sheet = sheet(visit, &visit.state(), &commit).await;
    local(posted.text("back")).clone_into(&mut sheet.back);
    if refused.body.code == ErrorCode::RevisionConflict {
        sheet.conflict.get_or_insert(refused.body.error);
        return shown(StatusCode::CONFLICT, &sheet);
    }
    sheet.refill(|name| posted.text(name));
    sheet.refuse(visit, refused).await
}

async fn take_back(posted: &Posted, commit: &Commit) -> Result<Applied, ApiError> {
    let visit = &posted.visit;
    let reason = match posted.text("reason") {
        "" => format!("takes r{} back", commit.revision()),
        reason => reason.to_owned(),
    };
    let command = way_back(&visit.state(), commit, &reason)
        .map_err(|why| ApiError::new(StatusCode::CONFLICT, ErrorCode::RevisionConflict, why))?;
    let command = visit.principal.within_reach(command, &visit.app).await?;
    let cause = Cause { undoes: Some(commit.revision()), ..visit.principal.cause(clock::now()) };
    Ok(visit.app.control.execute(command, cause).await?)
}

async fn sheet(visit: &Visit, state: &State, commit: &Commit) -> Sheet {
    let revision = commit.revision();
    let mut sheet = Sheet::new(visit, state, Section::Audit, format!("Take back r{revision}")).await;
    let visible = commit.draft.records.iter().filter(|record| may_see(&visit.principal, record));
    for part in visible.take(MOST).map(|record| part(record, None)) {
        sheet.facts.push(Fact::words("Taken back", part.sentence));
        for row in part.rows {
            let was = if row.before.is_empty() { "nothing".to_owned() } else { row.before };
            let is = if row.after.is_empty() { "nothing".to_owned() } else { row.after };
            sheet.facts.push(Fact::words("Then", format!("{}: {was}, and not {is}", row.field)));
        }
    }
    match way_back(state, commit, "") {
        Ok(_) => {
            sheet.fields = vec![Field::reason(false)];
            sheet.submit = "Take it back";
        }
        Err(why) => {
            sheet.conflict = Some(why);
            sheet.submit = "";
        }
    }
    sheet
}
