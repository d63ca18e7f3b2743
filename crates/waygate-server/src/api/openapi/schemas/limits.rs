//! Rate limits and the requests that they have denied.

use serde_json::json;

use super::{Schemas, flag, list, named, object, one_of, or_null, schema, text, texts, time, whole};

pub(super) fn all() -> Schemas {
    vec![
        named("Tier", object(&["name", "limit"], json!({ "name": text(), "limit": text() }))),
        named(
            "RateLimit",
            // A service's SDK gets no more than these; see the property `scope` for whom the rest is.
            object(
                &[
                    "limit",
                    "algorithm",
                    "key_strategy",
                    "on_missing_key",
                    "burst",
                    "tiers",
                    "tier_resolver",
                    "exempt_ips",
                    "exempt_roles",
                ],
                json!({
                    "path": text(), "method": text(), "limit": text(),
                    "algorithm": one_of(&["fixed_window", "sliding_window", "moving_window", "token_bucket"]),
                    "key_strategy": text(), "on_missing_key": or_null(one_of(&["exempt", "fallback_ip", "block"])),
                    "burst": whole(), "tiers": list(schema("Tier")), "tier_resolver": text(), "exempt_ips": texts(),
                    "exempt_roles": texts(), "exempt_routes": texts(), "enabled": flag(),
                    "scope": one_of(&["global", "service", "route"]), "service": or_null(text()), "key": text(),
                    "origin": one_of(&["operator", "declared"]), "overrides": text(), "shadow": flag(),
                    "until": time(), "on_backend_failure": one_of(&["local", "open", "closed"]),
                    "share": one_of(&["divided"]), "shares": list(object(
                        &["service", "instance", "limit"],
                        json!({ "service": text(), "instance": text(), "limit": text(), "lapsed": flag() }),
                    )),
                    "changed_at": whole(), "unsupported_by": texts(), "changed": flag(),
                }),
            ),
        ),
        named(
            "RateLimitState",
            object(&["enabled", "policy"], json!({ "enabled": flag(), "policy": or_null(schema("RateLimit")) })),
        ),
        named(
            "RateLimitSwitched",
            object(
                &["ok", "count", "changed"],
                json!({
                    "ok": flag(), "path": text(), "method": text(), "count": whole(), "changed": flag(),
                    "unsupported_by": texts(),
                }),
            ),
        ),
        named(
            "Hit",
            object(
                &[
                    "id",
                    "timestamp",
                    "path",
                    "method",
                    "key",
                    "limit",
                    "tier",
                    "reset_at",
                    "service",
                    "instance",
                    "layer",
                    "policy",
                    "count",
                ],
                json!({
                    "id": text(), "timestamp": time(), "path": text(), "method": text(), "key": text(),
                    "limit": text(), "tier": or_null(text()), "reset_at": time(), "service": or_null(text()),
                    "instance": text(), "layer": text(), "policy": text(), "count": whole(), "shadow": flag(),
                }),
            ),
        ),
    ]
}
