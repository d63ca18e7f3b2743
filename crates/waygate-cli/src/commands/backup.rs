//! `backup` and `restore`: the state and its log as one file, from any store into any store.
//!
//! A restore begins a new history: services that know the old one start over from a snapshot, whatever was lost. The
//! log of before is there to be read; what it tells of cannot be undone any more.

mod anew;
mod document;
mod source;

use serde_json::json;

use crate::cli::{Backup, Restore};
use crate::clock;
use crate::commands::backup::document::Document;
use crate::commands::import::target;
use crate::context::Context;
use crate::error::{CliError, CliResult};
use crate::printer::Format;
use crate::render::count::counted;

pub(crate) async fn back_up(context: &Context, backup: Backup) -> CliResult {
    let origin = target::describe(&backup.from)?;
    let (state, commits) = source::read(&backup.from).await?;
    let document = Document { made_at: clock::now(), source: origin, state, commits };
    document.write(&backup.file)?;
    tell(context, "✓ backed up", &document, &backup.file.display().to_string());
    context.printer.note("  the secret key is not in it: keep that apart, tokens and webhooks need it");
    Ok(())
}

pub(crate) async fn restore(context: &Context, restore: Restore) -> CliResult {
    if context.settings.wait.is_some() {
        return Err(CliError::usage(
            "`--wait` is for changes of a running control plane; `restore` writes to its store",
        ));
    }
    let target = target::describe(&restore.into)?;
    let document = Document::read(&restore.file)?;
    if context.settings.dry_run {
        tell(context, "would restore", &document, &target);
        return Ok(());
    }
    let drafts = anew::drafts(&document, clock::now())?;
    let written = target::write(&restore.into, restore.replace, drafts).await?;
    tell(context, "✓ restored", &document, &target);
    if let Some(moved_to) = written.moved_to {
        context.printer.note(&format!("  what was there is now at {moved_to}"));
    }
    Ok(())
}

fn tell(context: &Context, what: &str, document: &Document, place: &str) {
    let routes: usize = document.state.services.values().map(|service| service.routes.len()).sum();
    let told = json!({
        "source": document.source,
        "made_at": document.made_at,
        "cursor": document.state.cursor.to_string(),
        "routes": routes,
        "commits": document.commits.len(),
        "place": place,
        "dry_run": context.settings.dry_run,
    });
    if context.printer.format == Format::Json {
        return context.printer.json(&told.to_string());
    }
    let text = format!(
        "{what} {} at revision {}: {}, {} of the log, made {}; at {place}",
        document.source,
        document.state.cursor.revision,
        counted(routes, "route"),
        counted(document.commits.len(), "change"),
        document.made_at.strftime("%Y-%m-%d %H:%M UTC"),
    );
    context.printer.note(&text);
}
