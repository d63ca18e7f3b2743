use super::*;

use serde_json::json;
use tokio::time::advance;
use waygate_core::{RateLimitPolicy, Share, WhenUnknown};

use crate::cache::Kept;
use crate::status::Rules;

const SECOND: Duration = Duration::from_secs(1);

fn view() -> ServiceView {
    let limit = "100/hour".parse().unwrap();
    let divided = RateLimitPolicy { share: Share::Divided, ..RateLimitPolicy::new(limit) };
    serde_json::from_value(json!({"service": {"rate_limit": divided}})).unwrap()
}

fn kept(shares: KeptShares) -> Kept {
    let cursor = "firsthistory:7:0000000000000007".parse().unwrap();
    Kept { view: view(), cursor, as_of: None, complete: true, shares }
}

/// A replica that has begun with what was kept, and asks.
fn begun(left: Option<Part>) -> Arc<Replica> {
    let kept = kept(KeptShares { service: left, global: None });
    let replica = Arc::new(Replica::new(None, WhenUnknown::Open, Some((Rules::Cache, kept))));
    replica.ask_for_shares(true);
    replica
}

fn grant(serial: u64, part: Part) -> SharesGranted {
    let service = Some(ShareGranted { serial, part, lease_ms: 64_000, of: 1, partial: false });
    SharesGranted { service, global: None }
}

fn holding(replica: &Replica) -> Holding {
    replica.status().borrow().shares.service.clone().unwrap().holding
}

fn confirmed(replica: &Replica) -> Option<u64> {
    replica.asked_shares().unwrap().service
}

/// What is in force of the limit of 100.
fn in_force(replica: &Replica) -> u64 {
    replica.snapshot().load().view().service.rate_limit.as_ref().unwrap().limit.quotas()[0].amount
}

/// Lets time pass for those who watch the leases.
async fn pass(time: Duration) {
    tokio::task::yield_now().await;
    advance(time).await;
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_starts_waits_for_the_control_plane_and_then_goes_on_with_what_is_left() {
    for (left, then, amount) in
        [(Some(Part::whole().half()), Holding::Lapsed(Part::whole().half()), 50), (None, Holding::Alone, 100)]
    {
        // It answers nobody.
        let replica = begun(left.clone());
        let stop = CancellationToken::new();
        let leases = tokio::spawn(keep_leases(replica.clone(), stop.clone()));
        pass(SECOND).await;
        assert_eq!((holding(&replica), in_force(&replica)), (Holding::Nothing, 0), "it may answer yet");
        pass(GRACE).await;
        assert_eq!((holding(&replica), in_force(&replica)), (then.clone(), amount));

        // It is there after all, and away again.
        replica.take_shares(Instant::now(), grant(1, Part::whole()));
        assert_eq!((holding(&replica), in_force(&replica)), (Holding::Leased(Part::whole()), 100));
        pass(Duration::from_mins(5)).await;
        assert_eq!(holding(&replica), Holding::Lapsed(Part::whole().half()));

        // The end is not another outage; and what is left stays on the disk.
        stop.cancel();
        leases.await.unwrap();
        replica.unreached();
        pass(GRACE * 2).await;
        assert_eq!((holding(&replica), in_force(&replica)), (Holding::Nothing, 0));
        assert_eq!(replica.model().held.left().service, Some(Part::whole().half()));

        // Nobody is there.
        let replica = begun(left);
        replica.unreached();
        assert_eq!((holding(&replica), in_force(&replica)), (then, amount));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_does_not_become_less_with_each_restart() {
    let left = Some(Part::whole().half());
    for _ in 0..3 {
        let replica = begun(left.clone());
        replica.unreached();
        assert_eq!(replica.model().held.left().service, left);
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_becomes_divided_during_an_outage_is_whole() {
    let replica = Replica::new(None, WhenUnknown::Open, None);
    replica.ask_for_shares(true);
    replica.unreached();
    let cursor = "firsthistory:7:0000000000000007".parse().unwrap();
    replica.replace_view(view(), &cursor, true);
    assert_eq!((holding(&replica), in_force(&replica)), (Holding::Alone, 100));
}

#[tokio::test(start_paused = true)]
async fn one_that_was_given_nothing_yet_never_had_a_share() {
    let replica = begun(None);
    let _leases = tokio::spawn(keep_leases(replica.clone(), CancellationToken::new()));
    replica.take_shares(Instant::now(), grant(1, Part::default()));
    assert_eq!((in_force(&replica), replica.model().held.left()), (0, KeptShares::default()));
    pass(Duration::from_mins(5)).await;
    assert_eq!((holding(&replica), in_force(&replica)), (Holding::Alone, 100));
}

#[tokio::test(start_paused = true)]
async fn a_share_is_confirmed_once_it_is_on_the_disk_or_the_disk_is_late() {
    let replica = begun(None);
    replica.take_shares(Instant::now(), grant(1, Part::whole()));
    assert_eq!(confirmed(&replica), Some(1), "there is no disk");

    replica.keeps_shares();
    let status = replica.status();
    let half = Part::whole().half();
    replica.take_shares(Instant::now(), grant(2, half.clone()));
    assert_eq!(confirmed(&replica), Some(0));
    replica.shares_kept(&KeptShares { service: Some(half.clone()), global: None });
    assert_eq!(confirmed(&replica), Some(0), "that is another one");
    let mut status = status;
    status.mark_unchanged();
    let left = replica.model().held.left();
    assert_eq!(left.service, Some(half.half()));
    replica.shares_kept(&left);
    assert_eq!(confirmed(&replica), Some(2));
    assert!(status.has_changed().unwrap(), "whoever confirms it is woken");

    replica.take_shares(Instant::now(), grant(3, Part::whole()));
    // A sign of life does not make it newer.
    advance(SECOND).await;
    replica.take_shares(Instant::now(), grant(3, Part::whole()));
    assert_eq!(confirmed(&replica), Some(2));
    advance(SECOND).await;
    assert_eq!(confirmed(&replica), Some(3));
}
