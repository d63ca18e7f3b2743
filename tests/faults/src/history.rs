//! Whether everything that was promised has come true: what was acknowledged, what the log says, and what services have put
//! in force.

mod followed;

use std::collections::{BTreeMap, HashMap};

use crate::journal::{Decisions, Noted};

/// An entry of a node's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub revision: u64,
    /// As the log calls it: `service:GET:/path`, `__global__`, `__waygate:svc_global:service__`.
    pub path: String,
    pub service: Option<String>,
    /// Names the operation.
    pub reason: String,
    /// What it is since then: `active`, `disabled`, `maintenance`.
    pub status: String,
}

/// What somebody has asked for, and what they were told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// It is the reason of each of its entries.
    pub id: String,
    /// How many entries it makes, all or none.
    pub entries: usize,
    /// By the clock of the one who asked, in microseconds since the run began.
    pub begun: u64,
    pub ended: u64,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, at this revision.
    Acknowledged(u64),
    /// No answer, or that the store has failed: it may be done or not.
    Unknown,
    /// It is not done.
    Refused,
}

/// All that a run has left.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// What each node says at the end, oldest first.
    pub logs: Vec<Vec<Entry>>,
    pub operations: Vec<Operation>,
    /// What each Rust service has noted: the name of the service, and its journal.
    pub journals: Vec<(String, Vec<Noted>)>,
    /// The store may have lost changes that were acknowledged, by a failover to a replica that did not have them.
    pub may_lose: bool,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// What must not be; none in a good run.
    pub violations: Vec<String>,
    /// Acknowledged, and gone with a failover.
    pub lost: Vec<String>,
    /// How many commits services have put in force one by one, by how many snapshots, and how many decisions were compared.
    pub commits: usize,
    pub snapshots: usize,
    pub decisions: usize,
}

/// Compares everything with everything.
pub fn check(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    let Some(log) = evidence.logs.first() else {
        findings.violations.push("no node has told its log".to_owned());
        return findings;
    };
    for (node, other) in evidence.logs.iter().enumerate().skip(1) {
        if other != log {
            let at = log.iter().zip(other).take_while(|(one, other)| one == other).count();
            let (one, two) = (log.get(at), other.get(at));
            findings.violations.push(format!("nodes 0 and {node} differ from entry {at} on: {one:?} and {two:?}"));
        }
    }
    if let Some(pair) = log.windows(2).find(|pair| pair[1].revision < pair[0].revision) {
        findings.violations.push(format!("the log is out of order: {pair:?}"));
    }
    check_operations(evidence, log, &mut findings);
    for (service, journal) in &evidence.journals {
        followed::check(service, journal, log, evidence.may_lose, &mut findings);
    }
    followed::check_lineages(evidence, &mut findings);
    findings
}

fn check_operations(evidence: &Evidence, log: &[Entry], findings: &mut Findings) {
    let mut logged: HashMap<&str, Vec<u64>> = HashMap::new();
    for entry in log {
        logged.entry(&entry.reason).or_default().push(entry.revision);
    }
    for operation in &evidence.operations {
        let Operation { id, entries, outcome, .. } = operation;
        let revisions = logged.get(id.as_str()).map_or(&[][..], Vec::as_slice);
        let mut bad =
            |what: &str| findings.violations.push(format!("{id} {what}: {operation:?}, logged at {revisions:?}"));
        if revisions.len() > *entries || revisions.windows(2).any(|pair| pair[0] != pair[1]) {
            bad("was made twice");
        } else if !revisions.is_empty() && revisions.len() < *entries {
            bad("was made in part");
        }
        match outcome {
            Outcome::Refused if !revisions.is_empty() => bad("was refused, and made"),
            Outcome::Acknowledged(_) if revisions.is_empty() && evidence.may_lose => findings.lost.push(id.clone()),
            Outcome::Acknowledged(_) if revisions.is_empty() => bad("was acknowledged, and is lost"),
            Outcome::Acknowledged(told) if !evidence.may_lose && revisions.iter().any(|revision| revision != told) => {
                bad("was acknowledged at another revision");
            }
            Outcome::Acknowledged(_) | Outcome::Unknown | Outcome::Refused => {}
        }
    }
    if !evidence.may_lose {
        check_real_time(&evidence.operations, findings);
    }
}

/// Who begins after another was acknowledged comes after it.
fn check_real_time(operations: &[Operation], findings: &mut Findings) {
    let acknowledged = |operation: &Operation| match operation.outcome {
        Outcome::Acknowledged(revision) => Some((operation.begun, operation.ended, revision, operation.id.clone())),
        Outcome::Unknown | Outcome::Refused => None,
    };
    let begun: BTreeMap<_, _> =
        operations.iter().filter_map(acknowledged).map(|it| ((it.0, it.3.clone()), it)).collect();
    let mut ended: Vec<_> = begun.values().collect();
    ended.sort_by_key(|it| it.1);
    let (mut next, mut newest) = (0, None::<&(u64, u64, u64, String)>);
    for operation in begun.values() {
        while ended.get(next).is_some_and(|before| before.1 < operation.0) {
            newest = newest.filter(|newest| newest.2 >= ended[next].2).or(Some(ended[next]));
            next += 1;
        }
        if let Some(before) = newest.filter(|before| before.2 >= operation.2) {
            findings
                .violations
                .push(format!("{operation:?} was begun after {before:?} was answered, and is before it"));
        }
    }
}

/// What the routes of a Rust service answer after all entries up to a revision.
pub fn expected(log: &[Entry], service: &str, revision: u64) -> Decisions {
    let answers = answers(log, service, &crate::ROUTES, revision);
    crate::ROUTES.into_iter().zip(answers).map(|(path, answer)| (format!("GET:{path}"), answer)).collect()
}

/// `forward`, or kind and reason of the denial, for each of some routes of a service.
pub fn answers(log: &[Entry], service: &str, paths: &[&str], revision: u64) -> Vec<String> {
    let maintenance = format!("__waygate:svc_global:{service}__");
    let mut state: HashMap<&str, &Entry> = HashMap::new();
    for entry in log.iter().filter(|entry| entry.revision <= revision) {
        state.insert(&entry.path, entry);
    }
    let shut = |path: &str| state.get(path).filter(|entry| entry.status != "active");
    let answer = |path: &&str| {
        let own = format!("{service}:GET:{path}");
        let layer = shut("__global__").or_else(|| shut(&maintenance)).or_else(|| shut(&own));
        layer.map_or("forward".to_owned(), |entry| format!("{} {}", entry.status, entry.reason))
    };
    paths.iter().map(answer).collect()
}

#[cfg(test)]
mod tests;
