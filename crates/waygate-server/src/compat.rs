//! The reference's view of the state: sentinel keys, JSON inside `reason`, service-prefixed paths and the two event
//! types of the guide. Nothing outside of this module knows them.

mod absences;
mod events;
mod rate_limits;
mod render;

pub(crate) use absences::Absences;
pub(crate) use events::{Envelopes, broken_off};
pub(crate) use rate_limits::{CANNOT_RESET, limit_list, unsupported};
pub(crate) use render::{is_reserved, route_list};
