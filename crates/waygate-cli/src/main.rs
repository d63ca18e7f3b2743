//! The `waygate` binary: the operator's command line, and the control plane itself.
//!
//! - `cli` says what can be typed, `commands` what it does, one file per group.
//! - `context` finds the server, `credentials` keeps the tokens.
//! - `input` reads what is given, with an end to it; `yaml` reads documents; `moment` reads and writes times.
//! - `mark` says what stands before a line about a change.
//! - `printer` is the only way to print; `render` makes text of what the API answers.

mod cli;
mod clock;
mod commands;
mod completion;
mod context;
mod credentials;
mod error;
mod input;
mod mark;
mod moment;
mod printer;
mod render;
mod yaml;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::run().into()
}
