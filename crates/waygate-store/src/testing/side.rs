//! What every side table does.

use std::time::Duration;

use jiff::Timestamp;

use crate::SideValue;
use crate::testing::Subject;

fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "a table with a clock of its own goes by that one")]
    Timestamp::now()
}

#[expect(clippy::unnecessary_wraps, reason = "what a swap takes")]
fn lasting(text: &str) -> Option<SideValue> {
    Some(SideValue::lasting(text))
}

pub async fn the_side_table_compares_before_it_replaces(make: impl AsyncFn(usize) -> Subject) {
    let subject = make(1).await;
    let side = subject.store().side();
    let now = now();
    assert!(!side.swap("a/1", Some("one"), lasting("two"), now).await.unwrap());
    assert!(side.swap("a/1", None, lasting("one"), now).await.unwrap());
    assert!(!side.swap("a/1", None, lasting("two"), now).await.unwrap());
    assert!(side.swap("a/1", Some("one"), lasting("« two »\n"), now).await.unwrap());
    assert!(side.swap("a/2", None, lasting(""), now).await.unwrap());
    assert!(side.swap("b/1", None, lasting("other"), now).await.unwrap());

    let same = subject.store().side();
    assert_eq!(same.value("a/1", now).await.unwrap().as_deref(), Some("« two »\n"));
    let below: Vec<(String, String)> = same.values("a/", now).await.unwrap().into_iter().collect();
    let pair = |key: &str, text: &str| (key.to_owned(), text.to_owned());
    assert_eq!(below, [pair("a/1", "« two »\n"), pair("a/2", "")]);

    assert!(!side.swap("a/1", Some("one"), None, now).await.unwrap());
    assert!(side.swap("a/1", Some("« two »\n"), None, now).await.unwrap());
    assert_eq!(side.value("a/1", now).await.unwrap(), None);
}

pub async fn the_side_table_forgets_what_has_expired(make: impl AsyncFn(usize) -> Subject) {
    let subject = make(1).await;
    let side = subject.store().side();
    let begin = now();
    let short = || Some(SideValue::expiring("short", Duration::from_millis(1)));
    let long = Some(SideValue::expiring("long", Duration::from_hours(1)));
    assert!(side.swap("short", None, short(), begin).await.unwrap());
    assert!(side.swap("long", None, long, begin).await.unwrap());
    while side.value("short", now()).await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(side.values("", now()).await.unwrap().into_keys().collect::<Vec<_>>(), ["long"]);
    assert!(side.swap("short", None, short(), now()).await.unwrap(), "an expired value is none");
}

pub async fn of_those_who_swap_at_once_one_wins(make: impl AsyncFn(usize) -> Subject) {
    let subject = make(1).await;
    let contest = |number: usize| {
        let side = subject.store().side();
        tokio::spawn(async move { side.swap("lease", None, lasting(&number.to_string()), now()).await.unwrap() })
    };
    let contests: Vec<_> = (0..8).map(contest).collect();
    let mut winners = Vec::new();
    for (number, contest) in contests.into_iter().enumerate() {
        if contest.await.unwrap() {
            winners.push(number.to_string());
        }
    }
    let held = subject.store().side().value("lease", now()).await.unwrap().unwrap();
    assert_eq!(winners, [held]);
}

pub async fn notes_are_seen_by_all_and_apart_from_values(make: impl AsyncFn(usize) -> Subject) {
    let subject = make(1).await;
    let (side, same) = (subject.store().side(), subject.store().side());
    let note = |key: &str, text: &str| (key.to_owned(), SideValue::expiring(text, Duration::from_hours(1)));
    assert!(side.swap("a/1", None, lasting("a value"), now()).await.unwrap());
    side.note(vec![note("a/1", "one"), note("a/2", "« two »\n"), note("b/1", "other")], now()).await.unwrap();
    same.note(vec![note("a/1", "again")], now()).await.unwrap();
    let noted: Vec<(String, String)> = side.noted("a/", now()).await.unwrap().into_iter().collect();
    assert_eq!(noted, [("a/1".to_owned(), "again".to_owned()), ("a/2".to_owned(), "« two »\n".to_owned())]);
    assert_eq!(same.value("a/1", now()).await.unwrap().as_deref(), Some("a value"));
    assert_eq!(same.value("a/2", now()).await.unwrap(), None);

    let brief = ("a/1".to_owned(), SideValue::expiring("short", Duration::from_millis(1)));
    side.note(vec![brief, ("a/3".to_owned(), SideValue::lasting("stays"))], now()).await.unwrap();
    while same.noted("a/1", now()).await.unwrap().contains_key("a/1") {
        tokio::task::yield_now().await;
    }
    assert_eq!(same.noted("", now()).await.unwrap().into_keys().collect::<Vec<_>>(), ["a/2", "a/3", "b/1"]);
}
