//! A fixed part of the simulation, with every test.

use simulation::run::{Outcome, Plan, run};
use waygate_sdk::simulation::Sabotage;

/// How many seeds run with every test; `scripts/simulate` runs as many as it is told.
const SEEDS: u64 = 200;

fn violations(seeds: std::ops::Range<u64>, sabotage: Option<Sabotage>) -> Vec<String> {
    seeds
        .flat_map(|seed| {
            let found = run(Plan { seed, sabotage }).violations.into_iter();
            found.map(move |violation| format!("scripts/simulate --seed {seed} --trace: {violation}"))
        })
        .collect()
}

/// What the trouble is: each of it has to have happened.
const TROUBLE: [&str; 16] = [
    "rolled back",
    "flushed",
    "crashes",
    "black hole",
    "stalls",
    "truncates a commit",
    "loses a commit",
    "tells a commit twice",
    "turns a commit and the next around",
    "gives the connection up",
    "< goodbye",
    "polls:",
    "the state has moved on",
    "cannot send a commit",
    "does not hear of its commit",
    "loads",
];

#[test]
fn what_is_promised_holds_in_trouble_and_everybody_agrees_after_it() {
    let mut met = [false; TROUBLE.len()];
    for seed in 0..SEEDS {
        let Outcome { trace, violations, .. } = run(Plan { seed, sabotage: None });
        assert!(violations.is_empty(), "scripts/simulate --seed {seed} --trace: {}", violations.join("\n"));
        for (met, trouble) in met.iter_mut().zip(TROUBLE) {
            *met = *met || trace.iter().any(|step| step.contains(trouble));
        }
    }
    for (met, trouble) in met.iter().zip(TROUBLE) {
        assert!(met, "no run has met `{trouble}`");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..5 {
        let plan = Plan { seed, sabotage: None };
        let (once, again) = (run(plan), run(plan));
        assert!(once.trace.len() > 100, "{} steps", once.trace.len());
        for (step, again) in once.trace.iter().zip(&again.trace) {
            assert_eq!(step, again, "seed {seed}");
        }
        assert_eq!(once, again, "seed {seed}");
    }
    let plan = |seed| Plan { seed, sabotage: None };
    assert_ne!(run(plan(1)).trace, run(plan(2)).trace);
}

#[test]
fn a_dropped_frame_is_noticed() {
    let found = violations(0..5, Some(Sabotage::DropFrame));
    assert!(found.iter().any(|violation| violation.contains("atomic")), "{found:?}");
}

#[test]
fn a_commit_that_is_applied_twice_is_noticed() {
    let found = violations(0..20, Some(Sabotage::ApplyTwice));
    assert!(found.iter().any(|violation| violation.contains("unique")), "{found:?}");
}

#[test]
fn a_missing_check_of_continuity_is_noticed() {
    let found = violations(0..20, Some(Sabotage::SkipContinuity));
    assert!(found.iter().any(|violation| violation.contains("reliable")), "{found:?}");
}
