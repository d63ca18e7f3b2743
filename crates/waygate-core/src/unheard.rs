//! What a service answers while it has never heard of its control plane.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::decide::{Denial, Layer, Verdict};
use crate::id::InvalidName;
use crate::route::LocalKey;

/// What a route answers while its service knows nothing of the control plane: nothing has come yet, and nothing was
/// kept from before.
///
/// What is declared goes first: a route that is declared to be shut stays shut as declared, and only one that would
/// answer falls under this choice. A route that is `force_active` answers whatever the choice is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum WhenUnknown {
    /// It answers.
    #[default]
    Open,
    /// 503, as if it were disabled.
    Closed,
    /// 503, as if it were in maintenance.
    Maintenance,
}

/// The choices of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unheard {
    /// For routes without a choice of their own, and for requests that no known route is for.
    pub default: WhenUnknown,
    pub routes: BTreeMap<LocalKey, WhenUnknown>,
}

impl WhenUnknown {
    /// The reason that callers are told.
    pub const REASON: &'static str = "the control plane has not been heard of yet";

    /// The text of settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Maintenance => "maintenance",
        }
    }

    pub(crate) fn verdict<'s>(self) -> Verdict<'s> {
        match self {
            Self::Open => Verdict::Pass,
            Self::Closed => Verdict::Deny(Denial::Disabled { reason: Self::REASON, until: None }),
            Self::Maintenance => {
                Verdict::Deny(Denial::Maintenance { layer: Layer::Route, reason: Self::REASON, until: None })
            }
        }
    }
}

impl fmt::Display for WhenUnknown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for WhenUnknown {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Open, Self::Closed, Self::Maintenance]
            .into_iter()
            .find(|choice| choice.as_str() == text.trim())
            .ok_or_else(|| InvalidName(format!("`{text}` is not known; expected `open`, `closed` or `maintenance`")))
    }
}

impl Unheard {
    pub(crate) fn choice(&self, key: &LocalKey) -> WhenUnknown {
        self.routes.get(key).copied().unwrap_or(self.default)
    }
}
