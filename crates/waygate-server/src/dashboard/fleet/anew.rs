//! Having an instance told everything anew, on the stream that it has.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use waygate_api::instances::InstanceView;

use crate::control::presence::Name;
use crate::dashboard::fleet::Fleet;
use crate::dashboard::fleet::pages::{State, known, path_of};
use crate::dashboard::form::Posted;
use crate::dashboard::frame::Section;
use crate::dashboard::sheet::{Fact, Sheet};
use crate::dashboard::visit::{Visit, page, see_other, shown};
use crate::error::ApiError;

pub(in crate::dashboard) async fn ask(
    visit: Visit,
    Path((service, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    page(&sheet(&visit, &service, &id).await?)
}

pub(in crate::dashboard) async fn carry_out(
    Path((service, id)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, ApiError> {
    let visit = &posted.visit;
    let fleet = Fleet::of(visit).await;
    let name = name_of(known(&fleet, &service, &id)?);
    if name.is_some_and(|name| visit.app.presence.renew(&name)) {
        let actor = visit.principal.actor.as_str();
        tracing::info!(instance = id, service.id = service, actor, "an instance is told everything anew");
        return Ok(see_other(&format!("{}{}", visit.base, path_of(&service, &id))));
    }
    shown(StatusCode::CONFLICT, &sheet(visit, &service, &id).await?)
}

/// How the control plane names an instance.
pub(super) fn name_of(instance: &InstanceView) -> Option<Name> {
    Some(Name { service: instance.service.parse().ok()?, id: instance.id.parse().ok()? })
}

async fn sheet(visit: &Visit, service: &str, id: &str) -> Result<Sheet, ApiError> {
    let fleet = Fleet::of(visit).await;
    let instance = known(&fleet, service, id)?;
    let mut sheet = Sheet::new(visit, &visit.state(), Section::Fleet, format!("Tell {id} everything anew")).await;
    let enforces = instance.applied.map_or_else(|| "unknown".to_owned(), |applied| format!("r{applied}"));
    sheet.facts = vec![
        Fact::words("Service", service),
        Fact::words("Now", State(instance.state).word()),
        Fact::words("Enforces", enforces),
        Fact::words("Then", "It is sent all rules of its service, puts them in force at once, and confirms them"),
    ];
    sheet.submit = "Tell it anew";
    if !name_of(instance).is_some_and(|name| visit.app.presence.can_renew(&name)) {
        sheet.submit = "";
        let words = "It has no stream to this server that could begin anew: it is at another server, has gone, or has an \
                     SDK that cannot.";
        sheet.conflict = Some(words.to_owned());
    }
    Ok(sheet)
}
