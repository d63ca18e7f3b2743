//! `copy`: from one control plane to another.

use serde_json::{Value, json};

use crate::context::{Fleet, shown};

/// A control plane where something is set, one where nothing is, and a home that knows both.
fn two() -> (Fleet, Fleet) {
    let staging = Fleet::guarded().logged_in().with_services();
    let prod = Fleet::open().with_services();
    staging.ok(&["disable", "/api/refunds", "--reason", "hotfix"]);
    staging.ok(&["srl", "set", "payments-service", "10/minute"]);
    staging.ok(&["sm", "enable", "orders-service", "--reason", "move"]);
    for (name, url) in [("staging", &staging.url), ("prod", &prod.url)] {
        staging.ok(&["context", "add", name, "--url", url]);
    }
    (staging, prod)
}

#[test]
fn what_one_control_plane_has_is_made_so_at_another() {
    let (home, prod) = two();
    let copy = ["copy", "--from", "staging", "--to", "prod"];
    let state = |what: &[&str]| -> Value { prod.json(what) };
    let tried = home.ok(&[&copy[..], &["--dry-run"]].concat());
    assert!(shown(&tried).contains("payments-service:GET:/api/refunds"), "{}", shown(&tried));
    assert_eq!(state(&["status", "/api/refunds"])["status"], "active");

    home.ok(&[&copy[..], &["--service", "payments-service", "--kind", "limits"]].concat());
    assert_eq!(state(&["srl", "get", "payments-service"])["policy"]["limit"], "10/minute");
    assert_eq!(state(&["status", "/api/refunds"])["status"], "active");

    home.ok(&[&copy[..], &["--reason", "as staging"]].concat());
    assert_eq!(state(&["status", "/api/refunds"])["reason"], "hotfix");
    assert_eq!(state(&["sm", "status", "orders-service"])["enabled"], true);
    let again = home.ok(&copy);
    assert!(shown(&again).contains("no change"), "{}", shown(&again));

    prod.ok(&["rl", "set", "/api/refunds", "5/minute"]);
    home.ok(&[&copy[..], &["--prune", "--yes"]].concat());
    assert_eq!(prod.run(&["rl", "get", "/api/refunds"]).status.code(), Some(3));
}

#[test]
fn a_copy_goes_by_the_rules_of_where_it_goes_and_says_which_side_fails() {
    let (mut home, prod) = two();
    let copy = |more: &[&str]| home.run(&[&["copy", "--from", "staging", "--to", "prod"][..], more].concat());
    home.ok(&["context", "add", "prod", "--url", &prod.url, "--confirm", "always", "--require-reason"]);
    let exit = |output: std::process::Output| output.status.code();
    assert_eq!(exit(copy(&["--yes"])), Some(2), "a reason is wanted");
    assert_eq!(exit(copy(&["--reason", "x"])), Some(2), "a yes is wanted");
    assert_eq!(prod.json(&["status", "/api/refunds"])["status"], json!("active"));
    assert_eq!(exit(copy(&["--server", &prod.url])), Some(2));
    assert_eq!(exit(home.run(&["copy", "--from", "prod", "--to", "prod", "--reason", "x"])), Some(2));
    assert_eq!(exit(home.run(&["copy", "--from", "nosuch", "--to", "prod", "--reason", "x", "--yes"])), Some(3));
    assert_eq!(exit(home.run(&["copy", "--from", "staging", "--to", "nosuch", "--reason", "x"])), Some(3));
    home.stop();
    let down = home.run(&["copy", "--from", "staging", "--to", "prod", "--reason", "x", "--yes"]);
    let text = shown(&down);
    assert_eq!(down.status.code(), Some(6), "{text}");
    assert!(text.contains(&home.url) && text.contains("the context `staging`"), "{text}");
}

#[test]
fn what_is_not_known_there_is_left_out_whole_where_that_is_asked_for() {
    let (home, prod) = two();
    home.ok(&["sm", "enable", "batch", "--allow-unknown", "--reason", "x"]);
    home.ok(&["srl", "set", "batch", "5/minute", "--allow-unknown"]);
    home.ok(&["rl", "set", "payments-service:GET:/new", "5/minute", "--allow-unknown"]);
    let copy = ["copy", "--from", "staging", "--to", "prod"];
    let refused = home.run(&copy);
    assert_eq!(refused.status.code(), Some(3), "{}", shown(&refused));
    for subject in ["batch maintenance", "batch rate limit", "payments-service:GET:/new rate limit"] {
        assert!(shown(&refused).contains(subject), "{subject}: {}", shown(&refused));
    }
    assert_eq!(prod.json(&["status", "/api/refunds"])["status"], "active");
    let copied = home.ok(&[&copy[..], &["--skip-unknown"]].concat());
    assert!(shown(&copied).contains("left out, not known there: batch maintenance"), "{}", shown(&copied));
    assert_eq!(prod.json(&["status", "/api/refunds"])["status"], "disabled");
    assert_eq!(prod.json(&["srl", "get", "payments-service"])["policy"]["limit"], "10/minute");
    assert_eq!(prod.run(&["sm", "status", "batch"]).status.code(), Some(3));
}
