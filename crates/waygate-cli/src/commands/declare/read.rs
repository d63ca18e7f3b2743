//! Documents, from files to something that can be meant.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use waygate_api::document::{Document, FORM};

use crate::commands::declare::check;
use crate::error::{CliError, CliResult};
use crate::input;

/// Reads every document and makes one of them. Nothing may be said twice.
///
/// # Errors
///
/// A usage error that names the file and what is wrong in it; nothing has been sent.
pub(crate) fn documents(files: &[PathBuf]) -> CliResult<Document> {
    let mut whole = Document { waygate: FORM, ..Document::default() };
    for path in expanded(files)? {
        let (name, text) = text(&path)?;
        let document = parse(&text).map_err(|problem| CliError::usage(format!("`{name}`: {problem}")))?;
        merge(&mut whole, document).map_err(|problem| CliError::usage(format!("`{name}`: {problem}")))?;
    }
    Ok(whole)
}

/// A document as it is written, YAML or JSON, understood and checked.
pub(crate) fn parse(text: &str) -> Result<Document, String> {
    let value = if text.trim_start().starts_with('{') {
        serde_json::from_str::<Value>(text).map_err(|error| error.to_string())?
    } else {
        crate::yaml::read(text)?
    };
    let mut document: Document = serde_path_to_error::deserialize(value).map_err(|error| misplaced(&error))?;
    if document.waygate != FORM {
        return Err(format!(
            "`waygate: {}` is a form that this program does not know; it knows {FORM}",
            document.waygate
        ));
    }
    check::normal(&mut document)?;
    Ok(document)
}

/// What is wrong, after where in the document it is.
fn misplaced(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let place = error.path().to_string();
    if place == "." { error.inner().to_string() } else { format!("`{place}`: {}", error.inner()) }
}

/// Directories stand for the documents in them, in the order of their names.
fn expanded(files: &[PathBuf]) -> CliResult<Vec<PathBuf>> {
    let mut all = Vec::new();
    for path in files {
        if path == Path::new("-") || !path.is_dir() {
            all.push(path.clone());
            continue;
        }
        let failed = |error: std::io::Error| CliError::usage(format!("cannot read `{}`: {error}", path.display()));
        let is_document = |path: &PathBuf| {
            let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
            path.is_file() && matches!(kind, "yaml" | "yml" | "json")
        };
        let entries = fs::read_dir(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let mut found: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(is_document).collect();
        if found.is_empty() {
            return Err(CliError::usage(format!("`{}` holds no .yaml, .yml or .json", path.display())));
        }
        found.sort();
        all.append(&mut found);
    }
    Ok(all)
}

fn text(path: &Path) -> CliResult<(String, String)> {
    let name = if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() };
    let text = input::text(path, input::DOCUMENT);
    let text = text.map_err(|error| CliError::usage(format!("cannot read `{name}`: {error}")))?;
    Ok((name, text))
}

fn merge(whole: &mut Document, part: Document) -> Result<(), String> {
    if let Some(global) = part.global {
        if whole.global.is_some() {
            return Err("`global` is in another document already".to_owned());
        }
        whole.global = Some(global);
    }
    for (name, service) in part.services {
        if whole.services.contains_key(&name) {
            return Err(format!("the service `{name}` is in another document already"));
        }
        whole.services.insert(name, service);
    }
    Ok(())
}
