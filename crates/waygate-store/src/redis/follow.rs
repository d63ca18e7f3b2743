//! How the copy in this process follows Redis.

use std::sync::Arc;
use std::time::Duration;

use ::redis::cmd;
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

/// A connection to wait with, and the last ring that was heard over it.
struct Listener {
    connected: Connected,
    heard: String,
}

/// What `XREAD` answers: of each stream its name and entries, of each entry its id and what it says.
type Rings = Option<Vec<(String, Vec<(String, Vec<String>)>)>>;

/// Follows for ever; connects anew after each failure.
pub(super) async fn follow(replica: Arc<Replica>) {
    let mut pause = SHORTEST_PAUSE;
    let mut is_reached = true;
    let mut listener = None;
    loop {
        match step(&replica, &mut listener).await {
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
                (is_reached, listener) = (false, None);
                replica.note_trouble(Some(&error));
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Waits for something to happen, and learns it.
async fn step(replica: &Arc<Replica>, listener: &mut Option<Listener>) -> Result<(), StoreError> {
    let Listener { connected, heard } = match listener {
        Some(listener) if replica.link.is_current(&listener.connected) => listener,
        _ => {
            // The first ring is heard at once, whatever it was for: nothing that came before is missed.
            let connected = replica.link.dedicated().await?;
            listener.insert(Listener { connected, heard: "0".to_owned() })
        }
    };
    let mut command = cmd("XREAD");
    command.arg("COUNT").arg(1).arg("BLOCK").arg(WAIT.as_millis().to_string());
    command.arg("STREAMS").arg(&replica.keys.bell).arg(heard.as_str());
    let allowed = WAIT + PATIENCE;
    let rings = timeout(allowed, command.query_async::<Rings>(&mut connected.connection)).await;
    let rings = rings.map_err(|_| LinkError::TimedOut(allowed))?.map_err(LinkError::from)?;
    if let Some((id, _)) = rings.and_then(|mut streams| streams.pop()?.1.pop()) {
        *heard = id;
    }
    replica.catch_up().await
}
