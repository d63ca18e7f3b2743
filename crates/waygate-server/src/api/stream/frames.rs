//! Our own frames.

use std::time::Duration;

use waygate_api::stream::encode;
use waygate_core::{Revision, ServiceId};

use super::{Ending, Protocol};
use crate::chunk::Chunk;
use crate::control::feed::{Due, Subject, Subscription, TopicCommit};
use crate::control::presence::Present;

/// Our own frames, see [`waygate_api::stream`].
pub(crate) struct Frames {
    pub(crate) service: ServiceId,
    pub(crate) present: Present,
}

impl Protocol for Frames {
    const NAME: &'static str = "frames";

    fn snapshot(&self, subscription: &Subscription, due: &Due) -> Chunk {
        subscription.view(due, &self.service).frame()
    }

    fn commit(&self, subject: &Subject, commit: &TopicCommit) -> Chunk {
        let encoded = || {
            let changes = commit.commit.changes().filter(|change| subject.hears(change));
            written(encode::commit(&commit.commit.cursor, commit.after, changes))
        };
        commit.frame.get_or_init(encoded).clone()
    }

    fn alive(&self, subscription: &Subscription, due: &Due) -> Chunk {
        let digest = subscription.view(due, &self.service).digest().to_owned();
        written(encode::bookmark(&due.cursor, Some(digest)))
    }

    async fn called(&self) {
        self.present.nudged().await;
    }

    fn call(&self) -> Chunk {
        Chunk::of(encode::SHARES)
    }

    fn begins_anew(&self) -> bool {
        self.present.begins_anew()
    }

    fn delivered(&self, revision: Revision) {
        self.present.delivered(revision);
    }

    fn end(&self, reason: &str, come_back: Duration) -> Ending {
        let milliseconds = u64::try_from(come_back.as_millis()).unwrap_or(u64::MAX);
        Ending::Said(written(encode::goodbye(reason, milliseconds)))
    }
}

/// The encoders cannot fail on values of ours; were one to, the frame is left out, and the client notices the gap.
fn written(encoded: Result<String, serde_json::Error>) -> Chunk {
    encoded.map(Chunk::of).unwrap_or_default()
}
