//! What holds for any input at all: here for some that are made up quickly, under `fuzz/` for many more.

mod requests;

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use waygate_server::{Endpoint, endpoints};

/// The requests that the fuzzer begins with.
fn seeds() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/requests");
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let mut seeds: Vec<String> = files.collect();
    seeds.sort();
    seeds
}

/// The methods and targets of a script.
fn lines(script: &str) -> impl Iterator<Item = (&str, &str)> {
    script.split("\n---\n").map(|request| request.lines().next().unwrap().split_once(' ').unwrap())
}

fn is_of(endpoint: &Endpoint, (method, target): (&str, &str)) -> bool {
    let target = target.split('?').next().unwrap();
    // Path keys are written out, with slashes.
    let flat = match (target.split_once('<'), target.split_once('>')) {
        (Some((before, _)), Some((_, after))) => format!("{before}*{after}"),
        _ => target.to_owned(),
    };
    let same = |(pattern, segment): (&str, &str)| pattern == segment || (pattern.starts_with('{') && segment != "hits");
    method == endpoint.method.as_str()
        && flat.split('/').count() == endpoint.path.split('/').count()
        && endpoint.path.split('/').zip(flat.split('/')).all(same)
}

/// A new endpoint must be given to the fuzzer too.
#[test]
fn every_endpoint_is_among_the_seeds() {
    let seeds = seeds();
    for endpoint in endpoints() {
        let found = seeds.iter().any(|script| lines(script).any(|line| is_of(&endpoint, line)));
        assert!(found, "no script in fuzz/seeds/requests calls {endpoint:?}");
    }
}

#[tokio::test]
async fn seeds_do_what_they_are_for() {
    for script in seeds() {
        let statuses = requests::are_answered(&script).await;
        assert_eq!(statuses.len(), lines(&script).count(), "{script}");
        let good = statuses.iter().filter(|status| **status < 400).count();
        assert!(good * 2 > statuses.len(), "most of a seed's requests are good: {statuses:?}\n{script}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop::sample::select(
        &[
            "",
            "x",
            "GET:/a",
            "/b",
            "pay:GET:/a",
            "pay",
            "2999-01-01",
            "2999-01-02T00:00:00Z",
            "100/minute",
            "10.0.0.0/8",
            "disable",
            "user",
            "header:X",
            "moving_window",
            "http://a:b",
            "\u{0}\u{2028}é",
            "__waygate:global__",
            "prod",
            "active",
        ][..],
    );
    let leaf = prop_oneof![
        6 => text.prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => prop::sample::select(vec![json!(0), json!(1), json!(-1), json!(u64::MAX), json!(i64::MIN), json!(1.5)]),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let name = prop::sample::select(
            &["action", "route", "reason", "path", "status", "name", "limit", "force_active", "window", "until"][..],
        );
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((name.prop_map(str::to_owned), inner), 0..5).prop_map(|fields| fields.into_iter().collect::<Value>()),
        ]
    })
}

/// A request that comes near to something: an endpoint with its fields, and values for them.
fn request() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(
        &["<pay:GET:/a>", "<GET:/a>", "</b>", "<orders:/nope>", "pay", "R%26D", "%00", "!!", "none", "<é>", "\u{1}"][..],
    );
    let query = prop::sample::select(
        &[
            "",
            "?dry_run=true",
            "?limit=1&cursor=x",
            "?limit=0",
            "?service=pay&service=pay",
            "?since=x&until=%ff",
            "?id=1",
            "?method=GET",
            "?window=-1&action=disable",
        ][..],
    );
    let head = prop::sample::select(
        &[
            "",
            "if-match: 1\n",
            "if-match: \"x\"\n",
            "x-waygate-token: v4.local.x\n",
            "cookie: waygate_session=x\n",
            "authorization: Bearer x\n",
            "last-event-id: 0123456789abcdef:1:0000000000000001\n",
            "x-waygate-app-id: pay\n",
        ][..],
    );
    let fields = vec((field(), value()), 0..6);
    (prop::sample::select(endpoints()), segment, query, head, fields).prop_map(
        |(endpoint, segment, query, head, fields)| {
            let mut path = endpoint.path.to_owned();
            if let (Some(open), Some(close)) = (path.find('{'), path.find('}')) {
                path.replace_range(open..=close, segment);
            }
            let body =
                Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>());
            format!("{} {path}{query}\n{head}\n{body}", endpoint.method)
        },
    )
}

fn field() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &[
            "reason",
            "until",
            "shadow",
            "expected_revision",
            "dry_run",
            "start",
            "end",
            "envs",
            "exempt_paths",
            "add",
            "remove",
            "include_force_active",
            "allow_unknown",
            "commands",
            "app_id",
            "states",
            "limit",
            "algorithm",
            "key_strategy",
            "burst",
            "on_missing_key",
            "tiers",
            "exempt_ips",
            "exempt_roles",
            "exempt_routes",
            "path",
            "method",
            "hits",
            "counts",
            "username",
            "password",
            "platform",
            "service",
            "url",
            "format",
            "services",
            "actions",
            "sunset_date",
            "successor_path",
            "enabled",
        ][..],
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_request_is_answered(script in vec(request(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(requests::are_answered(&script.join("\n---\n")));
    }
}
