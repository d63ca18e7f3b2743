//! What was done, what is planned, and refusals.

use serde_json::json;

use super::{Schemas, flag, named, object, one_of, or_null, schema, text, texts, time, whole};
use crate::api::openapi::fields::ACTIONS;

pub(super) fn all() -> Schemas {
    vec![
        named(
            "Error",
            object(
                &["error", "code"],
                json!({
                    "error": text(), "code": text(), "field": text(), "ambiguous_matches": texts(), "near": texts(),
                    "request_id": text(),
                }),
            ),
        ),
        named(
            "AuditEntry",
            object(
                &[
                    "id",
                    "timestamp",
                    "path",
                    "service",
                    "action",
                    "actor",
                    "platform",
                    "reason",
                    "previous_status",
                    "new_status",
                    "revision",
                ],
                json!({
                    "id": text(), "timestamp": time(), "path": text(), "service": or_null(text()),
                    "action": one_of(ACTIONS), "actor": text(),
                    "platform": one_of(&["cli", "sdk", "dashboard", "api", "system"]), "reason": text(),
                    "previous_status": or_null(schema("Status")), "new_status": or_null(schema("Status")),
                    "revision": whole(), "undoes": whole(),
                }),
            ),
        ),
        named(
            "Scheduled",
            object(
                &[
                    "kind",
                    "route",
                    "service",
                    "status",
                    "cancelable",
                    "end",
                    "open",
                    "reason",
                    "planned_by",
                    "planned_at",
                ],
                json!({
                    "kind": one_of(&["window", "switch", "maintenance", "rate_limit"]), "id": whole(),
                    "route": or_null(text()), "service": or_null(text()), "status": or_null(schema("Status")),
                    "limit": text(), "cancelable": flag(), "start": time(), "end": time(), "open": flag(),
                    "shadow": flag(), "reason": text(), "planned_by": or_null(text()), "planned_at": or_null(time()),
                }),
            ),
        ),
    ]
}
