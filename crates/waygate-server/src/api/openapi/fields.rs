//! What endpoints take.

use crate::api::batch;
use crate::api::openapi::field::Field;
use crate::api::openapi::field::Kind::{self, Flag, List, OneOf, Pattern, Text, Texts, TextsOf, Time, Whole};

/// What the audit log calls what was done.
pub(super) const ACTIONS: &[&str] = &[
    "enable",
    "disable",
    "maintenance_on",
    "env_gate",
    "schedule",
    "schedule_cancel",
    "deprecate",
    "undeprecate",
    "route_remove",
    "service_remove",
    "global_maintenance_on",
    "global_maintenance_off",
    "global_maintenance_edit",
    "service_maintenance_on",
    "service_maintenance_off",
    "service_maintenance_edit",
    "register",
    "token_issue",
    "token_revoke",
    "login",
    "login_failed",
    "logout",
    "webhook_set",
    "webhook_removed",
    "webhook_secret_rotated",
    "rl_policy_set",
    "rl_policy_updated",
    "rl_policy_deleted",
    "rl_policy_enabled",
    "rl_policy_disabled",
    "rl_reset",
    "global_rl_set",
    "global_rl_updated",
    "global_rl_deleted",
    "global_rl_enabled",
    "global_rl_disabled",
    "global_rl_reset",
    "svc_rl_set",
    "svc_rl_updated",
    "svc_rl_deleted",
    "svc_rl_enabled",
    "svc_rl_disabled",
    "svc_rl_reset",
    "import",
];
const STATUSES: &[&str] = &["active", "maintenance", "disabled", "env_gated", "deprecated"];
const COUNT: Kind = Whole { least: 0, most: i64::MAX.unsigned_abs() };

pub(crate) const DRY_RUN: Field = Field::new("dry_run", Flag, "Only find out what would change");
pub(crate) const EXPECTED_REVISION: Field =
    Field::new("expected_revision", COUNT, "The subject's `changed_at` that the caller saw; as `If-Match`");
const REASON: Field = Field::new("reason", Text, "Why, in at most 2,000 characters; callers and the log are told");
const UNTIL: Field = Field::new("until", Time, "When it ends by itself");
const SHADOW: Field = Field::new("shadow", Flag, "Count what would be blocked, do not block");
const START: Field = Field::new("start", Time, "When a planned window opens");
const END: Field = Field::new("end", Time, "When it ends by itself");
const ENVS: Field = Field::new("envs", Texts, "Where the route answers; none blocks everywhere").required();
const SERVICE: Field = Field::new("service", Text, "Only of this service");
const LIMIT: Field = Field::new("limit", Whole { least: 1, most: 1000 }, "How many on a page; all when left out");
const CURSOR: Field = Field::new("cursor", Text, "The `X-Waygate-Next` of the page before");
const ALLOW_UNKNOWN: Field = Field::new("allow_unknown", Flag, "Accept what nothing is known of yet");
const METHOD: Field = Field::new("method", OneOf(METHODS), "A method, or `ALL`");
const METHODS: &[&str] = &["ALL", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
const ALGORITHMS: &[&str] = &["fixed_window", "sliding_window", "moving_window", "token_bucket"];
const KEY_STRATEGY: &str = "^(ip|user|api_key|global|custom|header:[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100})$";
const MISSING_KEYS: &[&str] = &["exempt", "fallback_ip", "block"];
const FAILURES: &[&str] = &["local", "open", "closed"];
const SHARINGS: &[&str] = &["per_replica", "divided"];

pub(crate) const ONLY_REASON: &[Field] = &[REASON];
pub(crate) const ENABLE: &[Field] = &[REASON, UNTIL];
pub(crate) const SWITCH: &[Field] = &[REASON, UNTIL, SHADOW];
pub(crate) const MAINTENANCE: &[Field] = &[REASON, UNTIL, SHADOW, START, END];
pub(crate) const GATE: &[Field] = &[ENVS, REASON, UNTIL, SHADOW];
pub(crate) const WINDOW: &[Field] = &[START.required(), END.required(), REASON, SHADOW];
pub(crate) const DEPRECATE: &[Field] = &[REASON, SUNSET, SUCCESSOR];
const SUNSET: Field =
    Field::new("sunset_date", Text, "When the route goes away: a date, an RFC 3339 time or an HTTP date").nullable();
const SUCCESSOR: Field = Field::new("successor_path", Text, "The path that replaces it").nullable();
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
pub(crate) const WINDOW_ID: &[Field] =
    &[Field::new("id", Whole { least: 0, most: u32::MAX as u64 }, "Only this window; all when left out")];
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
pub(crate) const LOGIN: &[Field] = &[
    Field::new("username", Text, "Who").required(),
    Field::new("password", Text, "Its password").required(),
    Field::new("platform", Text, "`cli`, `dashboard` or `sdk`"),
];
pub(crate) const LOGIN_FORM: &[Field] = &[
    Field::new("username", Text, "Who").required(),
    Field::new("password", Text, "Its password").required(),
    Field::new("next", Text, "Where to go then: a path of this server"),
];
pub(crate) const TOKENS: &[Field] = &[SERVICE, Field::new("holder", Text, "Only of this holder")];
pub(crate) const NEW_TOKEN: &[Field] = &[
    Field::new("service", Text, "The id of the service that it is bound to").required(),
    Field::new("expires_in", Whole { least: 60, most: 315_360_000 }, "How long it is good for, in seconds"),
];
pub(crate) const STREAM: &[Field] = &[Field::new("service", Text, "Whose changes")];
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
pub(crate) const HITS: &[Field] = &[
    SERVICE,
    Field::new("route", Text, "Only of this route"),
    Field::new("limit", Whole { least: 0, most: 10_000 }, "How many; 50 when left out"),
];
pub(crate) const WAIT: Field = Field::new(
    "wait",
    Pattern("^([0-9]|[1-5][0-9]|60)s?$|^[0-9]{1,4}ms$|^1m$"),
    "Answer when all instances concerned enforce it, or after this time: `5s`, `500ms`, at most `60s`",
);
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
pub(crate) const TRAFFIC: &[Field] = &[
    SERVICE,
    Field::new("route", Text, "Only of this route, in any of its names"),
    Field::new("window", OneOf(&["1m", "15m", "1h", "6h", "24h"]), "How far back; `15m` when left out"),
    Field::new("fine", Flag, "In points of a second, beyond 15 minutes of a minute; some ninety points when left out"),
    Field::new("from", Time, "From when on, instead of `window`; at most 24 hours ago"),
    Field::new("to", Time, "Until when; now when left out"),
    Field::new("outcome", OneOf(&["allowed", "limited", "blocked", "gated", "shadow"]), "Only these"),
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
pub(crate) const LIMITS: &[Field] = &[
    SERVICE,
    Field::new("route", Text, "Only of this route, in any of its names"),
    Field::new("method", OneOf(METHODS), "Only of this method"),
    Field::new("origin", OneOf(&["declared", "operator"]), "Only those that code declares, or that operators set"),
];
pub(crate) const LIMIT_OF: &[Field] = &[SERVICE, METHOD];
const LIMIT_TEXT: Field =
    Field::new("limit", Text, "Such as `100/minute`, `10/second;100/minute` or `unlimited`").required();
const TIER: &[Field] = &[
    Field::new("name", Text, "The tier that a caller is of").required(),
    Field::new("limit", Text, "Its limit, such as `1000/minute`").required(),
];
const ALGORITHM: Field = Field::new("algorithm", OneOf(ALGORITHMS), "How it counts").nullable();
const KEY: Field = Field::new("key_strategy", Pattern(KEY_STRATEGY), "What is counted apart").nullable();
const MISSING_KEY: Field =
    Field::new("on_missing_key", OneOf(MISSING_KEYS), "What becomes of callers without a key").nullable();
const BURST: Field = Field::new("burst", Whole { least: 0, most: 1_000_000_000 }, "How many more at once");
const TIERS: Field = Field::new("tiers", List(TIER), "At most 32 limits of their own, by the caller's tier");
const RESOLVER: Field = Field::new("tier_resolver", Text, "The attribute of a request that says the tier").nullable();
const EXEMPT_IPS: Field = Field::new("exempt_ips", Texts, "Addresses and ranges that are not counted");
const EXEMPT_ROLES: Field = Field::new("exempt_roles", Texts, "Roles that are not counted");
const EXEMPT_ROUTES: Field = Field::new("exempt_routes", Texts, "`/path` or `METHOD:/path` that is not counted");
const FAILURE: Field =
    Field::new("on_backend_failure", OneOf(FAILURES), "What holds without the shared counters, or without a share")
        .nullable();
const LIMIT_UNTIL: Field = Field::new("until", Time, "When it ends by itself").nullable();
const SHARE: Field =
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
const DECLARED_LIMIT: &[Field] = &[
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
const TARGET: Field =
    Field::new("url", Text, "Where to: `https://…`; kept sealed, shown without what makes it a secret");
const FORMAT: Field = Field::new("format", OneOf(&["generic", "slack"]), "How deliveries are written");
const OF_SERVICES: Field =
    Field::new("services", Texts, "Only of these services, and of what concerns all; none: of all");
const OF_ACTIONS: Field =
    Field::new("actions", TextsOf(ACTIONS), "Only these; none: all but what services and sessions do by themselves");
const ENABLED: Field = Field::new("enabled", Flag, "Whether it is told of anything");
pub(crate) const WEBHOOK: &[Field] = &[TARGET.required(), FORMAT, OF_SERVICES, OF_ACTIONS, ENABLED, REASON];
pub(crate) const EDIT_WEBHOOK: &[Field] = &[TARGET, FORMAT, OF_SERVICES, OF_ACTIONS, ENABLED, REASON];

#[cfg(test)]
mod tests {
    use waygate_core::{Action, Algorithm, KeyStrategy, OnBackendFailure, OnMissingKey, RouteMethod, Share};

    use super::*;

    #[test]
    fn names_are_those_that_are_accepted() {
        let refusal = serde_json::from_str::<Action>("\"explode\"").unwrap_err().to_string();
        let known: Vec<&str> = refusal.split('`').skip(3).step_by(2).collect();
        assert_eq!(known, ACTIONS);
        let methods: Vec<&str> =
            std::iter::once(RouteMethod::Any).chain(RouteMethod::NAMED).map(RouteMethod::as_str).collect();
        assert_eq!(methods, METHODS);
        assert!(ALGORITHMS.iter().all(|name| name.parse::<Algorithm>().is_ok()));
        assert!(MISSING_KEYS.iter().all(|name| name.parse::<OnMissingKey>().is_ok()));
        assert!(SHARINGS.iter().all(|name| name.parse::<Share>().is_ok()));
        assert!(FAILURES.iter().all(|name| name.parse::<OnBackendFailure>().is_ok()));
        assert!(KEY_STRATEGY.split(['(', '|']).skip(1).take(5).all(|name| name.parse::<KeyStrategy>().is_ok()));
    }
}
