//! A server that only a file of the directory tree knows.

use std::path::PathBuf;

use crate::context::{Fleet, shown, waygate};
use crate::radius::typed_in;

const ELSEWHERE: &str = "http://nowhere.invalid:9000";

/// A folder as somebody else has made it.
fn cloned(fleet: &Fleet) -> PathBuf {
    let folder = fleet.home.path().join("cloned");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join(".waygate"), format!("WAYGATE_SERVER_URL={ELSEWHERE}\n")).unwrap();
    folder
}

#[test]
fn without_a_terminal_an_unknown_server_is_refused_until_it_is_known() {
    let fleet = Fleet::open();
    let folder = cloned(&fleet);
    let run = |arguments: &[&str]| fleet.command(arguments).current_dir(&folder).output().unwrap();
    for command in [&["services"][..], &["login", "admin", "-p", "secret"], &["disable", "/a"], &["api", "GET", "/"]] {
        let refused = run(command);
        let text = shown(&refused);
        assert_eq!(refused.status.code(), Some(2), "{text}");
        assert!(text.contains(ELSEWHERE) && text.contains(".waygate") && text.contains("`--yes`"), "{text}");
    }
    // Nothing is said of a server by what only tells which it is.
    assert!(shown(&run(&["config", "show"])).contains(ELSEWHERE));
    assert_eq!(run(&["services", "--yes"]).status.code(), Some(6));
    assert_eq!(run(&["services", "--server", ELSEWHERE]).status.code(), Some(6));
    let chosen = fleet.command(&["services"]).current_dir(&folder).env("WAYGATE_SERVER_URL", ELSEWHERE).output();
    assert_eq!(chosen.unwrap().status.code(), Some(6));
    fleet.ok(&["context", "add", "elsewhere", "--url", ELSEWHERE]);
    assert_eq!(run(&["services"]).status.code(), Some(6));
}

#[test]
fn a_person_is_asked_once() {
    let fleet = Fleet::open();
    let folder = cloned(&fleet);
    let no = typed_in(&fleet, &folder, "services", "n\n");
    assert_eq!(no.status.code(), Some(1), "{}", shown(&no));
    assert!(shown(&no).contains("nothing has been sent"), "{}", shown(&no));
    assert!(fleet.config()["trusted"].is_null());
    let yes = typed_in(&fleet, &folder, "services", "what\ny\n");
    assert_eq!(yes.status.code(), Some(6), "{}", shown(&yes));
    assert_eq!(fleet.config()["trusted"], serde_json::json!([ELSEWHERE]));
    let again = fleet.command(&["services"]).current_dir(&folder).output().unwrap();
    assert_eq!(again.status.code(), Some(6), "{}", shown(&again));
}

/// What the reference's users have in their trees: a server on their own machine.
#[test]
fn this_machine_needs_no_asking() {
    let fleet = Fleet::open().with_services();
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join(".waygate"), format!("WAYGATE_SERVER_URL={}\n", fleet.url)).unwrap();
    let output = waygate(other.path()).arg("services").env("WAYGATE_CONFIG_DIR", other.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
}
