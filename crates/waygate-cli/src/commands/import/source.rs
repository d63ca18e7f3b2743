//! Reading a state file, or the keys in Redis, of the PyPI package. Nothing is ever written there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult, cmd};
use serde_json::{Map, Value};

use crate::cli::Source;
use crate::commands::import::entries::Installation;
use crate::error::{CliError, CliResult};

/// How long Redis may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// What all keys of that package begin with.
const STATE: &str = "waygate:state:";
const ROUTES: &str = "waygate:route-index";
const POLICY: &str = "waygate:rlpolicy:";
const POLICIES: &str = "waygate:rl-policy-index";
const AUDIT: &str = "waygate:audit";
const AUDIT_OF_PATHS: &str = "waygate:audit:path:*";

/// The source by a name without secrets.
pub(super) fn describe(source: &Source) -> CliResult<String> {
    match source {
        Source::File(path) => Ok(path.display().to_string()),
        Source::Redis(url) => {
            let info = client(url)?;
            let info = info.get_connection_info();
            Ok(format!("redis://{}/{}", info.addr(), info.redis_settings().db()))
        }
    }
}

pub(super) fn read_file(path: &Path) -> CliResult<Installation> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| CliError::failed(format!("cannot read `{shown}`: {error}")))?;
    let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default().to_ascii_lowercase();
    let read = match kind.as_str() {
        "json" => serde_json::from_str(&text).map_err(|error| error.to_string()),
        "yaml" | "yml" => crate::yaml::read(&text),
        "toml" => toml::from_str(&text).map_err(|error| error.message().to_owned()),
        _ => {
            let text = format!("`{shown}` is named like none of the state files: .json, .yaml, .yml or .toml");
            return Err(CliError::usage(text));
        }
    };
    let document: Value = read.map_err(|error| CliError::failed(format!("`{shown}` cannot be read: {error}")))?;
    installation(document).map_err(|error| CliError::failed(format!("`{shown}` {error}")))
}

fn installation(document: Value) -> Result<Installation, String> {
    let Value::Object(mut document) = document else {
        return Err("is no state file of the PyPI package `waygate`: it is not an object".to_owned());
    };
    if document.get("format").is_some_and(|format| format == "waygate-state") {
        return Err(
            "is a state file of this Waygate already; serve it with `waygate serve --backend file:…`".to_owned()
        );
    }
    if !document.contains_key("states") && !document.contains_key("audit") && !document.contains_key("rl_policies") {
        return Err("is no state file of the PyPI package `waygate`: it has neither `states` nor `audit`".to_owned());
    }
    let mut table = |name: &str| match document.remove(name) {
        Some(Value::Object(table)) => Ok(table.into_iter().collect()),
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(_) => Err(format!("is damaged: `{name}` is not an object")),
    };
    let (states, policies) = (table("states")?, table("rl_policies")?);
    let audit = match document.remove("audit") {
        Some(Value::Array(audit)) => audit,
        None | Some(Value::Null) => Vec::new(),
        Some(_) => return Err("is damaged: `audit` is not a list".to_owned()),
    };
    let others = document.iter().filter_map(|(name, value)| match name.as_str() {
        "rl_hits" | "rate_limits" if length(value) == 0 => None,
        "rl_hits" | "rate_limits" => {
            Some(format!("`{name}`, which are counts, begin anew ({} of them)", length(value)))
        }
        _ => Some(format!("`{name}` is not known and left where it is")),
    });
    Ok(Installation { states, policies, audit, others: others.collect() })
}

fn length(value: &Value) -> usize {
    value.as_array().map_or_else(|| value.as_object().map_or(0, Map::len), Vec::len)
}

pub(super) async fn read_redis(url: &str) -> CliResult<Installation> {
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(Some(PATIENCE));
    let read = async {
        let mut connection =
            client(url)?.get_multiplexed_async_connection_with_config(&config).await.map_err(failed)?;
        Ok::<_, CliError>(Installation {
            states: values(&mut connection, ROUTES, STATE).await?,
            policies: values(&mut connection, POLICIES, POLICY).await?,
            audit: audit(&mut connection).await?,
            others: Vec::new(),
        })
    };
    let installation = read.await?;
    if installation.states.is_empty() && installation.policies.is_empty() && installation.audit.is_empty() {
        let text =
            format!("there is no installation of the PyPI package in {}", describe(&Source::Redis(url.to_owned()))?);
        return Err(CliError::failed(text).hint("is it the right database? It is the number behind the last `/`"));
    }
    Ok(installation)
}

/// The values whose names an index lists.
async fn values(
    connection: &mut MultiplexedConnection,
    index: &str,
    prefix: &str,
) -> CliResult<BTreeMap<String, Value>> {
    let names: BTreeSet<String> = cmd("SMEMBERS").arg(index).query_async(connection).await.map_err(failed)?;
    let mut found = BTreeMap::new();
    for name in names {
        let key = format!("{prefix}{name}");
        let text: Option<String> = cmd("GET").arg(&key).query_async(connection).await.map_err(failed)?;
        // What an index lists but is not there has been deleted in between.
        if let Some(text) = text {
            found.insert(name, parsed(&key, &text)?);
        }
    }
    Ok(found)
}

/// The common log, and the logs of paths, which reach further back.
async fn audit(connection: &mut MultiplexedConnection) -> CliResult<Vec<Value>> {
    let mut keys = BTreeSet::from([AUDIT.to_owned()]);
    let mut cursor = 0_u64;
    loop {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(AUDIT_OF_PATHS).arg("COUNT").arg(1000);
        let answer: RedisResult<(u64, Vec<String>)> = scan.query_async(connection).await;
        let (next, found) = answer.map_err(failed)?;
        keys.extend(found);
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    let mut entries = BTreeMap::new();
    for key in keys {
        let answer: RedisResult<Vec<String>> = cmd("LRANGE").arg(&key).arg(0).arg(-1).query_async(connection).await;
        for text in answer.map_err(failed)? {
            let entry = parsed(&key, &text)?;
            let id = entry.get("id").and_then(Value::as_str).unwrap_or(&text).to_owned();
            entries.insert(id, entry);
        }
    }
    Ok(entries.into_values().collect())
}

fn parsed(key: &str, text: &str) -> CliResult<Value> {
    serde_json::from_str(text)
        .map_err(|error| CliError::failed(format!("what is in Redis at `{key}` is damaged: {error}")))
}

fn client(url: &str) -> CliResult<Client> {
    // The error of the client is left out: it may quote a password.
    Client::open(url).map_err(|_| {
        CliError::usage(
            "the address of Redis is not understood; expected `redis://[user:password@]host[:port][/database]`",
        )
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` takes")]
fn failed(error: redis::RedisError) -> CliError {
    CliError::failed(format!("Redis: {error}"))
}
