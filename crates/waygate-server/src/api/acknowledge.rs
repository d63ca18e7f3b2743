//! What instances say that they enforce.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use waygate_api::error::ErrorCode;
use waygate_api::instances::{Acknowledged, Acknowledgement, InstanceId, NotApplied, SharesHeld};
use waygate_api::traffic::COUNTS_TRAFFIC;
use waygate_core::{Cursor, ServiceId};

use crate::api::body::{Fields, mismatch};
use crate::app::App;
use crate::auth::Principal;
use crate::clients::About;
use crate::clock;
use crate::control::presence::Name;
use crate::error::ApiError;

/// How much of what could not be applied is kept, and how long each text may be, in bytes: all of it some KiB.
const MOST_REJECTED: usize = 16;
const LONGEST: usize = 200;
/// When one that there is no room for may try again, in seconds.
const LATER: u64 = 60;
/// What the count of acknowledgements of a start is.
const COUNTED: &str = "expected a whole number from 0";
/// When an instance is asked for again that waits for others to make room for it.
const SOON: Duration = Duration::from_millis(250);

/// Takes down what an instance of a service enforces, and says when the next word of it is expected.
pub(super) async fn acknowledge(
    State(app): State<App>,
    principal: Principal,
    head: HeaderMap,
    fields: Fields,
) -> Result<Json<Acknowledged>, ApiError> {
    let service: ServiceId =
        fields.required_text("app_id")?.parse().map_err(|problem| ApiError::invalid_field("app_id", problem))?;
    principal.require_voice_of(&service)?;
    let said = read(&fields, &service)?;
    let (name, shares, leaving) =
        (Name { service: service.clone(), id: said.instance.clone() }, said.shares, said.leaving);
    if !app.presence.acknowledge(&service, said) {
        let error = format!(
            "the service `{service}` has more instances than are kept of one; what `{}` enforces is not taken down \
             until others have left or are lost",
            name.id
        );
        return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyInstances, error).retry_after(LATER));
    }
    let is_known = || app.control.current().services.contains_key(&service);
    if !leaving && About::read(&head).capabilities.iter().any(|name| name == COUNTS_TRAFFIC) && is_known() {
        app.traffic.heard(&service, clock::now());
    }
    let shares = match shares {
        Some(_) if leaving => {
            app.presence.give_back(&name).await;
            None
        }
        Some(held) => Some(app.presence.share_out(&name, held).await),
        None => None,
    };
    let mut granted = shares.iter().flat_map(|shares| shares.service.iter().chain(&shares.global));
    let again_in = if granted.any(|share| share.partial) { SOON } else { app.presence.heartbeat() };
    Ok(Json(Acknowledged { again_in_ms: u64::try_from(again_in.as_millis()).unwrap_or(u64::MAX), shares }))
}

fn read(fields: &Fields, service: &ServiceId) -> Result<Acknowledgement, ApiError> {
    let instance: InstanceId =
        fields.required_text("instance")?.parse().map_err(|problem| ApiError::invalid_field("instance", problem))?;
    let expected = "expected the cursor of a frame, such as `0123456789abcdef:42:0123456789abcdef`";
    let cursor = fields.nullable_text("cursor")?;
    let cursor: Option<Cursor> =
        cursor.map(|text| text.parse().map_err(|_| ApiError::invalid_field("cursor", expected))).transpose()?;
    let leaving = fields.flag("leaving")?;
    if cursor.is_none() && !leaving {
        return Err(ApiError::invalid_field("cursor", expected));
    }
    let process = fields.nullable_text("process")?;
    let process = process.map(|text| text.parse().map_err(|problem| ApiError::invalid_field("process", problem)));
    let counted = |number| u64::try_from(number).map_err(|_| ApiError::invalid_field("sequence", COUNTED));
    let nothing = Vec::new();
    let all = fields.list("rejected")?.unwrap_or(&nothing);
    let mut rejected = all.iter().take(MOST_REJECTED).map(not_applied).collect::<Result<Vec<_>, _>>()?;
    if let Some(more) = all.len().checked_sub(MOST_REJECTED).filter(|more| *more > 0) {
        rejected.push(NotApplied { what: format!("and {more} more"), why: String::new() });
    }
    Ok(Acknowledgement {
        app_id: service.to_string(),
        instance,
        process: process.transpose()?,
        sequence: fields.integer("sequence")?.map(counted).transpose()?,
        cursor,
        digest: fields.nullable_text("digest")?.map(shortened),
        rejected,
        leaving,
        shares: fields.value("shares").map(held).transpose()?,
    })
}

fn not_applied(element: &Value) -> Result<NotApplied, ApiError> {
    let Value::Object(map) = element else {
        return Err(mismatch("rejected", "objects with `what` and `why`", element));
    };
    let fields: Fields = map.clone().into();
    let what = fields.required_text("what").map_err(|refusal| refusal.within("rejected"))?;
    let why = fields.text("why").map_err(|refusal| refusal.within("rejected"))?.unwrap_or_default();
    Ok(NotApplied { what: shortened(what), why: shortened(why) })
}

fn held(value: &Value) -> Result<SharesHeld, ApiError> {
    let Value::Object(map) = value else {
        return Err(mismatch("shares", "an object with the numbers `service` and `global`", value));
    };
    let fields: Fields = map.clone().into();
    let serial = |name: &str| {
        let number = fields.integer(name).map_err(|refusal| refusal.within("shares"))?;
        let expected = || ApiError::invalid_field(name, "expected a whole number from 0").within("shares");
        number.map(|number| u64::try_from(number).map_err(|_| expected())).transpose()
    };
    Ok(SharesHeld { service: serial("service")?, global: serial("global")? })
}

fn shortened(text: &str) -> String {
    text[..text.floor_char_boundary(LONGEST)].to_owned()
}
