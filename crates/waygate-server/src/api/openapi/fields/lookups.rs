//! What tells which things are meant, of those that can be looked up.

use crate::api::openapi::field::Field;
use crate::api::openapi::field::Kind::{Flag, OneOf, Text, Time, Whole};
use crate::api::openapi::fields::names::{ACTIONS, METHODS, STATUSES};
use crate::api::openapi::fields::{METHOD, SERVICE, WAIT};

const LIMIT: Field = Field::new("limit", Whole { least: 1, most: 1000 }, "How many on a page; all when left out");
const CURSOR: Field = Field::new("cursor", Text, "The `X-Waygate-Next` of the page before");
pub(crate) const DOCUMENT: &[Field] =
    &[SERVICE, Field::new("revision", Whole { least: 0, most: u64::MAX }, "As it was then; now when left out")];
pub(crate) const EXPLAIN: &[Field] = &[
    Field::new("service", Text, "The service that takes the request").required(),
    Field::new("path", Text, "Of the request, from `/`").required(),
    Field::new("method", Text, "Of the request; `GET` when left out"),
    Field::new("at", Time, "When it is made; now when left out"),
    Field::new("environment", Text, "The environment of the service; none when left out"),
    Field::new("ip", Text, "The address that it comes from"),
];
pub(crate) const ROUTES: &[Field] = &[
    SERVICE,
    Field::new("status", OneOf(STATUSES), "What the route itself is set to"),
    Field::new("effective", OneOf(STATUSES), "What callers get"),
    Field::new("text", Text, "In the key or the reason, in any case"),
    LIMIT,
    CURSOR,
];
pub(crate) const SCHEDULES: &[Field] = &[SERVICE, Field::new("route", Text, "Only of this route")];
pub(crate) const SERVICES: &[Field] = &[Field::new("details", Flag, "Objects with counts, not only names")];
pub(crate) const AUDIT: &[Field] = &[
    SERVICE,
    Field::new("route", Text, "Only of this route, in any of its names"),
    Field::new("actor", Text, "Only what this person or service did"),
    Field::new("action", OneOf(ACTIONS), "Only this action"),
    Field::new("since", Time, "Not before"),
    Field::new("until", Time, "Before"),
    Field::new("limit", Whole { least: 0, most: 100_000 }, "How many on a page; 50 when left out"),
    CURSOR,
    Field::new("total", Flag, "Count all of them into `X-Waygate-Total`"),
];
pub(crate) const STREAM: &[Field] = &[Field::new("service", Text, "Whose changes")];
pub(crate) const HITS: &[Field] = &[
    SERVICE,
    Field::new("route", Text, "Only of this route"),
    Field::new("limit", Whole { least: 0, most: 10_000 }, "How many; 50 when left out"),
];
const STATE: Field = Field::new(
    "state",
    OneOf(&["in_sync", "applying", "behind", "unconfirmed", "lost", "left"]),
    "How it stands to what is in force",
);
pub(crate) const INSTANCES: &[Field] = &[SERVICE, STATE, LIMIT, CURSOR];
pub(crate) const PROPAGATION: &[Field] =
    &[Field::new("service", Text, "Of these services, with commas between them; of all when left out"), WAIT];
pub(crate) const ONE_INSTANCE: &[Field] = &[SERVICE];
pub(crate) const INSTANCES_OF_SERVICE: &[Field] = &[STATE, LIMIT, CURSOR];
pub(crate) const TRAFFIC: &[Field] = &[
    SERVICE,
    Field::new("route", Text, "Only of this route, in any of its names"),
    Field::new("window", OneOf(&["1m", "15m", "1h", "6h", "24h"]), "How far back; `15m` when left out"),
    Field::new("fine", Flag, "In points of a second, beyond 15 minutes of a minute; some ninety points when left out"),
    Field::new("from", Time, "From when on, instead of `window`; at most 24 hours ago"),
    Field::new("to", Time, "Until when; now when left out"),
    Field::new("outcome", OneOf(&["allowed", "limited", "blocked", "gated", "shadow"]), "Only these"),
];
pub(crate) const LIMITS: &[Field] = &[
    SERVICE,
    Field::new("route", Text, "Only of this route, in any of its names"),
    Field::new("method", OneOf(METHODS), "Only of this method"),
    Field::new("origin", OneOf(&["declared", "operator"]), "Only those that code declares, or that operators set"),
];
pub(crate) const LIMIT_OF: &[Field] = &[SERVICE, METHOD];
