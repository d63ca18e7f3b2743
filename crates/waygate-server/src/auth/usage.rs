//! When tokens were last used, to the minute.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use waygate_core::{State, TokenId};
use waygate_store::{SideStore, SideValue, StoreError};

use crate::clock;
use crate::control::ControlPlane;

/// How far apart two uses are that are both taken note of.
const COARSE: SignedDuration = SignedDuration::from_mins(1);
/// How often what was noted is written down: one write of the side table, whatever the number of requests.
const WRITTEN_EVERY: Duration = Duration::from_mins(1);
/// How often a write is tried when other nodes write at the same time.
const TRIES: usize = 5;
/// The entry of the side table.
const KEY: &str = "tokens/used";

type Uses = BTreeMap<TokenId, Timestamp>;

/// What is known of uses. Cheap to clone; all clones are one. Losing it costs the answer to "since when", no more.
#[derive(Debug, Clone)]
pub(crate) struct TokenUses(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    side: Arc<dyn SideStore>,
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    uses: Uses,
    /// Some are not written down.
    fresh: bool,
}

impl TokenUses {
    /// Begins to write down what is noted, until the control plane ends.
    pub(crate) fn start(control: &ControlPlane) -> Self {
        let uses = Self(Arc::new(Inner { side: control.side(), noted: Mutex::default() }));
        let (writing, of) = (uses.clone(), control.clone());
        control.spawn(|ending| writing.run(of, ending));
        uses
    }

    /// Takes note of a use, unless one was noted a minute ago. Of tokens that are listed only.
    pub(crate) fn note(&self, id: &TokenId, state: &State, now: Timestamp) {
        let mut noted = self.noted();
        let recent = |last: &Timestamp| now.duration_since(*last).abs() < COARSE;
        if noted.uses.get(id).is_some_and(recent) || !state.tokens.contains_key(id) {
            return;
        }
        noted.uses.insert(id.clone(), now);
        noted.fresh = true;
    }

    /// The last uses that this node or another has noted.
    pub(crate) async fn all(&self) -> Result<Uses, StoreError> {
        let written = self.0.side.value(KEY, clock::now()).await?;
        let mut uses = read(written.as_deref());
        merge(&mut uses, &self.noted().uses);
        Ok(uses)
    }

    async fn run(self, control: ControlPlane, ending: CancellationToken) {
        while !ending.is_cancelled() {
            tokio::select! {
                () = tokio::time::sleep(WRITTEN_EVERY) => {}
                () = ending.cancelled() => {}
            }
            if let Err(error) = self.write(&control.current()).await {
                tracing::debug!(%error, "the last uses of tokens could not be written down");
            }
        }
    }

    async fn write(&self, state: &State) -> Result<(), StoreError> {
        let noted = {
            let mut noted = self.noted();
            noted.uses.retain(|id, _| state.tokens.contains_key(id));
            if !std::mem::take(&mut noted.fresh) {
                return Ok(());
            }
            noted.uses.clone()
        };
        for _ in 0..TRIES {
            let now = clock::now();
            let before = self.0.side.value(KEY, now).await?;
            let mut uses = read(before.as_deref());
            merge(&mut uses, &noted);
            uses.retain(|id, _| state.tokens.contains_key(id));
            let text = serde_json::to_string(&uses).unwrap_or_default();
            if self.0.side.swap(KEY, before.as_deref(), Some(SideValue::lasting(text)), now).await? {
                return Ok(());
            }
        }
        self.noted().fresh = true;
        Ok(())
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What cannot be read is nothing.
fn read(text: Option<&str>) -> Uses {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn merge(uses: &mut Uses, others: &Uses) {
    for (id, at) in others {
        let known = uses.entry(id.clone()).or_insert(*at);
        *known = (*known).max(*at);
    }
}
