//! Which server is the master, as Sentinels say.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{FromRedisValue as _, RedisError, Value, cmd};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::timeout;

use super::address::Sentinels;
use super::link::{LinkError, connect, open};

/// How long the answer of one Sentinel may take.
const ASKING: Duration = Duration::from_secs(1);
/// How long the others are waited for once one has answered: of those that differ, the one of the newest failover is
/// right.
const OTHERS: Duration = Duration::from_millis(200);

/// How often they are asked whether it is still the master.
const HEEDING: Duration = Duration::from_secs(1);

/// What one Sentinel says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// Counts the failovers.
    epoch: u64,
    host: String,
    port: String,
}

/// The master that is known, and how often another has taken its place.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<(Option<Named>, u64)>);

impl Known {
    /// Counts the masters so far.
    pub(super) fn generation(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Takes in what Sentinels say. One that has missed a failover changes nothing.
    fn heed(&self, named: Named) -> u64 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &known.0 {
            Some(before) if *before == named || named.epoch < before.epoch => {}
            Some(before) => {
                if (&before.host, &before.port) != (&named.host, &named.port) {
                    tracing::warn!("Sentinels name another master: `{}:{}`", named.host, named.port);
                    known.1 += 1;
                }
                known.0 = Some(named);
            }
            None => known.0 = Some(named),
        }
        known.1
    }
}

/// Asks the Sentinels again and again. A master that they have replaced may not know it, and go on answering.
pub(super) async fn heed(sentinels: &Sentinels, known: &Known) {
    loop {
        tokio::time::sleep(HEEDING).await;
        // While none answers there is nothing to go by.
        if let Ok(named) = newest(sentinels).await {
            known.heed(named);
        }
    }
}

/// A connection to the server that is the master now, and says so itself; with its generation.
pub(super) async fn connect_to_master(
    sentinels: &Sentinels,
    known: &Known,
) -> Result<(MultiplexedConnection, u64), LinkError> {
    let named = newest(sentinels).await?;
    let generation = known.heed(named.clone());
    let Named { host, port, .. } = named;
    let client = open(&sentinels.server(&host, &port)).map_err(|error| LinkError::NoMaster(error.to_string()))?;
    let mut connection = connect(&client).await?;
    let role = timeout(ASKING, cmd("ROLE").query_async::<Vec<Value>>(&mut connection)).await;
    let role = role.map_err(|_| LinkError::TimedOut(ASKING))??;
    let role = role.into_iter().next().and_then(|role| String::from_redis_value(role).ok()).unwrap_or_default();
    if role == "master" {
        return Ok((connection, generation));
    }
    let name = &sentinels.name;
    Err(LinkError::NoMaster(format!(
        "`{host}:{port}`, the master of `{name}`, says that it is a {role}: a failover is under way"
    )))
}

/// Asks all at once.
async fn newest(sentinels: &Sentinels) -> Result<Named, LinkError> {
    let mut asked: FuturesUnordered<_> =
        sentinels.hosts.iter().map(|host| async move { (host, ask(sentinels, host).await) }).collect();
    let mut newest: Option<Named> = None;
    let mut unknown = false;
    let mut troubles = Vec::new();
    loop {
        let answer = match &newest {
            None => asked.next().await,
            Some(_) => timeout(OTHERS, asked.next()).await.unwrap_or(None),
        };
        match answer {
            Some((_, Ok(Some(named)))) => {
                if newest.as_ref().is_none_or(|newest| newest.epoch < named.epoch) {
                    newest = Some(named);
                }
            }
            Some((_, Ok(None))) => unknown = true,
            Some((host, Err(error))) => troubles.push(format!("`{host}`: {error}")),
            None => break,
        }
    }
    match newest {
        Some(newest) => Ok(newest),
        None if unknown => Err(LinkError::Refused(format!("no Sentinel knows a master `{}`", sentinels.name))),
        None => Err(LinkError::NoMaster(format!("no Sentinel answers ({})", troubles.join("; ")))),
    }
}

/// What one says; `None` where it does not know the name.
async fn ask(sentinels: &Sentinels, host: &str) -> Result<Option<Named>, LinkError> {
    let client = open(&sentinels.sentinel(host)).map_err(|error| LinkError::NoMaster(error.to_string()))?;
    let asking = async {
        let mut connection = connect(&client).await?;
        let mut command = cmd("SENTINEL");
        command.arg("MASTER").arg(&sentinels.name).query_async::<HashMap<String, String>>(&mut connection).await
    };
    let answer = timeout(ASKING, asking).await.map_err(|_| LinkError::TimedOut(ASKING))?;
    match answer {
        Ok(fields) => named(fields).map(Some).ok_or_else(|| LinkError::NoMaster("its answer is not understood".into())),
        Err(error) if is_unknown_name(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn named(mut fields: HashMap<String, String>) -> Option<Named> {
    let epoch = fields.get("config-epoch")?.parse().ok()?;
    Some(Named { epoch, host: fields.remove("ip")?, port: fields.remove("port")? })
}

fn is_unknown_name(error: &RedisError) -> bool {
    error.detail().is_some_and(|detail| detail.starts_with("No such master"))
}
