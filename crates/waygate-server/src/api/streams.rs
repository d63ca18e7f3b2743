//! How services follow the control plane: the two streams are opened here.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use waygate_api::headers;
use waygate_core::Cursor;

use crate::admission::Place;
use crate::api::names::{Parameters, app_id};
use crate::api::stream::{Frames, Holder, respond};
use crate::app::App;
use crate::auth::Principal;
use crate::clients::{self, About, Client};
use crate::clock;
use crate::compat::Envelopes;
use crate::control::feed::Subject;
use crate::control::presence::Arrival;
use crate::error::ApiError;
use crate::serve::Way;

/// Our frames about the service that `service` names, resumed after `Last-Event-ID` where that is possible. Who knows more
/// than this node does waits for it, and is refused where it cannot be told whether that is so.
pub(super) async fn frames(
    State(app): State<App>,
    principal: Principal,
    parameters: Parameters,
    way: Way,
    head: HeaderMap,
) -> Result<Response, ApiError> {
    let service = parameters.own_service()?;
    principal.require_read(&service)?;
    let resume = resumed(&head);
    let subject = Subject::Service(service.clone());
    let holder = holder(&principal, app.admit_stream()?);
    if let Some(cursor) = &resume {
        app.control.catch_up_for(cursor).await?;
    }
    let present = app.presence.join(Arrival {
        service: service.clone(),
        id: clients::instance(&head),
        client: Client::Ours,
        about: About::read(&head),
        may_speak: principal.may_speak_for(&service),
        process: clients::process(&head),
        resume: resume.clone(),
    });
    let frames = Frames { service, present };
    Ok(respond(&app, subject, resume.as_ref(), frames, holder, way))
}

/// The guide's envelopes: about the service that the SDK names in its header, else about everything that the caller
/// may see.
pub(super) async fn events(
    State(app): State<App>,
    principal: Principal,
    way: Way,
    head: HeaderMap,
) -> Result<Response, ApiError> {
    let subject = match app_id(&head)?.or_else(|| principal.only_service().cloned()) {
        Some(service) => {
            principal.require_read(&service)?;
            Subject::Service(service)
        }
        None if principal.sees_everything() => Subject::Everything,
        None => {
            let problem = "expected the service to follow, since you may not see all of them";
            return Err(ApiError::invalid_field(headers::APP_ID, problem));
        }
    };
    let holder = holder(&principal, app.admit_stream()?);
    let present = match &subject {
        Subject::Service(service) => Some(app.presence.join(Arrival {
            service: service.clone(),
            id: None,
            client: Client::Reference,
            about: About::read(&head),
            may_speak: false,
            process: None,
            resume: None,
        })),
        Subject::Everything => None,
    };
    let attendance = match &subject {
        Subject::Service(service) => Some(app.absences.attend(service, clock::now())),
        Subject::Everything => None,
    };
    let envelopes = Envelopes { control: app.control.clone(), present, attendance };
    Ok(respond(&app, subject, None, envelopes, holder, way))
}

/// Where the caller stands. A cursor that cannot be read is as good as none: it begins with a snapshot.
pub(super) fn resumed(head: &HeaderMap) -> Option<Cursor> {
    head.get(headers::LAST_EVENT_ID).and_then(|value| value.to_str().ok()?.parse().ok())
}

fn holder(principal: &Principal, place: Place) -> Holder {
    Holder { token: principal.token.clone(), expires: principal.expires, place }
}
