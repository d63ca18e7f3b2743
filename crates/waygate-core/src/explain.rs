//! What a decision is about, for explanations.

use crate::facts::RequestFacts;
use crate::route::LocalKey;
use crate::snapshot::Snapshot;

impl Snapshot {
    /// The route that takes a request, as [`Snapshot::decide`] finds it.
    pub fn route_of(&self, facts: &impl RequestFacts) -> Option<&LocalKey> {
        let method = facts.method();
        let template = facts.template().or_else(|| self.match_request(method, facts.path())).unwrap_or(facts.path());
        self.entry(method, template).map(|entry| &entry.key)
    }
}
