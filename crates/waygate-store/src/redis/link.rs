//! A connection to Redis that is made anew when it fails.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, FromRedisValue, RedisError, ScriptInvocation, cmd,
};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::address::{Acknowledgement, Address, Place};
use super::sentinel;
use crate::StoreError;

/// How long making a connection may take.
pub(super) const CONNECTING: Duration = Duration::from_secs(2);

/// One multiplexed connection, made when it is first needed.
pub(crate) struct Link {
    place: Arc<Reached>,
    connection: Arc<Mutex<Option<Connected>>>,
}

/// A connection, and to which of the masters that there were.
#[derive(Clone)]
pub(super) struct Connected {
    pub(super) connection: MultiplexedConnection,
    generation: u64,
}

/// How a server is reached.
enum Reached {
    Server(Client),
    Sentinels(super::address::Sentinels, sentinel::Known),
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// No Sentinel has named a master that is one.
    #[error("{0}")]
    NoMaster(String),
    /// It does not know what it is asked for, and waiting does not help.
    #[error("{0}")]
    Refused(String),
}

impl Link {
    /// Nothing is connected yet.
    pub(crate) fn new(url: &str) -> Result<Self, StoreError> {
        Self::to(Address::parse(url)?)
    }

    pub(super) fn to(address: Address) -> Result<Self, StoreError> {
        let place = match address.place {
            Place::Server(url) => Reached::Server(open(&url)?),
            Place::Sentinels(sentinels) => {
                // Each has to make sense, so that no mistake is found only during a failover.
                for host in &sentinels.hosts {
                    open(&sentinels.sentinel(host))?;
                }
                open(&sentinels.server("localhost", "6379"))?;
                Reached::Sentinels(sentinels, sentinel::Known::default())
            }
        };
        Ok(Self { place: Arc::new(place), connection: Arc::default() })
    }

    /// Another connection to the same place.
    pub(super) fn another(&self) -> Self {
        Self { place: self.place.clone(), connection: Arc::default() }
    }

    /// The address and the database, without user and password.
    pub(crate) fn describe(&self) -> String {
        match &*self.place {
            Reached::Server(client) => {
                let info = client.get_connection_info();
                let scheme = if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) { "rediss" } else { "redis" };
                format!("{scheme}://{}/{}", info.addr(), info.redis_settings().db())
            }
            Reached::Sentinels(sentinels, _) => sentinels.to_string(),
        }
    }

    /// Runs a script within a time; connecting, where that is needed, counts.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        patience: Duration,
    ) -> Result<T, LinkError> {
        let answer = async {
            let mut connection = self.connection().await?;
            Ok::<T, LinkError>(script.invoke_async(&mut connection).await?)
        };
        timeout(patience, answer).await.map_err(|_| LinkError::TimedOut(patience))?
    }

    /// Runs a script that writes, and waits for the replicas that shall have what it wrote. How many have it.
    pub(super) async fn run_acknowledged<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        wanted: Acknowledgement,
        patience: Duration,
    ) -> Result<(T, u32), LinkError> {
        let answer = async {
            // Redis waits for what this very connection has written: a new one in between would wait for nothing.
            let mut connection = self.connection().await?;
            let answer = script.invoke_async(&mut connection).await?;
            let mut wait = cmd("WAIT");
            wait.arg(wanted.replicas).arg(wanted.timeout.as_millis().max(1).to_string());
            Ok::<_, LinkError>((answer, wait.query_async(&mut connection).await?))
        };
        let patience = patience + wanted.timeout;
        timeout(patience, answer).await.map_err(|_| LinkError::TimedOut(patience))?
    }

    /// Lets the connection go, so that the next use makes a new one.
    pub(crate) fn forget(&self) {
        // Where it is locked, one is being made.
        if let Ok(mut connection) = self.connection.try_lock() {
            *connection = None;
        }
    }

    /// A connection of one's own, for what blocks.
    pub(super) async fn dedicated(&self) -> Result<Connected, LinkError> {
        self.place.connect().await
    }

    /// Whether no other master has taken the place of the one that this leads to, as far as is known.
    pub(super) fn is_current(&self, connected: &Connected) -> bool {
        match &*self.place {
            Reached::Server(_) => true,
            Reached::Sentinels(_, known) => connected.generation == known.generation(),
        }
    }

    /// Watches for another master for as long as it is polled, where Sentinels name one.
    pub(super) async fn heed(&self) {
        if let Reached::Sentinels(sentinels, known) = &*self.place {
            sentinel::heed(sentinels, known).await;
        }
    }

    async fn connection(&self) -> Result<MultiplexedConnection, LinkError> {
        let mut slot = self.connection.clone().lock_owned().await;
        if let Some(connected) = &*slot
            && self.is_current(connected)
        {
            return Ok(connected.connection.clone());
        }
        let place = self.place.clone();
        // A task, so that a short patience does not end what the next call can use.
        let connecting = tokio::spawn(async move {
            *slot = None;
            let connected = place.connect().await?;
            *slot = Some(connected.clone());
            Ok(connected.connection)
        });
        connecting.await.map_err(|error| RedisError::from(std::io::Error::other(error)))?
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Link").field(&self.describe()).finish()
    }
}

impl Reached {
    async fn connect(&self) -> Result<Connected, LinkError> {
        let (connection, generation) = match self {
            Self::Server(client) => (connect(client).await?, 0),
            Self::Sentinels(sentinels, known) => sentinel::connect_to_master(sentinels, known).await?,
        };
        Ok(Connected { connection, generation })
    }
}

impl From<LinkError> for StoreError {
    fn from(error: LinkError) -> Self {
        match &error {
            LinkError::Redis(redis) if redis.code() == Some("OOM") => Self::Full(format!("Redis says `{redis}`")),
            LinkError::Redis(redis) if is_refusal(redis) => Self::Refused(format!(
                "Redis does not accept the user, the password or what they are used for: {redis}"
            )),
            LinkError::Refused(text) => Self::Refused(text.clone()),
            _ => Self::Unavailable(format!("Redis: {error}")),
        }
    }
}

fn is_refusal(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED"))
}

/// A client of one server; nothing is connected yet.
pub(super) fn open(url: &str) -> Result<Client, StoreError> {
    // The error of the client is left out: it may quote a password.
    Client::open(url).map_err(|_| Address::not_understood())
}

pub(super) async fn connect(client: &Client) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECTING)).set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}
