//! The form of a change: what is now, what will be, what is asked. Shown as a page, or by the module as a dialog.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use waygate_api::error::ErrorCode;
use waygate_core::State;

use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::visit::{Visit, shown};
use crate::dashboard::words::Kind;
use crate::error::ApiError;

/// A form that asks for a change.
#[derive(Template)]
#[template(path = "switch.html")]
pub(super) struct Sheet {
    pub(super) frame: Frame,
    pub(super) title: String,
    pub(super) facts: Vec<Fact>,
    /// Where the form is posted to.
    pub(super) action: String,
    /// Where the visitor comes from, below the base.
    pub(super) back: String,
    /// What is changed, each with the revision that is shown.
    pub(super) subjects: Vec<(String, String)>,
    pub(super) fields: Vec<Field>,
    pub(super) submit: &'static str,
    pub(super) dangerous: bool,
    /// Somebody has changed it meanwhile.
    pub(super) conflict: Option<String>,
}

pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: Value,
}

pub(super) enum Value {
    Status(Kind),
    Words(String),
}

pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    pub(super) input: Input,
    pub(super) value: String,
    pub(super) required: bool,
    pub(super) error: Option<String>,
}

pub(super) enum Input {
    Text,
    Reason,
    /// One item a line.
    Lines,
    /// A date and a time, in UTC.
    Moment,
    Check,
    /// Not asked: what the form says.
    Fixed,
    /// Values and their names.
    Choice(Vec<(String, String)>),
}

impl Field {
    pub(super) fn new(name: &'static str, label: &'static str, input: Input) -> Self {
        Self { name, label, hint: "", input, value: String::new(), required: false, error: None }
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
    }

    #[must_use]
    pub(super) fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    #[must_use]
    pub(super) fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// It stands by itself, without label, hint and error around it.
    pub(super) fn is_bare(&self) -> bool {
        matches!(self.input, Input::Check | Input::Fixed)
    }

    /// Why a change is made; callers and the audit log are told.
    pub(super) fn reason(required: bool) -> Self {
        let field = Self::new("reason", "Reason (sent to callers, kept in audit)", Input::Reason);
        if required { field.required() } else { field }
    }

    /// When a change ends by itself.
    pub(super) fn ending(label: &'static str) -> [Self; 2] {
        let choices = [
            ("", "When someone ends it"),
            ("15", "In 15 minutes"),
            ("30", "In 30 minutes"),
            ("120", "In 2 hours"),
            ("1440", "In a day"),
            ("time", "At the time below"),
        ];
        let choices = choices.map(|(value, name)| (value.to_owned(), name.to_owned())).to_vec();
        [
            Self::new("for", label, Input::Choice(choices)),
            Self::new("until", "Time (UTC)", Input::Moment).hint("Only where “at the time below” is chosen."),
        ]
    }

    pub(super) fn shadow() -> Self {
        Self::new("shadow", "Count only: report what would be stopped, stop nothing", Input::Check)
    }
}

impl Fact {
    pub(super) fn status(name: &'static str, kind: Kind) -> Self {
        Self { name, value: Value::Status(kind) }
    }

    pub(super) fn words(name: &'static str, words: impl Into<String>) -> Self {
        Self { name, value: Value::Words(words.into()) }
    }
}

impl Sheet {
    /// An empty form in its frame.
    pub(super) async fn new(visit: &Visit, state: &State, section: Section, title: String) -> Self {
        Self {
            frame: Frame::of(visit, state, section).await,
            title,
            facts: Vec::new(),
            action: format!("{}{}", visit.base, visit.here),
            back: visit.back().to_owned(),
            subjects: Vec::new(),
            fields: Vec::new(),
            submit: "Save",
            dangerous: false,
            conflict: None,
        }
    }

    /// Fills in what the visitor has typed.
    pub(super) fn refill<'f>(&mut self, typed: impl Fn(&str) -> &'f str) {
        for field in &mut self.fields {
            typed(field.name).clone_into(&mut field.value);
        }
    }

    /// Shows the form again with what was wrong about it. A refusal that the form cannot explain is given back.
    pub(super) fn refuse(mut self, refusal: ApiError) -> Result<Response, ApiError> {
        if refusal.body.code == ErrorCode::RevisionConflict {
            let error = &refusal.body.error;
            self.conflict = Some(format!(
                "{error}. What it is now stands below: send the form again to put your change on top, or cancel."
            ));
            return shown(StatusCode::CONFLICT, &self);
        }
        let wrong = refusal.body.field.as_deref();
        let Some(field) = self.fields.iter_mut().find(|field| Some(field.name) == wrong) else {
            return Err(refusal);
        };
        field.error = Some(refusal.body.error.clone());
        shown(StatusCode::UNPROCESSABLE_ENTITY, &self)
    }
}
