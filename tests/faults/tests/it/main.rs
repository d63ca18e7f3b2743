//! The proxy, in each of its moods. The checker's tests are beside it; `scripts/faults` runs the whole.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod proxy;
