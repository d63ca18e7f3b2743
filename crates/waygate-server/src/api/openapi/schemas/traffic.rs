//! Counts of requests.

use serde_json::{Value, json};

use super::{Schemas, list, named, object, or_null, schema, text, time, whole};

pub(super) fn all() -> Schemas {
    vec![
        named("Outcomes", object(&OUTCOMES, outcomes(json!({})))),
        named(
            "Traffic",
            object(
                &["window", "step_seconds", "series", "routes", "services"],
                json!({
                    "window": text(), "step_seconds": whole(),
                    "series": list(object(
                        &["at", "counts"],
                        json!({ "at": time(), "counts": or_null(schema("Outcomes")) }),
                    )),
                    "routes": list(object(
                        &[&["service", "method", "path"][..], &OUTCOMES].concat(),
                        outcomes(json!({ "service": text(), "method": text(), "path": text() })),
                    )),
                    "services": list(object(
                        &[&["service", "measured_seconds"][..], &OUTCOMES].concat(),
                        outcomes(json!({ "service": text(), "measured_seconds": whole() })),
                    )),
                    "callers": list(object(
                        &["service", "policy", "caller", "count", "over"],
                        json!({
                            "service": text(), "policy": text(), "caller": text(), "count": whole(), "over": whole(),
                        }),
                    )),
                }),
            ),
        ),
    ]
}

const OUTCOMES: [&str; 5] = ["allowed", "limited", "blocked", "gated", "shadow"];

fn outcomes(mut properties: Value) -> Value {
    for outcome in OUTCOMES {
        properties[outcome] = whole();
    }
    properties
}
