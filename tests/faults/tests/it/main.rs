//! The proxy, in each of its moods. The checker's tests are beside it; `scripts/faults` runs the whole.

mod proxy;
