//! The form of a change: what is now, what will be, what is asked. Shown as a page, or by the module as a dialog.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use waygate_api::error::ErrorCode;
use waygate_core::{Change, Revision, State};
use waygate_store::HistoryQuery;

use crate::api::audit::may_see;
use crate::dashboard::audit::Entry;
use crate::dashboard::form::{Held, Posted};
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::preview::Preview;
use crate::dashboard::visit::{Visit, local, page, shown};
use crate::dashboard::words::Kind;
use crate::error::ApiError;

/// How many of the visitor's own reasons are suggested, and in how many of the latest changes they are looked for.
const SUGGESTED: usize = 5;
const SEARCHED: usize = 200;

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
    pub(super) cancel: &'static str,
    pub(super) dangerous: bool,
    /// What stands in the way: somebody has changed it meanwhile, or the visitor is to think twice.
    pub(super) conflict: Option<String>,
    /// What the form is about is already what it asks for.
    pub(super) is_so: bool,
    /// Reasons that the visitor has given lately.
    pub(super) suggestions: Vec<String>,
    /// It can be found out what would come of it.
    pub(super) previews: bool,
    /// That, where it was asked for.
    pub(super) preview: Option<Preview>,
    /// What can be done here, for a terminal.
    pub(super) commands: Vec<(String, String)>,
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

    pub(super) fn is_reason(&self) -> bool {
        matches!(self.input, Input::Reason)
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

    /// How long a window lasts.
    pub(super) fn lasting() -> Self {
        let choices = [
            ("", "Until the time below"),
            ("15", "15 minutes"),
            ("30", "30 minutes"),
            ("60", "1 hour"),
            ("120", "2 hours"),
            ("240", "4 hours"),
            ("1440", "A day"),
        ];
        let choices = choices.map(|(value, name)| (value.to_owned(), name.to_owned())).to_vec();
        Self::new("length", "Lasts", Input::Choice(choices))
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
            cancel: "Cancel",
            dangerous: false,
            conflict: None,
            is_so: false,
            suggestions: suggestions(visit).await,
            previews: false,
            preview: None,
            commands: Vec::new(),
        }
    }

    /// The value of a field, where there is such a field.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        if let Some(field) = self.fields.iter_mut().find(|field| field.name == name) {
            field.value = value.into();
        }
    }

    /// Fills in what the visitor has typed.
    pub(super) fn refill<'f>(&mut self, typed: impl Fn(&str) -> &'f str) {
        for field in &mut self.fields {
            typed(field.name).clone_into(&mut field.value);
        }
    }

    /// Shows the form again as it was filled in, with what came of it.
    pub(super) async fn again(mut self, posted: &Posted, held: Held) -> Result<Response, ApiError> {
        self.refill(|name| posted.text(name));
        local(posted.text("back")).clone_into(&mut self.back);
        match held {
            Held::Preview(preview) => {
                self.preview = Some(preview);
                page(&self)
            }
            Held::Refused(refusal) => self.refuse(&posted.visit, refusal).await,
        }
    }

    /// Shows the form again with what was wrong about it. A refusal that the form cannot explain is given back.
    pub(super) async fn refuse(mut self, visit: &Visit, refusal: ApiError) -> Result<Response, ApiError> {
        if refusal.body.code == ErrorCode::RevisionConflict {
            let between = self.came_between(visit).await.unwrap_or_default();
            let rest = if self.is_so {
                "It is already what you wanted: there is nothing to do, unless your reason is to stand there."
            } else {
                "Nothing was overwritten; what it is now stands below."
            };
            self.conflict = Some(format!("{}. {between}{rest}", refusal.body.error));
            (self.submit, self.cancel) = ("Apply mine on top", "Keep theirs");
            return shown(StatusCode::CONFLICT, &self);
        }
        // One of several commands is named before the field.
        let wrong = refusal.body.field.as_deref().and_then(|field| field.rsplit('.').next());
        let Some(field) = self.fields.iter_mut().find(|field| Some(field.name) == wrong) else {
            return Err(refusal);
        };
        field.error = Some(refusal.body.error.clone());
        if field.is_bare() {
            self.conflict = Some(refusal.body.error);
        }
        shown(StatusCode::UNPROCESSABLE_ENTITY, &self)
    }

    /// Who has changed last what the form is about, in a sentence.
    async fn came_between(&self, visit: &Visit) -> Option<String> {
        let latest = self.subjects.iter().filter_map(|(_, revision)| revision.parse::<u64>().ok()).max()?;
        let before = Some(Revision(latest.checked_add(1)?));
        let page = visit.app.control.history(HistoryQuery { before, limit: 1 }).await.ok()?;
        let commit = page.commits.first().filter(|commit| commit.revision().0 == latest)?;
        let entry = Entry::of_those(commit, visit.now, |record| may_see(&visit.principal, record))?;
        let reason = if entry.reason.is_empty() { String::new() } else { format!(": {}", entry.reason) };
        Some(format!("{} {} {}, r{latest}{reason}. ", entry.actor, entry.sentence, entry.ago))
    }
}

async fn suggestions(visit: &Visit) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let query = HistoryQuery { before: None, limit: SEARCHED };
    let Ok(page) = visit.app.control.history(query).await else { return found };
    let own = page.commits.iter().filter(|commit| commit.draft.cause.actor == visit.principal.actor);
    for record in own.flat_map(|commit| &commit.draft.records) {
        let is_told = matches!(record.change, Change::RouteSet { .. } | Change::MaintenanceSet { .. });
        let is_own = !record.reason.starts_with("takes r");
        if is_told && is_own && found.len() < SUGGESTED && !record.reason.is_empty() && !found.contains(&record.reason)
        {
            found.push(record.reason.clone());
        }
    }
    found
}
