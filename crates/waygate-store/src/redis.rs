//! Commits in Redis, shared by several control planes.

mod address;
mod follow;
pub(crate) mod link;
mod replica;
mod scripts;
mod sentinel;
mod side;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use waygate_core::{Commit, Cursor, Draft, DraftId, State};

use self::address::Address;
use self::link::Link;
use self::replica::Replica;
use self::side::RedisSide;
use crate::log::Retention;
use crate::{CommitError, CommitStream, HistoryPage, HistoryQuery, SideStore, Store, StoreError, WatchError};

/// How long an answer of Redis may take before it counts as unreachable.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a start waits before it tries again.
const PAUSE: Duration = Duration::from_millis(500);

/// How a [`RedisStore`] keeps its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisOptions {
    /// What all keys begin with, in braces: `{waygate}:` by default. Control planes with the same one are one.
    pub prefix: String,
    /// How far back commits are kept. In Redis itself only their number counts.
    pub retention: Retention,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self { prefix: "waygate".to_owned(), retention: Retention::default() }
    }
}

/// Keeps its commits in Redis 6.2 or newer. Several control planes that share one see one history.
///
/// What is read is served from a copy in memory, which follows the history over a connection of its own, for ever
/// again after each failure. So [`Store::watch`] and [`Store::history`] go on while Redis is away; [`Store::load`],
/// [`Store::find`] and [`Store::commit`] ask Redis and fail within two seconds. A commit is as durable as Redis makes
/// what it has answered for: at once with `appendfsync always`, within about two seconds with `everysec`; a failover may
/// lose what was not yet replicated.
///
/// # The URL
///
/// `redis://[user:password@]host[:port][/database]`, `rediss://…` for TLS, or
/// `redis+sentinel://[user:password@]host[:port],host[:port],…/name[/database]` (`rediss+sentinel://…`), where the hosts
/// are Sentinels and `name` is the master that they watch: whichever server they name is used, and a failover is followed.
/// User and password are those of the servers. Behind a `?` stand settings:
///
/// | setting | what it does |
/// |---|---|
/// | `wait_replicas=1` | a commit is confirmed when so many replicas have it (`WAIT`); none by default |
/// | `wait_timeout=1s` | how long that may take; then the answer is [`StoreError::Unacknowledged`] |
/// | `connect_timeout=30s` | how long [`RedisStore::connect`] goes on trying; `0s` tries once |
/// | `sentinel_username=…`, `sentinel_password=…` | how to log in at the Sentinels |
///
/// # In Redis
///
/// All keys have one hash tag, so that a cluster keeps them on one node:
///
/// | key | what it is |
/// |---|---|
/// | `{waygate}:head` | a hash of cursors: `cursor`, the newest; `start`, right before the oldest kept commit; `checkpoint` |
/// | `{waygate}:checkpoint` | the whole state at the cursor `checkpoint`, as JSON |
/// | `{waygate}:commits` | a hash; the commit of revision 7 is the field `7`: its cursor, a space, and itself as JSON |
/// | `{waygate}:bell` | a stream of one entry, which each change of the others replaces: who follows waits for it |
/// | `{waygate}:side`, `{waygate}:side_ends` | the [side table](SideStore) and when its values expire |
/// | `{waygate}:notes`, `{waygate}:note_ends` | its notes and when they expire |
///
/// # What happens when
///
/// - **A batch is committed**: one script compares the base, its lineage included, and appends all or nothing.
/// - **Redis is killed while it writes**: what it had answered for is there when it is back, and also after the next
///   time, when a part of what it had not may come back too: it counts only where nothing else has taken its place. The
///   exception is [`RedisStore::replace`]: where Redis dies in it, `BGREWRITEAOF` has to come before any other change.
/// - **Every 100 commits**: whoever commits replaces the checkpoint. Commits beyond [`Retention`] go as others come,
///   never one that the checkpoint does not cover.
/// - **Redis was emptied**: a new, empty history of another epoch begins. It is noticed within some seconds.
/// - **Redis went back**, as by a failover, or trimmed what a control plane had not yet read: its lineage tells, and
///   everything is read anew. Watchers end with [`WatchError::OtherHistory`] or [`WatchError::Compacted`] in both cases,
///   and a warning lists the commits that this control plane had seen and that are gone.
/// - **Too few replicas confirm a commit**: it stays, and everybody sees it. [`StoreError::Unacknowledged`] says that it
///   may be lost by a failover. A commit without drafts asks the replicas once more.
#[derive(Debug)]
pub struct RedisStore {
    replica: Arc<Replica>,
    /// Bounds every answer.
    patience: Duration,
    side: Arc<RedisSide>,
    following: AbortHandle,
}

/// The names of the keys.
#[derive(Debug, Clone)]
struct Keys {
    head: String,
    checkpoint: String,
    commits: String,
    bell: String,
    side: String,
    side_ends: String,
    notes: String,
    note_ends: String,
}

impl RedisStore {
    /// Connects, and begins a history where there is none. While Redis cannot be reached it goes on trying, as long as
    /// `connect_timeout` says.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Unavailable`] when the address is not understood, or Redis is not reached in time.
    /// - [`StoreError::Refused`] when user or password are wrong, or no Sentinel knows the name.
    /// - [`StoreError::Corrupt`] when what is there is not whole or not ours.
    pub async fn connect(url: &str, options: RedisOptions) -> Result<Self, StoreError> {
        let address = Address::parse(url)?;
        let (acknowledgement, connect_timeout) = (address.acknowledgement, address.connect_timeout);
        let link = Arc::new(Link::to(address)?);
        let keys = Keys::new(&options.prefix);
        let side = Arc::new(RedisSide::new(link.another(), keys.clone()));
        let replica = Arc::new(Replica::new(link, keys, options.retention, acknowledgement)?);
        reach(&replica, connect_timeout).await?;
        let followed = replica.clone();
        let following = tokio::spawn(async move {
            tokio::join!(follow::follow(followed.clone()), followed.link.heed());
        });
        let following = following.abort_handle();
        let patience = PATIENCE + acknowledgement.map_or(Duration::ZERO, |wanted| wanted.timeout);
        Ok(Self { replica, patience, side, following })
    }

    /// Where a URL leads, without user and password.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] when the address is not understood.
    pub fn describe_url(url: &str) -> Result<String, StoreError> {
        Ok(Link::new(url)?.describe())
    }

    /// Begins a new history of another epoch with these drafts, in one step, if `base` is still the newest cursor. The
    /// keys of the old one are kept under `{prefix}:replaced:<its cursor>:`; deleting them is the operator's.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub async fn replace(&self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError> {
        self.soon(self.replica.begin_anew(base, drafts)).await
    }

    /// Bounds what may have to wait for others, too, that wait for Redis.
    async fn soon<T, E: From<StoreError>>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        timeout(self.patience, work).await.unwrap_or_else(|_| {
            // They may lead nowhere by now.
            self.replica.forget_links();
            Err(StoreError::Unavailable(format!("Redis: no answer within {:?}", self.patience)).into())
        })
    }
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Keys {
    fn new(prefix: &str) -> Self {
        let key = |name: &str| format!("{{{prefix}}}:{name}");
        Self {
            head: key("head"),
            checkpoint: key("checkpoint"),
            commits: key("commits"),
            bell: key("bell"),
            side: key("side"),
            side_ends: key("side_ends"),
            notes: key("notes"),
            note_ends: key("note_ends"),
        }
    }

    /// Those that belong to the history.
    fn all(&self) -> [&str; 5] {
        [&self.head, &self.checkpoint, &self.commits, &self.side, &self.side_ends]
    }

    /// Where a key of a history that is replaced goes.
    fn aside(&self, key: &str, newest: &Cursor) -> String {
        let name = key.strip_prefix(self.head.trim_end_matches("head")).unwrap_or(key);
        format!("{}replaced:{newest}:{name}", self.head.trim_end_matches("head"))
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn load(&self) -> Result<State, StoreError> {
        self.soon(self.replica.catch_up()).await?;
        Ok(self.replica.timeline().state())
    }

    async fn commit(&self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError> {
        self.soon(self.replica.commit(base, drafts)).await
    }

    async fn watch(&self, after: &Cursor) -> Result<CommitStream, WatchError> {
        match self.replica.timeline().watch(after) {
            // It may be of another control plane that is ahead of this one.
            Err(WatchError::OtherHistory { .. }) => {
                self.soon(self.replica.catch_up()).await?;
                self.replica.timeline().watch(after)
            }
            answer => answer,
        }
    }

    async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError> {
        Ok(self.replica.timeline().history(query))
    }

    async fn find(&self, id: &DraftId) -> Result<Option<Arc<Commit>>, StoreError> {
        self.soon(self.replica.catch_up()).await?;
        let found = self.replica.timeline().find(id);
        if found.is_some() {
            // Whoever asks has had no answer to its commit, and so no word of the replicas.
            self.soon(self.replica.confirm()).await?;
        }
        Ok(found)
    }

    fn side(&self) -> Arc<dyn SideStore> {
        self.side.clone()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.following.abort();
        self.replica.timeline().close();
        Ok(())
    }

    fn may_commit_late(&self) -> bool {
        true
    }

    fn trouble(&self) -> Option<String> {
        self.replica.trouble()
    }

    fn describe(&self) -> String {
        self.replica.describe()
    }
}

/// Learns what is there, trying again for a while where nobody answers.
async fn reach(replica: &Replica, connect_timeout: Duration) -> Result<(), StoreError> {
    let mut trouble = match replica.catch_up().await {
        Err(error @ StoreError::Unavailable(_)) if !connect_timeout.is_zero() => error,
        answer => return answer,
    };
    tracing::warn!(redis = replica.describe(), error = %trouble, "Redis is not reached; trying for {connect_timeout:?}");
    let trying = async {
        loop {
            sleep(PAUSE).await;
            match replica.catch_up().await {
                Err(error @ StoreError::Unavailable(_)) => trouble = error,
                answer => return answer,
            }
        }
    };
    match timeout(connect_timeout, trying).await {
        Ok(answer) => answer,
        Err(_) => Err(match trouble {
            StoreError::Unavailable(text) => {
                StoreError::Unavailable(format!("{text}; gave up after {connect_timeout:?}"))
            }
            other => other,
        }),
    }
}
