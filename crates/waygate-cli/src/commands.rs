//! What each command does, one file per group.

mod audit;
mod config;
mod env;
mod hash_password;
mod lifecycle;
mod maintenance;
mod rate_limit;
mod schedule;
mod serve;
mod services;
mod session;
mod status;
mod token;

use std::time::Duration;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::context::{Context, wants_plain};
use crate::error::{CliError, CliResult, ExitStatus};
use crate::printer::{Format, Printer};

/// Reads the command line, carries it out and prints what goes wrong.
pub(crate) fn run() -> ExitStatus {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and versions are no errors; clap knows which stream each belongs on.
            let _ = error.print();
            return if error.use_stderr() { ExitStatus::Usage } else { ExitStatus::Success };
        }
    };
    let format = if cli.global.json { Format::Json } else { cli.global.output };
    let printer = Printer::new(format, wants_plain());
    let context = Context::new(printer, cli.global.server, Duration::from_secs(cli.global.timeout));
    match carry_out(&context, cli.command) {
        Ok(()) if context.printer.has_told_all() => ExitStatus::Success,
        Ok(()) => {
            context.printer.error(&CliError::failed("done, but the answer could not be written to stdout"));
            ExitStatus::Failed
        }
        Err(error) => {
            context.printer.error(&error);
            error.status
        }
    }
}

fn carry_out(context: &Context, command: Command) -> CliResult {
    let mut builder = match command {
        Command::Serve(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| CliError::failed(format!("cannot start the asynchronous runtime: {error}")))?;
    runtime.block_on(async {
        match command {
            Command::Config(command) => config::run(context, command),
            Command::Login(login) => session::login(context, login).await,
            Command::Logout => session::logout(context).await,
            Command::Whoami => session::whoami(context).await,
            Command::Services => services::list(context).await,
            Command::CurrentService => services::current(context),
            Command::Status(status) => status::run(context, status).await,
            Command::Enable(switch) => lifecycle::enable(context, switch).await,
            Command::Disable(switch) => lifecycle::disable(context, switch).await,
            Command::Maintenance(maintenance) => lifecycle::maintenance(context, maintenance).await,
            Command::Schedule(schedule) => schedule::run(context, schedule).await,
            Command::Env(command) => env::run(context, command).await,
            Command::Audit(audit) => audit::run(context, audit).await,
            Command::Global(command) => maintenance::global(context, command).await,
            Command::ServiceMaintenance(command) => maintenance::service(context, command).await,
            Command::RateLimits(command) => rate_limit::of_routes(context, command).await,
            Command::GlobalRateLimit(command) => rate_limit::of_everything(context, command).await,
            Command::ServiceRateLimit(command) => rate_limit::of_service(context, command).await,
            Command::Token(command) => token::run(context, command).await,
            Command::HashPassword => hash_password::run(context),
            Command::Serve(serve) => serve::run(context, serve).await,
        }
    })
}
