//! One row of the table, and what the description says of it.

use axum::routing::MethodRouter;
use serde_json::{Value, json};

use crate::api::openapi::field::{self, Field};
use crate::api::openapi::fields;
use crate::api::table::Endpoint;
use crate::app::App;
use crate::auth::Access;

/// A row of the table: an endpoint with what answers it and what it is about.
pub(crate) struct Row {
    pub(crate) endpoint: Endpoint,
    pub(crate) methods: MethodRouter<App>,
    pub(super) about: About,
}

#[derive(Clone, Copy)]
pub(super) struct About {
    pub(super) summary: &'static str,
    query: &'static [Field],
    /// The fields of the body; `None` where none is read.
    body: Option<&'static [Field]>,
    /// The body is a browser's form, and the answer leads on.
    is_form: bool,
    /// Takes an expected revision and can be tried first.
    is_change: bool,
    /// The answer can wait until it is in force.
    waits: bool,
    /// The status of a success.
    code: &'static str,
    answer: Answer,
}

/// What a success looks like.
#[derive(Clone, Copy)]
enum Answer {
    /// This description.
    Description,
    One(&'static str),
    Many(&'static str),
    /// Names, or where it is asked for, what they name.
    NamesOr(&'static str),
    Stream,
    /// Text of a media type.
    Text(&'static str),
}

impl Row {
    pub(in crate::api) fn new(endpoint: Endpoint, methods: MethodRouter<App>) -> Self {
        let about = About {
            summary: "",
            query: &[],
            body: None,
            is_form: false,
            is_change: false,
            waits: false,
            code: "200",
            answer: Answer::Description,
        };
        Self { endpoint, methods, about }
    }

    /// What it does, in one sentence.
    pub(in crate::api) fn about(mut self, summary: &'static str) -> Self {
        self.about.summary = summary;
        self
    }

    pub(in crate::api) fn query(mut self, query: &'static [Field]) -> Self {
        self.about.query = query;
        self
    }

    pub(in crate::api) fn body(mut self, body: &'static [Field]) -> Self {
        self.about.body = Some(body);
        self
    }

    /// Takes a browser's form and answers 303.
    pub(in crate::api) fn form(mut self, body: &'static [Field]) -> Self {
        self.about.is_form = true;
        self.about.code = "303";
        self.body(body)
    }

    /// A change: it can expect a revision and be tried first.
    pub(in crate::api) fn change(mut self, body: &'static [Field]) -> Self {
        self.about.is_change = true;
        self.body(body).waits()
    }

    /// Can wait until it is in force at the instances that it concerns.
    pub(in crate::api) fn waits(mut self) -> Self {
        self.about.waits = true;
        self
    }

    /// Answers 201.
    pub(in crate::api) fn creates(mut self) -> Self {
        self.about.code = "201";
        self
    }

    /// Answers with an object of that schema.
    pub(in crate::api) fn gives(mut self, schema: &'static str) -> Self {
        self.about.answer = Answer::One(schema);
        self
    }

    /// Answers with a list of objects of that schema.
    pub(in crate::api) fn lists(mut self, schema: &'static str) -> Self {
        self.about.answer = Answer::Many(schema);
        self
    }

    /// Answers with a list of names, or of objects of that schema.
    pub(in crate::api) fn lists_names_or(mut self, schema: &'static str) -> Self {
        self.about.answer = Answer::NamesOr(schema);
        self
    }

    pub(in crate::api) fn streams(mut self) -> Self {
        self.about.answer = Answer::Stream;
        self
    }

    /// Answers with text of a media type.
    pub(in crate::api) fn tells(mut self, media: &'static str) -> Self {
        self.about.answer = Answer::Text(media);
        self
    }

    /// Whether what answers it looks at the body of a request.
    pub(in crate::api) fn reads_body(&self) -> bool {
        self.about.is_form || self.about.body.is_some_and(|fields| !fields.is_empty())
    }

    /// Whether it can be asked for without anything coming of it.
    pub(in crate::api) fn can_be_tried(&self) -> bool {
        self.endpoint.method.is_safe() || self.about.is_change || self.about.waits
    }

    pub(super) fn operation(&self) -> Value {
        let About { summary, query, body, is_change, code, .. } = self.about;
        let path = self.endpoint.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        let mut parameters: Vec<Value> = path.map(field::in_path).collect();
        parameters.extend(query.iter().map(Field::in_query));
        if is_change {
            parameters.extend([fields::DRY_RUN.in_query(), field::if_match()]);
        }
        if self.about.waits {
            parameters.push(fields::WAIT.in_query());
        }
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
    pub(super) fn operation_id(&self) -> String {
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
        let many = |schema: Value| json!({ "type": "array", "items": schema });
        let schema = match self.about.answer {
            Answer::Description => json!({ "type": "object" }),
            Answer::One(schema) => one(schema),
            Answer::Many(schema) => many(one(schema)),
            Answer::NamesOr(schema) => json!({ "anyOf": [many(json!({ "type": "string" })), many(one(schema))] }),
            Answer::Text(media) => {
                let schema = json!({ "type": "string" });
                return json!({ "description": "Done", "content": { media: { "schema": schema } } });
            }
            Answer::Stream => {
                let schema = json!({ "type": "string" });
                return json!({ "description": "Events", "content": { "text/event-stream": { "schema": schema } } });
            }
        };
        let schema = if self.about.waits {
            let waited = json!({ "type": "object", "properties": { "propagation": one("Propagation") } });
            json!({ "allOf": [schema, waited] })
        } else {
            schema
        };
        json!({ "description": "Done", "content": { "application/json": { "schema": schema } } })
    }
}
