//! Completion: what shells may offer, with the names of routes, services and contexts.
//!
//! The shell asks this very program on every Tab, so the names are those of now. They have to come quickly; whatever
//! fails is passed over in silence.

use std::time::Duration;

use clap::ValueEnum;
use clap_complete::CompletionCandidate;
use clap_complete::engine::ArgValueCandidates;
use clap_complete::env::Shells;
use serde::de::DeserializeOwned;
use waygate_api::paths;
use waygate_api::routes::RouteState;

use crate::context::{Context, Settings};
use crate::error::{CliError, CliResult};
use crate::printer::{Manner, Printer};

/// How long a Tab may wait for the control plane.
const PATIENCE: Duration = Duration::from_millis(300);
/// By this variable a shell asks for completions.
const VARIABLE: &str = "WAYGATE_COMPLETE";

/// A shell that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Powershell,
}

/// Answers a shell that asks for completions; `false` where none does.
pub(crate) fn answered() -> bool {
    let arguments = std::env::args_os();
    let directory = std::env::current_dir().ok();
    let complete = clap_complete::CompleteEnv::with_factory(offering).var(VARIABLE);
    complete.try_complete(arguments, directory.as_deref()).unwrap_or(true)
}

/// What a shell reads at its start.
pub(crate) fn script(shell: Shell) -> CliResult<String> {
    let name = shell.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let failed = || CliError::failed(format!("there is no completion for {name}"));
    let shells = Shells::builtins();
    let completer = shells.completer(&name).ok_or_else(failed)?;
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, "waygate", "waygate", "waygate", &mut script).map_err(|_| failed())?;
    String::from_utf8(script).map_err(|_| failed())
}

/// The command line with what its names may be.
fn offering() -> clap::Command {
    offer(crate::cli::command())
}

fn offer(command: clap::Command) -> clap::Command {
    let is_context = command.get_name() == "use" || command.get_name() == "remove";
    let is_service = command.get_name() != "add";
    command
        .mut_args(|argument| match argument.get_id().as_str() {
            "route" | "routes" => argument.add(ArgValueCandidates::new(routes)),
            "context" | "origin" | "target" => argument.add(ArgValueCandidates::new(contexts)),
            "name" if is_context => argument.add(ArgValueCandidates::new(contexts)),
            "name" | "service" if is_service => argument.add(ArgValueCandidates::new(services)),
            _ => argument,
        })
        .mut_subcommands(offer)
}

fn routes() -> Vec<CompletionCandidate> {
    let routes: Vec<RouteState> = ask(paths::ROUTES).unwrap_or_default();
    let told = |route: RouteState| CompletionCandidate::new(route.path).help(Some(route.effective.as_str().into()));
    routes.into_iter().map(told).collect()
}

fn services() -> Vec<CompletionCandidate> {
    ask::<Vec<String>>(paths::SERVICES).unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
}

fn contexts() -> Vec<CompletionCandidate> {
    let config = Context::config_file().and_then(|file| file.read()).unwrap_or_default();
    config.contexts().map(|(name, _)| CompletionCandidate::new(name)).collect()
}

/// Asks the control plane that a command without options would talk to.
fn ask<T: DeserializeOwned>(path: &str) -> Option<T> {
    let settings = Settings { timeout: PATIENCE, connect_timeout: PATIENCE, no_input: true, ..Settings::default() };
    let context = Context::new(Printer::new(Manner { quiet: true, ..Manner::default() }), settings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async { Some(context.connect().ok()?.get::<T>(path, &[]).await.ok()?.value) })
}
