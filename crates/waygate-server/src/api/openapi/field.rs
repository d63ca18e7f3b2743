//! Fields of bodies and parameters of queries.

use serde_json::{Map, Value, json};

/// A field or parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    name: &'static str,
    kind: Kind,
    required: bool,
    /// `null` is as if it were left out.
    nullable: bool,
    about: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    Time,
    Flag,
    Whole {
        least: u64,
        most: u64,
    },
    OneOf(&'static [&'static str]),
    /// A text of a form.
    Pattern(&'static str),
    Texts,
    TextsOf(&'static [&'static str]),
    Object(&'static [Field]),
    /// Objects of the same fields.
    List(&'static [Field]),
}

impl Field {
    pub(super) const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, required: false, nullable: false, about }
    }

    pub(super) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(super) const fn nullable(self) -> Self {
        Self { nullable: true, ..self }
    }

    pub(super) fn is_required(&self) -> bool {
        self.required
    }

    fn schema(&self) -> Value {
        let one_of = |names: &[&str]| json!({ "type": "string", "enum": names });
        let mut schema = match self.kind {
            Kind::Text => json!({ "type": "string" }),
            Kind::Time => json!({ "type": "string", "format": "date-time" }),
            Kind::Flag => json!({ "type": "boolean" }),
            Kind::Whole { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
            Kind::OneOf(names) => one_of(names),
            Kind::Pattern(pattern) => json!({ "type": "string", "pattern": pattern }),
            Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
            Kind::TextsOf(names) => json!({ "type": "array", "items": one_of(names) }),
            Kind::Object(fields) => object(fields.iter()),
            Kind::List(fields) => json!({ "type": "array", "items": object(fields.iter()) }),
        };
        if self.nullable {
            if let Some(Value::Array(names)) = schema.get_mut("enum") {
                names.push(Value::Null);
            }
            schema["type"] = json!([schema["type"], "null"]);
        }
        schema
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
