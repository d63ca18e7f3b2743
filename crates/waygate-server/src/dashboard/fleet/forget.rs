//! Forgetting an instance that is gone.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;

use crate::control::presence::NotForgotten;
use crate::dashboard::fleet::Fleet;
use crate::dashboard::fleet::pages::{State, known};
use crate::dashboard::form::Posted;
use crate::dashboard::frame::Section;
use crate::dashboard::sheet::{Fact, Sheet};
use crate::dashboard::visit::{Visit, page, see_other, shown};
use crate::dashboard::words::distance;
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
    let instance = known(&fleet, &service, &id)?;
    let (Ok(name), Ok(number)) = (instance.service.parse(), instance.id.parse()) else {
        return Err(ApiError::internal());
    };
    match visit.app.presence.forget(&name, &number).await {
        Ok(()) | Err(NotForgotten::Unknown) => {
            let actor = visit.principal.actor.as_str();
            tracing::info!(instance = id, service.id = service, actor, "an instance was forgotten");
            Ok(see_other(&format!("{}/fleet", visit.base)))
        }
        Err(NotForgotten::Present(state)) => {
            let mut sheet = sheet(visit, &service, &id).await?;
            let words = State(state).word().to_lowercase();
            sheet.conflict = Some(format!("It is {words}: only those that are lost or have left are forgotten."));
            shown(StatusCode::CONFLICT, &sheet)
        }
    }
}

async fn sheet(visit: &Visit, service: &str, id: &str) -> Result<Sheet, ApiError> {
    let fleet = Fleet::of(visit).await;
    let instance = known(&fleet, service, id)?;
    let mut sheet = Sheet::new(visit, &visit.state(), Section::Fleet, format!("Forget {id}")).await;
    sheet.facts = vec![
        Fact::words("Service", service),
        Fact::words("Now", State(instance.state).word()),
        Fact::words("Last heard", distance(instance.last_heard, visit.now)),
        Fact::words("Then", "It is not listed, until it comes back"),
    ];
    sheet.submit = "Forget it";
    Ok(sheet)
}
