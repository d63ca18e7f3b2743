//! Tests that run themselves once more, in a process of their own.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const DIRECTORY: &str = "WAYGATE_STORE_TEST_DIRECTORY";

/// In the child, the directory to work in.
pub(crate) fn directory() -> Option<PathBuf> {
    env::var_os(DIRECTORY).map(PathBuf::from)
}

/// Runs one test as a child, after some shell code.
pub(crate) fn command(test: &str, before: &str, directory: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{before}; exec \"$0\" \"$@\"")])
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(DIRECTORY, directory);
    command
}

/// Runs one test as a child to its end; it must have run, and passed.
pub(crate) fn run(test: &str, before: &str, directory: &Path) {
    let Output { status, stdout, stderr } = command(test, before, directory).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success() && stdout.contains("1 passed"), "{status}\n{stdout}\n{stderr}");
}
