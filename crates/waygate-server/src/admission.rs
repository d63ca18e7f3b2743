//! How many streams there may be at a time, how long each lives, and when those that are sent away may come back.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use waygate_api::error::ErrorCode;

use crate::error::ApiError;

/// How services follow the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamOptions {
    /// How many streams are open at a time: 10,000, unless set. Whoever comes then is asked to come back later. A served
    /// control plane ([`Server::serve`](crate::Server::serve)) leaves an eighth of its connections, or 1,024 of them, to
    /// other requests, whatever is set here.
    pub most: usize,
    /// How long a stream lives, give or take a fifth, so that clients spread anew over the nodes of a control plane: an
    /// hour, unless set. The client is asked to come back and goes on where it was.
    pub lifetime: Duration,
    /// How long a client may take nothing of what it is sent before its connection is closed: 30 seconds, unless set.
    /// Concerns [`Server::serve`](crate::Server::serve) only, and every answer.
    pub write_timeout: Duration,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { most: 10_000, lifetime: Duration::from_hours(1), write_timeout: Duration::from_secs(30) }
    }
}

/// So many streams may come back within a second when the server stops.
const COME_BACK_PER_SECOND: u32 = 1000;
/// No stream is asked to stay away longer when the server stops.
const LONGEST_AWAY: Duration = Duration::from_secs(30);
/// None comes back sooner: a server that is started again needs a moment.
const SHORTEST_AWAY: Duration = Duration::from_millis(500);
/// After how many seconds to try again where there is no room, at least and at most.
const NO_ROOM_RETRY: (f64, f64) = (5.0, 15.0);

/// Lets streams in. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    most: usize,
    lifetime: Duration,
    room: Arc<Semaphore>,
    encoders: Arc<Semaphore>,
}

/// A stream's place; dropping it makes room.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    Stopping,
    TokenEnded,
    Aged,
}

impl Admission {
    pub(crate) fn new(options: StreamOptions) -> Self {
        let most = options.most.min(Semaphore::MAX_PERMITS);
        // One core is left to everything else, mutations above all.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let encoders = Arc::new(Semaphore::new(cores.saturating_sub(1).max(1)));
        Self { most, lifetime: options.lifetime, room: Arc::new(Semaphore::new(most)), encoders }
    }

    /// A place for one more stream.
    pub(crate) fn admit(&self) -> Result<Place, ApiError> {
        let full = |_| {
            let error = format!("{} streams are open, and this server takes no more; come back later", self.most);
            let (soonest, latest) = NO_ROOM_RETRY;
            let seconds = Duration::from_secs_f64(soonest + (latest - soonest) * fraction()).as_secs();
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::TooManyStreams, error).retry_after(seconds)
        };
        Ok(Place { _permit: self.room.clone().try_acquire_owned().map_err(full)? })
    }

    /// Waits for a turn to encode a snapshot.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.encoders.acquire().await.ok()
    }

    /// How long one stream is to live.
    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime.mul_f64(0.8 + 0.4 * fraction())
    }

    /// How long one of the streams that are open now is to stay away: drawn so that they do not come back together.
    pub(crate) fn time_away(&self, farewell: Farewell) -> Duration {
        match farewell {
            Farewell::Stopping => {
                let open = self.most - self.room.available_permits();
                let spread = Duration::from_secs(1) * u32::try_from(open).unwrap_or(u32::MAX) / COME_BACK_PER_SECOND;
                (SHORTEST_AWAY + spread.min(LONGEST_AWAY).mul_f64(fraction())).min(LONGEST_AWAY)
            }
            // They end at times of their own.
            Farewell::TokenEnded | Farewell::Aged => SHORTEST_AWAY.mul_f64(1.0 + fraction()),
        }
    }
}

impl Farewell {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Stopping => "the server stops",
            Self::TokenEnded => "the token has ended",
            Self::Aged => "the stream has lived its time",
        }
    }
}

/// At least 0, below 1.
fn fraction() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_are_sent_away_together_come_back_one_after_the_other() {
        let admission = Admission::new(StreamOptions::default());
        let alone = admission.time_away(Farewell::Stopping);
        assert!(alone >= SHORTEST_AWAY && alone < SHORTEST_AWAY * 2, "{alone:?}");
        let places: Vec<Place> = (0..10_000).map(|_| admission.admit().unwrap()).collect();
        let refused = admission.admit().unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.body.code), (503, ErrorCode::TooManyStreams));
        let mut away: Vec<Duration> = places.iter().map(|_| admission.time_away(Farewell::Stopping)).collect();
        away.sort_unstable();
        let (first, last) = (away[0], away[away.len() - 1]);
        assert!(first >= SHORTEST_AWAY && last > Duration::from_secs(9) && last < Duration::from_secs(11), "{last:?}");
        // Evenly: no second has much more than its share.
        let within = |second: u64| away.iter().filter(|away| away.as_secs() == second).count();
        assert!((1..10).all(|second| within(second) < 1500), "{:?}", (1..10).map(within).collect::<Vec<_>>());
        drop(places);
        assert!(admission.admit().is_ok());
    }

    #[test]
    fn lifetimes_are_spread_by_a_fifth() {
        let admission = Admission::new(StreamOptions::default());
        let lifetimes: Vec<Duration> = (0..1000).map(|_| admission.lifetime()).collect();
        assert!(lifetimes.iter().all(|lifetime| (48 * 60..=72 * 60).contains(&lifetime.as_secs())));
        assert!(lifetimes.iter().any(|lifetime| lifetime.as_secs() < 52 * 60));
        assert!(lifetimes.iter().any(|lifetime| lifetime.as_secs() > 68 * 60));
    }
}
