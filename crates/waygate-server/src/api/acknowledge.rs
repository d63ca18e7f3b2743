//! What instances say that they enforce.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;
use waygate_api::error::ErrorCode;
use waygate_api::instances::{Acknowledged, Acknowledgement, InstanceId, NotApplied};
use waygate_core::{Cursor, ServiceId};

use crate::api::body::{Fields, mismatch};
use crate::app::App;
use crate::auth::Principal;
use crate::error::ApiError;

/// How much of what could not be applied is kept, and how long each text may be, in characters.
const MOST_REJECTED: usize = 50;
const LONGEST: usize = 300;

/// Takes down what an instance of a service enforces, and says when the next word of it is expected.
pub(super) async fn acknowledge(
    State(app): State<App>,
    principal: Principal,
    fields: Fields,
) -> Result<Json<Acknowledged>, ApiError> {
    let service: ServiceId =
        fields.required_text("app_id")?.parse().map_err(|problem| ApiError::invalid_field("app_id", problem))?;
    principal.require_voice_of(&service)?;
    let said = read(&fields, &service)?;
    if !app.presence.acknowledge(&service, said) {
        let error = "there are more instances than are kept; this one is not";
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::StoreFull, error).retry_after(60));
    }
    let again_in_ms = u64::try_from(app.presence.heartbeat().as_millis()).unwrap_or(u64::MAX);
    Ok(Json(Acknowledged { again_in_ms }))
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
    let nothing = Vec::new();
    let rejected = fields.list("rejected")?.unwrap_or(&nothing).iter().take(MOST_REJECTED);
    Ok(Acknowledgement {
        app_id: service.to_string(),
        instance,
        cursor,
        digest: fields.nullable_text("digest")?.map(shortened),
        rejected: rejected.map(not_applied).collect::<Result<_, _>>()?,
        leaving,
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

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
