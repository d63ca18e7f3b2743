//! The mark before a line about a change. It claims no more than is known: no tick, no cross and no warning sign stands before
//! what is only stored, not proven, or only tried.

use crate::context::Context;

/// Behind what is not enforced, only counted.
pub(crate) const COUNTS_ONLY: &str = " (shadow: counts only)";

/// The line with its mark: `mark` where every instance that the change concerns has confirmed it, as only `--wait` finds
/// out; `=` where all was so already; `stored:` where no more than that is known; nothing where it was only tried.
pub(crate) fn marked(context: &Context, mark: &str, line: &str) -> String {
    if context.is_unchanged() {
        format!("= {line}")
    } else if context.settings.dry_run {
        line.to_owned()
    } else if context.propagations.are_proven() {
        format!("{mark} {line}")
    } else {
        format!("stored: {line}")
    }
}
