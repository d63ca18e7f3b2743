//! Looking back.

use crate::commit::Commit;
use crate::revision::Revision;
use crate::state::State;

impl State {
    /// Goes back over `commit`, which must be the one that has led here: routes, maintenance, limits and webhooks are
    /// then what they were before it. For reading only: tokens and the lineage of the cursor stay those of later.
    pub fn take_back(&mut self, commit: &Commit) {
        for record in commit.draft.records.iter().rev() {
            for change in &record.before {
                self.apply_change(change);
            }
        }
        self.cursor.revision = Revision(commit.revision().0.saturating_sub(1));
    }
}
