//! Webhooks and how their deliveries go.

use serde_json::json;

use super::{Schemas, flag, list, named, object, one_of, or_null, schema, text, texts, time, whole};
use crate::api::openapi::fields::ACTIONS;

pub(super) fn all() -> Schemas {
    let cursor = json!({ "type": "string", "pattern": "^[^:]+:[0-9]+:.+$" });
    let trouble = object(&["at", "id", "error"], json!({ "at": time(), "id": text(), "error": text() }));
    let given_up = object(
        &["id", "event", "path", "revision", "at", "attempts", "error"],
        json!({
            "id": text(), "event": text(), "path": text(), "revision": whole(), "at": time(), "attempts": whole(),
            "error": text(),
        }),
    );
    let missed = object(
        &["at", "after", "next", "why"],
        json!({
            "at": time(), "after": whole(), "next": whole(), "why": one_of(&["no_longer_kept", "another_history"]),
        }),
    );
    vec![
        named(
            "Webhook",
            object(
                &[
                    "id",
                    "url",
                    "format",
                    "services",
                    "actions",
                    "enabled",
                    "secret_generation",
                    "changed_at",
                    "delivery",
                ],
                json!({
                    "id": text(), "url": or_null(text()), "format": one_of(&["generic", "slack"]),
                    "services": texts(), "actions": list(one_of(ACTIONS)), "enabled": flag(),
                    "secret_generation": whole(), "changed_at": whole(), "delivery": schema("Delivery"),
                    "secret": text(),
                }),
            ),
        ),
        named(
            "Delivery",
            object(
                &[
                    "cursor",
                    "pending",
                    "attempts",
                    "next_attempt",
                    "delivered",
                    "failed",
                    "last_success",
                    "last_error",
                    "given_up",
                    "missed",
                ],
                json!({
                    "cursor": or_null(cursor), "pending": whole(), "attempts": whole(),
                    "next_attempt": or_null(time()), "delivered": whole(), "failed": whole(),
                    "last_success": or_null(time()), "last_error": or_null(trouble), "given_up": list(given_up),
                    "missed": or_null(missed),
                }),
            ),
        ),
        named(
            "TestResult",
            object(
                &["delivered", "status", "error"],
                json!({ "delivered": flag(), "status": or_null(whole()), "error": or_null(text()) }),
            ),
        ),
    ]
}
