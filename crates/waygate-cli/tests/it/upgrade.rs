//! What earlier versions have written is read by this one.
//!
//! `tests/golden/<version>` holds a store in files, a backup, and what its version has shown of them. With
//! `NEW_GOLDEN=1` the directory of the present version is made where there is none; what is there is never changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::backup::busy;
use crate::context::waygate;
use crate::serve::{serve, stop};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

/// What a control plane on the files of a directory shows: its document, and who did what, oldest first.
fn shown(home: &Path, name: &str) -> Value {
    let (child, url) = serve(home, &["--backend", &format!("file:{name}")], &[]);
    let ask = |arguments: &[&str]| -> Value {
        let output = waygate(home).args(arguments).args(["--server", &url, "--json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", crate::context::shown(&output)))
    };
    let document = ask(&["export"]);
    let entries = ask(&["audit", "--per-page", "1000"]);
    let entries = entries.as_array().unwrap().iter().rev();
    let line = |entry: &Value| {
        let part = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        Value::from(format!("{} {} {} {}", part("timestamp"), part("actor"), part("action"), part("path")))
    };
    let audit: Vec<Value> = entries.filter(|entry| entry["action"] != "import").map(line).collect();
    assert_eq!(stop(child, "-TERM").0, Some(0));
    serde_json::json!({ "document": document, "audit": audit })
}

#[test]
fn what_any_version_has_written_opens_in_this_one() {
    let mine = golden().join(env!("CARGO_PKG_VERSION"));
    if std::env::var_os("NEW_GOLDEN").is_some() && !mine.exists() {
        write_golden(&mine);
    }
    let mut versions = 0;
    for version in fs::read_dir(golden()).unwrap() {
        let version = version.unwrap().path();
        let expected: Value = serde_json::from_slice(&fs::read(version.join("shown.json")).unwrap()).unwrap();
        let home = tempfile::tempdir().unwrap();
        copy(&version, home.path());
        assert_eq!(shown(home.path(), "state.json"), expected, "{}", version.display());
        let restore = ["restore", "state.backup", "--into", "file:restored.json"];
        let output = waygate(home.path()).args(restore).stderr(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{}: {}", version.display(), crate::context::shown(&output));
        assert_eq!(shown(home.path(), "restored.json"), expected, "{}", version.display());
        versions += 1;
    }
    assert!(mine.exists() && versions > 0, "no golden files of this version: run this with NEW_GOLDEN=1");
}

fn write_golden(directory: &Path) {
    let mut fleet = busy();
    let home = fleet.home.path().to_owned();
    let backup = ["backup", "state.backup", "--from", "file:state.json"];
    assert!(waygate(&home).args(backup).status().unwrap().success());
    fleet.stop();
    // Ended in order, it has left a checkpoint beside the log.
    let text = serde_json::to_string_pretty(&shown(&home, "state.json")).unwrap();
    fs::create_dir_all(directory).unwrap();
    for name in ["state.json", "state.json.log", "state.backup"] {
        copy(&home.join(name), &directory.join(name));
    }
    let mut file = fs::File::create(directory.join("shown.json")).unwrap();
    std::io::Write::write_all(&mut file, format!("{text}\n").as_bytes()).unwrap();
}
