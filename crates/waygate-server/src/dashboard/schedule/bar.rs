//! Something with a beginning and an end, to be drawn.

use jiff::Timestamp;
use waygate_api::paths::path_key;
use waygate_api::schedules::Scheduled;

use crate::dashboard::schedule::subject;
use crate::dashboard::schedule::window::path_of;
use crate::dashboard::visit::Visit;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) what: String,
    pub(super) link: Option<String>,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) stage: Stage,
    pub(super) reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Upcoming,
    Running,
    Done,
    /// Ended by somebody while it was open.
    Ended,
    /// Taken back before it began.
    Cancelled,
}

impl Stage {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Upcoming => "upcoming",
            Self::Running => "running",
            Self::Done => "done",
            Self::Ended => "ended early",
            Self::Cancelled => "cancelled",
        }
    }

    /// The class that draws it.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Upcoming => "upcoming",
            Self::Running => "running",
            Self::Done | Self::Ended => "done",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Bar {
    /// What is in force without a beginning of its own begins when it was set.
    pub(super) fn of(visit: &Visit, scheduled: &Scheduled) -> Self {
        let set = scheduled.planned_at.unwrap_or(visit.now).min(visit.now);
        Self {
            what: subject(scheduled),
            link: scheduled.route.as_deref().map(|route| {
                let id = path_key(route);
                let path = scheduled.id.map_or_else(|| format!("/routes/{id}"), |window| path_of(&id, window));
                format!("{}{path}", visit.base)
            }),
            start: scheduled.start.unwrap_or(set),
            end: scheduled.end,
            stage: if scheduled.open { Stage::Running } else { Stage::Upcoming },
            reason: scheduled.reason.clone(),
        }
    }

    /// Whether it is there at any time from one moment to another.
    pub(super) fn meets(&self, from: Timestamp, to: Timestamp) -> bool {
        self.start < to && from < self.end
    }
}
