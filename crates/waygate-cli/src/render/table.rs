//! Tables: boxed for people, aligned and complete for pipes.

use comfy_table::{Cell as BoxedCell, Color, ColumnConstraint, ContentArrangement, Width, presets};

use crate::printer::{Colour, literal, painted};

/// What an empty cell shows.
const EMPTY: &str = "—";

/// The blanks on either side of a text in a box.
const PADDING: usize = 2;

/// Rows under a header.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    /// So many columns are for everybody; the others are shown where every column is asked for.
    narrow: usize,
    rows: Vec<Vec<Cell>>,
    /// What each row is called; the first cell where nothing is said.
    names: Vec<String>,
}

/// One text of a table; already literal.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    /// As it is stored, for CSV.
    stored: String,
    colour: Option<Colour>,
}

impl Cell {
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        let shown = literal(text.as_ref());
        let shown = if shown.is_empty() { EMPTY.to_owned() } else { shown };
        Self { text: shown, stored: text.as_ref().to_owned(), colour: None }
    }

    #[must_use]
    pub(crate) fn coloured(mut self, colour: Colour) -> Self {
        self.colour = Some(colour);
        self
    }
}

impl Table {
    pub(crate) fn new(header: Vec<&'static str>) -> Self {
        Self { narrow: header.len(), header, ..Self::default() }
    }

    /// Further columns, for whoever asks for every one.
    #[must_use]
    pub(crate) fn widened(mut self, further: &[&'static str]) -> Self {
        self.header.extend(further);
        self
    }

    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        let name = row.first().map(|cell| cell.stored.clone()).unwrap_or_default();
        self.push_named(name, row);
    }

    pub(crate) fn push_named(&mut self, name: impl Into<String>, row: Vec<Cell>) {
        self.names.push(name.into());
        self.rows.push(row);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The same with these columns, as their names are typed; all where none is named.
    ///
    /// # Errors
    ///
    /// A name that is none of its columns, and the names of these.
    pub(crate) fn of(&self, names: &[String]) -> Result<Self, (String, String)> {
        if names.is_empty() {
            return Ok(self.clone());
        }
        let known: Vec<String> = self.header.iter().map(|name| typed(name)).collect();
        let place = |name: &String| {
            let place = known.iter().position(|known| *known == typed(name));
            place.ok_or_else(|| (name.clone(), known.join(", ")))
        };
        let places = names.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        let rows = self.rows.iter().map(|row| places.iter().filter_map(|&place| row.get(place).cloned()).collect());
        Ok(Self {
            header: places.iter().map(|&place| self.header[place]).collect(),
            narrow: places.len(),
            rows: rows.collect(),
            names: self.names.clone(),
        })
    }

    /// For a terminal of a width: in a box, or, where its columns would break words, in lines that the terminal wraps,
    /// whose names can be copied.
    pub(crate) fn fitted(&self, colour: bool, wide: bool, width: u16) -> String {
        let columns = self.told(wide);
        // A line after each column, and one before the first.
        let least = columns.iter().map(|&column| self.longest_word(column) + PADDING + 1).sum::<usize>() + 1;
        if least <= usize::from(width) {
            return self.boxed(colour, wide, width);
        }
        let names: Vec<String> = columns.iter().map(|&column| self.header[column].to_owned()).collect();
        self.of(&names).map_or_else(|_| self.boxed(colour, wide, width), |table| table.lines(colour, true, true))
    }

    /// The letters of the longest word of a column.
    fn longest_word(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.as_str());
        let words = std::iter::once(self.header[column]).chain(cells).flat_map(str::split_whitespace);
        words.map(|word| word.chars().count()).max().unwrap_or(0)
    }

    /// The columns that have a text.
    fn told(&self, wide: bool) -> Vec<usize> {
        let has_text = |column: &usize| {
            *column == 0 || self.rows.iter().any(|row| row.get(*column).is_some_and(|cell| cell.text != EMPTY))
        };
        (0..self.columns(wide)).filter(has_text).collect()
    }

    /// Fits a width by wrapping between words, never by cutting, and by leaving out columns without a text.
    pub(crate) fn boxed(&self, colour: bool, wide: bool, width: u16) -> String {
        let columns = self.told(wide);
        let mut table = comfy_table::Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(width);
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
        for (place, &column) in columns.iter().enumerate() {
            let least = u16::try_from(self.longest_word(column) + PADDING).unwrap_or(width);
            if let Some(column) = table.column_mut(place) {
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
            }
        }
        table.to_string()
    }

    /// Columns two blanks apart, each text whole, no blanks at the ends of lines.
    pub(crate) fn plain(&self, wide: bool, headers: bool) -> String {
        self.lines(false, wide, headers)
    }

    fn lines(&self, colour: bool, wide: bool, headers: bool) -> String {
        let columns = self.columns(wide);
        let header =
            headers.then(|| self.header.iter().take(columns).map(|name| Cell::new(name.to_uppercase())).collect());
        let rows = self.rows.iter().map(|row| row.iter().take(columns).cloned().collect());
        let lines: Vec<Vec<Cell>> = header.into_iter().chain(rows).collect();
        let length = |cell: &Cell| cell.text.chars().count();
        let widths: Vec<usize> = (0..columns)
            .map(|column| lines.iter().filter_map(|line| line.get(column)).map(length).max().unwrap_or(0))
            .collect();
        let mut out = String::new();
        for line in lines {
            let mut blanks = 0;
            for (cell, width) in line.iter().zip(&widths) {
                out.extend(std::iter::repeat_n(' ', blanks));
                out.push_str(&painted(colour, cell.colour, &cell.text));
                blanks = width - length(cell) + 2;
            }
            out.push('\n');
        }
        out
    }

    /// Every column, each text as it is stored.
    pub(crate) fn csv(&self, headers: bool) -> String {
        let header = self.header.iter().map(|name| typed(name));
        let header = headers.then(|| header.collect::<Vec<_>>());
        let rows = self.rows.iter().map(|row| row.iter().map(|cell| cell.stored.clone()).collect());
        let mut out = String::new();
        for line in header.into_iter().chain(rows) {
            let fields: Vec<String> = line.iter().map(|field| quoted(field)).collect();
            out.push_str(&fields.join(","));
            out.push('\n');
        }
        out
    }

    /// What each row is called, one on a line.
    pub(crate) fn names(&self) -> String {
        self.names.iter().map(|name| literal(name) + "\n").collect()
    }

    fn columns(&self, wide: bool) -> usize {
        if wide { self.header.len() } else { self.narrow }
    }
}

/// The name of a column as it is typed and as CSV has it.
fn typed(name: &str) -> String {
    name.trim().to_lowercase().replace(" (", "_").replace([' ', '-'], "_").replace(')', "")
}

/// A field of CSV, in quotes where it needs them.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) || field.trim() != field {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
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
        let text = table.boxed(false, false, 80);
        assert!(text.contains("Envs") && !text.contains("Reason"), "{text}");
    }

    #[test]
    fn a_terminal_too_narrow_for_words_has_lines_with_whole_names() {
        let mut table = Table::new(vec!["Route", "Reason", "Service", "Status"]);
        table.push(vec![Cell::new("GET:/api/payments"), Cell::new(""), Cell::new("payments"), Cell::new("DISABLED")]);
        let text = table.fitted(false, false, 43);
        assert!(text.contains("│ GET:/api/payments ┆ payments ┆ DISABLED │"), "{text}");
        let text = table.fitted(false, false, 42);
        assert_eq!(text.lines().last(), Some("GET:/api/payments  payments  DISABLED"), "{text}");
        table.push(vec![Cell::new("/a").coloured(Colour::Red), Cell::new(""), Cell::new("b"), Cell::new("c")]);
        let text = table.fitted(true, false, 42);
        let red = format!("\u{1b}[31m/a\u{1b}[0m{}b         c", " ".repeat(17));
        assert_eq!(text.lines().last(), Some(red.as_str()), "{text:?}");
    }

    #[test]
    fn boxes_break_lines_between_words_and_never_in_a_name() {
        let mut table = Table::new(vec!["Time", "Route", "Reason"]);
        let reason = "the processor is upgraded until the early morning, see the calendar of the team";
        table.push(vec![
            Cell::new("2026-11-25 04:10:45 UTC"),
            Cell::new("orders-service:GET:/api/orders/debug"),
            Cell::new(reason),
        ]);
        let text = table.fitted(false, false, 80);
        assert!(text.contains(" orders-service:GET:/api/orders/debug ") && text.contains("2026-11-25"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        for word in reason.split(' ') {
            assert!(text.contains(word), "{word} is broken:\n{text}");
        }
        let long = "GET:/api/v1/customers/{customer_id}/payments";
        table.push(vec![Cell::new("2026-11-25"), Cell::new(long), Cell::new("")]);
        for width in [60, 72, 80] {
            let text = table.fitted(false, false, width);
            assert!(text.contains(long), "{width} columns break a name:\n{text}");
        }
    }

    #[test]
    fn piped_tables_are_aligned_and_complete() {
        let mut table = Table::new(vec!["Route", "Reason"]);
        table.push(vec![Cell::new("GET:/api/payments/{id}"), Cell::new("")]);
        table.push(vec![Cell::new("GET:/é"), Cell::new("a\nb".repeat(30))]);
        let text = table.plain(false, true);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "ROUTE                   REASON");
        assert_eq!(lines[1], "GET:/api/payments/{id}  —");
        assert_eq!(lines[2], format!("GET:/é                  {}", r"a\nb".repeat(30)));
    }

    #[test]
    fn wide_columns_names_and_csv_are_for_whoever_asks() {
        let mut table = Table::new(vec!["Route", "Time (UTC)"]).widened(&["Set by"]);
        table.push_named("pay:GET:/a", vec![Cell::new("GET:/a"), Cell::new("a \"b\",\nc"), Cell::new("")]);
        assert_eq!(table.plain(false, false), "GET:/a  a \"b\",\\nc\n");
        assert_eq!(table.plain(true, true).lines().next(), Some("ROUTE   TIME (UTC)  SET BY"));
        assert_eq!(table.csv(true), "route,time_utc,set_by\nGET:/a,\"a \"\"b\"\",\nc\",\n");
        assert_eq!(table.names(), "pay:GET:/a\n");
        let chosen = table.of(&["set-by".to_owned(), "Route".to_owned()]).unwrap();
        assert_eq!(chosen.plain(false, true), "SET BY  ROUTE\n—       GET:/a\n");
        let unknown = table.of(&["envs".to_owned()]).unwrap_err();
        assert_eq!(unknown, ("envs".to_owned(), "route, time_utc, set_by".to_owned()));
    }
}
