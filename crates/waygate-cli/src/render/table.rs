//! Tables: boxed for people, aligned and complete for pipes.

use comfy_table::{Cell as BoxedCell, Color, ContentArrangement, presets};

use crate::printer::{Colour, literal};

/// What an empty cell shows.
const EMPTY: &str = "—";

/// Rows under a header.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// One text of a table; already literal.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    colour: Option<Colour>,
}

impl Cell {
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        let text = literal(text.as_ref());
        Self { text: if text.is_empty() { EMPTY.to_owned() } else { text }, colour: None }
    }

    #[must_use]
    pub(crate) fn coloured(mut self, colour: Colour) -> Self {
        self.colour = Some(colour);
        self
    }
}

impl Table {
    pub(crate) fn new(header: Vec<&'static str>) -> Self {
        Self { header, rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// Fits the terminal's width by wrapping, never by cutting, and by leaving out columns without a text.
    pub(crate) fn boxed(&self, colour: bool) -> String {
        let has_text = |column: &usize| {
            *column == 0 || self.rows.iter().any(|row| row.get(*column).is_some_and(|cell| cell.text != EMPTY))
        };
        let columns: Vec<usize> = (0..self.header.len()).filter(has_text).collect();
        let mut table = comfy_table::Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(columns.iter().filter_map(|&column| self.header.get(column)));
        for row in &self.rows {
            table.add_row(columns.iter().filter_map(|&column| row.get(column)).map(|cell| {
                let shown = BoxedCell::new(&cell.text);
                match cell.colour.filter(|_| colour).and_then(ink) {
                    Some(ink) => shown.fg(ink),
                    None => shown,
                }
            }));
        }
        table.to_string()
    }

    /// Columns two blanks apart, each text whole, no blanks at the ends of lines.
    pub(crate) fn plain(&self) -> String {
        let header = self.header.iter().map(|name| name.to_uppercase()).collect::<Vec<_>>();
        let rows = self.rows.iter().map(|row| row.iter().map(|cell| cell.text.clone()).collect::<Vec<_>>());
        let lines: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
        let widths: Vec<usize> = (0..self.header.len())
            .map(|column| {
                lines.iter().filter_map(|line| line.get(column)).map(|text| text.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let mut out = String::new();
        for line in lines {
            let padded: Vec<String> =
                line.iter().zip(&widths).map(|(text, &width)| format!("{text:<width$}")).collect();
            out.push_str(padded.join("  ").trim_end());
            out.push('\n');
        }
        out
    }
}

fn ink(colour: Colour) -> Option<Color> {
    Some(match colour {
        Colour::Red => Color::Red,
        Colour::Green => Color::Green,
        Colour::Yellow => Color::Yellow,
        Colour::Blue => Color::Blue,
        Colour::Cyan => Color::Cyan,
        Colour::Dim => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_leave_out_columns_without_a_text() {
        let mut table = Table::new(vec!["Route", "Reason", "Envs"]);
        table.push(vec![Cell::new("/a"), Cell::new(""), Cell::new("dev")]);
        let text = table.boxed(false);
        assert!(text.contains("Envs") && !text.contains("Reason"), "{text}");
    }

    #[test]
    fn piped_tables_are_aligned_and_complete() {
        let mut table = Table::new(vec!["Route", "Reason"]);
        table.push(vec![Cell::new("GET:/api/payments/{id}"), Cell::new("")]);
        table.push(vec![Cell::new("GET:/é"), Cell::new("a\nb".repeat(30))]);
        let text = table.plain();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "ROUTE                   REASON");
        assert_eq!(lines[1], "GET:/api/payments/{id}  —");
        assert_eq!(lines[2], format!("GET:/é                  {}", r"a\nb".repeat(30)));
    }
}
