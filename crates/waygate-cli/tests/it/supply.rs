//! What the workspace is made of, held against `deny.toml`, also where `cargo deny` is not installed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Everything of `Cargo.lock`, for all targets, tests included.
fn packages() -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut cargo = Command::new(env!("CARGO"));
    let cargo = cargo.args(["metadata", "--all-features", "--locked", "--offline", "--format-version", "1"]);
    let output = cargo.current_dir(root).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().iter().filter(|package| !package["source"].is_null()).cloned().collect()
}

fn rules() -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deny.toml");
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn texts(list: &toml::Value) -> BTreeSet<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn every_licence_is_one_that_is_accepted() {
    let rules = rules();
    let allowed = texts(&rules["licenses"]["allow"]);
    let exceptions: BTreeMap<&str, BTreeSet<&str>> = rules["licenses"]["exceptions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|exception| (exception["crate"].as_str().unwrap(), texts(&exception["allow"])))
        .collect();
    let mut excepted = BTreeSet::new();
    for package in packages() {
        let (name, licence) = (package["name"].as_str().unwrap(), package["license"].as_str().unwrap_or_default());
        let plain = licence.replace('/', " OR ").replace(['(', ')'], "");
        let is_good = |one: &str| allowed.contains(one) || exceptions.get(name).is_some_and(|more| more.contains(one));
        let all = plain.split(" AND ").all(|part| part.split(" OR ").any(|one| is_good(one.trim())));
        assert!(all, "{name} is under `{licence}`, which deny.toml does not accept");
        excepted.extend(exceptions.get_key_value(name).map(|(name, _)| *name));
    }
    assert_eq!(excepted, exceptions.keys().copied().collect(), "exceptions for what is no longer used");
}

#[test]
fn each_crate_is_there_once_or_has_an_excuse() {
    let rules = rules();
    let mut excuses: BTreeSet<String> = BTreeSet::new();
    for skipped in rules["bans"]["skip"].as_array().unwrap() {
        assert!(!skipped["reason"].as_str().unwrap().is_empty());
        excuses.insert(skipped["crate"].as_str().unwrap().to_owned());
    }
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages() {
        let text = |field: &str| package[field].as_str().unwrap().to_owned();
        versions.entry(text("name")).or_default().push(text("version"));
    }
    let banned: Vec<&str> =
        rules["bans"]["deny"].as_array().unwrap().iter().map(|banned| banned["crate"].as_str().unwrap()).collect();
    for banned in banned {
        assert!(!versions.contains_key(banned), "{banned} is banned by deny.toml");
    }
    let mut used = BTreeSet::new();
    for (name, several) in versions.into_iter().filter(|(_, several)| several.len() > 1) {
        let fits = |version: &&String| {
            excuses.iter().find(|excuse| {
                let (crate_name, begin) = excuse.split_once('@').unwrap();
                crate_name == name && (version.starts_with(&format!("{begin}.")) || version.as_str() == begin)
            })
        };
        let excused: Vec<&String> = several.iter().filter_map(|version| fits(&version)).collect();
        assert!(several.len() - excused.len() <= 1, "{name} is there as {several:?}; deny.toml has no reason for it");
        used.extend(excused.into_iter().cloned());
    }
    assert_eq!(used, excuses, "deny.toml excuses what is no longer so");
}

/// What is handed out as a package: by name, with what the registry shows of it.
fn published() -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut cargo = Command::new(env!("CARGO"));
    let cargo = cargo.args(["metadata", "--no-deps", "--locked", "--offline", "--format-version", "1"]);
    let output = cargo.current_dir(root).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = metadata["packages"].as_array().unwrap().iter();
    all.filter(|package| package["publish"].is_null()).cloned().collect()
}

#[test]
fn packages_say_what_they_are() {
    let packages = published();
    assert_eq!(packages.len(), 6, "{:?}", packages.iter().map(|package| &package["name"]).collect::<Vec<_>>());
    for package in packages {
        for field in ["description", "license", "repository", "readme", "rust_version"] {
            let told = package[field].as_str().unwrap_or_default();
            assert!(!told.is_empty(), "{}: no `{field}`", package["name"]);
        }
        for field in ["keywords", "categories"] {
            let count = package[field].as_array().unwrap().len();
            assert!((1..=5).contains(&count), "{}: {count} `{field}`", package["name"]);
        }
    }
}

#[test]
fn packages_hold_all_that_they_are_built_of_and_nothing_else() {
    for package in published() {
        let name = package["name"].as_str().unwrap();
        let directory = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned();
        let mut cargo = Command::new(env!("CARGO"));
        let cargo = cargo.args(["package", "--list", "--offline", "--allow-dirty", "-p", name]);
        let output = cargo.current_dir(&directory).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let packed = String::from_utf8(output.stdout).unwrap();
        let packed: BTreeSet<&str> = packed.lines().collect();
        for needed in ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "Cargo.toml"] {
            assert!(packed.contains(needed), "{name}: `{needed}` is not packed");
        }
        for part in ["templates", "assets"] {
            for file in std::fs::read_dir(directory.join(part)).into_iter().flatten() {
                let file = format!("{part}/{}", file.unwrap().file_name().to_str().unwrap());
                assert!(packed.contains(&*file), "{name}: `{file}` is not packed");
            }
        }
        let known = [
            "src/",
            "tests/",
            "benches/",
            "templates/",
            "assets/",
            "README.md",
            "LICENSE-",
            "Cargo.",
            ".cargo_vcs_info.json",
        ];
        for file in packed {
            assert!(known.iter().any(|begin| file.starts_with(begin)), "{name}: `{file}` is packed");
            let is_secret = [".secret", ".env"].iter().any(|ending| file.ends_with(ending));
            assert!(!is_secret, "{name}: `{file}` is packed");
        }
    }
}
