//! `waygate backup` and `waygate restore`, for each store.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::context::{Fleet, shown, waygate};
use crate::system::Redis;

fn run(home: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = waygate(home).args(arguments).output().unwrap();
    (output.status.code(), shown(&output))
}

/// What people see of a control plane, without what names its history.
fn seen(fleet: &Fleet) -> (Value, Vec<Value>) {
    let mut document = fleet.json(&["export"]);
    if let Some(fields) = document.as_object_mut() {
        fields.remove("revision");
    }
    let entry = |entry: &Value| {
        let fields = ["id", "timestamp", "path", "service", "action", "actor", "platform", "reason", "new_status"];
        fields.iter().map(|field| entry[field].clone()).collect::<Value>()
    };
    let audit = fleet.json(&["audit", "--per-page", "1000"]);
    (document, audit.as_array().unwrap().iter().map(entry).collect())
}

/// Something of every kind.
pub(crate) fn busy() -> Fleet {
    let fleet = Fleet::kept().with_services();
    fleet.ok(&["disable", "/api/refunds", "--reason", "hotfix"]);
    fleet.ok(&["maintenance", "orders-service:GET:/api/orders", "--start", "2099-01-01", "--end", "2h"]);
    fleet.ok(&["sm", "enable", "payments-service", "--reason", "db"]);
    fleet.ok(&["rl", "set", "/api/refunds", "5/minute"]);
    fleet.ok(&["srl", "set", "payments-service", "100/minute"]);
    fleet.ok(&["grl", "set", "1000/minute", "--exempt", "/health"]);
    fleet.ok(&["sm", "disable", "payments-service"]);
    fleet
}

#[test]
fn a_file_is_backed_up_while_it_is_served_and_comes_back_as_it_was() {
    let mut fleet = busy();
    let before = seen(&fleet);
    let home = fleet.home.path().to_owned();
    let (code, text) = run(&home, &["backup", "one.backup", "--from", "file:state.json"]);
    assert!(code == Some(0) && text.contains("7 routes"), "{text}");
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(home.join("one.backup")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(seen(&fleet), before, "a backup changes nothing");
    let (code, text) = run(&home, &["backup", "one.backup", "--from", "file:state.json"]);
    assert!(code == Some(1) && text.contains("overwrites none"), "{text}");

    fleet.ok(&["enable", "/api/refunds", "--reason", "a mistake"]);
    fleet.ok(&["grl", "delete"]);
    let (code, text) = run(&home, &["restore", "one.backup", "--replace"]);
    assert!(code == Some(2) && text.contains("--into"), "where it goes has to be said: {text}");
    let restore = ["restore", "one.backup", "--into", "file:state.json", "--replace"];
    let (code, text) = run(&home, &restore);
    assert!(code == Some(1) && text.contains("state.json"), "a server runs on it: {text}");
    fleet.stop();
    let (code, text) = run(&home, &restore[..4]);
    assert!(code == Some(5) && text.contains("--replace"), "{text}");
    let (code, text) = run(&home, &[&restore[..], &["--dry-run"]].concat());
    assert!(code == Some(0) && text.contains("would restore"), "{text}");
    let (code, text) = run(&home, &restore);
    assert!(code == Some(0) && text.contains("state.json.replaced-1"), "{text}");
    fleet.restart();
    let (document, audit) = seen(&fleet);
    assert_eq!(document, before.0);
    let (note, old) = audit.split_first().unwrap();
    assert_eq!((&note[4], &note[5]), (&"import".into(), &"restore".into()));
    assert_eq!(old, before.1, "the log of before is there in its own words");
    fleet.ok(&["enable", "/api/refunds", "--reason", "goes on"]);
}

#[test]
fn what_is_no_whole_backup_is_refused_and_nothing_is_written() {
    let home = tempfile::tempdir().unwrap();
    for (text, expected) in [("", "not complete"), ("{}\n", "checksum"), ("{\"crc32\":\"0\"}\n", "")] {
        fs::write(home.path().join("x.backup"), text).unwrap();
        let (code, told) = run(home.path(), &["restore", "x.backup", "--into", "file:new.json"]);
        assert!(code == Some(1) && told.contains("is no whole backup") && told.contains(expected), "{told}");
    }
    assert!(!home.path().join("new.json").exists());
    let (code, told) = run(home.path(), &["backup", "y.backup", "--from", "file:nowhere.json"]);
    assert!(code == Some(3) && told.contains("nowhere.json"), "{told}");
    assert!(!home.path().join("y.backup").exists() && !home.path().join("nowhere.json").exists());
    let (code, told) = run(home.path(), &["backup", "y.backup", "--from", "memory"]);
    assert!(code == Some(2), "{told}");
}

/// From a file into Redis, from there into another file.
#[test]
fn a_backup_goes_from_one_kind_of_store_to_another() {
    let mut fleet = busy();
    let before = seen(&fleet);
    let home = fleet.home.path().to_owned();
    let redis = Redis::start();
    let url = redis.url();
    assert_eq!(run(&home, &["backup", "file.backup", "--from", "file:state.json"]).0, Some(0));
    fleet.stop();
    let (code, text) = run(&home, &["restore", "file.backup", "--into", &url]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run(&home, &["restore", "file.backup", "--into", &url]);
    assert_eq!(code, Some(5), "it is not empty any more: {text}");
    let (code, text) = run(&home, &["restore", "file.backup", "--into", &url, "--replace"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run(&home, &["backup", "redis.backup", "--from", &url]);
    assert_eq!(code, Some(0), "{text}");
    fs::rename(home.join("state.json"), home.join("old.json")).unwrap();
    fs::rename(home.join("state.json.log"), home.join("old.json.log")).unwrap();
    let (code, text) = run(&home, &["restore", "redis.backup", "--into", "file:state.json"]);
    assert_eq!(code, Some(0), "{text}");
    fleet.restart();
    let after = seen(&fleet);
    assert_eq!(after.0, before.0);
    assert_eq!(after.1[2..], before.1[..], "two restores are noted, and all of before");
}
