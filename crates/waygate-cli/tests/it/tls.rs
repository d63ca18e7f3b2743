//! A control plane whose certificate is from an authority of one's own.

use std::path::PathBuf;

use rcgen::{CertificateParams, KeyPair};

use crate::context::{Fleet, shown};

/// A certificate and its key, in files that outlive the call.
fn certificate(directory: &tempfile::TempDir) -> (PathBuf, PathBuf) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (certificate_path, key_path) = (directory.path().join("ca.pem"), directory.path().join("key.pem"));
    std::fs::write(&certificate_path, certificate.pem()).unwrap();
    std::fs::write(&key_path, key.serialize_pem()).unwrap();
    (certificate_path, key_path)
}

#[test]
fn an_authority_of_ones_own_is_trusted_where_it_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(&directory);
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let fleet = Fleet::start(&["--tls-cert", certificate, "--tls-key", key]);
    assert!(fleet.url.starts_with("https://"), "{}", fleet.url);

    let exit_and_words = |command: &mut std::process::Command| {
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (exit, words) = exit_and_words(&mut fleet.command(&["services"]));
    assert_eq!(exit, Some(6), "{words}");
    assert!(words.contains("certificate"), "{words}");
    let (exit, words) = exit_and_words(&mut fleet.command(&["services", "--ca", certificate]));
    assert_eq!(exit, Some(0), "{words}");
    let (exit, words) = exit_and_words(fleet.command(&["services"]).env("WAYGATE_CA_FILE", certificate));
    assert_eq!(exit, Some(0), "{words}");

    let (exit, words) = exit_and_words(&mut fleet.command(&["services", "--ca", "/nowhere/ca.pem"]));
    assert_eq!(exit, Some(2), "{words}");
    assert!(words.contains("/nowhere/ca.pem") && words.contains("--ca"), "{words}");
    let (exit, words) = exit_and_words(&mut fleet.command(&["services", "--ca", key]));
    assert_ne!(exit, Some(0), "{words}");
    assert!(words.contains("BEGIN CERTIFICATE"), "{words}");
}

/// A machine without certificates, as small images are, reaches a control plane beside it.
#[test]
fn a_plain_url_needs_no_authorities() {
    let fleet = Fleet::open().with_services();
    let nowhere = fleet.home.path().join("nowhere");
    let run = |line: &[&str]| {
        fleet.command(line).env("SSL_CERT_FILE", &nowhere).env("SSL_CERT_DIR", &nowhere).output().unwrap()
    };
    let plain = run(&["services", "-o", "name"]);
    assert!(plain.status.success() && plain.stderr.is_empty(), "{}", shown(&plain));
    let secret = run(&["services", "-S", "https://127.0.0.1:1"]);
    assert!(!secret.status.success(), "{}", shown(&secret));
}
