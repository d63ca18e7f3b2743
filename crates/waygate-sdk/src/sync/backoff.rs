//! How long to wait between two attempts.

use std::time::Duration;

use tokio::time::Instant;

use crate::status::Outage;

/// Keeps attempts apart. A server that is away is looked for at the base's pace for as long as it takes, so that it is
/// found again within the base. One that is there and refuses is asked ever more slowly: after a minute, and at once
/// where it refuses the credentials.
#[derive(Debug)]
pub(crate) struct Backoff {
    base: Duration,
    failing_since: Option<Instant>,
    doublings: u32,
}

impl Backoff {
    /// No wait is shorter, whatever is configured or asked for.
    const SHORTEST: Duration = Duration::from_millis(250);
    /// No wait is longer, unless the base is.
    const LONGEST: Duration = Duration::from_secs(30);
    /// No wait that a server asks for is followed further.
    const LONGEST_ASKED: Duration = Duration::from_mins(5);
    /// How long trouble is young, and how long a connection must hold until trouble is over.
    const PATIENCE: Duration = Duration::from_mins(1);
    const MOST_DOUBLINGS: u32 = 16;

    pub(crate) fn new(base: Duration) -> Self {
        Self { base, failing_since: None, doublings: 0 }
    }

    /// A connection has ended after it was in good order for so long.
    pub(crate) fn was_healthy_for(&mut self, lived: Duration) {
        if lived >= Self::PATIENCE {
            self.reset();
        }
    }

    /// Trouble is over.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.base);
    }

    /// The wait before another server of the list is tried.
    pub(crate) fn soon() -> Duration {
        Self::SHORTEST.mul_f64(1.0 + random_fraction())
    }

    /// The wait after a failure, with jitter: between half of it and all of it, or a little over what was asked for. A
    /// goodbye may ask for less, as long as trouble is young.
    pub(crate) fn after(&mut self, outage: &Outage, now: Instant) -> Duration {
        let since = *self.failing_since.get_or_insert(now);
        let is_young = now.duration_since(since) < Self::PATIENCE;
        let is_there = outage.is_of_one_who_is_there();
        let doublings = if is_there { self.doublings } else { 0 };
        let whole = self.base.saturating_mul(1 << doublings).min(Self::LONGEST.max(self.base));
        if matches!(outage, Outage::Unauthorized { .. }) || (is_there && !is_young) {
            self.doublings = (self.doublings + 1).min(Self::MOST_DOUBLINGS);
        }
        let own = jittered(whole);
        let asked = outage.retry_after().map(|asked| {
            let spread = self.base.min(Duration::from_secs(1));
            asked.min(Self::LONGEST_ASKED) + spread.mul_f64(random_fraction())
        });
        let wait = match (outage, asked) {
            (Outage::Goodbye { .. }, Some(asked)) if is_young => asked,
            (_, asked) => asked.unwrap_or_default().max(own),
        };
        wait.max(Self::SHORTEST)
    }
}

/// Between half of it and all of it, so that those who begin together do not stay together.
pub(crate) fn jittered(whole: Duration) -> Duration {
    whole.mul_f64(0.5 + random_fraction() / 2.0)
}

/// At least 0, below 1.
fn random_fraction() -> f64 {
    #[cfg(feature = "simulation")]
    if let Some(fraction) = crate::simulation::fraction() {
        return fraction;
    }
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> Outage {
        Outage::Unreachable { reason: "refused".to_owned() }
    }

    fn refused() -> Outage {
        Outage::Refused { status: 500, message: "no".to_owned(), retry_after: None }
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_is_away_is_looked_for_at_the_same_pace_for_ever() {
        let base = Duration::from_secs(2);
        let mut backoff = Backoff::new(base);
        let start = Instant::now();
        while start.elapsed() < Duration::from_hours(1) {
            let wait = backoff.after(&unreachable(), Instant::now());
            assert!(wait >= base / 2 && wait <= base, "{wait:?}");
            tokio::time::advance(wait).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_refuses_is_asked_soon_at_first_and_after_a_minute_up_to_thirty_seconds_apart() {
        let base = Duration::from_secs(2);
        let mut backoff = Backoff::new(base);
        let start = Instant::now();
        let mut longest = Duration::ZERO;
        while start.elapsed() < Duration::from_mins(10) {
            let wait = backoff.after(&refused(), Instant::now());
            if start.elapsed() < Duration::from_mins(1) {
                assert!(wait >= base / 2 && wait <= base, "{wait:?}");
            }
            assert!(wait <= Duration::from_secs(30), "{wait:?}");
            longest = longest.max(wait);
            tokio::time::advance(wait).await;
        }
        assert!(longest > Duration::from_secs(15), "{longest:?}");

        backoff.was_healthy_for(Duration::from_secs(59));
        assert!(backoff.after(&refused(), Instant::now()) > base);
        backoff.was_healthy_for(Duration::from_mins(1));
        assert!(backoff.after(&refused(), Instant::now()) <= base);
    }

    #[tokio::test(start_paused = true)]
    async fn refused_credentials_are_tried_ever_more_slowly() {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        let outage = Outage::Unauthorized { message: String::new() };
        let waits: Vec<Duration> = (0..6).map(|_| backoff.after(&outage, Instant::now())).collect();
        assert!(waits[0] <= Duration::from_secs(1) && waits[5] >= Duration::from_secs(15), "{waits:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_server_asks_for_is_honoured_within_bounds() {
        let mut backoff = Backoff::new(Duration::from_secs(5));
        let asked =
            |seconds| Outage::Goodbye { reason: "shutdown".to_owned(), retry_after: Duration::from_secs(seconds) };
        let wait = backoff.after(&asked(7), Instant::now());
        assert!(wait >= Duration::from_secs(7) && wait <= Duration::from_secs(8), "{wait:?}");
        assert!(backoff.after(&asked(1_000_000), Instant::now()) <= Duration::from_secs(301));
        let mut eager = Backoff::new(Duration::ZERO);
        assert!(eager.after(&unreachable(), Instant::now()) >= Duration::from_millis(250));
    }
}
