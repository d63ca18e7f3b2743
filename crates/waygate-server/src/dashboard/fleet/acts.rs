//! What can be done to an instance: have it told everything anew, on the stream that it has, or forget one that is gone.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use waygate_api::error::ErrorCode;
use waygate_api::instances::InstanceView;

use crate::control::presence::{Name, NotForgotten};
use crate::dashboard::fleet::Fleet;
use crate::dashboard::fleet::pages::{State, known, path_of};
use crate::dashboard::form::Posted;
use crate::dashboard::frame::Section;
use crate::dashboard::sheet::{Fact, Sheet};
use crate::dashboard::visit::{Visit, page, see_other, shown};
use crate::dashboard::words::distance;
use crate::error::ApiError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Anew,
    Forget,
}

impl Act {
    /// By its name in the address.
    fn of(name: &str) -> Result<Self, ApiError> {
        match name {
            "anew" => Ok(Self::Anew),
            "forget" => Ok(Self::Forget),
            _ => {
                let error = format!("there is nothing to do to an instance by the name `{name}`");
                Err(ApiError::new(StatusCode::NOT_FOUND, ErrorCode::UnknownPath, error))
            }
        }
    }
}

/// The service, the instance, and what is to be done to it.
type Named = Path<(String, String, String)>;

pub(in crate::dashboard) async fn ask(visit: Visit, Path((service, id, act)): Named) -> Result<Response, ApiError> {
    let act = Act::of(&act)?;
    let fleet = Fleet::of(&visit).await;
    page(&sheet(&visit, known(&fleet, &service, &id)?, act).await)
}

pub(in crate::dashboard) async fn carry_out(
    Path((service, id, act)): Named,
    posted: Posted,
) -> Result<Response, ApiError> {
    let act = Act::of(&act)?;
    let visit = &posted.visit;
    let fleet = Fleet::of(visit).await;
    let instance = known(&fleet, &service, &id)?;
    let name = name_of(instance).ok_or_else(ApiError::internal)?;
    let actor = visit.principal.actor.as_str();
    let conflict = match act {
        Act::Anew if visit.app.presence.renew(&name) => {
            tracing::info!(instance = id, service.id = service, actor, "an instance is told everything anew");
            return Ok(see_other(&format!("{}{}", visit.base, path_of(&service, &id))));
        }
        Act::Anew => "It could not be told anew just now.".to_owned(),
        Act::Forget => match visit.app.presence.forget(&name.service, &name.id).await {
            Ok(()) | Err(NotForgotten::Unknown) => {
                tracing::info!(instance = id, service.id = service, actor, "an instance was forgotten");
                return Ok(see_other(&format!("{}/fleet", visit.base)));
            }
            Err(NotForgotten::Present(state)) => {
                let words = State::from(state).word().to_lowercase();
                format!("It is {words}: only those that are lost or have left are forgotten.")
            }
        },
    };
    let mut sheet = sheet(visit, instance, act).await;
    // Why it cannot be at all says more.
    sheet.conflict.get_or_insert(conflict);
    shown(StatusCode::CONFLICT, &sheet)
}

/// How the control plane names an instance.
pub(super) fn name_of(instance: &InstanceView) -> Option<Name> {
    Some(Name { service: instance.service.parse().ok()?, id: instance.id.parse().ok()? })
}

async fn sheet(visit: &Visit, instance: &InstanceView, act: Act) -> Sheet {
    let title = match act {
        Act::Anew => format!("Tell {} everything anew", instance.id),
        Act::Forget => format!("Forget {}", instance.id),
    };
    let mut sheet = Sheet::new(visit, &visit.state(), Section::Fleet, title).await;
    sheet.facts = vec![Fact::words("Service", &*instance.service), Fact::words("Now", State::of(instance).word())];
    match act {
        Act::Anew => {
            let enforces = instance.applied.map_or_else(|| "unknown".to_owned(), |applied| format!("r{applied}"));
            let then = "It is sent all rules of its service, puts them in force at once, and confirms them";
            sheet.facts.extend([Fact::words("Enforces", enforces), Fact::words("Then", then)]);
            sheet.submit = "Tell it anew";
            if !name_of(instance).is_some_and(|name| visit.app.presence.can_renew(&name)) {
                sheet.submit = "";
                let words = "It has no stream to this server that could begin anew: it is at another server, has gone, \
                             or has an SDK that cannot.";
                sheet.conflict = Some(words.to_owned());
            }
        }
        Act::Forget => {
            let heard = distance(instance.last_heard, visit.now);
            let then = "It is not listed, until it comes back";
            sheet.facts.extend([Fact::words("Last heard", heard), Fact::words("Then", then)]);
            sheet.submit = "Forget it";
        }
    }
    sheet
}
