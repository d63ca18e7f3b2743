//! What endpoints take.

mod limits;
mod lookups;
mod names;
mod reports;
mod sessions;
mod switches;
mod webhooks;

use crate::api::openapi::field::Field;
use crate::api::openapi::field::Kind::{self, Flag, OneOf, Pattern, Text, Time, Whole};
pub(crate) use crate::api::openapi::fields::limits::{SET_LIMIT, SET_ROUTE_LIMIT};
pub(crate) use crate::api::openapi::fields::lookups::{
    AUDIT, DOCUMENT, EXPLAIN, HITS, INSTANCES, INSTANCES_OF_SERVICE, LIMIT_OF, LIMITS, ONE_INSTANCE, PROPAGATION,
    ROUTES, SCHEDULES, SERVICES, STREAM, TRAFFIC,
};
pub(crate) use crate::api::openapi::fields::names::ACTIONS;
use crate::api::openapi::fields::names::METHODS;
pub(crate) use crate::api::openapi::fields::reports::{ACKNOWLEDGE, HITS_REPORT, REGISTER, REPORT, TRAFFIC_REPORT};
pub(crate) use crate::api::openapi::fields::sessions::{LOGIN, LOGIN_FORM, NEW_TOKEN, TOKENS};
pub(crate) use crate::api::openapi::fields::switches::{
    BATCH, DEPRECATE, ENABLE, EXEMPTIONS, GATE, MAINTENANCE, ONLY_REASON, SCOPE_OFF, SCOPE_ON, SWITCH, WINDOW,
    WINDOW_ID,
};
pub(crate) use crate::api::openapi::fields::webhooks::{EDIT_WEBHOOK, WEBHOOK};

const COUNT: Kind = Whole { least: 0, most: i64::MAX.unsigned_abs() };
pub(crate) const DRY_RUN: Field = Field::new("dry_run", Flag, "Only find out what would change");
pub(crate) const EXPECTED_REVISION: Field =
    Field::new("expected_revision", COUNT, "The subject's `changed_at` that the caller saw; as `If-Match`");
const REASON: Field = Field::new("reason", Text, "Why, in at most 2,000 characters; callers and the log are told");
const UNTIL: Field = Field::new("until", Time, "When it ends by itself");
const SHADOW: Field = Field::new("shadow", Flag, "Count what would be blocked, do not block");
const START: Field = Field::new("start", Time, "When a planned window opens");
const END: Field = Field::new("end", Time, "When it ends by itself");
const SERVICE: Field = Field::new("service", Text, "Only of this service");
const ALLOW_UNKNOWN: Field = Field::new("allow_unknown", Flag, "Accept what nothing is known of yet");
const METHOD: Field = Field::new("method", OneOf(METHODS), "A method, or `ALL`");
const SUNSET: Field =
    Field::new("sunset_date", Text, "When the route goes away: a date, an RFC 3339 time or an HTTP date").nullable();
const SUCCESSOR: Field = Field::new("successor_path", Text, "The path that replaces it").nullable();
pub(crate) const WAIT: Field = Field::new(
    "wait",
    Pattern("^([0-9]|[1-5][0-9]|60)s?$|^[0-9]{1,4}ms$|^1m$"),
    "Answer when all instances concerned enforce it, or after this time: `5s`, `500ms`, at most `60s`",
);
