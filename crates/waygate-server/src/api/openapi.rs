//! The description of the API (OpenAPI 3.1), made of the table of endpoints.

mod field;
mod schemas;

use std::sync::LazyLock;

use axum::Json;
use axum::http::Method;
use axum::routing::MethodRouter;
use serde_json::{Map, Value, json};

use crate::api::table::{Endpoint, table};
use crate::app::App;
use crate::auth::Access;

pub(super) use field::{Field, fields};

/// A row of the table: an endpoint with what answers it and what it is about.
pub(crate) struct Row {
    pub(crate) endpoint: Endpoint,
    pub(crate) methods: MethodRouter<App>,
    about: About,
}

#[derive(Clone, Copy)]
struct About {
    summary: &'static str,
    query: &'static [Field],
    /// The fields of the body; `None` where none is read.
    body: Option<&'static [Field]>,
    /// Takes an expected revision and can be tried first.
    /// The body is a browser's form, and the answer leads on.
    is_form: bool,
    is_change: bool,
    created: bool,
    answer: Answer,
}

/// What a success looks like.
#[derive(Clone, Copy)]
enum Answer {
    /// An object that is not described further.
    Object,
    One(&'static str),
    Many(&'static str),
    Texts,
    Stream,
}

impl Row {
    pub(super) fn new(endpoint: Endpoint, methods: MethodRouter<App>) -> Self {
        let about = About {
            summary: "",
            query: &[],
            body: None,
            is_form: false,
            is_change: false,
            created: false,
            answer: Answer::Object,
        };
        Self { endpoint, methods, about }
    }

    /// What it does, in one sentence.
    pub(super) fn about(mut self, summary: &'static str) -> Self {
        self.about.summary = summary;
        self
    }

    pub(super) fn query(mut self, query: &'static [Field]) -> Self {
        self.about.query = query;
        self
    }

    pub(super) fn body(mut self, body: &'static [Field]) -> Self {
        self.about.body = Some(body);
        self
    }

    /// Takes a browser's form and answers 303.
    pub(super) fn form(mut self, body: &'static [Field]) -> Self {
        self.about.is_form = true;
        self.body(body)
    }

    /// A change: it can expect a revision and be tried first.
    pub(super) fn change(mut self, body: &'static [Field]) -> Self {
        self.about.is_change = true;
        self.body(body)
    }

    /// Answers 201.
    pub(super) fn creates(mut self) -> Self {
        self.about.created = true;
        self
    }

    /// Answers with an object of that schema.
    pub(super) fn gives(mut self, schema: &'static str) -> Self {
        self.about.answer = Answer::One(schema);
        self
    }

    /// Answers with a list of objects of that schema.
    pub(super) fn lists(mut self, schema: &'static str) -> Self {
        self.about.answer = Answer::Many(schema);
        self
    }

    pub(super) fn lists_texts(mut self) -> Self {
        self.about.answer = Answer::Texts;
        self
    }

    pub(super) fn streams(mut self) -> Self {
        self.about.answer = Answer::Stream;
        self
    }

    fn operation(&self) -> Value {
        let About { summary, query, body, is_change, .. } = self.about;
        let path = self.endpoint.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        let mut parameters: Vec<Value> = path.map(field::in_path).collect();
        parameters.extend(query.iter().map(Field::in_query));
        if is_change {
            parameters.extend([fields::DRY_RUN.in_query(), field::if_match()]);
        }
        let code = match self.about {
            About { is_form: true, .. } => "303",
            About { created: true, .. } => "201",
            _ => "200",
        };
        let error = json!({ "$ref": "#/components/responses/Error" });
        let responses = json!({ code: self.success(), "4XX": error, "5XX": error });
        let mut operation = json!({
            "summary": summary,
            "operationId": self.operation_id(),
            "parameters": parameters,
            "responses": responses,
        });
        if self.endpoint.access == Access::Public {
            operation["security"] = json!([]);
        }
        if let Some(body) = body {
            let extra = if is_change { &[fields::EXPECTED_REVISION, fields::DRY_RUN][..] } else { &[] };
            let schema = field::object(body.iter().chain(extra));
            let media = if self.about.is_form { "application/x-www-form-urlencoded" } else { "application/json" };
            operation["requestBody"] = json!({
                "required": body.iter().any(Field::is_required),
                "content": { media: { "schema": schema } },
            });
        }
        operation
    }

    /// `POST /api/routes/{path_key}/enable` is `post_routes_enable`.
    fn operation_id(&self) -> String {
        let words = self.endpoint.path.split('/').filter(|part| !part.is_empty() && *part != "api");
        let words =
            words.map(|part| if part.starts_with('{') { "one".to_owned() } else { part.replace(['-', '.'], "_") });
        let words: Vec<String> = std::iter::once(self.endpoint.method.as_str().to_lowercase()).chain(words).collect();
        words.join("_")
    }

    fn success(&self) -> Value {
        if self.about.is_form {
            return json!({ "description": "Leads on" });
        }
        let one = |schema: &str| json!({ "$ref": format!("#/components/schemas/{schema}") });
        let schema = match self.about.answer {
            Answer::Object => json!({ "type": "object" }),
            Answer::One(schema) => one(schema),
            Answer::Many(schema) => json!({ "type": "array", "items": one(schema) }),
            Answer::Texts => json!({ "type": "array" }),
            Answer::Stream => {
                let schema = json!({ "type": "string" });
                return json!({ "description": "Events", "content": { "text/event-stream": { "schema": schema } } });
            }
        };
        json!({ "description": "Done", "content": { "application/json": { "schema": schema } } })
    }
}

/// The description, for whoever may call anything.
pub(super) async fn show() -> Json<&'static Value> {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document(&table()));
    Json(&DOCUMENT)
}

fn document(rows: &[Row]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for row in rows {
        let path = paths.entry(row.endpoint.path).or_insert_with(|| json!({}));
        let method = match row.endpoint.method {
            Method::GET => "get",
            Method::POST => "post",
            Method::PUT => "put",
            Method::PATCH => "patch",
            _ => "delete",
        };
        path[method] = row.operation();
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Waygate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Controls the routes of services while they run.",
        },
        "security": [{ "token": [] }, { "bearer": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "apiKey", "in": "header", "name": "X-Waygate-Token" },
                "bearer": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": "waygate_session" },
            },
            "responses": { "Error": {
                "description": "Refused; nothing has changed",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
            } },
            "schemas": schemas::all(),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_description_is_what_it_was() {
        insta::assert_json_snapshot!("openapi", document(&table()));
    }

    #[test]
    fn every_row_says_what_it_does_and_has_a_name_of_its_own() {
        let rows = table();
        let mut ids = BTreeSet::new();
        for row in &rows {
            assert!(!row.about.summary.is_empty(), "{:?} has no summary", row.endpoint);
            assert!(ids.insert(row.operation_id()), "{:?} has the name of another", row.endpoint);
        }
    }

    #[test]
    fn every_schema_that_is_named_is_there() {
        let document = document(&table());
        let text = document.to_string();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}
