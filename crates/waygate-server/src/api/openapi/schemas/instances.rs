//! Instances of services, and how far changes have come.

use serde_json::json;

use super::{Schemas, flag, list, named, object, one_of, or_null, schema, text, texts, time, whole};

pub(super) fn all() -> Schemas {
    let state = || one_of(&["in_sync", "applying", "behind", "unconfirmed", "lost", "left"]);
    vec![
        named(
            "Acknowledged",
            object(
                &["again_in_ms"],
                json!({
                    "again_in_ms": whole(),
                    "shares": object(&[], json!({ "service": schema("ShareGranted"), "global": schema("ShareGranted") })),
                }),
            ),
        ),
        named(
            "ShareGranted",
            object(
                &["serial", "part", "lease_ms", "of"],
                json!({
                    "serial": whole(), "part": list(list(whole())), "lease_ms": whole(), "of": whole(), "partial": flag(),
                }),
            ),
        ),
        named(
            "InstanceForgotten",
            object(&["ok", "id", "service"], json!({ "ok": flag(), "id": text(), "service": text() })),
        ),
        named("NotApplied", object(&["what", "why"], json!({ "what": text(), "why": text() }))),
        named(
            "Instance",
            object(
                &[
                    "id",
                    "service",
                    "state",
                    "sdk",
                    "version",
                    "environment",
                    "protocol",
                    "capabilities",
                    "connected",
                    "connected_since",
                    "last_heard",
                    "delivered",
                    "applied",
                    "cursor",
                    "digest",
                    "lag",
                    "lag_ms",
                    "rejected",
                ],
                json!({
                    "id": text(), "service": text(), "state": state(), "sdk": or_null(text()),
                    "version": or_null(text()), "environment": or_null(text()), "protocol": or_null(whole()),
                    "capabilities": texts(), "connected": flag(), "connected_since": or_null(time()),
                    "last_heard": time(), "delivered": or_null(whole()), "applied": or_null(whole()),
                    "cursor": or_null(text()), "digest": or_null(text()), "lag": or_null(whole()),
                    "lag_ms": or_null(whole()), "rejected": list(schema("NotApplied")),
                }),
            ),
        ),
        named(
            "Laggard",
            object(
                &["service", "instance", "applied", "state"],
                json!({
                    "service": text(), "instance": text(), "applied": or_null(whole()), "state": state(),
                    "rejected": list(schema("NotApplied")),
                }),
            ),
        ),
        named(
            "Propagation",
            object(
                &["revision", "confirmed", "total", "unconfirmed", "lost", "waited_ms", "laggards"],
                json!({
                    "revision": whole(), "confirmed": whole(), "total": whole(), "unconfirmed": whole(),
                    "lost": whole(), "waited_ms": whole(),
                    "unproven": one_of(&["vanished", "unseen", "incomplete", "absent", "unheard"]),
                    "laggards": list(schema("Laggard")), "absent": texts(), "lost_instances": list(schema("Laggard")),
                    "settled_in_ms": whole(),
                }),
            ),
        ),
    ]
}
