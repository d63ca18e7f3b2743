//! How the copy in this process follows Redis.

use std::sync::Arc;
use std::time::Duration;

use ::redis::{Value, cmd};
use tokio::time::{sleep, timeout};

use super::PATIENCE;
use super::link::{Connected, LinkError};
use super::replica::Replica;
use crate::StoreError;

/// How long Redis is asked to wait for the next commit. Then the whole is compared, which finds out about a history that
/// was emptied or went back.
const WAIT: Duration = Duration::from_secs(1);
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Follows for ever; connects anew after each failure.
pub(super) async fn follow(replica: Arc<Replica>) {
    let mut pause = SHORTEST_PAUSE;
    let mut is_reached = true;
    let mut connection = None;
    loop {
        match step(&replica, &mut connection).await {
            Ok(()) => {
                if !is_reached {
                    tracing::info!(redis = replica.describe(), "Redis is reached again");
                }
                (is_reached, pause) = (true, SHORTEST_PAUSE);
                replica.note_trouble(None);
            }
            Err(error) => {
                if is_reached {
                    tracing::warn!(redis = replica.describe(), %error, "Redis cannot be followed; trying again");
                }
                (is_reached, connection) = (false, None);
                replica.note_trouble(Some(&error));
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Waits for something to happen, and learns it.
async fn step(replica: &Arc<Replica>, connected: &mut Option<Connected>) -> Result<(), StoreError> {
    let Connected { connection, .. } = match connected {
        Some(connected) if replica.link.is_current(connected) => connected,
        _ => connected.insert(replica.link.dedicated().await?),
    };
    let newest = replica.timeline().cursor().revision;
    let mut command = cmd("XREAD");
    command.arg("COUNT").arg(1).arg("BLOCK").arg(WAIT.as_millis().to_string());
    command.arg("STREAMS").arg(&replica.keys.history).arg(format!("{newest}-0"));
    let allowed = WAIT + PATIENCE;
    let answer = timeout(allowed, command.query_async::<Value>(connection)).await;
    answer.map_err(|_| LinkError::TimedOut(allowed))?.map_err(LinkError::from)?;
    replica.catch_up().await
}
