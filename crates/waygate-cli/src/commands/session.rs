//! `login`, `logout` and `whoami`.

use std::io::IsTerminal as _;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::value::RawValue;
use waygate_api::auth::{LoginAnswer, LoginRequest, Me};
use waygate_api::client::ClientError;
use waygate_api::error::ErrorCode;
use waygate_api::paths;

use crate::cli::Login;
use crate::context::{Context, Server, Source, text_variable};
use crate::credentials::{Config, ConfigFile, Session};
use crate::error::{CliError, CliResult};
use crate::input;
use crate::moment;
use crate::printer::{Colour, Format, ask_secret};
use crate::render::table::{Cell, Table};

pub(crate) async fn login(context: &Context, login: Login) -> CliResult {
    let file = Context::config_file()?;
    let config = file.read()?;
    let server = context.server(Some(&file), &config)?;
    context.trusted(Some(&file), &config, &server)?;
    if Context::is_foreign(&server, &config) {
        context.printer.warn(&format!("{} chooses the server {}: what you type goes there", server.source, server.url));
    }
    if login.with_token {
        return keep_token(context, &file, server).await;
    }
    let username = match login.username.filter(|username| !username.is_empty()) {
        Some(username) => username,
        None => context.ask("Username: ").filter(|username| !username.is_empty()).ok_or_else(|| {
            CliError::usage("a username is needed: `waygate login USERNAME`")
                .hint("without a terminal: `printf %s \"$PASSWORD\" | waygate login USERNAME --password-stdin`")
        })?,
    };
    let password = password(login.password, login.password_stdin)?;
    let connection = context.connect_to(server, None)?;
    let request =
        LoginRequest { username, password: password.expose_secret().to_owned(), platform: Some("cli".to_owned()) };
    let answer = match connection.client.post::<LoginAnswer>(paths::LOGIN, &request).await {
        Ok(answer) => answer.value,
        Err(error) => {
            let refused = matches!(&error, ClientError::Refused { status: 401, .. });
            let open = matches!(&error, ClientError::Refused { body, .. } if body.code == ErrorCode::AuthNotConfigured);
            let mut failure = connection.failure(error);
            if refused {
                failure.message = format!("wrong username or password for {}", connection.server.url);
                failure.hints.clear();
            }
            return Err(if open { failure.hint("no login is needed there") } else { failure });
        }
    };
    if login.no_store {
        let raw =
            serde_json::json!({"token": answer.token, "username": answer.username, "expires_at": answer.expires_at});
        match context.printer.format {
            Format::Json => context.printer.json(&raw.to_string()),
            Format::Table => context.printer.data(None, &answer.token),
        }
        return Ok(());
    }
    let session = Session {
        token: answer.token,
        username: answer.username.clone(),
        expires_at: Some(answer.expires_at.clone()),
        origin: None,
    };
    file.update(|config| config.keep(&connection.server.url, session))?;
    let printer = &context.printer;
    printer.data(Some(Colour::Green), &format!("✓ logged in to {} as {}", connection.server.url, answer.username));
    let expires = answer.expires_at.parse::<Timestamp>().map_or(answer.expires_at, moment::shown);
    printer.data(None, &format!("  Session expires: {expires}"));
    if text_variable("WAYGATE_TOKEN")?.is_some() {
        printer.warn("WAYGATE_TOKEN is set and goes before this login");
    }
    Ok(())
}

/// Keeps a token that was made elsewhere, once the server has said that it is good.
async fn keep_token(context: &Context, file: &ConfigFile, server: Server) -> CliResult {
    let token = piped("token")?;
    let connection = context.connect_to(server, Some(token.expose_secret()))?;
    let me = connection.get::<Me>(paths::ME, &[]).await?.value;
    let session = Session {
        token: token.expose_secret().trim().to_owned(),
        username: me.username.clone(),
        expires_at: me.expires_at.map(|at| at.to_string()),
        origin: None,
    };
    file.update(|config| config.keep(&connection.server.url, session))?;
    let told = format!("✓ the token of {} is kept for {}", me.username, connection.server.url);
    context.printer.data(Some(Colour::Green), &told);
    Ok(())
}

/// The password: given, read from stdin, or asked for without showing it. Whoever pipes it in need not say so.
fn password(given: Option<String>, from_stdin: bool) -> CliResult<SecretString> {
    if let Some(password) = given.filter(|password| !password.is_empty()) {
        return Ok(password.into());
    }
    if !from_stdin && std::io::stdin().is_terminal() {
        return asked_password("Password: ");
    }
    piped_password()
        .map_err(|error| error.hint("pipe it in with `--password-stdin`, or set WAYGATE_TOKEN instead of logging in"))
}

/// A password that is typed without being shown.
pub(crate) fn asked_password(question: &str) -> CliResult<SecretString> {
    ask_secret(question)
        .map(SecretString::from)
        .map_err(|error| CliError::usage(format!("cannot ask for the password: {error}")))
}

/// A password from stdin: everything but the last end of line.
pub(crate) fn piped_password() -> CliResult<SecretString> {
    piped("password")
}

fn piped(what: &str) -> CliResult<SecretString> {
    let text = input::piped(input::SECRET)
        .map_err(|error| CliError::usage(format!("cannot read the {what} from stdin: {error}")))?;
    let secret = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if secret.is_empty() {
        return Err(CliError::usage(format!("a {what} is needed: none came from stdin")));
    }
    Ok(secret.to_owned().into())
}

/// Forgets the session first, so that it is gone whatever the server says, then ends it there.
pub(crate) async fn logout(context: &Context, all: bool) -> CliResult {
    let file = Context::config_file()?;
    if all {
        return logout_everywhere(context, &file).await;
    }
    let config = file.read()?;
    let server = context.server(Some(&file), &config)?;
    let printer = &context.printer;
    if config.session(&server.url).is_none() {
        printer.note(&format!("nobody is logged in to {}", server.url));
        return Ok(());
    }
    let Some(session) = file.update(|config| config.forget(&server.url))? else { return Ok(()) };
    printer.data(Some(Colour::Green), &format!("✓ logged out of {}", server.url));
    end(context, server, &session).await
}

async fn logout_everywhere(context: &Context, file: &ConfigFile) -> CliResult {
    let sessions = file.update(Config::forget_all)?;
    if sessions.is_empty() {
        context.printer.note("nobody is logged in anywhere");
    }
    for (origin, session) in sessions {
        context.printer.data(Some(Colour::Green), &format!("✓ logged out of {origin}"));
        let Ok(url) = origin.parse() else { continue };
        end(context, Server { url, source: Source::Config(file.path().to_owned()) }, &session).await?;
    }
    Ok(())
}

/// Ends a session at its server; where that cannot be, it says so.
async fn end(context: &Context, server: Server, session: &Session) -> CliResult {
    if session.is_over(crate::clock::now()) {
        return Ok(());
    }
    let connection = context.connect_to(server, Some(&session.token))?;
    let empty = serde_json::Map::new();
    if let Err(error) = connection.client.post::<Box<RawValue>>(paths::LOGOUT, &empty).await {
        let end = session.expires_at.as_deref().and_then(|at| at.parse().ok()).map(moment::shown);
        let end = end.map_or_else(String::new, |end| format!("; it ends by itself at {end}"));
        let failure = connection.failure(error);
        context.printer.warn(&format!("the token could not be ended at the server: {failure}{end}"));
    }
    Ok(())
}

pub(crate) async fn whoami(context: &Context) -> CliResult {
    let connection = context.connect()?;
    let read = connection.get::<Me>(paths::ME, &[]).await?;
    let me = read.value;
    let table = || {
        let mut table = Table::new(vec!["Username", "Role", "Platform", "Server", "Expires"]);
        table.push(vec![
            Cell::new(&me.username),
            Cell::new(me.role.as_deref().unwrap_or_default()),
            Cell::new(&me.platform),
            Cell::new(connection.server.url.as_str()),
            Cell::new(me.expires_at.map(moment::shown).unwrap_or_default()),
        ]);
        table
    };
    context.printer.answer(read.raw.get(), table, |printer| {
        printer.data(None, &format!("{} ({}) at {}", me.username, me.platform, connection.server.url));
        if let Some(end) = me.expires_at {
            printer.data(None, &format!("  Session expires: {}", moment::shown(end)));
        }
    });
    let printer = &context.printer;
    let soon = |end: Timestamp| end.duration_since(crate::clock::now()) < jiff::SignedDuration::from_hours(1);
    if me.expires_at.is_some_and(soon) {
        printer.warn("the session ends within the hour; `waygate login` begins another");
    }
    if !connection.client.has_token() && me.username == "anonymous" {
        printer.note("  the server asks for no login: everybody who reaches it may switch routes");
    }
    Ok(())
}
