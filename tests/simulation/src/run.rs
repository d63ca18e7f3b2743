//! One run: a time of trouble, then quiet, then a look at whether everybody knows the same.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use waygate_core::{Cause, Platform};
use waygate_sdk::simulation::{self, Sabotage};
use waygate_server::{Applied, ExecuteError};

use crate::chance::Chance;
use crate::client::Client;
use crate::commands::{PATHS, SERVICES, command};
use crate::node::Node;
use crate::store::Cluster;
use crate::truth::Truth;
use crate::world::World;

/// How long a command may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long everybody has to find together once nothing is broken any more.
const QUIET: Duration = Duration::from_hours(1);

/// When operators act, see [`World::turn`].
const OWN_SLOT: usize = 19;

/// What is to be run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    /// A bug that is put into the SDK.
    pub sabotage: Option<Sabotage>,
}

/// What has come of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Everything that has happened, in order.
    pub trace: Vec<String>,
    /// What must not have happened.
    pub violations: Vec<String>,
    pub commits: usize,
}

/// Runs it, in this thread and in no real time.
pub fn run(plan: Plan) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without IO needs nothing of the system");
    simulation::set(Some(plan.seed), plan.sabotage);
    let outcome = runtime.block_on(play(plan.seed));
    drop(runtime);
    simulation::set(None, None);
    outcome
}

/// Those who take part.
struct Cast {
    world: Arc<World>,
    cluster: Arc<Cluster>,
    nodes: Arc<Vec<Node>>,
    clients: Vec<Arc<Client>>,
    chance: Chance,
    commands: JoinSet<(String, Result<Applied, ExecuteError>)>,
    issued: usize,
    /// Whose command was answered with success, having changed something.
    acknowledged: Vec<String>,
}

async fn play(seed: u64) -> Outcome {
    let world = World::new(Truth::new());
    let mut chance = Chance::new(seed);
    let cluster = Cluster::new(world.clone());
    let count = chance.below(2) + 1;
    let nodes = (0..count).map(|number| Node::new(number, cluster.clone(), world.clone(), chance.fork()));
    let nodes = Arc::new(nodes.collect::<Vec<Node>>());
    let count = chance.below(4) + 2;
    let clients = (0..count).map(|number| {
        let environment = *chance.pick(&["test", "live"]);
        let service = SERVICES[number % SERVICES.len()];
        Client::new(number, service, environment, world.clone())
    });
    let clients = clients.collect();
    let (commands, acknowledged) = (JoinSet::new(), Vec::new());
    let mut cast = Cast { world: world.clone(), cluster, nodes, clients, chance, commands, issued: 0, acknowledged };
    for node in cast.nodes.iter() {
        node.start().await;
    }
    for client in &cast.clients {
        client.start(&cast.nodes, cast.chance.fork());
    }
    let steps = cast.chance.below(60) + 40;
    for _ in 0..steps {
        world.turn(OWN_SLOT).await;
        cast.step().await;
        cast.clients.iter().for_each(|client| client.check());
        let pause = if cast.chance.per_mille(100) { 40_000 } else { 2000 };
        sleep(cast.chance.within(pause)).await;
        world.turn(OWN_SLOT).await;
        cast.collect();
    }
    cast.settle().await;
    let commits = world.truth.commits();
    for client in &cast.clients {
        client.stop().await;
    }
    let (trace, violations) = world.record();
    Outcome { trace, violations, commits }
}

impl Cast {
    async fn step(&mut self) {
        let at = self.chance.below(self.nodes.len());
        let who = self.chance.below(self.clients.len());
        let client = self.clients[who].clone();
        match self.chance.below(100) {
            0..62 => {
                for _ in 0..=self.chance.below(3) {
                    self.command(at);
                }
            }
            62..67 => self.nodes[at].stop(),
            67..71 => self.nodes[at].crash(),
            71..80 => {
                for node in self.nodes.iter() {
                    node.start().await;
                }
            }
            80..83 => {
                let commits = self.chance.below(8) + 1;
                self.cluster.roll_back(commits).await;
            }
            83 => self.cluster.flush(),
            84..87 => {
                if let Some(running) = self.nodes[at].running() {
                    running.store.cut();
                }
            }
            87..92 => client.declare(self.chance.pick::<&str>(&PATHS)),
            92..94 => {
                client.stop().await;
                client.start(&self.nodes, self.chance.fork());
            }
            94..97 => {
                let swallowed = !client.swallowed.load(Ordering::Relaxed);
                client.swallowed.store(swallowed, Ordering::Relaxed);
                self.world.note(&client.name, format_args!("streams get through: {}", !swallowed));
            }
            _ => sleep(self.chance.within(90_000)).await,
        }
    }

    /// Has a command carried out, by an operator of its own: one can tell by the name what has become of it.
    fn command(&mut self, at: usize) {
        let node = &self.nodes[at];
        let Some(running) = node.running() else { return };
        let now = node.now();
        let command = command(&mut self.chance, now);
        self.issued += 1;
        let operator = format!("operator-{}", self.issued);
        let actor = operator.parse().expect("it is a name");
        self.world.note(&node.name, format_args!("is asked by {operator}: {command:?}"));
        let cause = Cause { actor, platform: Platform::Cli, at: now, undoes: None };
        self.commands.spawn(async move {
            let late = || ExecuteError::Store(waygate_store::StoreError::Unavailable("late".to_owned()));
            let answered = timeout(PATIENCE, running.control().execute(command, cause)).await;
            (operator, answered.unwrap_or_else(|_| Err(late())))
        });
    }

    /// Looks at what has become of commands.
    fn collect(&mut self) {
        let answered = std::iter::from_fn(|| self.commands.try_join_next());
        let mut answered: Vec<_> = answered.map(|answered| answered.expect("no command panics")).collect();
        answered.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (operator, answer) in answered {
            let (made, is_gone) = self.world.truth.made_by(&operator);
            let violated = |what: &str| self.world.violated(&operator, format_args!("{what} ({made} commits)"));
            match answer {
                Ok(applied) if applied.changed => {
                    self.world.note(&operator, format_args!("is answered: {}", applied.revision));
                    if made != 1 {
                        violated("an acknowledged command is not one commit");
                    } else if !is_gone {
                        self.acknowledged.push(operator);
                    }
                }
                Ok(_) if made > 0 => violated("what is said to have changed nothing is a commit"),
                Err(ExecuteError::Command(_)) if made > 0 => violated("what is refused is a commit"),
                Err(ExecuteError::Store(error)) => {
                    self.world.note(&operator, format_args!("is answered: {error}"));
                    if made > 1 {
                        violated("one command is several commits");
                    }
                }
                Ok(_) | Err(ExecuteError::Command(_)) => {}
                Err(error) => self.world.note(&operator, format_args!("is answered: {error}")),
            }
        }
    }

    /// Ends the trouble, and waits until everybody knows the same.
    async fn settle(&mut self) {
        self.world.calm_down();
        let begun = Instant::now();
        let mut unequal = None;
        while begun.elapsed() < QUIET {
            for node in self.nodes.iter() {
                node.start().await;
            }
            sleep(Duration::from_secs(5)).await;
            self.world.turn(OWN_SLOT).await;
            self.collect();
            self.clients.iter().for_each(|client| client.check());
            unequal = self.unequal();
            if unequal.is_none() && self.commands.is_empty() {
                break;
            }
        }
        self.world.note("world", format_args!("quiet after {:?}", begun.elapsed()));
        if let Some(unequal) = unequal {
            self.world.violated("world", format_args!("eventually equal: after {QUIET:?} of quiet {unequal}"));
        }
        if !self.commands.is_empty() {
            self.world.violated("world", "a command is never answered");
        }
        for operator in &self.acknowledged {
            if !self.world.truth.is_kept(operator) && !self.world.truth.made_by(operator).1 {
                self.world.violated(operator, "reliable: what was acknowledged is lost");
            }
        }
    }

    /// Who does not know what the store says.
    fn unequal(&self) -> Option<String> {
        let newest = self.world.truth.newest();
        for node in self.nodes.iter() {
            let Some(running) = node.running() else { return Some(format!("{} is down", node.name)) };
            let here = running.control().current().cursor.clone();
            if here != newest {
                return Some(format!("{} stands at {here} instead of {newest}", node.name));
            }
        }
        self.clients.iter().find_map(|client| Some(format!("{}: {}", client.name, client.unequal()?)))
    }
}
