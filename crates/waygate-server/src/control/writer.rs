//! Plans commands and commits them, a batch at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use waygate_core::{Cause, Command, Commit, Cursor, Draft, DraftId, Plan, Platform, Revision, Schedule, State, plan};
use waygate_store::{CommitError, StoreError};

use crate::control::{Applied, Concerned, ExecuteError, Inner, Request, scheduler};

/// How many commands share a flush at the most.
const BATCH: usize = 256;
/// How often a batch is planned again when other nodes commit in between.
const ATTEMPTS: usize = 16;
/// How long to wait for the follower to show what has been committed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves requests until the control plane ends; those that have been taken in are finished.
pub(super) async fn run(inner: Arc<Inner>, mut requests: mpsc::Receiver<Request>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut schedule = Schedule::default();
    loop {
        let taken = tokio::select! {
            biased;
            taken = requests.recv_many(&mut batch, BATCH) => taken,
            () = inner.ending.cancelled() => {
                requests.close();
                requests.recv_many(&mut batch, BATCH).await
            }
        };
        if taken == 0 {
            return;
        }
        commit_batch(&inner, &mut schedule, &mut batch).await;
    }
}

/// A request with what it comes to: a plan and where history will stand with it, or why it is refused.
struct Planned {
    request: Request,
    outcome: Result<(Plan, Cursor), ExecuteError>,
}

impl Planned {
    /// Whether it may be answered from memory that it changes nothing: a service that starts again need not wait for the
    /// store. Anything else is looked at against the newest state, a refusal too: another node may have committed what
    /// this one has not heard of.
    fn is_harmless(&self) -> bool {
        self.outcome.is_ok() && matches!(self.request.command, Command::Register { .. })
    }
}

async fn commit_batch(inner: &Inner, schedule: &mut Schedule, batch: &mut Vec<Request>) {
    let mut requests = std::mem::take(batch);
    for _ in 0..ATTEMPTS {
        let base = inner.state.load_full();
        let (mut planned, drafts, outcome) = plan_batch(&base, schedule, requests);
        if drafts.is_empty() {
            let (harmless, others) = planned.into_iter().partition(Planned::is_harmless);
            answer_all(inner, harmless, outcome.clone());
            planned = others;
        }
        if planned.is_empty() && drafts.is_empty() {
            return;
        }
        match commit(inner, &base.cursor, drafts).await {
            Ok(newest) => {
                wait_until(inner, |state| newest <= state.cursor.revision).await;
                answer_all(inner, planned, outcome);
                return;
            }
            Err(CommitError::Conflict { current }) => {
                inner.metrics.commit_conflicts.count();
                requests = planned.into_iter().map(|planned| planned.request).collect();
                // The number alone does not tell: after a loss the store stands at a lower one, of another history.
                if !wait_until(inner, |_| inner.feed.contains(&current)).await {
                    let behind = format!("this node has not followed the store to {current} yet; try again");
                    refuse_all(requests, &StoreError::Unavailable(behind));
                    return;
                }
            }
            Err(CommitError::Store(error)) => {
                tracing::error!(error = %error, "a commit failed");
                fail_all(planned, &error);
                return;
            }
        }
    }
    let busy = "other nodes commit faster than this one can plan; try again";
    refuse_all(requests, &StoreError::Unavailable(busy.to_owned()));
}

/// Plans each command on what the ones before it will have made.
/// What time has done until then is written down first, by the scheduler's name: a command that ends or replaces it
/// must not take its place in the log.
fn plan_batch(base: &State, schedule: &mut Schedule, requests: Vec<Request>) -> (Vec<Planned>, Vec<Draft>, State) {
    let mut scratch = base.clone();
    let mut planned = Vec::with_capacity(requests.len());
    let mut drafts = Vec::new();
    let now = requests.iter().map(|request| request.cause.at).min();
    let due = schedule.next_due(base);
    if let (Some(now), Some(due), Ok(actor)) = (now, due, scheduler::ACTOR.parse())
        && due <= now
    {
        let cause = Cause { actor, platform: Platform::System, at: now, undoes: None };
        drafts.extend(draft(&mut scratch, &Command::Settle, &cause).ok().and_then(|(_, draft)| draft));
    }
    for request in requests {
        let outcome = draft(&mut scratch, &request.command, &request.cause).map(|(plan, draft)| {
            drafts.extend(draft);
            (plan, scratch.cursor.clone())
        });
        planned.push(Planned { request, outcome });
    }
    (planned, drafts, scratch)
}

fn draft(scratch: &mut State, command: &Command, cause: &Cause) -> Result<(Plan, Option<Draft>), ExecuteError> {
    let mut plan = plan(scratch, command, cause.at)?;
    if plan.records.is_empty() {
        return Ok((plan, None));
    }
    let records = std::mem::take(&mut plan.records);
    let draft = Draft { id: new_draft_id()?, cause: cause.clone(), records };
    let commit = Commit::after(&scratch.cursor, draft);
    scratch.apply(&commit).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    // `records` tells `answer_all` that something changed.
    plan.records.clone_from(&commit.draft.records);
    Ok((plan, Some(commit.draft)))
}

/// Commits; where the store cannot say whether it did, looks the first draft up before giving an answer.
async fn commit(inner: &Inner, base: &Cursor, drafts: Vec<Draft>) -> Result<Revision, CommitError> {
    let Some(first) = drafts.first().map(|draft| draft.id.clone()) else {
        // What changes nothing is true of the newest state, and as safe as a change would be.
        return inner.store.commit(base, drafts).await.map(|_| base.revision);
    };
    let count = drafts.len() as u64;
    match inner.store.commit(base, drafts).await {
        Ok(commits) => Ok(commits.last().map_or(base.revision, |commit| commit.revision())),
        Err(unsafe_yet @ CommitError::Store(StoreError::Unacknowledged(_))) => Err(unsafe_yet),
        Err(CommitError::Store(error)) => match inner.store.find(&first).await {
            Ok(Some(commit)) => Ok(Revision(commit.revision().0 + count - 1)),
            Err(unsafe_yet @ StoreError::Unacknowledged(_)) => Err(unsafe_yet.into()),
            Ok(None) if !inner.store.may_commit_late() => Err(error.into()),
            Ok(None) | Err(_) => Err(unclear(error).into()),
        },
        Err(conflict) => Err(conflict),
    }
}

/// The store has failed, and cannot say what will have come of it.
fn unclear(error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(reason) => {
            let unknown = "whether the change was made is not known: look before you repeat it";
            StoreError::Unavailable(format!("{reason}; {unknown}"))
        }
        error => error,
    }
}

/// What a command would come to.
pub(super) fn preview(state: &State, command: &Command, cause: &Cause) -> Result<Applied, ExecuteError> {
    let mut scratch = state.clone();
    let (plan, _) = draft(&mut scratch, command, cause)?;
    Ok(Applied {
        revision: state.cursor.revision,
        cursor: state.cursor.clone(),
        changed: !plan.records.is_empty(),
        concerned: Concerned::of(command, &plan),
        propagation: None,
        routes: plan.routes,
        limits: plan.limits,
        ended: plan.ended,
        warnings: plan.warnings,
        dry_run: true,
        state: Arc::new(scratch),
    })
}

/// Whether the follower has shown something in time.
async fn wait_until(inner: &Inner, is_shown: impl Fn(&State) -> bool) -> bool {
    let mut moved = inner.revision.subscribe();
    let shown = moved.wait_for(|_| is_shown(&inner.state.load()));
    let is_shown = tokio::time::timeout(PATIENCE, shown).await.is_ok();
    if !is_shown {
        tracing::warn!("the follower is late");
    }
    is_shown
}

/// Answers with the newest state, or with what was planned where the follower has not shown it yet: never with an older
/// one.
fn answer_all(inner: &Inner, planned: Vec<Planned>, outcome: State) {
    let newest = inner.state.load_full();
    let shown = newest.cursor.revision >= outcome.cursor.revision;
    let state = if shown { newest } else { Arc::new(outcome) };
    for Planned { request, outcome } in planned {
        let applied = outcome.map(|(plan, cursor)| Applied {
            revision: cursor.revision,
            cursor,
            changed: !plan.records.is_empty(),
            concerned: Concerned::of(&request.command, &plan),
            propagation: None,
            routes: plan.routes,
            limits: plan.limits,
            ended: plan.ended,
            warnings: plan.warnings,
            dry_run: false,
            state: state.clone(),
        });
        let _ = request.answer.send(applied);
    }
}

/// Nothing of it is acknowledged. A refusal stands where the store was reached and only its replicas were not.
fn fail_all(planned: Vec<Planned>, error: &StoreError) {
    let is_newest = matches!(error, StoreError::Unacknowledged(_));
    for Planned { request, outcome } in planned {
        let own = outcome.err().filter(|_| is_newest);
        let _ = request.answer.send(Err(own.unwrap_or_else(|| error.clone().into())));
    }
}

fn refuse_all(requests: impl IntoIterator<Item = Request>, error: &StoreError) {
    for request in requests {
        let _ = request.answer.send(Err(error.clone().into()));
    }
}

/// A random id in the form of a version 4 UUID (RFC 9562): audit entries show it.
fn new_draft_id() -> Result<DraftId, StoreError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Unavailable(format!("there is no randomness: {error}")))?;
    let id = uuid::Builder::from_random_bytes(bytes).into_uuid().to_string();
    DraftId::try_from(id).map_err(|error| StoreError::Unavailable(error.to_string()))
}
