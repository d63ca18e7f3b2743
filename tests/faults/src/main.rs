//! `scripts/faults`: real processes in real trouble, from a seed.

use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use faults::plan::Size;
use faults::run::{Plan, run};

/// Runs nodes, Redis and services, breaks what is between them, and checks what has become of every change.
#[derive(Debug, Parser)]
#[command(name = "scripts/faults")]
struct Arguments {
    /// Draws what happens when, and what is changed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long trouble lasts.
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    #[arg(long, default_value_t = 20)]
    services: usize,
    /// How many services of the PyPI package; `WAYGATE_PEER_PYTHON` is the interpreter that has it.
    #[arg(long, default_value_t = 2)]
    pythons: usize,
    /// Redis fails over under Sentinels.
    #[arg(long)]
    sentinel: bool,
    /// How many replicas have to confirm a change.
    #[arg(long, requires = "sentinel", default_value_t = 0)]
    wait_replicas: usize,
    #[arg(long, env = "WAYGATE_PEER_PYTHON", hide = true)]
    python: Option<PathBuf>,
    /// Say everything as it happens.
    #[arg(long)]
    trace: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let plan = Plan {
        seed: arguments.seed,
        length: Duration::try_from_secs_f64(arguments.minutes * 60.0)?,
        size: Size { nodes: 3, services: arguments.services.max(4), pythons: arguments.pythons },
        sentinel: arguments.sentinel,
        wait_replicas: arguments.wait_replicas,
        python: arguments.python,
    };
    let outcomes = run(&plan, |line| {
        if arguments.trace {
            say(line);
        }
    })
    .await?;
    say(&outcomes.to_string());
    let Some(kept) = outcomes.kept else { return Ok(ExitCode::SUCCESS) };
    let said: Vec<String> = std::env::args().skip(1).collect();
    say(&format!("the files are in {}; the same trouble again: `scripts/faults {}`", kept.display(), said.join(" ")));
    Ok(ExitCode::FAILURE)
}

fn say(line: &str) {
    // Where nobody listens there is nobody to tell.
    let _ = writeln!(stdout().lock(), "{line}");
}
