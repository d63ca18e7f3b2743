//! What a route can be: its lifecycle, the control that sets it, temporary controls, windows, deprecation.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::Environment;
use crate::revision::Revision;

/// Whether and for whom a route answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    #[default]
    Active,
    Maintenance,
    Disabled,
    /// Answers only where the service's environment is listed; an empty list blocks everywhere.
    EnvGated(BTreeSet<Environment>),
}

impl Lifecycle {
    pub fn kind(&self) -> LifecycleKind {
        match self {
            Self::Active => LifecycleKind::Active,
            Self::Maintenance => LifecycleKind::Maintenance,
            Self::Disabled => LifecycleKind::Disabled,
            Self::EnvGated(_) => LifecycleKind::EnvGated,
        }
    }
}

/// A lifecycle without its data, for lists, filters and audit entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifecycleKind {
    Active,
    Maintenance,
    Disabled,
    EnvGated,
    Deprecated,
}

impl LifecycleKind {
    /// The text of the wire and of lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Maintenance => "maintenance",
            Self::Disabled => "disabled",
            Self::EnvGated => "env_gated",
            Self::Deprecated => "deprecated",
        }
    }
}

/// Whether a control acts, or only counts what it would have done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    #[default]
    Enforce,
    Shadow,
}

impl Enforcement {
    pub fn is_shadow(self) -> bool {
        self == Self::Shadow
    }
}

/// A lifecycle with the reason that callers and operators are told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    pub lifecycle: Lifecycle,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub enforcement: Enforcement,
}

impl Control {
    pub fn new(lifecycle: Lifecycle, reason: impl Into<String>) -> Self {
        Self { lifecycle, reason: reason.into(), enforcement: Enforcement::Enforce }
    }
}

/// A control that ends by itself: in force before `until`, not at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Temporary {
    pub control: Control,
    pub until: Timestamp,
    /// The revision that set it: the log there tells who did.
    #[serde(default, skip_serializing_if = "is_default")]
    pub planned_at: Revision,
}

/// A planned maintenance of one route: in force from `start` (included) to `end` (excluded).
///
/// Windows are evaluated where the request is, so they open and close on time with the control plane gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Distinguishes the windows of one route; never used again for another.
    pub id: u32,
    pub start: Timestamp,
    pub end: Timestamp,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Its opening has been written down. Bookkeeping only: whether it is open is a matter of the time.
    #[serde(default, skip_serializing_if = "is_default")]
    pub opened: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub enforcement: Enforcement,
    /// The revision that planned it: the log there tells who did.
    #[serde(default, skip_serializing_if = "is_default")]
    pub planned_at: Revision,
}

impl Window {
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.start <= now && now < self.end
    }
}

/// Announces that a route will go away. The route goes on answering, with the headers of RFC 9745 (`Deprecation`),
/// RFC 8594 (`Sunset`) and a `successor-version` link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deprecation {
    /// Since when the route is deprecated; the value of the `Deprecation` header.
    pub since: Timestamp,
    /// When it goes away, as it was declared. Becomes a header only where it reads as a date, see
    /// [`Deprecation::sunset_at`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunset: Option<String>,
    /// The path that replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
}

impl Deprecation {
    /// Announces the same end and successor; `since` aside.
    pub(crate) fn announces_the_same_as(&self, other: &Self) -> bool {
        (&self.sunset, &self.successor) == (&other.sunset, &other.successor)
    }

    /// The sunset as an instant: read as an HTTP date (RFC 9110, 5.6.7), an RFC 3339 timestamp or a date (midnight UTC).
    pub fn sunset_at(&self) -> Option<Timestamp> {
        let text = self.sunset.as_deref()?.trim();
        let midnight = || format!("{}T00:00:00Z", text.parse::<jiff::civil::Date>().ok()?).parse::<Timestamp>().ok();
        text.parse::<Timestamp>()
            .ok()
            .or_else(|| jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp()))
            .or_else(midnight)
    }
}

/// Everything that is known of one route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// What the service's code declares. Until an operator has `switched`, a new declaration moves `base` along.
    #[serde(default)]
    pub declared: Control,
    /// What the code announces. While `deprecation` still equals it, a new declaration moves `deprecation` along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_deprecation: Option<Deprecation>,
    /// What the last permanent switch asked for.
    #[serde(default)]
    pub base: Control,
    /// An operator has said what `base` is, even where it is what the code declares.
    #[serde(default, skip_serializing_if = "is_default")]
    pub switched: bool,
    /// A switch with an end; over `base` until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<Temporary>,
    /// Planned maintenance, ordered by start; an open window is over `temporary` and `base`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// The id that was last given to a window.
    #[serde(default, skip_serializing_if = "is_default")]
    pub last_window: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecation: Option<Deprecation>,
    /// Always answers, unless a maintenance says `include_force_active`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub force_active: bool,
    /// The revision that last changed this route: the expected revision of an optimistic edit.
    pub changed_at: Revision,
}

/// What applies to a route now, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effective<'r> {
    /// An open window.
    Window(&'r Window),
    /// A control with an end.
    Temporary(&'r Temporary),
    /// The permanent control.
    Base(&'r Control),
}

impl<'r> Effective<'r> {
    pub fn kind(self) -> LifecycleKind {
        match self {
            Self::Window(_) => LifecycleKind::Maintenance,
            Self::Temporary(temporary) => temporary.control.lifecycle.kind(),
            Self::Base(control) => control.lifecycle.kind(),
        }
    }

    pub fn reason(self) -> &'r str {
        match self {
            Self::Window(window) => &window.reason,
            Self::Temporary(temporary) => &temporary.control.reason,
            Self::Base(control) => &control.reason,
        }
    }

    /// When it ends by itself.
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Self::Window(window) => Some(window.end),
            Self::Temporary(temporary) => Some(temporary.until),
            Self::Base(_) => None,
        }
    }
}

impl Route {
    /// What applies at `now`: the open window, else the unexpired temporary control, else the base. A window that
    /// only counts is none of these, see [`Route::shadow_window`].
    pub fn effective(&self, now: Timestamp) -> Effective<'_> {
        if let Some(window) = self.windows.iter().find(|window| window.is_open(now) && !window.enforcement.is_shadow())
        {
            return Effective::Window(window);
        }
        match &self.temporary {
            Some(temporary) if now < temporary.until => Effective::Temporary(temporary),
            _ => Effective::Base(&self.base),
        }
    }

    /// What stops or admits requests at `now`: like [`Route::effective`], but a timed switch that only counts leaves in
    /// force what lies under it.
    pub fn enforced(&self, now: Timestamp) -> Effective<'_> {
        match self.effective(now) {
            Effective::Temporary(temporary) if temporary.control.enforcement.is_shadow() => Effective::Base(&self.base),
            effective => effective,
        }
    }

    /// What callers get at `now`, as far as this route alone decides: a control that only counts admits them.
    pub fn enforced_status(&self, now: Timestamp) -> LifecycleKind {
        let kind = match self.enforced(now) {
            Effective::Base(control) if control.enforcement.is_shadow() => LifecycleKind::Active,
            enforced => enforced.kind(),
        };
        if kind == LifecycleKind::Active && self.deprecation.is_some() { LifecycleKind::Deprecated } else { kind }
    }

    /// The open window that counts what it would stop, and stops nothing.
    pub fn shadow_window(&self, now: Timestamp) -> Option<&Window> {
        self.windows.iter().find(|window| window.is_open(now) && window.enforcement.is_shadow())
    }

    /// Whether what applies depends on the time of the request.
    pub fn is_timed(&self) -> bool {
        self.temporary.is_some() || !self.windows.is_empty()
    }

    /// The effective kind as lists show it: an active route that is deprecated reads `deprecated`.
    pub fn status(&self, now: Timestamp) -> LifecycleKind {
        match self.effective(now).kind() {
            LifecycleKind::Active if self.deprecation.is_some() => LifecycleKind::Deprecated,
            kind => kind,
        }
    }

    /// The status as the log has it: a window counts from the commit that wrote its opening down to the one that wrote
    /// its end down, and so does a timed switch. Before and after of an audit entry are told by this.
    pub fn recorded_status(&self) -> LifecycleKind {
        let control = self.temporary.as_ref().map_or(&self.base, |temporary| &temporary.control);
        match control.lifecycle.kind() {
            _ if self.windows.iter().any(|window| window.opened && !window.enforcement.is_shadow()) => {
                LifecycleKind::Maintenance
            }
            LifecycleKind::Active if self.deprecation.is_some() => LifecycleKind::Deprecated,
            kind => kind,
        }
    }

    /// Equal in everything that an operator can see; `changed_at` aside.
    pub fn same_as(&self, other: &Self) -> bool {
        Self { changed_at: other.changed_at, ..self.clone() } == *other
    }
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_window_is_open_from_start_to_before_end() {
        let window = Window {
            id: 1,
            start: at(10),
            end: at(20),
            reason: String::new(),
            opened: false,
            enforcement: Enforcement::Enforce,
            planned_at: Revision::ZERO,
        };
        let just_before = at(20) - jiff::SignedDuration::from_millis(1);
        assert_eq!([at(9), at(10), just_before, at(20)].map(|now| window.is_open(now)), [false, true, true, false]);
    }

    #[test]
    fn sunset_reads_the_three_usual_forms_and_nothing_else() {
        let sunset = |text: &str| {
            Deprecation { since: at(0), sunset: Some(text.into()), successor: None }
                .sunset_at()
                .map(|at| at.to_string())
        };
        let expected = Some("2028-01-01T00:00:00Z".to_owned());
        assert_eq!(sunset("Sat, 01 Jan 2028 00:00:00 GMT"), expected);
        assert_eq!(sunset("2028-01-01T01:00:00+01:00"), expected);
        assert_eq!(sunset("2028-01-01"), expected);
        assert_eq!(sunset("bientôt"), None);
    }
}
