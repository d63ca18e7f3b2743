//! The part of a list that is shown.

use std::fmt::Write as _;

use crate::cli::Page;
use crate::commands::status::ROWS;

/// Which rows of how many.
pub(super) struct Shown {
    pub(super) page: usize,
    pub(super) size: usize,
    total: usize,
}

impl Shown {
    /// What was asked for; else the first rows on a terminal and everything elsewhere.
    pub(super) fn of(page: &Page, total: usize, terminal: bool) -> Self {
        let whole = page.page.is_none() && page.per_page.is_none() && !terminal;
        let size = if whole { total.max(1) } else { page.per_page.unwrap_or(ROWS) as usize };
        Self { page: page.page.unwrap_or(1) as usize, size, total }
    }

    pub(super) fn range(&self) -> std::ops::Range<usize> {
        let start = ((self.page - 1) * self.size).min(self.total);
        start..(start + self.size).min(self.total)
    }

    /// Where to find the rest, if there is any.
    pub(super) fn footer(&self) -> Option<String> {
        let range = self.range();
        if range.len() == self.total {
            return None;
        }
        let mut text = format!("  Showing {}–{} of {}", range.start + 1, range.end, self.total);
        if self.page > 1 {
            let _ = write!(text, "  •  ← --page {}", self.page - 1);
        }
        let _ = if range.end < self.total {
            write!(text, "  •  --page {} →", self.page + 1)
        } else {
            write!(text, "  •  (last page)")
        };
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cover_the_list() {
        let shown = |page, per_page, terminal| Shown::of(&Page { page, per_page }, 11, terminal);
        assert_eq!(shown(None, None, false).range(), 0..11);
        assert_eq!(shown(None, None, true).footer(), None);
        let second = shown(Some(2), Some(4), false);
        assert_eq!(second.range(), 4..8);
        assert_eq!(second.footer().unwrap(), "  Showing 5–8 of 11  •  ← --page 1  •  --page 3 →");
        assert_eq!(
            shown(Some(3), Some(4), true).footer().unwrap(),
            "  Showing 9–11 of 11  •  ← --page 2  •  (last page)"
        );
        assert!(shown(Some(9), Some(4), true).range().is_empty());
    }
}
