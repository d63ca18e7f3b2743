//! What services tell of themselves.

use crate::api::openapi::field::Field;
use crate::api::openapi::field::Kind::{self, Flag, List, OneOf, Pattern, Text, Texts, Time, Whole};
use crate::api::openapi::fields::limits::DECLARED_LIMIT;
use crate::api::openapi::fields::names::STATUSES;
use crate::api::openapi::fields::{COUNT, END, REASON, START, SUCCESSOR, SUNSET};

pub(crate) const REGISTER: &[Field] = &[
    Field::new("app_id", Text, "The service's id").required(),
    Field::new("states", List(DECLARED), "Its routes; what is not taken is named under `rejected`"),
];
const DECLARED: &[Field] = &[
    Field::new("path", Text, "`service:METHOD:/path`, or without the service").required(),
    Field::new("service", Text, "The same service, or nothing").nullable(),
    Field::new("status", OneOf(STATUSES), "What the code says"),
    REASON,
    Field::new("allowed_envs", Texts, "Where a gated route answers"),
    Field::new("window", Kind::Object(WINDOW_OF_CODE), "A maintenance window that the code declares").nullable(),
    SUNSET,
    SUCCESSOR,
    Field::new("force_active", Flag, "Always answers"),
    Field::new("rate_limit", Kind::Object(DECLARED_LIMIT), "The limit that the code declares").nullable(),
];
const WINDOW_OF_CODE: &[Field] = &[START.required(), END.required(), REASON];
pub(crate) const REPORT: &[Field] = &[
    Field::new("id", Text, "A name of its own").required(),
    Field::new("timestamp", Time, "When").required(),
    Field::new("path", Text, "Of which route").required(),
    Field::new("action", Text, "What was done").required(),
    REASON,
    Field::new("actor", Text, "Who, as the service says"),
    Field::new("platform", Text, "Through what"),
    Field::new("service", Text, "Of which service").nullable(),
    Field::new("previous_status", OneOf(STATUSES), "What it was").nullable(),
    Field::new("new_status", OneOf(STATUSES), "What it is").nullable(),
];
pub(crate) const ACKNOWLEDGE: &[Field] = &[
    Field::new("app_id", Text, "The service's id").required(),
    Field::new("instance", Pattern("^[A-Za-z0-9._:@-]{1,128}$"), "Names it among those of its service").required(),
    Field::new(
        "cursor",
        Pattern("^[A-Za-z0-9]{8,64}:[0-9]{1,18}:[0-9a-f]{16}$"),
        "What it enforces: the cursor of the last frame; one that leaves may leave it out",
    )
    .required(),
    Field::new("digest", Text, "The digest of what it enforces"),
    Field::new("process", Pattern("^[A-Za-z0-9._:@-]{1,128}$"), "Which of its starts it is, as in `X-Waygate-Process`"),
    Field::new("sequence", SERIAL, "Counts the acknowledgements of that start"),
    Field::new("rejected", List(NOT_APPLIED), "What it could not apply; the first 16"),
    Field::new("leaving", Flag, "It ends, in order"),
    Field::new(
        "shares",
        Kind::Object(SHARES),
        "It asks for its shares of divided limits; one that leaves has given them up",
    ),
];
const SERIAL: Kind = Whole { least: 0, most: 9_007_199_254_740_991 };
const SHARES: &[Field] = &[
    Field::new("service", SERIAL, "The serial of the grant by which it enforces limits of its service; 0 for none"),
    Field::new("global", SERIAL, "The serial of that for the limit of everything"),
];
const NOT_APPLIED: &[Field] =
    &[Field::new("what", Text, "Which element").required(), Field::new("why", Text, "Why it could not be applied")];
pub(crate) const HITS_REPORT: &[Field] = &[
    Field::new("app_id", Text, "The service's id").required(),
    Field::new("instance", Text, "Names the instance among those of its service"),
    Field::new("hits", List(HIT), "At most 1,000: requests that one limit has denied alike").required(),
    Field::new("dropped", COUNT, "How many denied requests are in none of these"),
    Field::new("callers", List(CALLER), "At most 100: whom limits have denied most"),
];
const CALLER: &[Field] = &[
    Field::new("policy", Text, "`global`, `service`, or the key of the route's limit").required(),
    Field::new("caller", Text, "A name that tells callers apart; never what they have sent").required(),
    Field::new("count", COUNT, "How many requests").required(),
    Field::new("over", COUNT, "How many of these may have been others'"),
];
const HIT: &[Field] = &[
    Field::new("path", Text, "The route's template; empty where no route is known").required(),
    Field::new("method", Text, "The method").required(),
    Field::new("layer", Text, "`global_limit`, `service_limit` or `route_limit`").required(),
    Field::new("policy", Text, "`global`, `service`, or the key of the route's limit").required(),
    Field::new("key", Text, "By what callers were told apart; never what they sent").required(),
    Field::new("limit", Text, "The limit").required(),
    Field::new("tier", Text, "The caller's tier").nullable(),
    Field::new("shadow", Flag, "They were let through, because the limit only counts"),
    Field::new("count", COUNT, "How many requests").required(),
    Field::new("timestamp", Time, "The latest of them").required(),
    Field::new("reset_at", Time, "When that one's caller would pass again").required(),
];
pub(crate) const TRAFFIC_REPORT: &[Field] = &[
    Field::new("app_id", Text, "The service's id").required(),
    Field::new("instance", Text, "Names the instance among those of its service"),
    Field::new("counts", List(TRAFFIC_COUNT), "At most 1,000: the requests of one route in one second").required(),
];
const COUNTED: Kind = Whole { least: 0, most: 10_000_000 };
const TRAFFIC_COUNT: &[Field] = &[
    Field::new("seconds_ago", Whole { least: 0, most: 120 }, "How long ago that second was"),
    Field::new("method", Text, "The route's method").required(),
    Field::new("path", Text, "The route's template; empty where no route is known").required(),
    Field::new("allowed", COUNTED, "How many were let through"),
    Field::new("limited", COUNTED, "How many were beyond a limit"),
    Field::new("blocked", COUNTED, "How many were stopped by maintenance, or because the route is disabled"),
    Field::new("gated", COUNTED, "How many were not for this environment"),
    Field::new("shadow", COUNTED, "How many were let through because what would have stopped them only counts"),
];
