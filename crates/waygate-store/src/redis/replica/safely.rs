//! Writing so that replicas have it, where that is asked for.

use std::sync::Arc;

use ::redis::{FromRedisValue, ScriptInvocation};
use waygate_core::{Commit, Cursor, Draft, State};

use super::{Replica, encode};
use crate::redis::PATIENCE;
use crate::redis::address::Acknowledgement;
use crate::timeline::{commits_after, fresh_epoch};
use crate::{CommitError, StoreError};

impl Replica {
    /// Asks the replicas, where they have to confirm, for everything that has been committed until now.
    pub(in crate::redis) async fn confirm(&self) -> Result<(), StoreError> {
        if self.confirmed.is_none() {
            return Ok(());
        }
        let (_, acknowledged): (String, _) = self.run_confirmed(&self.scripts.confirm.key(&self.keys.head)).await?;
        self.check(acknowledged)
    }

    /// Puts another history in the place of this one.
    pub(in crate::redis) async fn begin_anew(
        &self,
        base: &Cursor,
        drafts: Vec<Draft>,
    ) -> Result<Vec<Arc<Commit>>, CommitError> {
        let _turn = self.turn.lock().await;
        let start = Cursor::start_of(fresh_epoch()?);
        let commits = commits_after(&start, drafts);
        let keys = self.keys.all();
        let mut script = self.scripts.replace.key(keys[0]);
        for key in &keys[1..] {
            script.key(*key);
        }
        for key in keys {
            script.key(self.keys.aside(key, base));
        }
        script.key(&self.keys.bell);
        script.arg(base.to_string()).arg(start.to_string()).arg(encode(&State::new(start))?);
        for commit in &commits {
            script.arg(commit.revision().0).arg(commit.cursor.to_string()).arg(encode(&**commit)?);
        }
        let (done, acknowledged): (bool, _) = self.run_confirmed(&script).await?;
        self.read().await?;
        if !done {
            return Err(CommitError::Conflict { current: self.timeline.cursor() });
        }
        self.check(acknowledged)?;
        Ok(commits)
    }

    /// Runs a script that writes; with how many replicas have it, where that matters.
    pub(super) async fn run_confirmed<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<(T, Option<u32>), StoreError> {
        let Some((link, wanted)) = &self.confirmed else {
            return Ok((self.run(script, PATIENCE).await?, None));
        };
        let answer = link.run_acknowledged(script, *wanted, PATIENCE).await.inspect_err(|_| self.forget_links());
        answer.map(|(answer, acknowledged)| (answer, Some(acknowledged))).map_err(StoreError::from)
    }

    /// Whether enough replicas have confirmed.
    pub(super) fn check(&self, acknowledged: Option<u32>) -> Result<(), StoreError> {
        let (Some((_, wanted)), Some(acknowledged)) = (&self.confirmed, acknowledged) else {
            return Ok(());
        };
        if acknowledged >= wanted.replicas {
            return Ok(());
        }
        let Acknowledgement { replicas, timeout } = wanted;
        let text = format!("within {timeout:?} {acknowledged} of {replicas} replicas of Redis have confirmed it");
        tracing::warn!(redis = self.describe(), "{text}");
        Err(StoreError::Unacknowledged(text))
    }
}
