//! The only way to print. Data goes to stdout; everything said about it goes to stderr.
//!
//! Stored text may hold anything: whatever a terminal would interpret is shown escaped.

mod ask;
mod format;

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use ask::{agrees, ask, ask_secret, can_ask};
pub(crate) use format::{ColourChoice, Format, Output};
use serde_json::value::RawValue;
use waygate_api::client::Call;

use crate::error::CliError;
use crate::render;
use crate::render::table::Table;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Red,
    Green,
    Yellow,
    Blue,
    Cyan,
    Dim,
}

impl Colour {
    fn code(self) -> &'static str {
        match self {
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Blue => "34",
            Self::Cyan => "36",
            Self::Dim => "2",
        }
    }
}

/// How a command is to speak.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a matter of its own")]
pub(crate) struct Manner {
    pub(crate) output: Output,
    pub(crate) colour: ColourChoice,
    /// The environment asks for text without colours.
    pub(crate) plain: bool,
    /// Tables and CSV begin with the names of their columns.
    pub(crate) headers: bool,
    /// Leave out what is only said beside the data.
    pub(crate) quiet: bool,
    /// What is told has not been done.
    pub(crate) rehearsal: bool,
}

/// Both streams, and what each of them can show.
#[derive(Debug)]
pub(crate) struct Printer {
    pub(crate) format: Format,
    pub(crate) output: Output,
    /// Whether a person reads stdout: boxes and pages.
    pub(crate) terminal: bool,
    manner: Manner,
    colour: bool,
    colour_notes: bool,
    /// The columns that tables are to have; empty for those they have anyway.
    columns: Vec<String>,
    /// One of these that a table does not have, and what it has.
    unknown_column: OnceLock<(String, String)>,
    /// Something of the data could not be written.
    lost: AtomicBool,
    /// The reader of stdout has gone away.
    unheard: AtomicBool,
}

impl Printer {
    pub(crate) fn new(manner: Manner) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let coloured = |terminal: bool| match manner.colour {
            ColourChoice::Auto => terminal && !manner.plain,
            ColourChoice::Always => true,
            ColourChoice::Never => false,
        };
        Self {
            format: manner.output.format(),
            output: manner.output,
            terminal,
            manner,
            colour: coloured(terminal),
            colour_notes: coloured(std::io::stderr().is_terminal()),
            columns: Vec::new(),
            unknown_column: OnceLock::new(),
            lost: AtomicBool::new(false),
            unheard: AtomicBool::new(false),
        }
    }

    /// The same, its tables with these columns.
    pub(crate) fn with_columns(self, columns: Vec<String>) -> Self {
        Self { columns, ..self }
    }

    /// Whether a column that is not for everybody is asked for.
    pub(crate) fn shows(&self, column: &str) -> bool {
        let is_named = || self.columns.iter().any(|name| name.trim().eq_ignore_ascii_case(column));
        if self.columns.is_empty() { matches!(self.output, Output::Wide | Output::Csv) } else { is_named() }
    }

    /// A column that was asked for and that a table does not have, and what it has.
    pub(crate) fn unknown_column(&self) -> Option<(String, String)> {
        self.unknown_column.get().cloned()
    }

    /// The table with the columns that are asked for; `None` where it does not have one of them.
    fn chosen(&self, table: &Table) -> Option<Table> {
        match table.of(&self.columns) {
            Ok(table) => Some(table),
            Err(unknown) => {
                let _ = self.unknown_column.set(unknown);
                None
            }
        }
    }

    /// One line of data. Control characters other than the colours given here are escaped.
    pub(crate) fn data(&self, colour: Option<Colour>, line: &str) {
        let line = if self.manner.rehearsal { format!("dry run: {line}") } else { line.to_owned() };
        self.put(&painted(self.colour, colour, &literal(&line)));
    }

    /// Text that is data as it stands: documents, scripts, manuals.
    pub(crate) fn text(&self, text: &str) {
        let text = text.trim_end_matches('\n');
        if !text.is_empty() {
            self.put(text);
        }
    }

    /// One line about what happened.
    pub(crate) fn note(&self, line: &str) {
        if self.manner.quiet {
            return;
        }
        emit(&mut std::io::stderr().lock(), &painted(self.colour_notes, Some(Colour::Dim), &literal(line)));
    }

    /// One line that should not be overlooked.
    pub(crate) fn warn(&self, line: &str) {
        emit(&mut std::io::stderr().lock(), &painted(self.colour_notes, Some(Colour::Yellow), &literal(line)));
    }

    pub(crate) fn table(&self, table: &Table) {
        let Some(table) = self.chosen(table) else { return };
        let headers = self.manner.headers;
        let text = match self.output {
            Output::Csv => self.raw(table.csv(headers)),
            Output::Name => table.names(),
            output if self.terminal => table.fitted(self.colour, output == Output::Wide, ask::size().0),
            output => table.plain(output == Output::Wide, headers),
        };
        let text = text.trim_end_matches('\n');
        if !text.is_empty() {
            self.put(text);
        }
    }

    /// What the API answered, in the notation that was asked for; laid out for people and as it came for programs.
    pub(crate) fn json(&self, text: &str) {
        match self.output {
            Output::Yaml => self.text(&render::yaml::of_json(text)),
            Output::Jsonl if self.terminal => self.text(&render::json::inert(&render::json::lines(text))),
            Output::Jsonl => self.text(&render::json::lines(text)),
            _ if self.terminal => self.put(&render::json::laid_out(text)),
            _ => self.put(text),
        }
    }

    /// A list: what the API answered, or the table of it; `none` is said where there is nothing.
    pub(crate) fn list(&self, raw: &str, table: &Table, none: &str) {
        if self.format == Format::Json {
            self.json(raw);
        } else if table.is_empty() && self.output.is_for_people() {
            self.note(none);
        } else {
            self.table(table);
        }
    }

    /// Some more elements of something that goes on; `first` is said once.
    pub(crate) fn stream(&self, raw: &[Box<RawValue>], table: &Table, first: bool) {
        if self.format == Format::Json {
            for element in raw {
                match self.output {
                    Output::Yaml => self.text(&format!("---\n{}", render::yaml::of_json(element.get()))),
                    _ if self.terminal => self.text(&render::json::inert(&render::json::lines(element.get()))),
                    _ => self.text(&render::json::lines(element.get())),
                }
            }
            return;
        }
        let Some(table) = self.chosen(table) else { return };
        let headers = self.manner.headers && first;
        let text = match self.output {
            Output::Csv => self.raw(table.csv(headers)),
            Output::Name => table.names(),
            output => table.plain(output == Output::Wide, headers),
        };
        if !table.is_empty() || first {
            self.text(&text);
        }
    }

    /// Text as it is stored, for programs; for a terminal it is literal, but for the ends of lines.
    fn raw(&self, text: String) -> String {
        if self.terminal { text.split('\n').map(literal).collect::<Vec<_>>().join("\n") } else { text }
    }

    /// Takes the whole terminal, from its first place on. What it has no room for is left out, which is said.
    pub(crate) fn screen(&self, title: &str, table: &Table, none: &str) {
        let Some(table) = self.chosen(table) else { return };
        let (width, height) = ask::size();
        let text =
            if table.is_empty() { literal(none) } else { table.boxed(self.colour, self.output == Output::Wide, width) };
        let title: String = literal(title).chars().take(width.into()).collect();
        let mut lines: Vec<&str> = std::iter::once(title.as_str()).chain(text.lines()).collect();
        // The cursor stands on the last line.
        let room = usize::from(height).saturating_sub(1).max(2);
        let left_out = format!("… and {} lines more", (lines.len() + 1).saturating_sub(room));
        if lines.len() > room {
            lines.truncate(room - 1);
            lines.push(&left_out);
        }
        self.put(&format!("\u{1b}[H{}\u{1b}[K\u{1b}[J", lines.join("\u{1b}[K\n")));
    }

    /// Whether whoever read stdout has gone away.
    pub(crate) fn is_unheard(&self) -> bool {
        self.unheard.load(Ordering::Relaxed)
    }

    /// One thing: what the API answered, its row, its name, or what `told` says of it.
    pub(crate) fn answer(&self, raw: &str, table: impl FnOnce() -> Table, told: impl FnOnce(&Self)) {
        match self.output {
            Output::Json | Output::Jsonl | Output::Yaml => self.json(raw),
            Output::Csv | Output::Name => self.table(&table()),
            Output::Table | Output::Wide => told(self),
        }
    }

    /// Whether all data has reached stdout. A reader that has gone away, as `head` does, has had what it wanted.
    pub(crate) fn has_told_all(&self) -> bool {
        !self.lost.load(Ordering::Relaxed)
    }

    fn put(&self, line: &str) {
        let mut stdout = std::io::stdout().lock();
        let written = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => self.unheard.store(true, Ordering::Relaxed),
            Err(_) => self.lost.store(true, Ordering::Relaxed),
        }
    }

    /// What went wrong, on stderr; nothing where the exit code says all.
    pub(crate) fn error(&self, error: &CliError) {
        if error.message.is_empty() {
            return;
        }
        let mut stderr = std::io::stderr().lock();
        if self.format == Format::Json {
            emit(&mut stderr, &error.to_json());
            return;
        }
        let head = painted(self.colour_notes, Some(Colour::Red), "error:");
        emit(&mut stderr, &format!("{head} {}", literal(&error.message)));
        for hint in &error.hints {
            emit(&mut stderr, &format!("  {}", literal(hint)));
        }
    }
}

/// Tells one call: for `--verbose`.
pub(crate) fn tell_call(call: &Call<'_>) {
    let status = call.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let line = format!("{} {} {status} {} ms", call.method, call.url, call.took.as_millis());
    emit(&mut std::io::stderr().lock(), &literal(&line));
}

/// What is wrong, for programs, before anything is known of how to print.
pub(crate) fn problem(error: &CliError) {
    emit(&mut std::io::stderr().lock(), &error.to_json());
}

/// A reader that has gone away is no failure of what was done.
fn emit(stream: &mut impl Write, line: &str) {
    let _ = writeln!(stream, "{line}");
}

pub(crate) fn painted(allowed: bool, colour: Option<Colour>, text: &str) -> String {
    match colour {
        Some(colour) if allowed => format!("\u{1b}[{}m{text}\u{1b}[0m", colour.code()),
        _ => text.to_owned(),
    }
}

/// A text with everything escaped that a terminal would act on or that would break a line: control characters, line
/// and paragraph separators, and marks that reorder text.
pub(crate) fn literal(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_active(c) {
            let _ = write!(shown, "{}", c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Whether a terminal would act on the character instead of showing it.
pub(crate) fn is_active(c: char) -> bool {
    let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || reorders || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g58_what_a_terminal_would_act_on_is_escaped_and_the_rest_stays() {
        assert_eq!(literal("[/x] [red]é🙂"), "[/x] [red]é🙂");
        assert_eq!(literal("\u{1b}[2J\u{9b}1m\r\n\t\u{7}"), r"\u{1b}[2J\u{9b}1m\r\n\t\u{7}");
        assert_eq!(literal("a\u{2028}b\u{202e}c\u{2066}"), r"a\u{2028}b\u{202e}c\u{2066}");
    }
}
