//! Fields of bodies and parameters of queries.

use serde_json::{Map, Value, json};

/// A field or parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    name: &'static str,
    kind: Kind,
    required: bool,
    about: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Time,
    Flag,
    Whole { least: u64, most: u64 },
    Texts,
    Objects,
    OneOf(&'static [&'static str]),
}

impl Field {
    const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, required: false, about }
    }

    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(super) fn is_required(&self) -> bool {
        self.required
    }

    fn schema(&self) -> Value {
        match self.kind {
            Kind::Text => json!({ "type": "string" }),
            Kind::Time => json!({ "type": "string", "format": "date-time" }),
            Kind::Flag => json!({ "type": "boolean" }),
            Kind::Whole { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
            Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
            Kind::Objects => json!({ "type": "array", "items": { "type": "object" } }),
            Kind::OneOf(names) => json!({ "type": "string", "enum": names }),
        }
    }

    pub(super) fn in_query(&self) -> Value {
        json!({
            "name": self.name,
            "in": "query",
            "required": self.required,
            "description": self.about,
            "schema": self.schema(),
        })
    }
}

/// A part of the path, by the name that the table has for it.
pub(super) fn in_path(name: &str) -> Value {
    let about = match name {
        "path_key" => "A route's key in base64url without padding: `/path`, `METHOD:/path` or `service:METHOD:/path`",
        "service" => "A service's id",
        _ => "An id",
    };
    let schema = json!({ "type": "string", "minLength": 1 });
    json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema })
}

pub(super) fn if_match() -> Value {
    json!({
        "name": "If-Match",
        "in": "header",
        "required": false,
        "description": "The subject's `changed_at` that the caller saw; 409 when it has moved on",
        "schema": { "type": "string", "pattern": "^\"?[0-9]{1,18}\"?$" },
    })
}

/// The schema of a body with these fields; unknown ones are ignored.
pub(super) fn object<'f>(fields: impl Iterator<Item = &'f Field>) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for field in fields {
        let mut schema = field.schema();
        schema["description"] = field.about.into();
        properties.insert(field.name.to_owned(), schema);
        if field.required {
            required.push(field.name);
        }
    }
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// What endpoints take.
pub(crate) mod fields {
    use super::Field;
    use super::Kind::{Flag, Objects, OneOf, Text, Texts, Time, Whole};

    const STATUSES: &[&str] = &["active", "maintenance", "disabled", "env_gated", "deprecated"];
    const COUNT: super::Kind = Whole { least: 0, most: i64::MAX.unsigned_abs() };

    pub(crate) const DRY_RUN: Field = Field::new("dry_run", Flag, "Only find out what would change");
    pub(crate) const EXPECTED_REVISION: Field =
        Field::new("expected_revision", COUNT, "The subject's `changed_at` that the caller saw; as `If-Match`");
    const REASON: Field = Field::new("reason", Text, "Why, in at most 2,000 characters; callers and the log are told");
    const UNTIL: Field = Field::new("until", Time, "When it ends by itself");
    const SHADOW: Field = Field::new("shadow", Flag, "Count what would be blocked, do not block");
    const START: Field = Field::new("start", Time, "When a planned window opens");
    const END: Field = Field::new("end", Time, "When it ends by itself");
    const ENVS: Field = Field::new("envs", Texts, "Where the route answers; none blocks everywhere").required();
    const SERVICE: Field = Field::new("service", Text, "Only of this service");
    const LIMIT: Field = Field::new("limit", Whole { least: 1, most: 1000 }, "How many on a page; all when left out");
    const CURSOR: Field = Field::new("cursor", Text, "The `X-Waygate-Next` of the page before");
    const ALLOW_UNKNOWN: Field = Field::new("allow_unknown", Flag, "Accept what nothing is known of yet");
    const METHOD: Field = Field::new("method", Text, "A method, or `ALL`");

    pub(crate) const ONLY_REASON: &[Field] = &[REASON];
    pub(crate) const SWITCH: &[Field] = &[REASON, UNTIL, SHADOW];
    pub(crate) const MAINTENANCE: &[Field] = &[REASON, UNTIL, SHADOW, START, END];
    pub(crate) const GATE: &[Field] = &[ENVS, REASON, UNTIL, SHADOW];
    pub(crate) const WINDOW: &[Field] = &[START.required(), END.required(), REASON, SHADOW];
    pub(crate) const DEPRECATE: &[Field] = &[
        REASON,
        Field::new("sunset_date", Text, "When the route goes away: a date, an RFC 3339 time or an HTTP date"),
        Field::new("successor_path", Text, "The path that replaces it"),
    ];
    pub(crate) const SCOPE_ON: &[Field] = &[
        REASON,
        UNTIL,
        SHADOW,
        Field::new("exempt_paths", Texts, "Replaces what goes on answering: `/path` or `METHOD:/path`"),
        Field::new("include_force_active", Flag, "Block even the routes that are always on"),
        ALLOW_UNKNOWN,
    ];
    pub(crate) const SCOPE_OFF: &[Field] = &[REASON, ALLOW_UNKNOWN];
    pub(crate) const EXEMPTIONS: &[Field] = &[
        REASON,
        Field::new("add", Texts, "Goes on answering from now on"),
        Field::new("remove", Texts, "No longer does"),
        ALLOW_UNKNOWN,
    ];
    pub(crate) const BATCH: &[Field] = &[Field::new(
        "commands",
        Objects,
        "1 to 1,000 objects with an `action` as the log names it, a `route` or `service`, and the fields of that action's own endpoint",
    )
    .required()];
    pub(crate) const ROUTES: &[Field] = &[
        SERVICE,
        Field::new("status", OneOf(STATUSES), "What the route itself is set to"),
        Field::new("effective", OneOf(STATUSES), "What callers get"),
        Field::new("text", Text, "In the key or the reason, in any case"),
        LIMIT,
        CURSOR,
    ];
    pub(crate) const WINDOW_ID: &[Field] =
        &[Field::new("id", Whole { least: 0, most: u32::MAX as u64 }, "Only this window; all when left out")];
    pub(crate) const SCHEDULES: &[Field] = &[SERVICE, Field::new("route", Text, "Only of this route")];
    pub(crate) const SERVICES: &[Field] = &[Field::new("details", Flag, "Objects with counts, not only names")];
    pub(crate) const AUDIT: &[Field] = &[
        SERVICE,
        Field::new("route", Text, "Only of this route, in any of its names"),
        Field::new("actor", Text, "Only what this person or service did"),
        Field::new("action", Text, "Only this action"),
        Field::new("since", Time, "Not before"),
        Field::new("until", Time, "Before"),
        Field::new("limit", Whole { least: 0, most: 100_000 }, "How many on a page; 50 when left out"),
        CURSOR,
        Field::new("total", Flag, "Count all of them into `X-Waygate-Total`"),
    ];
    pub(crate) const LOGIN: &[Field] = &[
        Field::new("username", Text, "Who").required(),
        Field::new("password", Text, "Its password").required(),
        Field::new("platform", Text, "`cli`, `dashboard` or `sdk`"),
    ];
    pub(crate) const LOGIN_FORM: &[Field] = &[
        Field::new("username", Text, "Who").required(),
        Field::new("password", Text, "Its password").required(),
        Field::new("next", Text, "Where to go then: a path of this server"),
    ];
    pub(crate) const TOKENS: &[Field] = &[SERVICE, Field::new("holder", Text, "Only of this holder")];
    pub(crate) const NEW_TOKEN: &[Field] = &[
        Field::new("service", Text, "The id of the service that it is bound to").required(),
        Field::new("expires_in", Whole { least: 60, most: 315_360_000 }, "How long it is good for, in seconds"),
    ];
    pub(crate) const STREAM: &[Field] = &[Field::new("service", Text, "Whose changes")];
    pub(crate) const REGISTER: &[Field] = &[
        Field::new("app_id", Text, "The service's id").required(),
        Field::new("states", Objects, "Its routes; what is not taken is named under `rejected`"),
    ];
    pub(crate) const REPORT: &[Field] = &[
        Field::new("id", Text, "A name of its own").required(),
        Field::new("timestamp", Time, "When").required(),
        Field::new("path", Text, "Of which route").required(),
        Field::new("action", Text, "What was done").required(),
        REASON,
    ];
    pub(crate) const HITS: &[Field] =
        &[SERVICE, Field::new("route", Text, "Only of this route"), Field::new("limit", COUNT, "How many")];
    pub(crate) const HITS_REPORT: &[Field] = &[Field::new("app_id", Text, "The service's id").required()];
    pub(crate) const LIMITS: &[Field] = &[SERVICE];
    pub(crate) const LIMIT_OF: &[Field] = &[SERVICE, METHOD];
    pub(crate) const SET_LIMIT: &[Field] = &[
        Field::new("limit", Text, "Such as `100/minute`").required(),
        Field::new("algorithm", Text, "How it counts"),
        Field::new("key_strategy", Text, "What is counted apart"),
        Field::new("burst", COUNT, "How many more at once"),
        Field::new("exempt_routes", Texts, "What is not counted"),
        REASON,
        ALLOW_UNKNOWN,
    ];
    pub(crate) const SET_ROUTE_LIMIT: &[Field] = &[
        Field::new("path", Text, "The route").required(),
        METHOD,
        Field::new("limit", Text, "Such as `100/minute`").required(),
        Field::new("algorithm", Text, "How it counts"),
        Field::new("key_strategy", Text, "What is counted apart"),
        Field::new("burst", COUNT, "How many more at once"),
        REASON,
        ALLOW_UNKNOWN,
    ];
    pub(crate) const WEBHOOK: &[Field] = &[
        Field::new("url", Text, "Where to").required(),
        Field::new("format", Text, "`generic` or `slack`"),
        Field::new("services", Texts, "Only of these services"),
        Field::new("actions", Texts, "Only these actions"),
        Field::new("enabled", Flag, "Whether it is told of anything"),
        REASON,
    ];
    pub(crate) const EDIT_WEBHOOK: &[Field] = &[
        Field::new("url", Text, "Where to"),
        Field::new("format", Text, "`generic` or `slack`"),
        Field::new("services", Texts, "Only of these services"),
        Field::new("actions", Texts, "Only these actions"),
        Field::new("enabled", Flag, "Whether it is told of anything"),
        REASON,
    ];
}
