//! A run: trouble, then quiet, then the reckoning.

mod quiet;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use simulation::chance::Chance;

use crate::history::{Entry, Evidence, Findings, Operation, Outcome, check};
use crate::journal::Noted;
use crate::plan::{self, Event, Size};
use crate::world::{PYTHON, Store, World};
use crate::writer::{self, Writer};

/// Nobody is left behind longer than this once everything is whole again: 45 s until a silent connection counts as broken, then
/// at most 30 s between two attempts (docs/outages.md). The Python client notices after 30 s.
pub const CONVERGENCE: Duration = Duration::from_secs(75);
/// The log keeps the newest 10,000 changes; a run makes fewer.
const MOST_CHANGES: u32 = 8000;
const WRITERS: usize = 4;

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub length: Duration,
    pub size: Size,
    /// Redis fails over, instead of being killed and brought back.
    pub sentinel: bool,
    /// How many replicas have to confirm a change.
    pub wait_replicas: usize,
    /// The interpreter of the Python peer.
    pub python: Option<PathBuf>,
}

/// What has become of it.
#[derive(Debug)]
pub struct Outcomes {
    pub findings: Findings,
    acknowledged: usize,
    unknown: usize,
    refused: usize,
    entries: usize,
    events: usize,
    kills: usize,
    links: usize,
    streams: usize,
    connections: u64,
    drifted: u64,
    /// How long after everything was whole the last Rust service, and the last Python one, was where the nodes are.
    longest: [Duration; 2],
    /// Where the processes have left their files, where something is wrong.
    pub kept: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
///
/// When the processes cannot be started, or cannot be asked at the end. What is wrong with what they say is in the outcome.
pub async fn run(plan: &Plan, tell: impl Fn(&str)) -> anyhow::Result<Outcomes> {
    let settings = match plan.wait_replicas {
        0 => String::new(),
        replicas => format!("?wait_replicas={replicas}"),
    };
    let mut world = World::start(plan.size, plan.sentinel, &settings, plan.python.as_deref()).await?;
    quiet::registered(&world).await?;
    tell(&format!(
        "{} nodes, {} Rust services, {} Python ones",
        plan.size.nodes, plan.size.services, plan.size.pythons
    ));

    let begun = Instant::now();
    let stop = Arc::new(AtomicBool::new(false));
    let writing: Vec<_> =
        writers(plan, &world, begun).into_iter().map(|it| tokio::spawn(it.run(stop.clone()))).collect();
    let events = plan::draw(plan.seed, plan.length, plan.size, !plan.sentinel);
    trouble(&mut world, plan, &events, begun, &tell).await?;
    stop.store(true, Ordering::SeqCst);
    let mut operations = Vec::new();
    for writing in writing {
        operations.extend(writing.await?);
    }
    world.heal().await?;
    tell("everything is whole again");
    let mut findings = Findings::default();
    let settled = quiet::settle(&world, begun, &mut operations, &mut findings).await?;

    let mut logs = Vec::new();
    for node in &world.nodes {
        logs.push(log(&node.url()).await?);
    }
    let entries = logs.first().map_or(0, Vec::len);
    let journals = world.journals()?;
    let streams = journals.iter().flat_map(|it| &it.1).filter(|noted| matches!(noted, Noted::Live)).count();
    let evidence = Evidence { logs, operations, journals, may_lose: plan.sentinel };
    let checked = check(&evidence);
    findings = Findings { violations: [findings.violations, checked.violations].concat(), ..checked };
    if plan.wait_replicas > 0 && !findings.lost.is_empty() {
        findings.violations.push(format!("replicas have confirmed, and lost: {:?}", findings.lost));
    }
    let count = |wanted: fn(&Outcome) -> bool| evidence.operations.iter().filter(|it| wanted(&it.outcome)).count();
    let of = |wanted: fn(&Event) -> bool| events.iter().filter(|(_, event)| wanted(event)).count();
    Ok(Outcomes {
        acknowledged: count(|outcome| matches!(outcome, Outcome::Acknowledged(_))),
        unknown: count(|outcome| *outcome == Outcome::Unknown),
        refused: count(|outcome| *outcome == Outcome::Refused),
        entries,
        events: events.len() / 2,
        kills: of(|event| matches!(event, Event::KillNode(_) | Event::KillRedis | Event::KillService(_))),
        links: events.len() / 2
            - of(|event| matches!(event, Event::KillNode(_) | Event::KillRedis | Event::KillService(_))),
        streams,
        connections: world.connections(),
        drifted: settled.drifted,
        longest: settled.longest,
        kept: (!findings.violations.is_empty()).then(|| world.keep()),
        findings,
    })
}

fn writers(plan: &Plan, world: &World, begun: Instant) -> Vec<Writer> {
    let mut chance = Chance::new(plan.seed ^ 0x5EED);
    let share = plan.length * u32::try_from(WRITERS).unwrap_or(1) / MOST_CHANGES;
    let writer = |number| Writer {
        number,
        nodes: world.writers.iter().map(crate::proxy::Proxy::url).collect(),
        services: world.services.iter().skip(number).step_by(WRITERS).map(|service| service.name.clone()).collect(),
        routes: if number == 1 && !world.pythons.is_empty() { vec![python_route()] } else { Vec::new() },
        is_global: number == 0,
        pause: share.max(Duration::from_millis(120)),
        chance: chance.fork(),
        begun,
    };
    (0..WRITERS.min(world.services.len())).map(writer).collect()
}

pub(crate) fn python_route() -> String {
    format!("{PYTHON}:GET:/api/payments")
}

/// Lets everything happen at its time, and the failover in the middle.
async fn trouble(
    world: &mut World,
    plan: &Plan,
    events: &[(Duration, Event)],
    begun: Instant,
    tell: impl Fn(&str),
) -> anyhow::Result<()> {
    let mut has_failed_over = false;
    for (at, event) in events {
        if plan.sentinel && !has_failed_over && *at > plan.length / 3 {
            has_failed_over = true;
            if let Store::WatchedOver(sentinels) = &mut world.store {
                sentinels.fail_over().await?;
                tell(&format!("{:>6.1} s  failed over", begun.elapsed().as_secs_f64()));
                sentinels.bring_back().await?;
            }
        }
        tokio::time::sleep_until((begun + *at).into()).await;
        tell(&format!("{:>6.1} s  {event:?}", begun.elapsed().as_secs_f64()));
        world.happen(event).await?;
    }
    Ok(())
}

/// What a node has in its log, oldest first.
async fn log(node: &str) -> anyhow::Result<Vec<Entry>> {
    let entries = writer::read(&writer::client(), &format!("{node}/api/audit?limit=100000")).await?;
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let entry = |entry: &Value| Entry {
        revision: entry["revision"].as_u64().unwrap_or_default(),
        path: text(entry, "path"),
        service: entry["service"].as_str().map(ToOwned::to_owned),
        reason: text(entry, "reason"),
        status: text(entry, "new_status"),
    };
    let entries = entries.as_array().with_context(|| format!("no log but {entries}"))?;
    let mut log: Vec<Entry> = entries.iter().rev().map(entry).collect();
    // Entries of one commit in one order, whichever it is.
    log.sort_by(|one, other| (one.revision, &one.path).cmp(&(other.revision, &other.path)));
    Ok(log)
}

pub(crate) async fn change(
    world: &World,
    id: &str,
    commands: Vec<Value>,
    begun: Instant,
    operations: &mut Vec<Operation>,
) -> anyhow::Result<()> {
    let commands: Vec<Value> = commands
        .into_iter()
        .map(|mut command| {
            command["reason"] = json!(id);
            command
        })
        .collect();
    let made = writer::make(&writer::client(), &world.nodes[0].url(), id.to_owned(), &commands, begun).await;
    operations.extend(made);
    Ok(())
}

impl fmt::Display for Outcomes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings { violations, lost, commits, snapshots, decisions } = &self.findings;
        let asked = self.acknowledged + self.unknown + self.refused;
        writeln!(
            out,
            "{asked} changes asked for: {} acknowledged, {} of unknown outcome, {} refused",
            self.acknowledged, self.unknown, self.refused
        )?;
        writeln!(out, "{} entries in the log of every node", self.entries)?;
        writeln!(out, "{} faults: {} processes killed, {} links broken", self.events, self.kills, self.links)?;
        writeln!(
            out,
            "Rust services: {} streams over {} connections, {commits} commits and {snapshots} snapshots put in force, {decisions} sets of decisions compared, {} drifts",
            self.streams, self.connections, self.drifted
        )?;
        let [rust, python] = self.longest.map(|longest| longest.as_secs_f64());
        writeln!(
            out,
            "longest convergence: {rust:.1} s (Rust), {python:.1} s (Python); {} s are promised",
            CONVERGENCE.as_secs()
        )?;
        if !lost.is_empty() {
            writeln!(out, "lost with the failover, of {} acknowledged: {}: {lost:?}", self.acknowledged, lost.len())?;
        }
        for violation in violations.iter().take(20) {
            writeln!(out, "VIOLATION: {violation}")?;
        }
        write!(out, "{} violations", violations.len())
    }
}
