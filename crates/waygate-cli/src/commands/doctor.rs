//! `doctor`: what stands between this machine and services that enforce what is set. `network` is how far calls get.

mod network;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use waygate_api::auth::Me;
use waygate_api::client::ClientError;
use waygate_api::document::Document;
use waygate_api::instances::{InstanceState, InstanceView};
use waygate_api::paths;
use waygate_core::LocalKey;

use crate::clock;
use crate::commands::declare::document;
use crate::context::{Connection, Context};
use crate::error::{CliError, CliResult, ExitStatus};
use crate::moment;
use crate::printer::Colour;
use crate::render::count::counted;
use crate::render::table::{Cell, Table};

/// How long a stream may take to say its first word.
const FIRST_WORD: Duration = Duration::from_secs(5);

/// Clocks that are no further apart agree; a call is on its way for a moment as well.
const CLOCKS_AGREE: SignedDuration = SignedDuration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    Good,
    /// Works, and is worth a look.
    Odd,
    Bad,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    health: Health,
    detail: String,
}

/// What was found so far, and the exit code of the first failure.
#[derive(Default)]
struct Findings {
    all: Vec<Finding>,
    exit: Option<ExitStatus>,
}

impl Findings {
    fn good(&mut self, check: &'static str, detail: impl Into<String>) {
        self.all.push(Finding { check, health: Health::Good, detail: detail.into() });
    }

    fn odd(&mut self, check: &'static str, detail: impl Into<String>) {
        self.all.push(Finding { check, health: Health::Odd, detail: detail.into() });
    }

    fn bad(&mut self, check: &'static str, error: &CliError) {
        let detail = [vec![error.to_string()], error.hints.clone()].concat().join("; ");
        self.all.push(Finding { check, health: Health::Bad, detail });
        self.exit.get_or_insert(error.status);
    }
}

pub(crate) async fn run(context: &Context) -> CliResult {
    let mut found = Findings::default();
    examine(context, &mut found).await;
    let mut table = Table::new(vec!["Check", "State", "Detail"]);
    for finding in &found.all {
        let (word, colour) = match finding.health {
            Health::Good => ("ok", Colour::Green),
            Health::Odd => ("look", Colour::Yellow),
            Health::Bad => ("FAILS", Colour::Red),
        };
        table.push(vec![Cell::new(finding.check), Cell::new(word).coloured(colour), Cell::new(&finding.detail)]);
    }
    let raw = serde_json::to_string(&found.all).unwrap_or_else(|_| "[]".to_owned());
    context.printer.list(&raw, &table, "nothing was examined");
    found.exit.map_or(Ok(()), |exit| Err(CliError::outcome(exit)))
}

/// Goes on until something is in the way of everything that follows.
async fn examine(context: &Context, found: &mut Findings) {
    let file = match Context::config_file() {
        Ok(file) => file,
        Err(error) => return found.bad("configuration", &error),
    };
    let config = match file.read() {
        Ok(config) => config,
        Err(error) => return found.bad("configuration", &error),
    };
    let path = file.path().display();
    found.good(
        "configuration",
        if file.path().exists() { format!("{path}, private") } else { format!("{path}, not there yet") },
    );
    let server = match context.server(Some(&file), &config) {
        Ok(server) => server,
        Err(error) => return found.bad("server", &error),
    };
    found.good("server", format!("{}, from {}", server.url, server.source));
    if Context::is_foreign(&server, &config) {
        found.odd("server", "a file of this directory chooses it; tokens of other servers are not sent there");
    }
    if !network::examine(context, &server, found).await {
        return;
    }
    if let Err(error) = network::reachable(context, &server).await {
        return found.bad("connection", &error);
    }
    found.good("connection", if server.url.as_str().starts_with("https://") { "with TLS" } else { "without TLS" });
    if server.url.as_str().starts_with("http://") && !server.is_near() {
        found.odd("connection", "tokens go over the network without TLS");
    }
    let connection = match context.connect() {
        Ok(connection) => connection,
        Err(error) => return found.bad("token", &error),
    };
    if let Err(error) = connection.get::<Value>(paths::READYZ, &[]).await {
        found.bad("readiness", &error);
    } else {
        found.good("readiness", "the control plane is ready");
    }
    match connection.get::<Me>(paths::ME, &[]).await {
        Ok(me) => whoami(&me.value, found),
        Err(error) => return found.bad("token", &error),
    }
    version(&connection, found).await;
    stream(&connection, found).await;
    instances(&connection, found).await;
    match document(&connection, None, None).await {
        Ok(document) => loose_ends(&document, found),
        Err(error) => found.bad("state", &error),
    }
}

fn whoami(me: &Me, found: &mut Findings) {
    let role = me.role.as_ref().map(|role| format!(", {role}")).unwrap_or_default();
    found.good("token", format!("{}{role}", me.username));
    let soon = |end: Timestamp| end.duration_since(clock::now()) < SignedDuration::from_hours(1);
    if let Some(end) = me.expires_at.filter(|end| soon(*end)) {
        found.odd("token", format!("ends at {}", moment::shown(end)));
    }
}

async fn version(connection: &Connection, found: &mut Findings) {
    let server = match connection.get::<Value>("/api/server", &[]).await {
        Ok(server) => server.value,
        Err(error) => return found.bad("version", &error),
    };
    let theirs = server["version"].as_str().unwrap_or("unknown").to_owned();
    let ours = env!("CARGO_PKG_VERSION");
    let backend = server["backend"].as_str().unwrap_or("unknown");
    let told = format!("server {theirs}, this program {ours}; state in {backend}, revision {}", server["revision"]);
    if theirs == ours {
        found.good("version", told);
    } else {
        found.odd("version", told);
    }
    clocks(&server["time"], clock::now(), found);
    if server["auth"] == Value::Bool(false) {
        found.odd("authentication", "the server asks nobody for a login");
    }
}

/// Windows and timed switches go by the clock of the server, what is typed here by the one of this machine.
fn clocks(theirs: &Value, ours: Timestamp, found: &mut Findings) {
    let Some(theirs) = theirs.as_str().and_then(|text| text.parse::<Timestamp>().ok()) else { return };
    let apart = theirs.duration_since(ours);
    if apart.abs() <= CLOCKS_AGREE {
        return found.good("clock", "the server and this machine agree");
    }
    let which = if apart.is_positive() { "ahead of" } else { "behind" };
    let seconds = apart.abs().as_secs();
    found.odd("clock", format!("the server is {seconds} s {which} this machine, and windows go by its clock"));
}

/// Streams are what proxies break first.
async fn stream(connection: &Connection, found: &mut Findings) {
    let mut events = match connection.client.events(paths::EVENTS, &[], None).await {
        Ok(events) => events,
        Err(ClientError::Refused { status: 400 | 403, .. }) => {
            return found.odd("event stream", "this caller may not follow everything");
        }
        Err(error) => return found.bad("event stream", &connection.failure(error)),
    };
    match tokio::time::timeout(FIRST_WORD, events.next()).await {
        Ok(Some(Ok(_))) => found.good("event stream", "events come through"),
        Ok(Some(Err(why))) => found.bad("event stream", &CliError::failed(format!("it breaks: {why}"))),
        Ok(None) => found.bad("event stream", &CliError::failed("it ends at once")),
        // A control plane without state has nothing to say.
        Err(_) => found.odd("event stream", "it is open, and nothing has come through yet"),
    }
}

async fn instances(connection: &Connection, found: &mut Findings) {
    match connection.get::<Vec<InstanceView>>(paths::INSTANCES, &[]).await {
        Ok(instances) => {
            let all = instances.value;
            let behind = all.iter().filter(|instance| instance.state == InstanceState::Behind).count();
            let told = format!("{} known, {behind} behind", all.len());
            if behind == 0 { found.good("instances", told) } else { found.odd("instances", told) }
        }
        Err(error) if error.is_missing() => {}
        Err(error) => found.bad("instances", &error),
    }
}

/// What is set for routes that are not there: usually a typing error or what is left of a route.
fn loose_ends(document: &Document, found: &mut Findings) {
    let before = found.all.len();
    let everywhere: Vec<&String> = document.services.values().flat_map(|service| service.routes.keys()).collect();
    let global = document.global.iter().flat_map(|global| global.maintenance.iter());
    for exempt in global.flat_map(|maintenance| &maintenance.exempt) {
        if !everywhere.iter().any(|key| covers(exempt, key)) {
            found.odd("exemptions", format!("`{exempt}` of everything matches no route"));
        }
    }
    for (name, service) in &document.services {
        for exempt in service.maintenance.iter().flat_map(|maintenance| &maintenance.exempt) {
            if !service.routes.keys().any(|key| covers(exempt, key)) {
                found.odd("exemptions", format!("`{exempt}` of {name} matches no route"));
            }
        }
        for limited in service.route_limits.keys() {
            if !service.routes.keys().any(|key| covers(limited, key)) {
                found.odd("rate limits", format!("`{name}:{limited}` has a limit and is no route"));
            }
        }
    }
    if found.all.len() == before {
        found.good(
            "state",
            format!(
                "{} of {}, no loose ends",
                counted(everywhere.len(), "route"),
                counted(document.services.len(), "service")
            ),
        );
    }
}

fn covers(wide: &str, narrow: &str) -> bool {
    match (wide.parse::<LocalKey>(), narrow.parse::<LocalKey>()) {
        (Ok(wide), Ok(narrow)) => wide.covers(Some(narrow.method), narrow.path.as_str()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn clocks_that_are_apart_are_told_with_their_direction() {
        let told = |theirs: &str| {
            let mut found = Findings::default();
            clocks(&json!(theirs), "2026-12-01T10:00:00Z".parse().unwrap(), &mut found);
            let finding = found.all.pop().unwrap();
            (finding.health, finding.detail)
        };
        assert_eq!(told("2026-12-01T10:00:01Z").0, Health::Good);
        let (health, detail) = told("2026-12-01T10:01:30Z");
        assert_eq!(health, Health::Odd);
        assert!(detail.starts_with("the server is 90 s ahead of"), "{detail}");
        assert!(told("2026-12-01T09:59:00Z").1.starts_with("the server is 60 s behind"));
    }
}
