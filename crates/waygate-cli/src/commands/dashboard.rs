//! `dashboard`: where the pages are.

use std::process::{Command, Stdio};

use crate::context::Context;
use crate::credentials::{Config, ConfigFile};
use crate::error::CliResult;
use crate::printer::Format;

/// What opens an address in the browser of the person at the terminal.
#[cfg(target_os = "macos")]
const OPENER: &str = "open";
#[cfg(not(target_os = "macos"))]
const OPENER: &str = "xdg-open";

/// Prints the address; on a terminal it is opened as well.
pub(crate) fn run(context: &Context, print_url: bool) -> CliResult {
    let file = Context::config_file().ok();
    let config = file.as_ref().map_or_else(|| Ok(Config::default()), ConfigFile::read)?;
    let server = context.server(file.as_ref(), &config)?;
    // It is where people type their passwords.
    context.trusted(file.as_ref(), &config, &server)?;
    let url = server.url.join("/");
    match context.printer.format {
        Format::Json => context.printer.json(&serde_json::json!({ "url": url }).to_string()),
        Format::Table => context.printer.data(None, &url),
    }
    if print_url || !context.can_ask() {
        return Ok(());
    }
    let mut opener = Command::new(OPENER);
    let opened = opener.arg(&url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !opened.is_ok_and(|status| status.success()) {
        context.printer.note("no browser could be opened here; open the address in yours");
    }
    Ok(())
}
