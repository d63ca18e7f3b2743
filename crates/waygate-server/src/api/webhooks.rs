//! Who is told of changes.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use waygate_api::webhooks::{DeliveryView, TestResult, WebhookView};
use waygate_core::{Action, Command, ServiceId, Webhook, WebhookFormat, WebhookId, WebhookSettings};

use crate::api::answer;
use crate::api::asked::Asked;
use crate::api::body::Fields;
use crate::api::names::NamedWebhook;
use crate::app::App;
use crate::auth::Principal;
use crate::control::Applied;
use crate::error::ApiError;
use crate::webhooks::{format_named, masked};

pub(super) async fn list(State(app): State<App>) -> Result<Response, ApiError> {
    let state = app.control.current();
    let mut views = Vec::with_capacity(state.webhooks.len());
    for (id, webhook) in &*state.webhooks {
        views.push(view(&app, id, webhook).await?);
    }
    Ok(answer::read(&state, views))
}

pub(super) async fn show(State(app): State<App>, NamedWebhook(id): NamedWebhook) -> Result<Response, ApiError> {
    let state = app.control.current();
    let webhook = state.webhooks.get(&id).ok_or_else(|| unknown(&id))?;
    Ok(answer::read(&state, view(&app, &id, webhook).await?))
}

pub(super) async fn create(State(app): State<App>, asked: Asked) -> Result<Response, ApiError> {
    let (id, fields) = (new_id()?, &asked.fields);
    let to = WebhookSettings {
        sealed_url: seal(&app, &id, fields.required_text("url")?)?,
        format: format(fields)?.unwrap_or_default(),
        services: services(fields)?.unwrap_or_default(),
        actions: actions(fields)?.unwrap_or_default(),
        enabled: enabled(fields)?.unwrap_or(true),
    };
    let command = Command::SetWebhook { id: id.clone(), to, reason: fields.reason()?, expected: asked.expected };
    let applied = asked.execute(&app, command).await?;
    let mut response = changed(&app, &applied, &id, true).await?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// Changes the fields that are given.
pub(super) async fn edit(
    State(app): State<App>,
    NamedWebhook(id): NamedWebhook,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (state, fields) = (app.control.current(), &asked.fields);
    let before = state.webhooks.get(&id).ok_or_else(|| unknown(&id))?;
    let url = fields.text("url")?.filter(|url| app.webhooks.url(&id, before).as_deref() != Some(url));
    let to = WebhookSettings {
        // Sealed anew, the same target would look like a change.
        sealed_url: match url {
            Some(url) => seal(&app, &id, url)?,
            None => before.settings.sealed_url.clone(),
        },
        format: format(fields)?.unwrap_or(before.settings.format),
        services: services(fields)?.unwrap_or_else(|| before.settings.services.clone()),
        actions: actions(fields)?.unwrap_or_else(|| before.settings.actions.clone()),
        enabled: enabled(fields)?.unwrap_or(before.settings.enabled),
    };
    // Fields that were not given are as they were read: nobody else's edit in between is lost.
    let expected = Some(asked.expected.unwrap_or(before.changed_at));
    let command = Command::SetWebhook { id: id.clone(), to, reason: fields.reason()?, expected };
    let applied = asked.execute(&app, command).await?;
    changed(&app, &applied, &id, false).await
}

pub(super) async fn remove(
    State(app): State<App>,
    NamedWebhook(id): NamedWebhook,
    asked: Asked,
) -> Result<Response, ApiError> {
    let command = Command::RemoveWebhook { id, reason: asked.fields.reason()?, expected: asked.expected };
    let applied = asked.execute(&app, command).await?;
    Ok(answer::changed(&applied, json!({"ok": true})))
}

pub(super) async fn rotate(
    State(app): State<App>,
    NamedWebhook(id): NamedWebhook,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (reason, expected) = (asked.fields.reason()?, asked.expected);
    let command = Command::RotateWebhookSecret { id: id.clone(), reason, expected };
    let applied = asked.execute(&app, command).await?;
    changed(&app, &applied, &id, true).await
}

/// Sends a message that says that it is a test, at once and once.
pub(super) async fn test(
    State(app): State<App>,
    principal: Principal,
    NamedWebhook(id): NamedWebhook,
) -> Result<Response, ApiError> {
    let state = app.control.current();
    let webhook = state.webhooks.get(&id).ok_or_else(|| unknown(&id))?;
    let result = match app.webhooks.test(&id, webhook, principal.actor.as_str()).await {
        Ok(status) => TestResult { delivered: true, status: Some(status), error: None },
        Err(error) => TestResult { delivered: false, status: None, error: Some(error) },
    };
    Ok(answer::read(&state, result))
}

/// The webhook as it is after a change; with its signing secret where the change has made it.
async fn changed(app: &App, applied: &Applied, id: &WebhookId, with_secret: bool) -> Result<Response, ApiError> {
    // Somebody may have removed it since.
    let webhook = applied.state.webhooks.get(id).ok_or_else(|| unknown(id))?;
    let mut view = view(app, id, webhook).await?;
    // Of a trial there is none: what would be made is made another time.
    view.secret = (with_secret && !applied.dry_run).then(|| app.webhooks.signing_secret(id, webhook));
    Ok(answer::changed(applied, view))
}

async fn view(app: &App, id: &WebhookId, webhook: &Webhook) -> Result<WebhookView, ApiError> {
    let progress = app.webhooks.progress(id).await?;
    let pending = if webhook.settings.enabled { app.webhooks.pending(webhook, &progress).await? } else { 0 };
    Ok(WebhookView {
        id: id.clone(),
        url: app.webhooks.url(id, webhook).as_deref().and_then(masked),
        format: webhook.settings.format,
        services: webhook.settings.services.iter().cloned().collect(),
        actions: webhook.settings.actions.iter().copied().collect(),
        enabled: webhook.settings.enabled,
        secret_generation: webhook.generation,
        changed_at: webhook.changed_at,
        delivery: DeliveryView {
            cursor: progress.cursor,
            pending,
            attempts: progress.attempts,
            next_attempt: progress.next_attempt,
            delivered: progress.delivered,
            failed: progress.failed,
            last_success: progress.last_success,
            last_error: progress.last_error,
            given_up: progress.given_up,
            missed: progress.missed,
        },
        secret: None,
    })
}

fn seal(app: &App, id: &WebhookId, url: &str) -> Result<String, ApiError> {
    app.webhooks.seal_url(id, url).map_err(|problem| ApiError::invalid_field("url", problem))
}

fn format(fields: &Fields) -> Result<Option<WebhookFormat>, ApiError> {
    let named = |name| format_named(name).map_err(|problem| ApiError::invalid_field("format", problem));
    fields.text("format")?.map(named).transpose()
}

fn services(fields: &Fields) -> Result<Option<BTreeSet<ServiceId>>, ApiError> {
    Ok(fields.texts("services", str::parse::<ServiceId>)?.map(BTreeSet::from_iter))
}

fn actions(fields: &Fields) -> Result<Option<BTreeSet<Action>>, ApiError> {
    let named = |name: &str| {
        serde_json::from_value::<Action>(name.into())
            .map_err(|_| "expected the name of an action as the audit log shows it, such as `disable`")
    };
    Ok(fields.texts("actions", named)?.map(BTreeSet::from_iter))
}

fn enabled(fields: &Fields) -> Result<Option<bool>, ApiError> {
    fields.value("enabled").map(|_| fields.flag("enabled")).transpose()
}

fn unknown(id: &WebhookId) -> ApiError {
    waygate_core::CommandError::UnknownWebhook { id: id.clone() }.into()
}

fn new_id() -> Result<WebhookId, ApiError> {
    let number = getrandom::u64().map_err(|_| ApiError::internal())?;
    format!("{number:016x}").parse().map_err(|_| ApiError::internal())
}
