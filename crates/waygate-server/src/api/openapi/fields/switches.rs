//! What changes take: of routes, of maintenance, and of many things at once.

use crate::api::batch;
use crate::api::openapi::field::Field;
use crate::api::openapi::field::Kind::{Flag, List, OneOf, Text, Texts, Whole};
use crate::api::openapi::fields::limits::{
    ALGORITHM, BURST, EXEMPT_IPS, EXEMPT_ROLES, EXEMPT_ROUTES, FAILURE, KEY, MISSING_KEY, RESOLVER, SHARE, TIERS,
};
use crate::api::openapi::fields::{
    ALLOW_UNKNOWN, END, EXPECTED_REVISION, REASON, SHADOW, START, SUCCESSOR, SUNSET, UNTIL,
};

const ENVS: Field = Field::new("envs", Texts, "Where the route answers; none blocks everywhere").required();
pub(crate) const ONLY_REASON: &[Field] = &[REASON];
pub(crate) const ENABLE: &[Field] = &[REASON, UNTIL];
pub(crate) const SWITCH: &[Field] = &[REASON, UNTIL, SHADOW];
pub(crate) const MAINTENANCE: &[Field] = &[REASON, UNTIL, SHADOW, START, END];
pub(crate) const GATE: &[Field] = &[ENVS, REASON, UNTIL, SHADOW];
pub(crate) const WINDOW: &[Field] = &[START.required(), END.required(), REASON, SHADOW];
pub(crate) const DEPRECATE: &[Field] = &[REASON, SUNSET, SUCCESSOR];
const EXEMPT_PATHS: Field =
    Field::new("exempt_paths", Texts, "Replaces what goes on answering: `/path` or `METHOD:/path`");
const INCLUDE_FORCE_ACTIVE: Field =
    Field::new("include_force_active", Flag, "Block even the routes that are always on");
const ADD: Field = Field::new("add", Texts, "Goes on answering from now on");
const REMOVE: Field = Field::new("remove", Texts, "No longer does");
pub(crate) const SCOPE_ON: &[Field] = &[REASON, UNTIL, SHADOW, EXEMPT_PATHS, INCLUDE_FORCE_ACTIVE, ALLOW_UNKNOWN];
pub(crate) const SCOPE_OFF: &[Field] = &[REASON, ALLOW_UNKNOWN];
pub(crate) const EXEMPTIONS: &[Field] = &[REASON, ADD, REMOVE, ALLOW_UNKNOWN];
pub(crate) const BATCH: &[Field] = &[
    Field::new(
        "commands",
        List(COMMAND),
        "1 to 1,000 commands, each with the fields that the endpoint of its action takes",
    )
    .required(),
    Field::new("undoes", Whole { least: 1, most: u64::MAX }, "The change that is taken back, for the log to say so"),
];
const COMMAND: &[Field] = &[
    Field::new("action", OneOf(&batch::ACTIONS), "What is to be done, as the log names it").required(),
    Field::new("route", Text, "Of which route"),
    Field::new("service", Text, "Of which service"),
    EXPECTED_REVISION,
    REASON,
    UNTIL,
    SHADOW,
    START,
    END,
    Field::new("envs", Texts, "Where the route answers; none blocks everywhere"),
    Field::new("id", Whole { least: 0, most: u32::MAX as u64 }, "Only this window"),
    SUNSET,
    SUCCESSOR,
    EXEMPT_PATHS,
    INCLUDE_FORCE_ACTIVE,
    ADD,
    REMOVE,
    ALLOW_UNKNOWN,
    Field::new("limit", Text, "Of a rate limit: such as `100/minute`"),
    ALGORITHM,
    KEY,
    MISSING_KEY,
    BURST,
    TIERS,
    RESOLVER,
    EXEMPT_IPS,
    EXEMPT_ROLES,
    EXEMPT_ROUTES,
    FAILURE,
    SHARE,
];
pub(crate) const WINDOW_ID: &[Field] =
    &[Field::new("id", Whole { least: 0, most: u32::MAX as u64 }, "Only this window; all when left out")];
