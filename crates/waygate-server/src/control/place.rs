//! Callers who know more than this node does: what they were told elsewhere must neither be taken back nor denied.

use std::time::Duration;

use waygate_core::{Cause, Command, Cursor};
use waygate_store::{CommitError, StoreError};

use crate::control::{Applied, ControlPlane, ExecuteError, writer};

/// How long a caller waits for this node to learn what the store has.
const PATIENCE: Duration = Duration::from_secs(5);

impl ControlPlane {
    /// Waits until this node knows a place in history, or is known to stand where the store does: what it does not know
    /// then is a history that was rolled back or replaced. Never waits for a place that is in the feed, or was.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]: the store cannot be asked, or this node learns of its commits too late. It cannot say
    /// then whether what it knows is older than what the client does.
    pub(crate) async fn catch_up_for(&self, cursor: &Cursor) -> Result<(), StoreError> {
        if self.0.feed.can_place(cursor) {
            return Ok(());
        }
        let behind = |why: String| StoreError::Unavailable(format!("`{cursor}` is not known here, and {why}"));
        match tokio::time::timeout(PATIENCE, self.ask_about(cursor)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(StoreError::Unavailable(why))) => Err(behind(why)),
            Ok(Err(error)) => Err(behind(error.to_string())),
            Err(_) => Err(behind("this node has not followed the store to it yet; try again".to_owned())),
        }
    }

    /// Finds out what a command would come to, without committing anything. `state` is then what would be.
    ///
    /// # Errors
    ///
    /// [`ExecuteError`], as when it would be carried out now: before it is refused, this node learns what others have
    /// committed.
    pub async fn preview(&self, command: &Command, cause: &Cause) -> Result<Applied, ExecuteError> {
        match writer::preview(&self.current(), command, cause) {
            Err(ExecuteError::Command(_)) => {
                self.catch_up().await?;
                writer::preview(&self.current(), command, cause)
            }
            answer => answer,
        }
    }

    /// Learns what has been committed by any node before this was called. For those who would deny something otherwise.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]: the store cannot be asked, or this node learns of its commits too late.
    pub(crate) async fn catch_up(&self) -> Result<(), StoreError> {
        let late = |_| StoreError::Unavailable("this node has not followed the store yet; try again".to_owned());
        let ask = async {
            let _turn = self.0.asking.lock().await;
            self.follow_to_newest().await
        };
        tokio::time::timeout(PATIENCE, ask).await.map_err(late)?
    }

    async fn ask_about(&self, cursor: &Cursor) -> Result<(), StoreError> {
        let inner = &self.0;
        // A crowd that moves here asks one after the other, so that changes get their turn.
        let _turn = inner.asking.lock().await;
        if inner.feed.can_place(cursor) {
            return Ok(());
        }
        self.follow_to_newest().await
    }

    /// Waits until this node stands where the store does now.
    async fn follow_to_newest(&self) -> Result<(), StoreError> {
        let inner = &self.0;
        let base = inner.state.load().cursor.clone();
        match inner.store.commit(&base, Vec::new()).await {
            // That replicas have not confirmed it is no matter: the store has nothing newer.
            Ok(_) | Err(CommitError::Store(StoreError::Unacknowledged(_))) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
            Err(CommitError::Conflict { current }) => {
                let mut moved = inner.revision.subscribe();
                let stopped = |_| StoreError::Unavailable("the control plane is stopping".to_owned());
                moved.wait_for(|_| inner.feed.contains(&current)).await.map(drop).map_err(stopped)
            }
        }
    }
}
