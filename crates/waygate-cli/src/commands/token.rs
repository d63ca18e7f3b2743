//! `token`: tokens for services, and the list of all tokens.

use serde::Deserialize;
use serde_json::value::RawValue;
use waygate_api::auth::{NewToken, TokenRequest, TokenView};
use waygate_api::paths;

use crate::cli::TokenCommand;
use crate::clock;
use crate::context::{Context, Read};
use crate::error::{CliError, CliResult};
use crate::moment;
use crate::printer::{Colour, Format};
use crate::render::table::{Cell, Table};

/// That something was done, as the API says it.
#[derive(Deserialize)]
struct Done {
    ok: bool,
}

pub(crate) async fn run(context: &Context, command: TokenCommand) -> CliResult {
    match command {
        TokenCommand::Create { service, expires } => create(context, service, expires.as_deref()).await,
        TokenCommand::List { service, holder } => list(context, service.as_deref(), holder.as_deref()).await,
        TokenCommand::Revoke { id } => revoke(context, &id).await,
    }
}

/// The token alone goes to stdout, so that it can be piped to where it is kept.
async fn create(context: &Context, service: String, expires: Option<&str>) -> CliResult {
    let now = clock::now();
    let until = expires.map(|expires| moment::future("--expires", expires, now)).transpose()?;
    let expires_in = until.and_then(|until| u64::try_from(until.duration_since(now).as_secs()).ok());
    let connection = context.connect()?;
    let (read, _) = connection.post::<NewToken>(paths::TOKENS, &TokenRequest { service, expires_in }).await?;
    let printer = &context.printer;
    if printer.format == Format::Json {
        printer.json(read.raw.get());
        return Ok(());
    }
    let NewToken { token, view } = read.value;
    printer.data(None, &token);
    let service = view.service.unwrap_or_default();
    printer.note(&format!("✓ the token {} is for {service} until {}", view.id, moment::shown(view.expires)));
    printer.note("  it is shown this once; give it to the service as WAYGATE_TOKEN");
    Ok(())
}

async fn list(context: &Context, service: Option<&str>, holder: Option<&str>) -> CliResult {
    let query: Vec<(&str, &str)> = [("service", service), ("holder", holder)]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let Read { raw, value: tokens } = context.connect()?.get::<Vec<TokenView>>(paths::TOKENS, &query).await?;
    let mut table = Table::new(vec!["ID", "Holder", "Kind", "Platform", "Service", "Issued", "Expires", "Last used"]);
    for token in &tokens {
        table.push(vec![
            Cell::new(&token.id),
            Cell::new(&token.holder),
            Cell::new(&token.kind),
            Cell::new(&token.platform),
            Cell::new(token.service.as_deref().unwrap_or("-")),
            Cell::new(moment::shown(token.issued)),
            Cell::new(moment::shown(token.expires)),
            Cell::new(token.last_used.map_or_else(|| "-".to_owned(), moment::shown)),
        ]);
    }
    context.printer.list(raw.get(), &table, "no tokens are in use");
    Ok(())
}

async fn revoke(context: &Context, id: &str) -> CliResult {
    if id.trim().is_empty() {
        return Err(CliError::usage("the id of a token is needed; `waygate token list` shows them"));
    }
    let connection = context.connect()?;
    let path = format!("{}/{}", paths::TOKENS, paths::percent_encoded(id.trim()));
    let answer = connection.changing()?.delete::<Box<RawValue>>(&path, &[]).await;
    let answer = answer.map_err(|error| connection.failure(error))?;
    // Only the control plane's own words are believed: a proxy answers anything.
    if !connection.read::<Done>(answer.value.clone())?.value.ok {
        return Err(CliError::failed("the server does not say that the token has ended"));
    }
    if context.printer.format == Format::Json {
        context.printer.json(answer.value.get());
        return Ok(());
    }
    context.printer.data(Some(Colour::Green), &format!("✓ the token {} has ended", id.trim()));
    Ok(())
}
