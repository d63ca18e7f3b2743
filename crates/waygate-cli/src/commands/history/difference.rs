//! What a change has changed, subject by subject.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use waygate_api::document::Document;

use crate::commands::declare::document;
use crate::context::Connection;
use crate::error::{CliError, CliResult, ExitStatus};

/// What was before and after a change, by subject.
pub(super) struct Difference {
    before: Map<String, Value>,
    after: Map<String, Value>,
}

impl Difference {
    pub(super) async fn of(connection: &Connection, revision: u64) -> CliResult<Self> {
        let Some(before) = revision.checked_sub(1) else {
            return Err(CliError::new(ExitStatus::NotFound, "revision 0 is the beginning: nothing was changed by it"));
        };
        let after = parts(&document(connection, None, Some(revision)).await?)?;
        let before = parts(&document(connection, None, Some(before)).await?)?;
        Ok(Self { before, after })
    }

    /// The subjects that it has changed.
    pub(super) fn touched(&self) -> Vec<&String> {
        let names: BTreeSet<&String> = self.before.keys().chain(self.after.keys()).collect();
        names.into_iter().filter(|name| self.before.get(*name) != self.after.get(*name)).collect()
    }

    /// Those of them that have changed again since.
    pub(super) fn moved(&self, current: &Map<String, Value>) -> Vec<&String> {
        let mut touched = self.touched();
        touched.retain(|name| current.get(*name) != self.after.get(*name));
        touched
    }

    /// What there is, with this taken back.
    pub(super) fn taken_back(&self, current: &Map<String, Value>) -> CliResult<Document> {
        let mut wanted = current.clone();
        for name in self.touched() {
            match self.before.get(name) {
                Some(value) => wanted.insert(name.clone(), value.clone()),
                None => wanted.remove(name),
            };
        }
        whole(&wanted)
    }
}

/// A document taken apart: each subject by the way to it, without its revision. Whether a route had been switched at all
/// is part of what it was.
pub(super) fn parts(document: &Document) -> CliResult<Map<String, Value>> {
    let mut bare = document.clone().bare();
    for (bare, known) in bare.services.values_mut().zip(document.services.values()) {
        for (bare, known) in bare.routes.values_mut().zip(known.routes.values()) {
            bare.declared = known.declared;
        }
    }
    let value = serde_json::to_value(bare).map_err(|error| CliError::failed(error.to_string()))?;
    let mut parts = Map::new();
    for (name, value) in value["global"].as_object().into_iter().flatten() {
        parts.insert(format!("global\n{name}"), value.clone());
    }
    for (service, known) in value["services"].as_object().into_iter().flatten() {
        for (name, value) in known.as_object().into_iter().flatten() {
            match name.as_str() {
                "routes" | "route_limits" => {
                    for (key, value) in value.as_object().into_iter().flatten() {
                        parts.insert(format!("services\n{service}\n{name}\n{key}"), value.clone());
                    }
                }
                _ => {
                    parts.insert(format!("services\n{service}\n{name}"), value.clone());
                }
            }
        }
    }
    Ok(parts)
}

/// The document of parts.
fn whole(parts: &Map<String, Value>) -> CliResult<Document> {
    let mut value = serde_json::json!({ "waygate": waygate_api::document::FORM, "global": {} });
    for (path, part) in parts {
        let mut place = &mut value;
        for step in path.split('\n') {
            place = &mut place[step];
        }
        *place = part.clone();
    }
    serde_json::from_value(value).map_err(|error| CliError::failed(error.to_string()))
}

pub(super) fn words(path: &str) -> String {
    path.replace('\n', " ").replace("services ", "").replace("routes ", "")
}
