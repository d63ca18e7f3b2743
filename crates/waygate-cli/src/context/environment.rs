//! The environment. The one place that reads it.

use std::ffi::OsString;

use crate::error::{CliError, CliResult};

/// A variable of the environment that is not blank.
///
/// # Errors
///
/// When it is set to something that is no UTF-8: to take it for unset could leave a door open.
pub(crate) fn text_variable(name: &str) -> CliResult<Option<String>> {
    let text = given_variable(name)?.map(|text| text.trim().to_owned());
    Ok(text.filter(|text| !text.is_empty()))
}

/// A variable of the environment that is set, be it to nothing.
///
/// # Errors
///
/// When it is set to something that is no UTF-8.
pub(crate) fn given_variable(name: &str) -> CliResult<Option<String>> {
    let value = std::env::var_os(name).map(OsString::into_string).transpose();
    value.map_err(|_| CliError::usage(format!("`{name}` is not UTF-8 text")))
}

/// Whether the environment asks for text without colours.
pub(crate) fn wants_plain() -> bool {
    variable("NO_COLOR").is_some() || variable("TERM").is_some_and(|terminal| terminal == "dumb")
}

/// Whether the environment asks for colours wherever text goes.
pub(crate) fn wants_colour() -> bool {
    variable("FORCE_COLOR").is_some_and(|wish| wish != "0")
}

/// A variable that is not blank, whatever it holds.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.to_string_lossy().trim().is_empty())
}
