//! What of the control plane's rules could not be applied here, as it stands.

use serde_json::Value;
use waygate_api::instances::NotApplied;
use waygate_api::stream::Skipped;
use waygate_core::Change;

/// How many are told.
const MOST: usize = 50;

/// The elements that keep an older value than they should have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rejections(Vec<NotApplied>);

impl Rejections {
    /// A snapshot has replaced everything.
    pub(crate) fn anew(&mut self, skipped: &[Skipped]) {
        self.0 = skipped.iter().take(MOST).cloned().map(NotApplied::from).collect();
    }

    /// A commit has come: what it sets and could be applied is no longer wrong.
    pub(crate) fn then(&mut self, applied: &[Change], skipped: &[Skipped]) {
        if !self.0.is_empty() {
            let set: Vec<Subject> = applied.iter().filter_map(Subject::of_change).collect();
            self.0.retain(|rejected| !set.iter().any(|subject| subject.is_named(&rejected.what)));
        }
        for skipped in skipped {
            self.0.retain(|rejected| rejected.what != skipped.what);
            if self.0.len() < MOST {
                self.0.push(skipped.clone().into());
            }
        }
    }

    pub(crate) fn list(&self) -> &[NotApplied] {
        &self.0
    }
}

/// What a change is about, by its kind and key on the wire.
struct Subject {
    kind: String,
    key: String,
}

impl Subject {
    fn of_change(change: &Change) -> Option<Self> {
        let written = serde_json::to_value(change).ok()?;
        let text = |name: &str| written.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        Some(Self { kind: text("kind")?, key: text("key").unwrap_or_default() })
    }

    /// Whether that is what an element of a commit (`route_set pay:GET:/a`) or of a snapshot (`routes GET:/a`) names.
    fn is_named(&self, what: &str) -> bool {
        let Some((kind, key)) = what.split_once(' ') else { return false };
        let same_key = self.key == key || self.key.ends_with(&format!(":{key}"));
        same_key && self.kind.contains("limit") == kind.contains("limit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(what: &str) -> Skipped {
        Skipped { what: what.to_owned(), why: "too new".to_owned() }
    }

    fn names(rejections: &Rejections) -> Vec<&str> {
        rejections.list().iter().map(|rejected| rejected.what.as_str()).collect()
    }

    #[test]
    fn what_is_set_again_is_right_again() {
        let mut rejections = Rejections::default();
        rejections.anew(&[skipped("routes GET:/a"), skipped("route_limits GET:/a"), skipped("global maintenance")]);
        let removed = Change::RouteRemoved { key: "pay:GET:/a".parse().unwrap() };
        rejections.then(&[], &[skipped("route_set pay:GET:/b"), skipped("route_set pay:GET:/b")]);
        assert_eq!(names(&rejections).len(), 4);
        rejections.then(std::slice::from_ref(&removed), &[]);
        assert_eq!(names(&rejections), ["route_limits GET:/a", "global maintenance", "route_set pay:GET:/b"]);
        let other = Change::RouteRemoved { key: "pay:GET:/b".parse().unwrap() };
        rejections.then(&[other], &[]);
        assert_eq!(names(&rejections), ["route_limits GET:/a", "global maintenance"]);
        rejections.anew(&[]);
        assert_eq!(names(&rejections), [""; 0]);
    }

    #[test]
    fn only_so_many_are_told() {
        let many: Vec<Skipped> = (0..200).map(|number| skipped(&format!("routes GET:/{number}"))).collect();
        let mut rejections = Rejections::default();
        rejections.anew(&many);
        rejections.then(&[], &many[100..]);
        assert_eq!(rejections.list().len(), MOST);
    }
}
