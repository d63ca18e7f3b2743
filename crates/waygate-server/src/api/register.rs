//! What services send: the routes that they have, and reports.

use std::convert::Infallible;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use waygate_api::routes::RouteState;
use waygate_api::sdk::Rejected;
use waygate_core::{
    Command, Control, Declaration, Deprecation, Environment, Lifecycle, LifecycleKind, RateLimitPolicy, RouteKey,
    ServiceId,
};

use crate::api::answer;
use crate::api::body::{Fields, mismatch};
use crate::api::{rate_limits, routes};
use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::compat;
use crate::error::ApiError;

/// The largest body of a registration, in bytes.
const REGISTRATION: usize = 8 << 20;

/// The answer: the server's word on each route that was taken, in the order of the request.
#[derive(Serialize)]
struct Registered {
    states: Vec<RouteState>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejected: Vec<Rejected>,
}

/// What an element of a registration turned out to be.
enum Element {
    Declared(Declaration),
    /// A known route under a wrong name, pushed by the reference's SDK when its own service switches a route; the
    /// switch is not a declaration, and the server wins.
    Echo(RouteKey),
}

/// One commit for the whole batch. What cannot be taken is left out and named.
pub(super) async fn register(
    State(app): State<App>,
    principal: Principal,
    fields: Fields<REGISTRATION>,
) -> Result<Response, ApiError> {
    let service: ServiceId =
        fields.required_text("app_id")?.parse().map_err(|problem| ApiError::invalid_field("app_id", problem))?;
    principal.require_voice_of(&service)?;
    let nothing = Vec::new();
    let elements = fields.list("states")?.unwrap_or(&nothing);
    let (mut declarations, mut keys, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    let (known, now) = (app.control.current(), clock::now());
    for (index, element) in elements.iter().enumerate() {
        let read = read(element, &service, now).and_then(|element| match element {
            Element::Echo(key) if known.route(&key).is_none() => Err(ApiError::invalid_field(
                "path",
                format!("`{key}` is not known; a route is registered as `{}:METHOD:/path`", key.service),
            )),
            element => Ok(element),
        });
        match read {
            Ok(Element::Declared(declaration)) => {
                keys.push(RouteKey::new(service.clone(), declaration.key.clone()));
                declarations.push(declaration);
            }
            Ok(Element::Echo(key)) => keys.push(key),
            Err(refusal) => {
                let path = element.get("path").and_then(Value::as_str).map(ToOwned::to_owned);
                rejected.push(Rejected { index, path, error: refusal.body.error });
            }
        }
    }
    let applied = app.execute(&principal, Command::Register { service, routes: declarations }).await?;
    let now = clock::now();
    let states = keys.iter().map(|key| routes::view(&applied.state, key, now)).collect::<Result<_, _>>()?;
    Ok(answer::changed(&applied, Registered { states, rejected }))
}

/// Reports of the reference's SDK are checked and not kept: they repeat what this server has written down itself,
/// once per instance, and they name whomever they like as the actor.
pub(super) async fn report(principal: Principal, fields: Fields) -> Result<Json<Value>, ApiError> {
    for field in ["id", "timestamp", "path", "action"] {
        fields.required_text(field)?;
    }
    fields.time("timestamp")?;
    for field in ["actor", "platform", "reason"] {
        fields.text(field)?;
    }
    for field in ["previous_status", "new_status"] {
        if let Some(status) = fields.nullable_text(field)? {
            serde_json::from_value::<LifecycleKind>(status.into())
                .map_err(|_| ApiError::invalid_field(field, "expected a status as lists show it, such as `active`"))?;
        }
    }
    if let Some(service) = fields.nullable_text("service")?.filter(|service| !service.is_empty()) {
        let service = service.parse().map_err(|problem| ApiError::invalid_field("service", problem))?;
        principal.require_voice_of(&service)?;
    }
    Ok(Json(json!({ "ok": true })))
}

fn read(element: &Value, service: &ServiceId, now: Timestamp) -> Result<Element, ApiError> {
    let Value::Object(map) = element else {
        return Err(mismatch("states", "an object for each route", element));
    };
    let fields: Fields = map.clone().into();
    if let Some(other) =
        fields.nullable_text("service")?.filter(|other| !other.is_empty() && *other != service.as_str())
    {
        return Err(ApiError::invalid_field("service", format!("expected `{service}`; got `{other}`")));
    }
    let path = fields.required_text("path")?;
    if compat::is_reserved(path) {
        return Err(ApiError::invalid_field("path", "names that begin with `__waygate` are reserved"));
    }
    let (local, doubled) = without_service(path, service);
    let key = local.parse().map_err(|problem| ApiError::invalid_field("path", problem))?;
    // Every field is checked, also of what is not taken over.
    let declaration = Declaration {
        key,
        control: control(&fields)?,
        deprecation: deprecation(&fields, now)?,
        force_active: fields.flag("force_active")?,
        window: window(&fields)?,
        rate_limit: declared_limit(&fields)?,
    };
    for field in ["allowed_roles", "allowed_ips"] {
        fields.texts(field, |_| Ok::<_, Infallible>(()))?;
    }
    fields.integer("rollout_percentage")?;
    declaration.check().map_err(ApiError::from)?;
    Ok(if doubled {
        Element::Echo(RouteKey::new(service.clone(), declaration.key))
    } else {
        Element::Declared(declaration)
    })
}

/// The key within the service, and whether the service stood before it more than once: that is how the reference's
/// SDK names a route when the service itself switches it.
fn without_service<'p>(path: &'p str, service: &ServiceId) -> (&'p str, bool) {
    let (mut local, mut prefixes) = (path, 0);
    while let Some(rest) = local.strip_prefix(service.as_str()).and_then(|rest| rest.strip_prefix(':')) {
        local = rest;
        prefixes += 1;
    }
    (local, prefixes > 1)
}

fn control(fields: &Fields) -> Result<Control, ApiError> {
    let envs = fields.texts("allowed_envs", str::parse::<Environment>)?.unwrap_or_default();
    let lifecycle = match fields.text("status")?.unwrap_or("active") {
        "active" | "deprecated" => Lifecycle::Active,
        // A window of its own says when: outside of it the route answers.
        "maintenance" if fields.value("window").is_some() => Lifecycle::Active,
        "maintenance" => Lifecycle::Maintenance,
        "disabled" => Lifecycle::Disabled,
        "env_gated" => Lifecycle::EnvGated(envs.into_iter().collect()),
        other => {
            let accepted = "`active`, `maintenance`, `disabled`, `env_gated` or `deprecated`";
            return Err(ApiError::invalid_field("status", format!("expected {accepted}; got `{other}`")));
        }
    };
    Ok(Control::new(lifecycle, fields.reason()?))
}

fn deprecation(fields: &Fields, since: Timestamp) -> Result<Option<Deprecation>, ApiError> {
    let sunset = fields.nullable_text("sunset_date")?.map(ToOwned::to_owned);
    let successor = fields.nullable_text("successor_path")?.map(ToOwned::to_owned);
    let is_deprecated = fields.text("status")? == Some("deprecated");
    Ok(is_deprecated.then_some(Deprecation { since, sunset, successor }))
}

/// The limit that the code declares.
fn declared_limit(fields: &Fields) -> Result<Option<Box<RateLimitPolicy>>, ApiError> {
    match fields.value("rate_limit") {
        None => Ok(None),
        Some(Value::Object(map)) => {
            let limit: Fields = map.clone().into();
            Ok(Some(Box::new(rate_limits::policy(&limit)?)))
        }
        Some(other) => Err(mismatch("rate_limit", "an object with `limit`", other)),
    }
}

fn window(fields: &Fields) -> Result<Option<(Timestamp, Timestamp)>, ApiError> {
    match fields.value("window") {
        None => Ok(None),
        Some(Value::Object(map)) => {
            let window: Fields = map.clone().into();
            window.reason()?;
            Ok(Some((window.required_time("start")?, window.required_time("end")?)))
        }
        Some(other) => Err(mismatch("window", "an object with `start` and `end`", other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_before_the_key_is_folded_away() {
        let service: ServiceId = "pay".parse().unwrap();
        let fold = |path| without_service(path, &service);
        assert_eq!(fold("pay:GET:/a"), ("GET:/a", false));
        assert_eq!(fold("GET:/a"), ("GET:/a", false));
        assert_eq!(fold("pay:pay:pay:GET:/a"), ("GET:/a", true));
        assert_eq!(fold("payments:GET:/a"), ("payments:GET:/a", false));
    }
}
