//! Keeping the cache up to date: one task that follows the replica.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cache::{Cache, Kept};
use crate::replica::Replica;

/// Writes have at least this between them: what comes meanwhile is written as one.
const PAUSE: Duration = Duration::from_millis(500);
/// So often at the least is it written down that the rules are still current, and how far the control plane has got.
const REFRESH: Duration = Duration::from_mins(5);

/// How long the last write may take when the service stops.
const PARTING: Duration = Duration::from_secs(2);

/// Writes whatever the control plane has said, soon after it did, until `stop` and then once more.
pub(crate) async fn keep(replica: Arc<Replica>, cache: Cache, stop: CancellationToken) {
    let mut written: Option<(Kept, Instant)> = None;
    let mut failing = false;
    loop {
        let wait = tokio::time::timeout(REFRESH, replica.moved());
        let stopped = stop.run_until_cancelled(wait).await.is_none();
        if let Some(kept) = replica.kept()
            && is_due(&kept, written.as_ref(), stopped)
        {
            // A disk that hangs does not keep the service from stopping.
            let parting = async {
                stop.cancelled().await;
                tokio::time::sleep(PARTING).await;
            };
            let done = tokio::select! {
                done = write(&cache, &kept) => done,
                () = parting => return,
            };
            match done {
                Ok(()) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!("the cache of the rules is written again");
                    }
                    written = Some((kept, Instant::now()));
                }
                Err(error) => {
                    replica.cache_failed();
                    // Others do not wait for a disk that is full.
                    replica.shares_kept(&kept.shares);
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "the cache of the rules cannot be written; a restart would not know them");
                    }
                }
            }
        }
        if stopped {
            return;
        }
        if let Some((kept, _)) = &written {
            replica.shares_kept(&kept.shares);
        }
        stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
    }
}

/// A mere step of the cursor, for what concerns others, is not worth a write: the stream resumes from an older one too.
fn is_due(kept: &Kept, written: Option<&(Kept, Instant)>, stopped: bool) -> bool {
    let Some((before, at)) = written else { return true };
    let same = Arc::ptr_eq(&before.view.service, &kept.view.service)
        && Arc::ptr_eq(&before.view.global, &kept.view.global)
        && before.complete == kept.complete
        && before.shares == kept.shares
        && before.cursor.epoch == kept.cursor.epoch;
    let moved = before.cursor != kept.cursor || before.as_of != kept.as_of;
    !same || (moved && (stopped || at.elapsed() >= REFRESH))
}

async fn write(cache: &Cache, kept: &Kept) -> std::io::Result<()> {
    let (cache, kept) = (cache.clone(), kept.clone());
    let writing = tokio::task::spawn_blocking(move || cache.write(&kept));
    writing.await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}
