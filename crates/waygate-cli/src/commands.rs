//! What each command does, one file per group.

mod api;
mod audit;
mod backup;
mod batch;
mod config;
mod confirm;
mod dashboard;
mod declare;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod env;
mod explain;
mod follow;
mod hash_password;
mod help;
mod history;
mod import;
mod instances;
mod lifecycle;
mod maintenance;
mod mistake;
mod named_context;
pub(crate) mod propagation;
mod rate_limit;
mod reach;
mod schedule;
mod serve;
mod services;
mod session;
mod status;
mod token;
mod top;
mod tree;
mod wait;
mod watch;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches as _};

use waygate_core::LONGEST_REASON;

use crate::cli::{Cli, Command, Effect, InstanceCommand, blank, command, grouped, without_blank_variables};
use crate::completion;
use crate::context::{Context, wants_colour, wants_plain};
use crate::error::{CliError, CliResult, ExitStatus};
use crate::moment;
use crate::printer::{self, ColourChoice, Output, Printer};

/// Reads the command line, carries it out and prints what goes wrong.
pub(crate) fn run() -> ExitStatus {
    if completion::answered() {
        return ExitStatus::Success;
    }
    let mut whole = without_blank_variables(grouped(command()));
    let parsed = whole.try_get_matches_from_mut(std::env::args_os()).and_then(|matches| {
        if let Some(argument) = blank(&whole, &matches) {
            let error = format!("nothing is given for `{argument}`; leave it out where it is not meant");
            return Err(whole.error(ErrorKind::InvalidValue, error));
        }
        let mut cli = Cli::from_arg_matches(&matches)?;
        if cli.global.server.is_some() && cli.global.context.take().is_some() && is_typed(&matches, "context") {
            let error = "`--server` and `--context` both choose a server; give one of them";
            return Err(whole.error(ErrorKind::ArgumentConflict, error));
        }
        Ok(cli)
    });
    let mut cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let error = mistake::told(&whole, error);
            // Help and versions are no errors; clap knows which stream each belongs on.
            match mistake::for_programs(&error) {
                Some(problem) => printer::problem(&problem),
                None => drop(error.print()),
            }
            // Under `--detailed-exitcode` 2 says that something has changed.
            let detailed = std::env::args_os().any(|argument| argument == "--detailed-exitcode");
            let failed = if detailed { ExitStatus::Failed } else { ExitStatus::Usage };
            return if error.use_stderr() { failed } else { ExitStatus::Success };
        }
    };
    let effect = cli.command.effect();
    // A raw call may be anything, and the others write to a store.
    let is_stored = !matches!(cli.command, Command::Api(_) | Command::Import(_) | Command::Restore(_));
    let rehearsal = cli.global.dry_run && effect == Effect::Changes;
    let columns = std::mem::take(&mut cli.global.columns);
    if wants_colour() && !wants_plain() && cli.global.color == ColourChoice::Auto {
        cli.global.color = ColourChoice::Always;
    }
    let printer = Printer::new(cli.global.manner(wants_plain(), rehearsal)).with_columns(columns);
    let ticket = cli.global.ticket.take();
    if let Command::Copy(copy) = &cli.command {
        // It acts on this one, by the rules of this one.
        cli.global.context = Some(copy.target.clone());
    }
    // What programs read does not depend on where they run.
    if cli.global.local && cli.global.output() != Output::Csv {
        moment::show_local();
    }
    let context = Context::new(printer, cli.global.settings());
    let is_heard = cli.command.needs_consent();
    let consent = || if is_heard { confirm::foreseen(&context) } else { Ok(()) };
    let carried_out = allowed(&context, effect, is_heard)
        .and_then(|()| consent())
        .and_then(|()| reasoned(&context, &mut cli.command, ticket.as_deref()))
        .and_then(|()| carry_out(&context, cli.command))
        .and_then(|()| propagation::tell(&context, is_stored && effect == Effect::Changes));
    let printer = &context.printer;
    match carried_out {
        Ok(()) if printer.unknown_column().is_some() => {
            let (column, known) = printer.unknown_column().unwrap_or_default();
            printer.error(&CliError::usage(format!("there is no column `{column}`; there are {known}")));
            ExitStatus::Usage
        }
        Ok(()) if printer.has_told_all() => {
            if rehearsal {
                printer.note("dry run: nothing has been changed");
            } else if is_stored
                && effect == Effect::Changes
                && context.settings.wait.is_none()
                && !context.is_unchanged()
                && printer.output.is_for_people()
            {
                let place = context.place().map(|place| format!(" at {place}")).unwrap_or_default();
                printer.note(&format!("stored{place}; `--wait` waits until every instance enforces it"));
            }
            ExitStatus::Success
        }
        Ok(()) => {
            printer.error(&CliError::failed("done, but the answer could not be written to stdout"));
            ExitStatus::Failed
        }
        Err(error) => {
            let error = error.at(context.url());
            printer.error(&error);
            error.status
        }
    }
}

/// Whether an option was typed; what the environment says yields to options.
fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// Puts the ticket before the reason, and sees that there is a reason where one is wanted.
fn reasoned(context: &Context, command: &mut Command, ticket: Option<&str>) -> CliResult {
    let changes = command.effect() == Effect::Changes;
    // Blank is none.
    let ticket = ticket.map(str::trim).filter(|ticket| !ticket.is_empty());
    let Some(reason) = command.reason() else {
        return ticket
            .map_or(Ok(()), |_| Err(CliError::usage("`--ticket` goes before a reason; this command takes none")));
    };
    if reason.trim().is_empty() {
        reason.clear();
    }
    if let Some(ticket) = ticket {
        *reason = if reason.is_empty() { ticket.to_owned() } else { format!("{ticket}: {reason}") };
    }
    let length = reason.chars().count();
    if length > LONGEST_REASON {
        return Err(CliError::usage(format!("the reason has {length} characters; at most {LONGEST_REASON} are kept")));
    }
    if changes { confirm::reasoned(context, reason) } else { Ok(()) }
}

/// What holds for every command of an effect, before anything is sent.
fn allowed(context: &Context, effect: Effect, is_heard: bool) -> CliResult {
    let waits = context.settings.wait.is_some();
    match effect {
        Effect::Acts if context.settings.dry_run => {
            Err(CliError::usage("`--dry-run` is for changes of routes, maintenance and limits; this command has none"))
        }
        Effect::Acts | Effect::Reads if waits => {
            Err(CliError::usage("`--wait` is for changes of routes, maintenance and limits; this command has none"))
        }
        Effect::Changes if waits && !is_heard => {
            Err(CliError::usage("`--wait` is for changes at a control plane; this command writes to a store"))
        }
        Effect::Changes | Effect::Acts | Effect::Reads => Ok(()),
    }
}

fn carry_out(context: &Context, command: Command) -> CliResult {
    let mut builder = match command {
        Command::Serve(_) => tokio::runtime::Builder::new_multi_thread(),
        #[cfg(feature = "demo")]
        Command::Demo(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| CliError::failed(format!("cannot start the asynchronous runtime: {error}")))?;
    runtime.block_on(async {
        match command {
            Command::Config(command) => config::run(context, command).await,
            Command::Context(command) => named_context::run(context, command),
            Command::Login(login) => session::login(context, login).await,
            Command::Logout { all } => session::logout(context, all).await,
            Command::Whoami => session::whoami(context).await,
            Command::Services => services::list(context).await,
            Command::Instances { command: Some(InstanceCommand::Forget { id, service, .. }), .. } => {
                instances::forget(context, &id, service.name.as_deref()).await
            }
            Command::Instances { of, service, .. } => {
                instances::list(context, of.as_deref(), service.name.as_deref()).await
            }
            Command::CurrentService => services::current(context),
            Command::Status(status) => status::run(context, status).await,
            Command::Enable(switch) => lifecycle::enable(context, switch).await,
            Command::Disable(switch) => lifecycle::disable(context, switch).await,
            Command::Maintenance(maintenance) => lifecycle::maintenance(context, maintenance).await,
            Command::Schedule(schedule) => schedule::run(context, schedule).await,
            Command::Env(command) => env::run(context, command).await,
            Command::Wait(wait) => wait::run(context, wait).await,
            Command::Watch(watch) => watch::run(context, watch).await,
            Command::Top(top) => top::run(context, top).await,
            Command::Explain(explain) => explain::run(context, explain).await,
            Command::Export(export) => declare::export(context, export).await,
            Command::Apply(apply) => declare::apply(context, apply).await,
            Command::Copy(copy) => declare::copy(context, copy).await,
            Command::Diff(diff) => declare::diff(context, diff).await,
            Command::Validate(documents) => declare::validate(context, &documents),
            Command::Schema => declare::schema(context),
            Command::History(history) => history::list(context, history).await,
            Command::Undo(undo) => history::undo(context, undo).await,
            Command::Rollback(rollback) => history::rollback(context, rollback).await,
            Command::Audit(audit) => audit::run(context, audit).await,
            Command::Global(command) => maintenance::global(context, command).await,
            Command::ServiceMaintenance(command) => maintenance::service(context, command).await,
            Command::RateLimits(command) => rate_limit::of_routes(context, command).await,
            Command::GlobalRateLimit(command) => rate_limit::of_everything(context, command).await,
            Command::ServiceRateLimit(command) => rate_limit::of_service(context, command).await,
            Command::Token(command) => token::run(context, command).await,
            Command::Dashboard { print_url } => dashboard::run(context, print_url),
            Command::Help { words } => help::run(context, &words),
            Command::Doctor => doctor::run(context).await,
            Command::Completion { shell } => completion::script(shell).map(|script| context.printer.text(&script)),
            Command::Man { directory } => tree::manuals(context, &directory),
            Command::Commands { markdown } => {
                tree::list(context, markdown);
                Ok(())
            }
            Command::Api(api) => api::run(context, api).await,
            Command::HashPassword => hash_password::run(context),
            Command::Backup(backup) => backup::back_up(context, backup).await,
            Command::Restore(restore) => backup::restore(context, restore).await,
            Command::Import(import) => import::run(context, import).await,
            Command::Serve(serve) => serve::run(context, serve).await,
            #[cfg(feature = "demo")]
            Command::Demo(demo) => demo::run(context, demo).await,
        }
    })
}
