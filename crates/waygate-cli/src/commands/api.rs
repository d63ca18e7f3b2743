//! `api`: one call as it is typed, with the token of the session and the exit codes of every command.

use std::path::Path;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use waygate_api::client::{Answer, Body, ClientError};
use waygate_api::paths;

use crate::cli::Api;
use crate::commands::confirm;
use crate::context::{Connection, Context};
use crate::error::{CliError, CliResult};
use crate::input;
use crate::printer::Output;

/// What is shown as it is, beside JSON.
const TEXTS: [&str; 2] = ["text/plain", "application/openmetrics-text"];

/// Sessions, tokens, webhooks and what instances say: no change of what callers find.
const WITHOUT_REASON: [&str; 5] = ["/api/auth", "/api/sdk", paths::INSTANCES, paths::TOKENS, paths::WEBHOOKS];

pub(crate) async fn run(context: &Context, api: Api) -> CliResult {
    let Api { verb, path, fields, input } = api;
    if matches!(context.printer.output, Output::Csv | Output::Name) {
        return Err(CliError::usage("an answer of the API is shown as it is: with `-o json`, `jsonl` or `yaml`"));
    }
    let (path, mut query) = parts(&path)?;
    if [paths::EVENTS, paths::STREAM].contains(&path.as_str()) {
        let error = format!("`{path}` goes on for ever");
        return Err(CliError::usage(error).hint("`waygate watch` and `waygate log -f` follow what changes"));
    }
    let fields = fields.iter().map(|field| self::field(field)).collect::<CliResult<Vec<_>>>()?;
    let mut body = input.as_deref().map(document).transpose()?;
    if verb.is_safe() {
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        query.extend(fields.into_iter().map(|(name, value)| (name, text(value))));
    } else if !fields.is_empty() {
        body = Some(Value::Object(Map::from_iter(fields)));
    }
    if !verb.is_safe() && takes_reason(&path) && !has_reason(body.as_ref()) {
        confirm::reasoned(context, "").map_err(|mut error| {
            error.hints.retain(|hint| !hint.contains("--reason"));
            error.hint("give it as a field: `-f reason=TEXT`")
        })?;
    }
    let connection = context.connect()?;
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let client = if verb.is_safe() { &connection.client } else { connection.changing()? };
    let answer = client.call_raw(verb, &path, &query, body.as_ref(), &[]).await;
    tell(context, &connection, answer.map_err(|error| connection.failure(error))?)
}

/// Whether what is called changes what callers find, and so takes a reason.
fn takes_reason(path: &str) -> bool {
    let is_below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    !WITHOUT_REASON.iter().any(|root| is_below(root))
}

/// Whether a body says why, as a whole or of each of its commands.
fn has_reason(body: Option<&Value>) -> bool {
    let says = |part: &Value| part["reason"].as_str().is_some_and(|reason| !reason.trim().is_empty());
    let each = |body: &Value| body["commands"].as_array().is_some_and(|commands| commands.iter().all(says));
    body.is_some_and(|body| says(body) || each(body))
}

fn tell(context: &Context, connection: &Connection, answer: Answer<Body>) -> CliResult {
    let Answer { value: Body { url, media_type, bytes }, notices, .. } = answer;
    let printer = &context.printer;
    let malformed = |reason| connection.failure(ClientError::Malformed { url: url.clone(), reason });
    if TEXTS.iter().any(|text| media_type.starts_with(text)) {
        String::from_utf8_lossy(&bytes).lines().for_each(|line| printer.data(None, line));
    } else if media_type.starts_with("application/json") {
        let raw: Box<RawValue> = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        connection.propagations.note_shown(&raw);
        printer.json(raw.get());
    } else if !bytes.is_empty() {
        return Err(malformed(format!("it is `{media_type}`, not JSON")));
    }
    for notice in notices {
        printer.note(&format!("note: {notice}"));
    }
    Ok(())
}

/// The path, and what stands behind its question mark.
fn parts(path: &str) -> CliResult<(String, Vec<(String, String)>)> {
    if !path.starts_with('/') {
        return Err(CliError::usage(format!("`{path}` is no path: it must begin with `/`, as `/api/routes` does")));
    }
    if let Some(odd) = path.chars().find(|c| c.is_control() || c.is_whitespace()) {
        let error = format!("`{path}` is no path: {} must be written as `{}`", odd.escape_default(), percent(odd));
        return Err(CliError::usage(error));
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (paths::percent_decoded(name), paths::percent_decoded(value))
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
    Ok((path.to_owned(), pairs))
}

fn percent(c: char) -> String {
    paths::percent_encoded(&c.to_string())
}

/// `name=text`, or `name:=JSON`.
fn field(typed: &str) -> CliResult<(String, Value)> {
    let expected = || CliError::usage(format!("`{typed}` is no field: expected NAME=TEXT or NAME:=JSON"));
    let (name, text) = typed.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(expected)?;
    match name.strip_suffix(':') {
        None => Ok((name.to_owned(), text.into())),
        Some(name) => {
            let value = serde_json::from_str(text);
            let value = value.map_err(|error| CliError::usage(format!("the field `{name}` is not JSON: {error}")))?;
            Ok((name.to_owned(), value))
        }
    }
}

fn document(path: &Path) -> CliResult<Value> {
    let name = path.display();
    let text = input::text(path, input::DOCUMENT)
        .map_err(|error| CliError::usage(format!("cannot read `{name}`: {error}")))?;
    serde_json::from_str(&text).map_err(|error| CliError::usage(format!("`{name}` is not JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_texts_or_json() {
        assert_eq!(field("reason=a=b").unwrap(), ("reason".to_owned(), json!("a=b")));
        assert_eq!(field("shadow:=true").unwrap(), ("shadow".to_owned(), json!(true)));
        assert_eq!(field(r#"add:=["/a"]"#).unwrap(), ("add".to_owned(), json!(["/a"])));
        for bad in ["reason", "=x", "shadow:=yes", ""] {
            assert!(field(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_asked_for_is_taken_from_the_path() {
        let (path, query) = parts("/api/audit?since=10%3A00&limit=5&total").unwrap();
        assert_eq!(path, "/api/audit");
        let expected = [("since", "10:00"), ("limit", "5"), ("total", "")];
        assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for bad in ["api/routes", "/api/routes\n", "/api/a b"] {
            assert!(parts(bad).is_err(), "{bad}");
        }
    }
}
