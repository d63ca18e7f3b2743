//! A service that notes down what it puts in force and what it decides. Configured by what `Waygate::from_env` reads, and
//! `FAULTS_JOURNAL`, the file that it appends to.

use std::fs::{File, OpenOptions};
use std::time::Duration;

use anyhow::Context as _;
use axum::Json;
use axum::routing::get as plain;
use faults::ROUTES;
use faults::journal::{DECIDED, Decisions, STARTED, TARGET};
use faults::known::Known;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use waygate_sdk::axum::{GuardedRouter, get};
use waygate_sdk::core::{Decision, Denial, Digest, RequestFacts, RouteMethod, Timestamp};
use waygate_sdk::{Waygate, simulation};

/// How often it looks whether it decides otherwise than before.
const GLANCE: Duration = Duration::from_millis(100);

/// A request for one of the routes.
struct Asked(&'static str);

impl RequestFacts for Asked {
    fn method(&self) -> Option<RouteMethod> {
        Some(RouteMethod::Get)
    }

    fn template(&self) -> Option<&str> {
        Some(self.0)
    }

    fn path(&self) -> &str {
        self.0
    }

    fn now(&self) -> Timestamp {
        faults::clock::now()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(EnvFilter::new(format!("off,waygate_sdk=debug,{TARGET}=info")))
        .with_writer(std::sync::Arc::new(journal()?))
        .init();
    let waygate = Waygate::from_env()?.start()?;
    // What it begins with is what it had kept, since nothing was awaited yet.
    if let Some((cursor, _)) = simulation::known(&waygate) {
        tracing::info!(target: TARGET, %cursor, "{STARTED}");
    } else {
        tracing::info!(target: TARGET, "{STARTED}");
    }
    let routes = ROUTES.into_iter().fold(GuardedRouter::new(), |router, path| router.route(path, get(async || "ok")));
    let asked = waygate.clone();
    let known = axum::Router::new().route("/known", plain(async move || Json(known(&asked))));
    let app = routes.guard(&waygate).merge(known);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    announce(&listener)?;
    tokio::spawn(watch(waygate));
    axum::serve(listener, app).await?;
    Ok(())
}

/// Notes what it decides whenever that has changed.
async fn watch(waygate: Waygate) {
    let mut noted = None;
    loop {
        if let Some((cursor, _)) = simulation::known(&waygate) {
            let decisions = decide(&waygate);
            // It has not moved meanwhile.
            let still = simulation::known(&waygate).is_some_and(|(again, _)| again == cursor);
            if still && noted.as_ref() != Some(&decisions) {
                let text = serde_json::to_string(&decisions).unwrap_or_default();
                tracing::info!(target: TARGET, %cursor, decisions = text, "{DECIDED}");
                noted = Some(decisions);
            }
        }
        tokio::time::sleep(GLANCE).await;
    }
}

fn decide(waygate: &Waygate) -> Decisions {
    let decision = |path| {
        waygate.check(&Asked(path), |decision| match decision {
            Decision::Forward(_) => "forward".to_owned(),
            Decision::Deny(Denial::Maintenance { reason, .. }) => format!("maintenance {reason}"),
            Decision::Deny(Denial::Disabled { reason, .. }) => format!("disabled {reason}"),
            Decision::Deny(Denial::EnvGated { .. }) => "gated".to_owned(),
        })
    };
    ROUTES.into_iter().map(|path| (format!("GET:{path}"), decision(path))).collect()
}

fn known(waygate: &Waygate) -> Known {
    let known = simulation::known(waygate);
    Known {
        cursor: known.as_ref().map(|(cursor, _)| cursor.to_string()),
        digest: known.map(|(_, view)| Digest::of(&view).to_string()),
        decisions: decide(waygate),
        drifted: waygate.status().drifted,
        phase: format!("{:?}", waygate.status().phase),
    }
}

#[expect(clippy::disallowed_methods, reason = "the one setting of its own")]
fn journal() -> anyhow::Result<File> {
    let path = std::env::var("FAULTS_JOURNAL").context("`FAULTS_JOURNAL` is to name a file")?;
    OpenOptions::new().create(true).append(true).open(&path).with_context(|| format!("`{path}` cannot be opened"))
}

#[expect(clippy::print_stdout, reason = "the line by which whoever starts it learns its address")]
fn announce(listener: &TcpListener) -> std::io::Result<()> {
    println!("listening on http://{}", listener.local_addr()?);
    Ok(())
}
