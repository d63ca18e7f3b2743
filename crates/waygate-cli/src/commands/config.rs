//! `config`: which control plane, and what is kept about it.

use waygate_api::auth::Me;
use waygate_api::client::ServerUrl;
use waygate_api::paths;

use crate::cli::ConfigCommand;
use crate::clock;
use crate::context::{Context, Source, text_variable};
use crate::credentials::Session;
use crate::error::{CliError, CliResult, ExitStatus};
use crate::moment;
use crate::printer::{Colour, Format};
use crate::render::table::{Cell, Table};

/// A token that is good.
const ACCEPTED: &str = "accepted by the server";

pub(crate) async fn run(context: &Context, command: ConfigCommand) -> CliResult {
    match command {
        ConfigCommand::SetUrl { url } => set_url(context, &url),
        ConfigCommand::Show => show(context).await,
    }
}

fn set_url(context: &Context, url: &str) -> CliResult {
    let url: ServerUrl = url.parse().map_err(|error| CliError::usage(format!("{error}")))?;
    Context::config_file()?.update(|config| config.choose(&url))?;
    context.printer.data(Some(Colour::Green), &format!("✓ the server is {url}"));
    if text_variable("WAYGATE_SERVER_URL")?.is_some_and(|chosen| chosen.trim_end_matches('/') != url.as_str()) {
        context.printer.warn("WAYGATE_SERVER_URL is set and goes before it");
    }
    Ok(())
}

/// What is stored, with where each value comes from, and what the server says of the token.
async fn show(context: &Context) -> CliResult {
    let file = Context::config_file()?;
    let config = file.read()?;
    let server = context.server(Some(&file), &config)?;
    let session = config.session(&server.url);
    let service = text_variable("WAYGATE_SERVICE")?;
    let named = context.named_context(&config)?.map(|(name, _)| name);
    let others: Vec<&str> = config.other_origins().collect();
    let token_variable = text_variable("WAYGATE_TOKEN")?.is_some();
    // Nothing is asked of a server that nobody here has chosen.
    let is_known = session.is_some() || (token_variable && !matches!(server.source, Source::Project(_)));
    let standing = if is_known { Some(standing(context).await) } else { None };
    let printer = &context.printer;
    if printer.format == Format::Json {
        let answer = serde_json::json!({
            "server_url": server.url.to_string(),
            "source": server.source.to_string(),
            "username": session.map(|session| &session.username),
            "expires_at": session.and_then(|session| session.expires_at.as_ref()),
            "token_from_environment": token_variable,
            "token_is": standing,
            "context": named,
            "service": service,
            "config_file": file.path().display().to_string(),
            "other_servers": others,
        });
        printer.json(&answer.to_string());
        return Ok(());
    }
    let mut table = Table::new(vec!["Setting", "Value"]);
    let mut row = |name: &str, value: Cell| table.push(vec![Cell::new(name), value]);
    row("Server URL", Cell::new(format!("{}  ({})", server.url, server.source)));
    if let Some(named) = named {
        row("Context", Cell::new(named));
    }
    if token_variable {
        row("Token", Cell::new("from WAYGATE_TOKEN"));
    }
    row("Username", Cell::new(session.map_or("(not logged in)", |session| &session.username)));
    row("Token expires", expiry(session));
    if let Some(standing) = standing {
        let colour = if standing == ACCEPTED { Colour::Green } else { Colour::Red };
        row("Token is", Cell::new(standing).coloured(colour));
    }
    row("Config file", Cell::new(file.path().display().to_string()));
    if let Some(service) = service {
        row("Service", Cell::new(format!("{service}  (WAYGATE_SERVICE)")));
    }
    if !others.is_empty() {
        row("Also logged in", Cell::new(others.join(", ")));
    }
    printer.table(&table);
    Ok(())
}

/// What the server says of the token that commands send.
async fn standing(context: &Context) -> &'static str {
    let asked = async { context.connect()?.get::<Me>(paths::ME, &[]).await };
    match asked.await {
        Ok(_) => ACCEPTED,
        Err(error) if error.status == ExitStatus::Authentication => "refused: log in again",
        Err(_) => "not known: the server does not say",
    }
}

fn expiry(session: Option<&Session>) -> Cell {
    let Some(session) = session else { return Cell::new("(no token)") };
    let at = session.expires_at.as_deref().unwrap_or("(never)");
    let at = at.parse().map_or_else(|_| at.to_owned(), moment::shown);
    if session.is_over(clock::now()) {
        Cell::new(format!("{at}  (expired)")).coloured(Colour::Red)
    } else {
        Cell::new(at).coloured(Colour::Green)
    }
}
