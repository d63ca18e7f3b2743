//! `rl`, `srl` and `grl`: the same commands for three scopes.

use insta::assert_snapshot;
use serde_json::json;
use waygate_api::client::{Client, ClientOptions};
use waygate_api::paths;

use crate::context::{Fleet, shown};

/// The three groups, each with what names its subject.
const GROUPS: [(&[&str], &[&str]); 3] =
    [(&["rl"], &["payments-service:GET:/api/payments"]), (&["srl"], &["payments-service"]), (&["grl"], &[])];

fn line<'a>(group: &[&'a str], verb: &'a str, subject: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [group, &[verb], subject, more].concat()
}

#[test]
fn each_group_sets_shows_pauses_resumes_resets_and_deletes() {
    let fleet = Fleet::open().with_services();
    for (group, subject) in GROUPS {
        let run = |verb: &'static str, more: &[&'static str]| fleet.run(&line(group, verb, subject, more));
        let out = |verb, more| {
            let output = run(verb, more);
            assert!(output.status.success(), "{group:?} {verb}\n{}", shown(&output));
            String::from_utf8(output.stdout).unwrap()
        };
        let enabled = || fleet.json(&line(group, "get", subject, &[]))["enabled"].clone();
        assert!(out("set", &["100/minute", "--burst", "20"]).starts_with("stored: "));
        assert_eq!(enabled(), true);
        assert!(out("get", &[]).contains("100/minute"));
        assert!(out("disable", &[]).contains("PAUSED"));
        assert_eq!(enabled(), false);
        assert!(out("enable", &[]).contains("RESUMED"));
        assert_eq!(enabled(), true);
        let again = run("enable", &[]);
        assert!(String::from_utf8_lossy(&again.stderr).contains("it was already so"), "{}", shown(&again));
        assert!(out("reset", &[]).contains("counts start afresh"));
        assert!(out("delete", &[]).contains("deleted"));
        for verb in ["disable", "enable", "reset", "delete"] {
            let gone = run(verb, &[]);
            assert_eq!(gone.status.code(), Some(3), "{group:?} {verb}\n{}", shown(&gone));
        }
        assert_eq!(run("set", &["many/minute"]).status.code(), Some(2));
        assert_eq!(run("set", &["5/minute", "--on-backend-failure", "panic"]).status.code(), Some(2));
        for burst in ["-1", "1000000001"] {
            let refused = run("set", &["5/minute", "--burst", burst]);
            assert!(String::from_utf8_lossy(&refused.stderr).contains("0..=1000000000"), "{}", shown(&refused));
        }
    }
}

#[test]
fn a_limit_is_shown_with_all_that_it_says() {
    let fleet = Fleet::open().with_services();
    let settings = [
        "10/second;100/minute",
        "--algorithm",
        "token_bucket",
        "--key",
        "header:X-Tenant",
        "--on-missing-key",
        "block",
        "--on-backend-failure",
        "closed",
        "--burst",
        "5",
        "--exempt",
        "/health",
        "--exempt-ip",
        "10.0.0.0/8",
        "--exempt-role",
        "staff",
        "--tier",
        "free=10/minute",
        "--tier",
        "pro=unlimited",
    ];
    assert_snapshot!(fleet.told(&line(&["srl"], "set", &["payments-service"], &settings)), @r#"
        exit: 0
        -- stdout
        stored: Service rate limit (payments-service): 10/second;100/minute · token_bucket · header:X-Tenant · burst 5
        -- stderr
        stored at [URL]; `--wait` waits until every instance enforces it
        "#);
    assert_snapshot!(fleet.told(&["srl", "get", "payments-service"]), @r#"
        exit: 0
        -- stdout
        FIELD               VALUE
        Limit               10/second;100/minute
        Algorithm           token_bucket
        Key strategy        header:X-Tenant
        Burst               5
        Enabled             yes
        Counts only         no
        Origin              operator
        Service             payments-service
        On missing key      block
        On backend failure  closed
        Tiers               free=10/minute, pro=unlimited
        Exempt routes       /health
        Exempt addresses    10.0.0.0/8
        Exempt roles        staff
        -- stderr
        "#);
    assert_snapshot!(fleet.told(&["grl", "get"]), @r#"
        exit: 0
        -- stdout
        -- stderr
        Global rate limit: none is set
        "#);
    assert_snapshot!(fleet.told(&["rl", "get", "payments-service:GET:/api/payments"]), @r#"
        exit: 3
        -- stdout
        -- stderr
        error: there is no rate limit for `payments-service:GET:/api/payments`
        "#);
    assert_snapshot!(fleet.told(&["rl", "set", "payments-service:/api/nothing", "5/minute"]), @r#"
        exit: 3
        -- stdout
        -- stderr
        error: no route `payments-service:/api/nothing` is known
          `--allow-unknown` takes one that is yet to come
        "#);
}

#[test]
fn g50_reset_says_how_many_limits_it_means() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["rl", "set", "orders-service:GET:/api/orders", "5/minute"]);
    fleet.ok(&["rl", "set", "orders-service:POST:/api/orders", "5/minute"]);
    assert_snapshot!(fleet.told(&["rl", "reset", "orders-service:/api/orders"]), @r#"
        exit: 0
        -- stdout
        stored: Rate limit of orders-service:/api/orders: counts start afresh (2 limits)
        -- stderr
        stored at [URL]; `--wait` waits until every instance enforces it
        "#);
    assert_snapshot!(fleet.told(&["rl", "disable", "orders-service:/api/orders"]), @r#"
        exit: 5
        -- stdout
        -- stderr
        error: ambiguous: 2 routes fit; name one of them
          orders-service:GET:/api/orders
          orders-service:POST:/api/orders
        "#);
    assert_snapshot!(fleet.told(&["rl", "list", "--service", "orders-service"]), @r#"
        exit: 0
        -- stdout
        SERVICE         METHOD  PATH         LIMIT     ALGORITHM     KEY  BURST  ENABLED  ORIGIN
        orders-service  GET     /api/orders  5/minute  fixed_window  ip   —      yes      operator
        orders-service  POST    /api/orders  5/minute  fixed_window  ip   —      yes      operator
        -- stderr
        "#);
}

#[test]
fn denied_requests_are_listed_the_latest_first() {
    let fleet = Fleet::open().with_services();
    assert_snapshot!(fleet.told(&["rl", "hits"]), @r#"
        exit: 0
        -- stdout
        -- stderr
        no denied requests were reported
        "#);
    let hit = |path: &str, count: u64, second: u64| {
        json!({"path": path, "method": "GET", "layer": "route_limit", "policy": format!("GET:{path}"), "key": "ip",
               "limit": "2/minute", "count": count, "timestamp": format!("2030-01-01T00:00:0{second}Z"),
               "reset_at": "2030-01-01T00:01:00Z"})
    };
    let client = Client::new(fleet.url.parse().unwrap(), &ClientOptions::default()).unwrap();
    let report = json!({"app_id": "payments-service", "instance": "one", "dropped": 0,
                        "hits": [hit("/api/payments", 3, 1), hit("/api/refunds", 1, 2)]});
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client.post::<serde_json::Value>(paths::SDK_HITS, &report)).unwrap();
    assert_snapshot!(fleet.told(&["rl", "hits"]), @r#"
        exit: 0
        -- stdout
        TIME (UTC)           SERVICE           METHOD  PATH           DENIED  LIMIT     POLICY             KEY  TIER  INSTANCE
        2030-01-01 00:00:02  payments-service  GET     /api/refunds   1       2/minute  GET:/api/refunds   ip   —     one
        2030-01-01 00:00:01  payments-service  GET     /api/payments  3       2/minute  GET:/api/payments  ip   —     one
        -- stderr
        "#);
    let only = fleet.json(&["rl", "hits", "--route", "/api/payments", "--service", "payments-service"]);
    assert_eq!((only.as_array().unwrap().len(), &only[0]["count"]), (1, &json!(3)));
    let page = String::from_utf8(fleet.ok(&["rl", "hits", "--per-page", "1", "--page", "2"]).stdout).unwrap();
    assert!(page.contains("/api/payments") && !page.contains("/api/refunds"), "{page}");
}

#[test]
fn clients_that_cannot_are_told_of_on_stderr() {
    let fleet = Fleet::open().with_services();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    drop(rustls::crypto::ring::default_provider().install_default());
    let open = |path: &str| {
        let request = reqwest::Client::new().get(format!("{}{path}", fleet.url));
        runtime.block_on(request.header("X-Waygate-App-Id", "payments-service").send()).unwrap()
    };
    // Two of the reference's SDK, and one of ours.
    let _streams = (open("/api/sdk/events"), open("/api/sdk/events"), open("/api/sdk/stream?service=payments-service"));
    let route = "payments-service:GET:/api/payments";
    let of = |what: &str| format!("2 of 3 connected instances of payments-service {what}");
    let service = of("cannot enforce service limits");
    let global = of("cannot enforce global limits");
    let bucket = of("has no `token_bucket` and enforces nothing");
    let reset = of("cannot reset its counters; they run out with their period");
    for (line, said) in [
        ("srl set payments-service 9/minute", format!("stored; {service}")),
        ("srl get payments-service", service.clone()),
        ("srl enable payments-service", format!("stored; {service}")),
        ("srl reset payments-service", format!("stored; {reset}")),
        ("grl set 9/minute", format!("stored; {global}")),
        ("grl get", global.clone()),
        ("grl reset", format!("stored; {reset}")),
        ("rl set payments-service:GET:/api/payments 9/minute --algorithm token_bucket", format!("stored; {bucket}")),
        ("rl get payments-service:GET:/api/payments", bucket.clone()),
        ("rl list", format!("{route}: {bucket}")),
        ("rl reset payments-service:GET:/api/payments", format!("stored; {reset}")),
    ] {
        let output = fleet.ok(&line.split(' ').collect::<Vec<_>>());
        assert!(
            String::from_utf8_lossy(&output.stderr).contains(&format!("note: {said}\n")),
            "{line}\n{}",
            shown(&output)
        );
        assert!(!String::from_utf8_lossy(&output.stdout).contains("2 of 3"), "{line}\n{}", shown(&output));
    }
    let others = fleet.ok(&["srl", "set", "orders-service", "9/minute"]);
    assert!(!String::from_utf8_lossy(&others.stderr).contains("note: "), "nobody of that service");
}
