//! `docs/reference/{http,errors,events}.md`, made of what the server says of itself and of what it sends.

mod errors;
mod events;
mod http;

use std::path::Path;

/// Compares a page of the reference with what it should be; with `UPDATE_DOCS` in the environment writes it.
fn hold(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let mut file = std::fs::File::create(&path).unwrap();
        std::io::Write::write_all(&mut file, expected.as_bytes()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == expected, "docs/reference/{name} is out of date: run this test with UPDATE_DOCS=1");
}
