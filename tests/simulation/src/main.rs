//! `scripts/simulate`: many runs, or one of them step by step.

use std::io::{Write as _, stdout};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use simulation::run::{Outcome, Plan, run};
use waygate_sdk::simulation::Sabotage;

/// Runs the control plane and its services in simulated trouble, and looks whether everything that is promised holds.
#[derive(Debug, Parser)]
#[command(name = "scripts/simulate")]
struct Arguments {
    /// How many runs.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The seed of the first of them; each of the others has the next one.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// One run only, with this seed.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Tell every step of a run.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Put a bug into the SDK, to see that it is noticed.
    #[arg(long)]
    sabotage: Option<Bug>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Bug {
    DropFrame,
    ApplyTwice,
    SkipContinuity,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let sabotage = arguments.sabotage.map(|bug| match bug {
        Bug::DropFrame => Sabotage::DropFrame,
        Bug::ApplyTwice => Sabotage::ApplyTwice,
        Bug::SkipContinuity => Sabotage::SkipContinuity,
    });
    let failed = match arguments.seed {
        Some(seed) => one(Plan { seed, sabotage }, arguments.trace),
        None => many(arguments.from..arguments.from.saturating_add(arguments.seeds), sabotage),
    };
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(plan: Plan, trace: bool) -> u64 {
    let outcome = run(plan);
    if trace {
        for line in &outcome.trace {
            say(line);
        }
    }
    tell(plan.seed, &outcome);
    say(&format!("seed {}: {} steps, {} commits", plan.seed, outcome.trace.len(), outcome.commits));
    u64::from(!outcome.violations.is_empty())
}

/// Runs them on as many threads as there are processors. How many have failed.
fn many(seeds: std::ops::Range<u64>, sabotage: Option<Sabotage>) -> u64 {
    let begun = Instant::now();
    let (next, failed, steps) = (AtomicU64::new(seeds.start), AtomicU64::new(0), AtomicU64::new(0));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = run(Plan { seed, sabotage });
                    steps.fetch_add(outcome.trace.len() as u64, Ordering::Relaxed);
                    if !outcome.violations.is_empty() {
                        failed.fetch_add(1, Ordering::Relaxed);
                        tell(seed, &outcome);
                    }
                }
            });
        }
    });
    let (failed, steps) = (failed.into_inner(), steps.into_inner());
    let count = seeds.end - seeds.start;
    say(&format!("{count} runs, {steps} steps, {failed} failed, {:.0} s", begun.elapsed().as_secs_f64()));
    failed
}

fn tell(seed: u64, outcome: &Outcome) {
    for violation in outcome.violations.iter().take(3) {
        say(&format!("seed {seed}: {violation}"));
    }
    if !outcome.violations.is_empty() {
        say(&format!("seed {seed}: replay it by `scripts/simulate --seed {seed} --trace`"));
    }
}

fn say(line: &str) {
    // Where nobody listens there is nobody to tell.
    let _ = writeln!(stdout().lock(), "{line}");
}
