//! `reference.md` beside this file, and the section of `docs/reference/metrics.md`, made of the definitions.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::definition::{ALL, Kind};

/// Where the section begins; what stands before it is the server's.
const SECTION: &str = "## In services

Services in Rust tell these to whatever recorder of the crate `metrics` they have installed, with the SDK's feature `metrics`: see
[Watch it](../howto/watching.md#services). The names are theirs to scrape; the control plane does not collect them.

";

fn table() -> String {
    let mut out = "| metric | kind | labels | what it tells |\n|---|---|---|---|\n".to_owned();
    for definition in ALL {
        let labels: Vec<String> = definition.labels.iter().map(|label| format!("`{label}`")).collect();
        let kind = match definition.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let _ = writeln!(out, "| `{}` | {kind} | {} | {} |", definition.name, labels.join(", "), definition.help);
    }
    out
}

fn written(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn the_reference_is_that_of_the_definitions() {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/metrics/reference.md");
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/metrics.md");
    let text = written(&page);
    let before = text.split(SECTION.lines().next().unwrap()).next().unwrap();
    let expected = format!("{}\n\n{SECTION}{}", before.trim_end(), table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        for (path, text) in [(&own, &table()), (&page, &expected)] {
            std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
        }
    }
    for (path, expected) in [(&own, &table()), (&page, &expected)] {
        assert!(written(path) == *expected, "{} is out of date: run this test with UPDATE_DOCS=1", path.display());
    }
}

#[test]
fn definitions_are_well_formed() {
    for definition in ALL {
        assert!(definition.name.starts_with("waygate_sdk_") && !definition.help.ends_with('.'), "{}", definition.name);
        assert_eq!(definition.name.ends_with("_total"), definition.kind == Kind::Counter, "{}", definition.name);
    }
}
