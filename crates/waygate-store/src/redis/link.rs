//! A connection to Redis that is made anew when it fails.

use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, ConnectionAddr, FromRedisValue, RedisError, ScriptInvocation};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::StoreError;

/// How long making a connection may take.
const CONNECTING: Duration = Duration::from_secs(2);

/// One multiplexed connection, made when it is first needed.
pub(crate) struct Link {
    client: Client,
    connection: Arc<Mutex<Option<MultiplexedConnection>>>,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    #[error(transparent)]
    Redis(#[from] RedisError),
}

impl Link {
    /// Nothing is connected yet.
    pub(crate) fn new(url: &str) -> Result<Self, StoreError> {
        // The error of the client is left out: it may quote a password.
        let client = Client::open(url).map_err(|_| {
            let wanted = "`redis://[user:password@]host[:port][/database]` or `rediss://…` for TLS";
            StoreError::Unavailable(format!("the address of Redis is not understood; expected {wanted}"))
        })?;
        Ok(Self { client, connection: Arc::default() })
    }

    /// The address and the database, without user and password.
    pub(crate) fn describe(&self) -> String {
        let info = self.client.get_connection_info();
        let scheme = if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) { "rediss" } else { "redis" };
        format!("{scheme}://{}/{}", info.addr(), info.redis_settings().db())
    }

    /// Runs a script within a time; connecting, where that is needed, counts.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        patience: Duration,
    ) -> Result<T, LinkError> {
        let answer = async {
            let mut connection = self.connection().await?;
            script.invoke_async(&mut connection).await
        };
        Ok(timeout(patience, answer).await.map_err(|_| LinkError::TimedOut(patience))??)
    }

    /// Lets the connection go, so that the next use makes a new one.
    pub(crate) fn forget(&self) {
        // Where it is locked, one is being made.
        if let Ok(mut connection) = self.connection.try_lock() {
            *connection = None;
        }
    }

    /// A connection of one's own, for what blocks.
    pub(crate) async fn dedicated(&self) -> Result<MultiplexedConnection, LinkError> {
        Ok(connect(&self.client).await?)
    }

    async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut slot = self.connection.clone().lock_owned().await;
        if let Some(connection) = &*slot {
            return Ok(connection.clone());
        }
        let client = self.client.clone();
        // A task, so that a short patience does not end what the next call can use.
        let connecting = tokio::spawn(async move {
            let connection = connect(&client).await?;
            *slot = Some(connection.clone());
            Ok(connection)
        });
        connecting.await.map_err(|error| RedisError::from(std::io::Error::other(error)))?
    }
}

impl From<LinkError> for StoreError {
    fn from(error: LinkError) -> Self {
        match &error {
            LinkError::Redis(redis) if redis.code() == Some("OOM") => Self::Full(format!("Redis says `{redis}`")),
            _ => Self::Unavailable(format!("Redis: {error}")),
        }
    }
}

async fn connect(client: &Client) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECTING)).set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}
