//! The copy of the history in this process.

mod safely;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ::redis::{Script, ScriptInvocation};
use tokio::sync::Mutex;
use waygate_core::{Commit, Cursor, Draft, Revision, State};

use super::address::Acknowledgement;
use super::link::{Link, LinkError};
use super::{Keys, PATIENCE, scripts};
use crate::log::{CommitLog, Retention};
use crate::timeline::{Timeline, fresh_epoch};
use crate::{CommitError, StoreError};

/// After how many commits the checkpoint is replaced.
const CHECKPOINT_EVERY: u64 = 100;
/// How long reading everything may take.
const PATIENCE_FOR_ALL: Duration = Duration::from_secs(30);

/// A [`Timeline`] that follows Redis. Whoever changes it has the turn.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) link: Arc<Link>,
    /// Where replicas have to confirm: who waits for them holds up nobody else.
    confirmed: Option<(Link, Acknowledgement)>,
    pub(super) keys: Keys,
    retention: Retention,
    timeline: Timeline,
    turn: Mutex<()>,
    /// Why Redis cannot be followed at the moment.
    trouble: std::sync::Mutex<Option<String>>,
    scripts: Scripts,
}

/// What [`scripts::READ`] says: which of its answers it is, the newest cursor, the start, the checkpoint, the commits.
type Answer = (String, String, String, String, Vec<String>);

#[derive(Debug)]
struct Scripts {
    begin: Script,
    read: Script,
    commit: Script,
    confirm: Script,
    replace: Script,
    checkpoint: Script,
}

impl Replica {
    /// Of nothing yet; [`Replica::catch_up`] comes next.
    pub(super) fn new(
        link: Arc<Link>,
        keys: Keys,
        retention: Retention,
        acknowledgement: Option<Acknowledgement>,
    ) -> Result<Self, StoreError> {
        let scripts = Scripts {
            begin: Script::new(scripts::BEGIN),
            read: Script::new(scripts::READ),
            commit: Script::new(scripts::COMMIT),
            confirm: Script::new(scripts::CONFIRM),
            replace: Script::new(scripts::REPLACE),
            checkpoint: Script::new(scripts::CHECKPOINT),
        };
        let confirmed = acknowledgement.map(|wanted| (link.another(), wanted));
        let timeline = Timeline::fresh(retention)?;
        Ok(Self {
            link,
            confirmed,
            keys,
            retention,
            timeline,
            turn: Mutex::default(),
            trouble: std::sync::Mutex::default(),
            scripts,
        })
    }

    pub(super) fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    pub(super) fn describe(&self) -> String {
        self.link.describe()
    }

    pub(super) fn note_trouble(&self, trouble: Option<&StoreError>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble.map(ToString::to_string);
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The next use of each makes a new connection.
    pub(super) fn forget_links(&self) {
        self.link.forget();
        if let Some((link, _)) = &self.confirmed {
            link.forget();
        }
    }

    /// Learns everything that has been committed before this was called.
    pub(super) async fn catch_up(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        self.read().await
    }

    pub(super) async fn commit(
        self: &Arc<Self>,
        base: &Cursor,
        drafts: Vec<Draft>,
    ) -> Result<Vec<Arc<Commit>>, CommitError> {
        let _turn = self.turn.lock().await;
        if *base != self.timeline.cursor() {
            self.read().await?;
        }
        let commits = self.timeline.place(base, drafts)?;
        let newest = commits.last().map_or(base, |commit| &commit.cursor);
        let kept = i128::try_from(self.retention.commits.max(1)).unwrap_or(i128::MAX);
        let mut script = self.scripts.commit.key(&self.keys.head);
        script.key(&self.keys.commits).key(&self.keys.bell).arg(base.to_string());
        script.arg((i128::from(newest.revision.0) - kept).max(-1).to_string());
        for commit in &commits {
            script.arg(commit.revision().0).arg(commit.cursor.to_string()).arg(encode(&**commit)?);
        }
        let ((done, checkpoint), acknowledged): ((bool, String), _) = if commits.is_empty() {
            (self.run(&script, PATIENCE).await?, None)
        } else {
            self.run_confirmed(&script).await?
        };
        if !done {
            self.read().await?;
            return Err(CommitError::Conflict { current: self.timeline.cursor() });
        }
        self.timeline.publish(&commits)?;
        if commits.is_empty() {
            self.confirm().await?;
            return Ok(commits);
        }
        let covered = checkpoint.parse::<Cursor>().map_or(0, |cursor| cursor.revision.0);
        if newest.revision.0.saturating_sub(covered) >= CHECKPOINT_EVERY {
            tokio::spawn(self.clone().write_checkpoint());
        }
        self.check(acknowledged)?;
        Ok(commits)
    }

    /// Where it fails, whoever commits next tries again.
    async fn write_checkpoint(self: Arc<Self>) {
        let state = self.timeline.state();
        let written = async {
            let mut script = self.scripts.checkpoint.key(&self.keys.head);
            script.key(&self.keys.checkpoint).key(&self.keys.commits);
            script.arg(state.cursor.to_string()).arg(state.cursor.revision.0).arg(encode(&state)?);
            self.run::<bool>(&script, PATIENCE).await
        };
        if let Err(error) = written.await {
            tracing::warn!(%error, "the checkpoint in Redis could not be replaced");
        }
    }

    /// For whoever has the turn.
    async fn read(&self) -> Result<(), StoreError> {
        loop {
            let cursor = self.timeline.cursor();
            let mut script = self.scripts.read.key(&self.keys.head);
            script.key(&self.keys.checkpoint).key(&self.keys.commits);
            script.arg(cursor.to_string()).arg(cursor.revision.0);
            let (what, newest, start, checkpoint, commits) = self.ask(&script).await?;
            match what.as_str() {
                "after" => return self.go_on(&cursor, &newest, &commits),
                "all" => return self.replace(&newest, &start, &checkpoint, &commits),
                _ => self.begin().await?,
            }
        }
    }

    /// Soon, where little has to be read. A connection that leads nowhere by now must not hold up the turn, so only a new
    /// one may take long.
    async fn ask(&self, script: &ScriptInvocation<'_>) -> Result<Answer, StoreError> {
        match self.link.run(script, PATIENCE).await {
            Err(LinkError::TimedOut(_)) => {
                self.link.forget();
                let answer = self.link.run(script, PATIENCE_FOR_ALL).await;
                Ok(answer.inspect_err(|_| self.link.forget())?)
            }
            answer => Ok(answer.inspect_err(|_| self.link.forget())?),
        }
    }

    async fn begin(&self) -> Result<(), StoreError> {
        let start = Cursor::start_of(fresh_epoch()?);
        let mut script = self.scripts.begin.key(&self.keys.head);
        script.key(&self.keys.checkpoint).key(&self.keys.commits);
        script.arg(start.to_string()).arg(encode(&State::new(start))?);
        if self.run::<bool>(&script, PATIENCE).await? {
            tracing::info!(redis = self.describe(), "a new history begins");
        }
        Ok(())
    }

    /// Takes in what follows.
    fn go_on(&self, cursor: &Cursor, newest: &str, texts: &[String]) -> Result<(), StoreError> {
        let mut commits = Vec::with_capacity(texts.len());
        let mut last = cursor.clone();
        for text in texts {
            let commit = self.commit_of(text, last.revision.next())?;
            self.check_place(&commit, &last)?;
            last = commit.cursor.clone();
            commits.push(Arc::new(commit));
        }
        self.check_end(&last, newest)?;
        self.timeline.publish(&commits).map_err(|error| self.corrupt(&error))
    }

    /// Begins anew with the checkpoint and all that is kept.
    fn replace(&self, newest: &str, start: &str, checkpoint: &str, commits: &[String]) -> Result<(), StoreError> {
        let mut state: State = self.decode(checkpoint)?;
        let mut log = CommitLog::new(start.parse().map_err(|error| self.corrupt(&error))?, self.retention);
        let mut revision = log.newest().revision;
        // Behind commits that somebody has taken away, the log begins with the next one that is there.
        let mut is_missing = false;
        for text in commits {
            revision = revision.next();
            if text.is_empty() && revision <= state.cursor.revision {
                tracing::warn!(redis = self.describe(), %revision, "a commit is missing in Redis; the checkpoint covers it");
                is_missing = true;
                continue;
            }
            let commit = Arc::new(self.commit_of(text, revision)?);
            if is_missing && revision <= state.cursor.revision {
                log = CommitLog::new(commit.cursor.clone(), self.retention);
            } else {
                if is_missing {
                    log = CommitLog::new(state.cursor.clone(), self.retention);
                }
                self.check_place(&commit, log.newest())?;
                log.push(commit.clone());
            }
            is_missing = false;
            if revision > state.cursor.revision {
                state.apply(&commit).map_err(|error| self.corrupt(&error))?;
            }
        }
        self.check_end(&state.cursor, newest)?;
        if *log.newest() != state.cursor {
            log = CommitLog::new(state.cursor.clone(), self.retention);
        }
        let cursor = state.cursor.clone();
        let gone = self.timeline.replace(state, log);
        if let (Some(first), Some(last)) = (gone.first(), gone.last()) {
            let drafts: Vec<&str> = gone.iter().map(|commit| commit.draft.id.as_str()).collect();
            tracing::warn!(
                redis = self.describe(),
                %cursor,
                commits = gone.len(),
                first = %first.cursor,
                last = %last.cursor,
                drafts = drafts.join(" "),
                "Redis has lost commits, or another history has taken their place: what was known is gone"
            );
        }
        Ok(())
    }

    fn commit_of(&self, text: &str, revision: Revision) -> Result<Commit, StoreError> {
        if text.is_empty() {
            return Err(self.corrupt(&format_args!("the commit of revision {revision} is missing")));
        }
        self.decode(text)
    }

    fn check_place(&self, commit: &Commit, previous: &Cursor) -> Result<(), StoreError> {
        if commit.follows(previous) {
            return Ok(());
        }
        Err(self.corrupt(&format_args!("`{}` does not follow `{previous}`", commit.cursor)))
    }

    /// Whether it is all that the head speaks of.
    fn check_end(&self, last: &Cursor, newest: &str) -> Result<(), StoreError> {
        if last.to_string() == newest {
            return Ok(());
        }
        Err(self.corrupt(&format_args!("what is kept ends with `{last}`, and the newest is `{newest}`")))
    }

    async fn run<T: ::redis::FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        patience: Duration,
    ) -> Result<T, StoreError> {
        let answer: Result<T, LinkError> = self.link.run(script, patience).await;
        Ok(answer.inspect_err(|_| self.link.forget())?)
    }

    fn decode<T: serde::de::DeserializeOwned>(&self, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|error| self.corrupt(&error))
    }

    fn corrupt(&self, error: &dyn std::fmt::Display) -> StoreError {
        StoreError::Corrupt(format!("what is in Redis at `{}` cannot be read: {error}", self.keys.head))
    }
}

fn encode(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Unavailable(format!("it cannot be encoded: {error}")))
}
