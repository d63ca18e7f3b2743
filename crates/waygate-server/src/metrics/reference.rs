//! `docs/reference/metrics.md`, made of the definitions.

use std::fmt::Write as _;
use std::path::Path;

use crate::metrics::definition::{ALL, Definition, Kind};

const OF_SERVICES: &str = "\n## In services\n";
const HEAD: &str = "# Metrics

`GET /metrics` gives these in OpenMetrics text. People who may see every service read it with their token; for a scraper there is
`--metrics-token` (`WAYGATE_METRICS_TOKEN`, `metrics_token`), which is good for nothing else: Prometheus sends it by
`authorization: {credentials_file: …}`. A server without authentication gives them to whoever reaches it, unless a token for
metrics is set. `deploy/grafana` and `deploy/prometheus` have a dashboard and alerts that use them.

Counters begin at zero with the process, and appear with their first count. Every node tells what it has seen itself; what
is said of commits, routes and instances is the same on every node, so take the highest over nodes, not the sum.

| metric | kind | labels | what it tells |
|---|---|---|---|
";

fn reference() -> String {
    let mut out = HEAD.to_owned();
    for definition in ALL {
        let labels: Vec<String> = definition.labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} |",
            shown(definition),
            kind(definition.kind),
            labels.join(", "),
            definition.help
        );
    }
    out
}

/// The name as queries have it; of a histogram what `_bucket`, `_sum` and `_count` are put after.
fn shown(definition: &Definition) -> String {
    match definition.kind {
        Kind::Counter => format!("{}_total", definition.name),
        Kind::Info => format!("{}_info", definition.name),
        Kind::Gauge | Kind::Histogram => definition.name.to_owned(),
    }
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Info => "info",
    }
}

#[test]
fn the_reference_is_that_of_the_definitions() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/metrics.md");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    // What follows is the SDK's, and held by its own test.
    let expected = written.find(OF_SERVICES).map_or_else(reference, |at| reference() + &written[at..]);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let mut file = std::fs::File::create(&path).unwrap();
        std::io::Write::write_all(&mut file, expected.as_bytes()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == expected, "docs/reference/metrics.md is out of date: run this test with UPDATE_DOCS=1");
}

#[test]
fn definitions_are_well_formed() {
    for definition in ALL {
        assert!(definition.name.starts_with("waygate_"), "{}", definition.name);
        assert!(!definition.name.ends_with("_total") && !definition.help.ends_with('.'), "{}", definition.name);
        assert_eq!(definition.kind == Kind::Histogram, !definition.buckets.is_empty(), "{}", definition.name);
        assert!(definition.buckets.is_sorted(), "{}", definition.name);
    }
}
