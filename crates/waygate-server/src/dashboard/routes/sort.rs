//! In which order the list of routes is.

use std::cmp::Ordering;

use crate::dashboard::routes::Row;
use crate::dashboard::words::Kind;

/// An order that was asked for. Without one, routes stand by service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sort {
    by: By,
    descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Path,
    Status,
    Traffic,
    Changed,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Status => "status",
            Self::Traffic => "traffic",
            Self::Changed => "changed",
        }
    }
}

impl Sort {
    /// By its name in addresses: `path`, or `-changed` for what is changed last first.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (descending, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
        let by = [By::Path, By::Status, By::Traffic, By::Changed].into_iter().find(|by| by.name() == name)?;
        Some(Self { by, descending })
    }

    pub(super) fn name(self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.by.name())
    }

    /// What a click on the heading of a column asks for: the likely order, the other way round, none.
    pub(super) fn next(current: Option<Self>, by: By) -> Option<Self> {
        let first = by != By::Path;
        match current.filter(|current| current.by == by) {
            None => Some(Self { by, descending: first }),
            Some(Self { descending, .. }) if descending == first => Some(Self { by, descending: !first }),
            Some(_) => None,
        }
    }

    /// How the column of that heading is sorted, as `aria-sort` has it.
    pub(super) fn of_column(current: Option<Self>, by: By) -> Option<&'static str> {
        let current = current.filter(|current| current.by == by)?;
        Some(if current.descending { "descending" } else { "ascending" })
    }

    pub(super) fn needs_traffic(self) -> bool {
        self.by == By::Traffic
    }

    pub(super) fn apply(self, rows: &mut [Row]) {
        rows.sort_by(|one, other| {
            let order = self.compare(one, other);
            if self.descending { order.reverse() } else { order }
        });
    }

    fn compare(self, one: &Row, other: &Row) -> Ordering {
        match self.by {
            By::Path => one.path.cmp(&other.path),
            By::Status => rank(one.kind).cmp(&rank(other.kind)),
            By::Traffic => one.requests().cmp(&other.requests()),
            By::Changed => one.changed_at.cmp(&other.changed_at),
        }
    }
}

/// How far from answering a status is.
fn rank(kind: Kind) -> usize {
    let order = ["active", "deprecated", "env_gated", "maintenance", "disabled"];
    order.iter().position(|name| *name == kind.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_leads_to_the_likely_order_the_other_and_none() {
        let named = |sort: Option<Sort>| sort.map(Sort::name);
        let first = Sort::next(None, By::Changed);
        assert_eq!(named(first), Some("-changed".to_owned()));
        let second = Sort::next(first, By::Changed);
        assert_eq!(named(second), Some("changed".to_owned()));
        assert_eq!(Sort::next(second, By::Changed), None);
        assert_eq!(named(Sort::next(first, By::Path)), Some("path".to_owned()));
        assert_eq!(Sort::of_column(Sort::of("-status"), By::Status), Some("descending"));
        assert_eq!(Sort::of("-purple"), None);
    }
}
