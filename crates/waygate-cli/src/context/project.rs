//! `.waygate`: the file that chooses a server for a directory tree.

use std::path::{Path, PathBuf};

use crate::error::{CliError, CliResult};
use crate::input;

/// Its name.
const PROJECT_FILE: &str = ".waygate";

/// `WAYGATE_SERVER_URL` of the nearest file that has it, from `directory` upward.
///
/// # Errors
///
/// When such a file is no list of settings: to pass over it could act on another server than is meant.
pub(super) fn server(directory: Option<&Path>) -> CliResult<Option<(String, PathBuf)>> {
    for directory in directory.into_iter().flat_map(Path::ancestors) {
        let path = directory.join(PROJECT_FILE);
        if !path.is_file() {
            continue;
        }
        let understood = |text: &String| text.lines().all(is_setting);
        let text = input::text(&path, input::SECRET).ok().filter(understood).ok_or_else(|| {
            CliError::usage(format!("cannot understand `{}`: expected lines like `KEY=value`", path.display()))
        })?;
        if let Some(url) = setting(&text, "WAYGATE_SERVER_URL") {
            return Ok(Some((url, path)));
        }
    }
    Ok(None)
}

fn is_setting(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#') || line.contains('=')
}

/// A value of a file of `KEY=value` lines; `export`, quotes and comments are understood.
fn setting(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=')?;
        if name.trim() != key {
            return None;
        }
        let value = value.trim();
        let quoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.split(*quote).next());
        let value = quoted.unwrap_or_else(|| value.split(" #").next().unwrap_or(value).trim());
        (!value.is_empty()).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_files_are_read_as_people_write_them() {
        let url = |text: &str| setting(text, "WAYGATE_SERVER_URL");
        for text in [
            "WAYGATE_SERVER_URL=http://h:1",
            "# WAYGATE_SERVER_URL=http://no\n WAYGATE_SERVER_URL = http://h:1  # ours",
            "export WAYGATE_SERVER_URL='http://h:1' # ours",
            "OTHER=x\nWAYGATE_SERVER_URL=\"http://h:1\"",
        ] {
            assert_eq!(url(text).as_deref(), Some("http://h:1"), "{text}");
        }
        assert_eq!(url("WAYGATE_SERVER_URL=\nWAYGATE_SERVICE=x"), None);
    }
}
