//! `import`: takes over an installation of the PyPI package.
//!
//! The source is read and never written. What it holds becomes one batch of commits in a new history, so that it is
//! there as a whole or not at all: first the entries of its audit log, in their own words, then its state.

mod audit;
mod entries;
mod limits;
mod routes;
mod source;
mod taken;
pub(crate) mod target;

use serde::Serialize;

use crate::cli::{Import, Source};
use crate::clock;
use crate::commands::import::taken::Taken;
use crate::context::Context;
use crate::error::{CliError, CliResult};
use crate::printer::{Format, Printer};

/// How many findings are shown one by one.
const SHOWN: usize = 50;

/// What is printed for programs.
#[derive(Serialize)]
struct Outcome<'t> {
    source: &'t str,
    target: &'t str,
    dry_run: bool,
    #[serde(flatten)]
    counts: taken::Counts,
    notes: &'t [String],
    skipped: &'t [String],
    /// The newest cursor of the new history.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    /// Where what was there before is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_to: Option<String>,
}

pub(crate) async fn run(context: &Context, import: Import) -> CliResult {
    if context.settings.wait.is_some() {
        return Err(CliError::usage(
            "`--wait` is for changes of a running control plane; `import` writes to its store",
        ));
    }
    target::check(&import)?;
    let name = source::describe(&import.source)?;
    let installation = match &import.source {
        Source::File(path) => source::read_file(path)?,
        Source::Redis(url) => source::read_redis(url).await?,
    };
    let taken = Taken::of(installation, import.service.as_ref(), clock::now());
    let printer = &context.printer;
    if !taken.problems.is_empty() && !import.skip_invalid {
        return Err(refused(&name, &taken));
    }
    let target = target::describe(&import.into)?;
    let mut outcome = Outcome {
        source: &name,
        target: &target,
        dry_run: context.settings.dry_run,
        counts: taken.counts(),
        notes: &taken.notes,
        skipped: &taken.problems,
        cursor: None,
        moved_to: None,
    };
    if !outcome.dry_run {
        let written = target::write(&import.into, import.replace, taken.drafts(&name, clock::now())?).await?;
        outcome.cursor = Some(written.cursor.to_string());
        outcome.moved_to = written.moved_to;
    }
    tell(printer, &outcome, &taken);
    Ok(())
}

fn refused(name: &str, taken: &Taken) -> CliError {
    let count = taken.problems.len();
    let text = format!("{count} of what `{name}` holds cannot be taken over; nothing has been written");
    let mut error = CliError::failed(text);
    for problem in taken.problems.iter().take(SHOWN) {
        error = error.hint(problem.clone());
    }
    if count > SHOWN {
        error = error.hint(format!("and {} more", count - SHOWN));
    }
    error.hint("`--skip-invalid` leaves them out")
}

fn tell(printer: &Printer, outcome: &Outcome<'_>, taken: &Taken) {
    if printer.format == Format::Json {
        printer.json(&serde_json::to_string(outcome).unwrap_or_default());
        return;
    }
    for line in taken.lines() {
        printer.data(None, &line);
    }
    for (what, findings) in [("note", outcome.notes), ("left out", outcome.skipped)] {
        for finding in findings.iter().take(SHOWN) {
            printer.warn(&format!("{what}: {finding}"));
        }
        if findings.len() > SHOWN {
            printer.warn(&format!("{what}: and {} more; `--json` shows all", findings.len() - SHOWN));
        }
    }
    let counts = outcome.counts.to_string();
    if outcome.dry_run {
        printer.note(&format!(
            "would take over {counts} from {} into {}; nothing was written",
            outcome.source, outcome.target
        ));
        return;
    }
    if let Some(moved_to) = &outcome.moved_to {
        printer.note(&format!("what was there is now at {moved_to}"));
    }
    printer.note(&format!("✓ took over {counts} from {} into {}", outcome.source, outcome.target));
    printer.note(&format!("  serve it with: waygate serve --backend {}", outcome.target));
}
