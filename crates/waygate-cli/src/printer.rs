//! The only way to print. Data goes to stdout; everything said about it goes to stderr.
//!
//! Stored text may hold anything: whatever a terminal would interpret is shown escaped.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::CliError;
use crate::render::table::Table;

/// How answers are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// What the API answered, unchanged.
    Json,
}

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

/// Both streams, and what each of them can show.
#[derive(Debug)]
pub(crate) struct Printer {
    pub(crate) format: Format,
    /// Whether a person reads stdout: boxes and pages.
    pub(crate) terminal: bool,
    colour: bool,
    colour_notes: bool,
    /// Something of the data could not be written.
    lost: AtomicBool,
}

impl Printer {
    /// `plain` asks for no colours whatever the streams are.
    pub(crate) fn new(format: Format, plain: bool) -> Self {
        let terminal = std::io::stdout().is_terminal();
        Self {
            format,
            terminal,
            colour: terminal && !plain,
            colour_notes: std::io::stderr().is_terminal() && !plain,
            lost: AtomicBool::new(false),
        }
    }

    /// One line of data. Control characters other than the colours given here are escaped.
    pub(crate) fn data(&self, colour: Option<Colour>, line: &str) {
        self.put(&painted(self.colour, colour, &literal(line)));
    }

    /// One line about what happened.
    pub(crate) fn note(&self, line: &str) {
        emit(&mut std::io::stderr().lock(), &painted(self.colour_notes, Some(Colour::Dim), &literal(line)));
    }

    /// One line that should not be overlooked.
    pub(crate) fn warn(&self, line: &str) {
        emit(&mut std::io::stderr().lock(), &painted(self.colour_notes, Some(Colour::Yellow), &literal(line)));
    }

    pub(crate) fn table(&self, table: &Table) {
        let text = if self.terminal { table.boxed(self.colour) } else { table.plain() };
        self.put(text.trim_end_matches('\n'));
    }

    /// JSON, laid out for people and as it came for programs.
    pub(crate) fn json(&self, text: &str) {
        if self.terminal {
            self.put(&crate::render::json::laid_out(text));
        } else {
            self.put(text);
        }
    }

    /// Whether all data has reached stdout. A reader that has gone away, as `head` does, has had what it wanted.
    pub(crate) fn has_told_all(&self) -> bool {
        !self.lost.load(Ordering::Relaxed)
    }

    fn put(&self, line: &str) {
        let mut stdout = std::io::stdout().lock();
        let written = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
        if written.is_err_and(|error| error.kind() != std::io::ErrorKind::BrokenPipe) {
            self.lost.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn error(&self, error: &CliError) {
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

/// Asks on stderr and reads one line; `None` where nobody can answer.
pub(crate) fn ask(question: &str) -> Option<String> {
    if !can_ask() {
        return None;
    }
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{}", literal(question));
    let _ = stderr.flush();
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim().to_owned())
}

/// Whether a person can be asked.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
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
