//! Histories that are broken by hand are noticed, and a good one is not.

use waygate_core::{Cursor, Revision};

use super::*;

fn cursor(revision: u64) -> Cursor {
    format!("0123456789abcdef:{revision}:{revision:016x}").parse().unwrap()
}

fn entry(revision: u64, path: &str, reason: &str, status: &str) -> Entry {
    let service = path.split_once(":GET:").map(|(service, _)| service.to_owned());
    let (path, reason, status) = (path.to_owned(), reason.to_owned(), status.to_owned());
    Entry { revision, path, service, reason, status }
}

fn operation(id: &str, time: u64, outcome: Outcome) -> Operation {
    Operation { id: id.to_owned(), entries: 1, begun: time, ended: time + 5, outcome }
}

fn commit(revision: u64, after: u64) -> Noted {
    Noted::Commit { cursor: cursor(revision), after: Revision(after) }
}

fn decided(revision: u64, r0: &str) -> Noted {
    let mut decisions = expected(&[], "pay", 0);
    decisions.insert("GET:/r0".to_owned(), r0.to_owned());
    Noted::Decided { cursor: cursor(revision), decisions }
}

/// Three changes of one route, all acknowledged, of which a service has heard; one that is unknown and one refused.
fn good() -> Evidence {
    let log = vec![
        entry(2, "pay:GET:/r0", "a", "disabled"),
        entry(3, "other:GET:/r0", "x", "disabled"),
        entry(4, "pay:GET:/r0", "b", "maintenance"),
        entry(5, "pay:GET:/r0", "c", "active"),
    ];
    let operations = vec![
        operation("a", 0, Outcome::Acknowledged(2)),
        operation("x", 1, Outcome::Acknowledged(3)),
        operation("b", 10, Outcome::Acknowledged(4)),
        operation("c", 20, Outcome::Acknowledged(5)),
        operation("d", 30, Outcome::Unknown),
        operation("e", 40, Outcome::Refused),
    ];
    let journal = vec![
        Noted::Started { known: None },
        Noted::Snapshot { cursor: cursor(1) },
        Noted::Live,
        commit(2, 1),
        decided(2, "disabled a"),
        commit(4, 2),
        decided(4, "maintenance b"),
        Noted::Started { known: Some(cursor(2)) },
        Noted::Snapshot { cursor: cursor(4) },
        commit(5, 4),
        decided(5, "forward"),
    ];
    Evidence { logs: vec![log.clone(), log], operations, journals: vec![("pay".to_owned(), journal)], may_lose: false }
}

fn violations(breaks: impl FnOnce(&mut Evidence)) -> String {
    let mut evidence = good();
    breaks(&mut evidence);
    check(&evidence).violations.join("\n")
}

fn both(evidence: &mut Evidence, change: impl Fn(&mut Vec<Entry>)) {
    evidence.logs.iter_mut().for_each(change);
}

#[test]
fn a_good_history_is_good() {
    let findings = check(&good());
    assert_eq!(findings.violations, [""; 0]);
    assert_eq!((findings.commits, findings.snapshots, findings.decisions), (3, 2, 3));
}

#[test]
fn a_lost_change_is_noticed() {
    let found = violations(|evidence| both(evidence, |log| drop(log.remove(1))));
    assert!(found.contains("x was acknowledged, and is lost"), "{found}");
    let mut evidence = good();
    evidence.may_lose = true;
    both(&mut evidence, |log| drop(log.remove(1)));
    let findings = check(&evidence);
    assert_eq!((findings.violations.len(), findings.lost), (0, vec!["x".to_owned()]));
}

#[test]
fn a_change_that_was_made_twice_in_part_or_against_a_refusal_is_noticed() {
    let again = entry(6, "pay:GET:/r0", "c", "active");
    assert!(violations(|evidence| both(evidence, |log| log.push(again.clone()))).contains("c was made twice"));
    assert!(violations(|evidence| evidence.operations[0].entries = 2).contains("a was made in part"));
    let refused = entry(6, "pay:GET:/r1", "e", "active");
    assert!(violations(|evidence| both(evidence, |log| log.push(refused.clone()))).contains("e was refused, and made"));
    let told = violations(|evidence| evidence.operations[0].outcome = Outcome::Acknowledged(3));
    assert!(told.contains("a was acknowledged at another revision"), "{told}");
}

#[test]
fn changes_out_of_order_are_noticed() {
    let found = violations(|evidence| both(evidence, |log| log.swap(0, 1)));
    assert!(found.contains("the log is out of order"), "{found}");
    let found = violations(|evidence| {
        (evidence.operations[2].begun, evidence.operations[2].ended) = (30, 35);
    });
    assert!(found.contains("was begun after"), "{found}");
}

#[test]
fn nodes_that_differ_are_noticed() {
    let found = violations(|evidence| drop(evidence.logs[1].pop()));
    assert!(found.contains("nodes 0 and 1 differ from entry 3"), "{found}");
}

#[test]
fn a_service_that_applies_twice_out_of_order_or_not_at_all_is_noticed() {
    let journal = |change: fn(&mut Vec<Noted>)| violations(|evidence| change(&mut evidence.journals[0].1));
    let found = journal(|journal| journal.insert(4, commit(2, 1)));
    assert!(found.contains("twice or out of order"), "{found}");
    let found = journal(|journal| journal.swap(3, 5));
    assert!(found.contains("comes after 2") && found.contains("twice or out of order"), "{found}");
    // The frame itself says that it joins on, and the log knows better.
    let found = journal(|journal| {
        journal.drain(3..5);
        journal[3] = commit(4, 1);
    });
    assert!(found.contains("has left revision 2 out"), "{found}");
    let found = journal(|journal| journal.push(Noted::Snapshot { cursor: cursor(3) }));
    assert!(found.contains("went back"), "{found}");
    let found = journal(|journal| journal[7] = Noted::Started { known: Some(cursor(9)) });
    assert!(found.contains("never heard of revision 5"), "{found}");
    let found = journal(|journal| journal[6] = decided(4, "forward"));
    assert!(found.contains("and the log says"), "{found}");
    let found = journal(|journal| {
        journal[8] = Noted::Snapshot { cursor: "0123456789abcdef:4:00000000000000ff".parse().unwrap() };
    });
    assert!(found.contains("another history at revision 4"), "{found}");
}

#[test]
fn maintenance_of_all_comes_before_that_of_the_service_and_the_route() {
    let mut log = vec![entry(1, "pay:GET:/r0", "a", "disabled"), entry(2, "__global__", "g", "maintenance")];
    log.push(entry(3, "__waygate:svc_global:pay__", "s", "maintenance"));
    log.push(entry(4, "__global__", "over", "active"));
    let r0 = |revision| expected(&log, "pay", revision)["GET:/r0"].clone();
    assert_eq!([0, 1, 2, 3, 4].map(r0), ["forward", "disabled a", "maintenance g", "maintenance g", "maintenance s"]);
}
