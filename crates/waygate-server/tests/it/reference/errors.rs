//! Of every refusal, what it means.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use waygate_api::error::ErrorCode;
use waygate_core::{
    Denial, DenialResponse, Environment, Exceeded, Layer, LocalKey, RateLimitPolicy, Standing, Timestamp,
};

use crate::helpers::TestServer;
use crate::reference::hold;

const HEAD: &str = "# Errors

## What the control plane refuses

Every answer of the API with a status of 400 and above has this shape. Nothing was changed then, with one exception:
`store_unacknowledged`.
";

const FIELDS: &str = "
| field | what it is |
|---|---|
| `error` | one sentence for a person |
| `code` | a stable word for programs, one of the table below; take one that you do not know by its status |
| `field` | the field, parameter or header at fault; `a.b[2]` within an object |
| `near` | names that look like an unknown one |
| `ambiguous_matches` | the routes that an ambiguous name may mean |
| `request_id` | finds the request in the server's log; also the header `X-Request-Id` |

| status | `code` | means |
|---|---|---|
";

const DENIALS: &str = "
The command line says the same in words; its exit codes are those of [The command line](cli.md#everywhere).

## What a guarded service answers

What callers get of requests that a service stops, whatever its framework.
";

#[tokio::test]
async fn errors_are_those_of_the_code() {
    let server = TestServer::start().await;
    server.register("payments-service", &["GET:/api/payments"]).await;
    let unknown = server.admin().await.get(&crate::helpers::route("payments-service:GET:/api/payment", "")).await;
    let (status, _) = unknown.refusal();
    let mut body = unknown.body;
    body["request_id"] = "5b8f0d1c2e3a4b5c".into();

    let mut out = format!("{HEAD}\n```json\n{}\n```\n{FIELDS}", serde_json::to_string_pretty(&body).unwrap());
    assert!(status == ErrorCode::UnknownRoute.status() && ErrorCode::ALL.is_sorted_by_key(|code| code.status()));
    for code in ErrorCode::ALL {
        let name = serde_json::to_value(code).unwrap();
        writeln!(out, "| {} | `{}` | {} |", code.status(), name.as_str().unwrap(), code.meaning()).unwrap();
    }
    out.push_str(DENIALS);
    for (title, answer) in denials() {
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        let wait = answer.retry_after.map(|seconds| format!(" and `Retry-After: {seconds}`")).unwrap_or_default();
        let body = serde_json::to_string_pretty(&body).unwrap();
        write!(out, "\n### {title}\n\nStatus {}{wait}.\n\n```json\n{body}\n```\n", answer.status).unwrap();
    }
    hold("errors.md", &out);
}

fn denials() -> Vec<(&'static str, DenialResponse)> {
    const PATH: &str = "/api/payments";
    let now: Timestamp = "2027-01-15T08:30:00Z".parse().unwrap();
    let until = Some("2027-01-15T09:00:00Z".parse().unwrap());
    let environment: Environment = "production".parse().unwrap();
    let allowed = ["dev", "staging"].map(|name| name.parse().unwrap()).into();
    let route: LocalKey = "GET:/api/payments".parse().unwrap();
    let policy: RateLimitPolicy =
        serde_json::from_str(r#"{"limit": "100/minute", "enabled": true, "generation": 0, "changed_at": 4}"#).unwrap();
    let standing = Standing {
        layer: Layer::RouteLimit,
        route: Some(&route),
        policy: &policy,
        tier: None,
        limit: &policy.limit,
        quota: policy.limit.quotas()[0],
        capacity: 100,
        remaining: 0,
        at: now,
        reset_after: Duration::from_secs(17),
    };
    let maintenance = Denial::Maintenance { layer: Layer::Route, reason: "DB migration", until };
    vec![
        ("In maintenance: the route, its service, or everything", maintenance.response(PATH, now)),
        ("Disabled", Denial::Disabled { reason: "hotfix", until: None }.response(PATH, now)),
        (
            "Limited to other environments",
            Denial::EnvGated { current: Some(&environment), allowed: &allowed }.response(PATH, now),
        ),
        ("Beyond a rate limit", Exceeded { standing, missing_key: false }.response(PATH)),
    ]
}
