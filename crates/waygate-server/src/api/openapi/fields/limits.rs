//! What limits are made of.

use crate::api::openapi::field::Field;
use crate::api::openapi::field::Kind::{List, OneOf, Pattern, Text, Texts, Time, Whole};
use crate::api::openapi::fields::names::{ALGORITHMS, FAILURES, KEY_STRATEGY, MISSING_KEYS, SHARINGS};
use crate::api::openapi::fields::{ALLOW_UNKNOWN, METHOD, REASON, SHADOW};

const LIMIT_TEXT: Field =
    Field::new("limit", Text, "Such as `100/minute`, `10/second;100/minute` or `unlimited`").required();
const TIER: &[Field] = &[
    Field::new("name", Text, "The tier that a caller is of").required(),
    Field::new("limit", Text, "Its limit, such as `1000/minute`").required(),
];
pub(super) const ALGORITHM: Field = Field::new("algorithm", OneOf(ALGORITHMS), "How it counts").nullable();
pub(super) const KEY: Field = Field::new("key_strategy", Pattern(KEY_STRATEGY), "What is counted apart").nullable();
pub(super) const MISSING_KEY: Field =
    Field::new("on_missing_key", OneOf(MISSING_KEYS), "What becomes of callers without a key").nullable();
pub(super) const BURST: Field = Field::new("burst", Whole { least: 0, most: 1_000_000_000 }, "How many more at once");
pub(super) const TIERS: Field = Field::new("tiers", List(TIER), "At most 32 limits of their own, by the caller's tier");
pub(super) const RESOLVER: Field =
    Field::new("tier_resolver", Text, "The attribute of a request that says the tier").nullable();
pub(super) const EXEMPT_IPS: Field = Field::new("exempt_ips", Texts, "Addresses and ranges that are not counted");
pub(super) const EXEMPT_ROLES: Field = Field::new("exempt_roles", Texts, "Roles that are not counted");
pub(super) const EXEMPT_ROUTES: Field =
    Field::new("exempt_routes", Texts, "`/path` or `METHOD:/path` that is not counted");
pub(super) const FAILURE: Field =
    Field::new("on_backend_failure", OneOf(FAILURES), "What holds without the shared counters, or without a share")
        .nullable();
const LIMIT_UNTIL: Field = Field::new("until", Time, "When it ends by itself").nullable();
pub(super) const SHARE: Field =
    Field::new("share", OneOf(SHARINGS), "Whether each replica has the whole limit, or its share").nullable();
pub(crate) const SET_LIMIT: &[Field] = &[
    LIMIT_TEXT,
    ALGORITHM,
    KEY,
    MISSING_KEY,
    BURST,
    TIERS,
    RESOLVER,
    EXEMPT_IPS,
    EXEMPT_ROLES,
    EXEMPT_ROUTES,
    SHADOW,
    LIMIT_UNTIL,
    FAILURE,
    SHARE,
    REASON,
    ALLOW_UNKNOWN,
];
pub(crate) const SET_ROUTE_LIMIT: &[Field] = &[
    Field::new("path", Text, "The route: `/path`, `METHOD:/path` or a whole key").required(),
    METHOD,
    Field::new("service", Text, "Of which service, where `path` does not say").nullable(),
    LIMIT_TEXT,
    ALGORITHM,
    KEY,
    MISSING_KEY,
    BURST,
    TIERS,
    RESOLVER,
    EXEMPT_IPS,
    EXEMPT_ROLES,
    EXEMPT_ROUTES,
    SHADOW,
    LIMIT_UNTIL,
    FAILURE,
    SHARE,
    REASON,
    ALLOW_UNKNOWN,
];
/// What the code declares of a route's limit.
pub(super) const DECLARED_LIMIT: &[Field] = &[
    LIMIT_TEXT,
    ALGORITHM,
    KEY,
    MISSING_KEY,
    BURST,
    TIERS,
    RESOLVER,
    EXEMPT_IPS,
    EXEMPT_ROLES,
    EXEMPT_ROUTES,
    SHADOW,
    LIMIT_UNTIL,
    FAILURE,
    SHARE,
];
