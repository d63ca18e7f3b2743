//! Both stores, from outside.

mod conformance;
