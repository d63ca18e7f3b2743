//! `hash-password`: what stands for a password in a file of settings.

use secrecy::ExposeSecret as _;

use crate::commands::session::{asked_password, piped_password};
use crate::context::Context;
use crate::error::{CliError, CliResult};

/// Asks for a password twice, or takes it from stdin, and prints its Argon2id hash.
pub(crate) fn run(context: &Context) -> CliResult {
    let password = if context.can_ask() {
        let password = asked_password("Password: ")?;
        if password.expose_secret() != asked_password("Again: ")?.expose_secret() {
            return Err(CliError::usage("the two passwords differ"));
        }
        password
    } else {
        piped_password()?
    };
    if password.expose_secret().is_empty() {
        return Err(CliError::usage("the password is empty"));
    }
    let hash = waygate_server::hash_password(password.expose_secret());
    let hash = hash.map_err(|error| CliError::failed(error.to_string()))?;
    context.printer.data(None, &hash);
    Ok(())
}
