//! `deploy/`: what cannot be run here is read, and held against what is true of the programs.

mod references;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::Value;

use crate::context::{shown, waygate};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below `deploy/`.
fn files() -> Vec<PathBuf> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("deploy"), &mut found);
    assert!(found.len() > 10, "{found:?}");
    found
}

/// The names of metrics in the reference, each with its labels.
fn metrics() -> BTreeMap<String, BTreeSet<String>> {
    let reference = text("docs/reference/metrics.md");
    let rows = reference.lines().filter(|line| line.starts_with("| `waygate_"));
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect::<Vec<_>>();
    rows.flat_map(|row| {
        let cells: Vec<&str> = row.split(" | ").collect();
        let (name, labels) = (quoted(cells[0]).remove(0), quoted(cells[2]));
        let ends = if cells[1] == "histogram" { &["_bucket", "_sum", "_count"][..] } else { &[""] };
        let labels: BTreeSet<String> = labels.into_iter().collect();
        ends.iter().map(move |end| (format!("{name}{end}"), labels.clone())).collect::<Vec<_>>()
    })
    .collect()
}

/// Panics unless a query uses metrics and labels that there are.
fn assert_answerable(query: &str, metrics: &BTreeMap<String, BTreeSet<String>>) {
    let mut known: BTreeSet<&str> = ["job", "instance", "le"].into();
    let mut rest = query;
    let mut used = 0;
    while let Some(at) = rest.find("waygate_") {
        rest = &rest[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let labels = metrics.get(&rest[..end]).unwrap_or_else(|| panic!("no metric `{}`: {query}", &rest[..end]));
        known.extend(labels.iter().map(String::as_str));
        used += 1;
        rest = &rest[end..];
        if let Some(selector) = rest.strip_prefix('{').and_then(|rest| rest.split('}').next()) {
            for label in selector.split(',') {
                let name = label.split(['=', '!']).next().unwrap().trim();
                assert!(["job", "instance"].contains(&name) || labels.contains(name), "no label `{name}`: {query}");
            }
        }
    }
    assert!(used > 0 || query.starts_with("up{"), "{query} asks for nothing of ours");
    for grouped in query.split("by (").skip(1) {
        for label in grouped.split(')').next().unwrap().split(',').map(str::trim) {
            assert!(known.contains(label), "no label `{label}`: {query}");
        }
    }
}

#[test]
fn queries_of_the_dashboard_and_of_alerts_ask_for_metrics_that_there_are() {
    let metrics = metrics();
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana/waygate.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut shown = BTreeSet::new();
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten()) {
        let query = target["expr"].as_str().unwrap();
        assert_answerable(query, &metrics);
        shown.extend(metrics.keys().filter(|name| query.contains(name.as_str())));
        let legend = target["legendFormat"].as_str().unwrap();
        for label in legend.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap()) {
            assert!(query.contains(label), "the legend `{legend}` shows what {query} does not give");
        }
    }
    assert!(shown.len() > 20, "{shown:?}");
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if let Some(query) = variable["query"]["query"].as_str() {
            assert_answerable(query, &metrics);
        }
    }
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());

    let alerts = documents(&root().join("deploy/prometheus/alerts.yaml")).remove(0);
    let rules = alerts["groups"][0]["rules"].as_vec().unwrap();
    for rule in rules {
        assert_answerable(rule["expr"].as_str().unwrap(), &metrics);
        for part in [&rule["annotations"]["summary"], &rule["annotations"]["description"], &rule["labels"]["severity"]]
        {
            assert!(part.as_str().is_some_and(|text| !text.is_empty()), "{:?}", rule["alert"]);
        }
    }
    assert!(rules.len() > 10);
}

fn documents(path: &Path) -> Vec<Yaml<'static>> {
    let text = fs::read_to_string(path).unwrap();
    // Leaked, for the nodes borrow from it; a test is over soon.
    Yaml::load_from_str(text.leak()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_file_can_be_read_and_names_variables_that_there_are() {
    let known =
        ["docs/reference/config.md", "docs/reference/cli.md", "crates/waygate-sdk/src/config.rs"].map(text).concat();
    // Of the compose file's own.
    let own = ["WAYGATE_ADMIN_PASSWORD", "WAYGATE_SERVICES_PASSWORD"];
    for path in files() {
        let text = fs::read_to_string(&path).unwrap();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml") => assert!(!documents(&path).is_empty(), "{}", path.display()),
            Some("json") => drop(serde_json::from_str::<Value>(&text).unwrap()),
            Some("toml") => drop(text.parse::<toml::Table>().unwrap()),
            _ => {}
        }
        for name in
            text.split(|c: char| !c.is_ascii_uppercase() && c != '_').filter(|name| name.starts_with("WAYGATE_"))
        {
            assert!(known.contains(name) || own.contains(&name), "{}: `{name}`", path.display());
        }
    }
}

/// Sound settings, whatever secrets are put in.
fn assert_sound(variables: &[(String, String)], arguments: &[&str]) {
    let home = tempfile::tempdir().unwrap();
    let mut command = waygate(home.path());
    command.args(arguments).arg("--check-config").envs(variables.iter().cloned());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{variables:?} {}", shown(&output));
}

/// What `waygate hash-password` makes.
fn hashed(home: &Path) -> String {
    let mut hashing = waygate(home);
    let hashing = hashing.arg("hash-password").stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut hashing = hashing.spawn().unwrap();
    std::io::Write::write_all(&mut hashing.stdin.take().unwrap(), b"correct horse\n").unwrap();
    String::from_utf8(hashing.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

const KEY: &str = "0123456789abcdef0123456789ABCDEF";

#[test]
fn the_unit_starts_a_server_that_takes_its_settings() {
    let unit = text("deploy/systemd/waygate.service");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/waygate ")).unwrap();
    let home = tempfile::tempdir().unwrap();
    let settings = text("deploy/systemd/waygate.toml");
    fs::write(home.path().join("waygate.toml"), &settings).unwrap();
    let start = start.replace("%d", home.path().to_str().unwrap());
    let arguments: Vec<&str> = start.split(' ').collect();
    let output = waygate(home.path()).args(&arguments).output().unwrap();
    assert!(output.status.code() == Some(1) && shown(&output).contains("admin"), "{}", shown(&output));
    fs::write(home.path().join("waygate.toml"), settings.replace("replace this", &hashed(home.path()))).unwrap();
    assert_sound(&[], &arguments);
}

/// Needs systemd's own program; where there is none, there is nobody to be asked.
#[test]
fn the_unit_is_well_formed_and_leaves_the_service_little() {
    let home = tempfile::tempdir().unwrap();
    let unit = text("deploy/systemd/waygate.service").replace("/usr/local/bin/waygate", env!("CARGO_BIN_EXE_waygate"));
    let path = home.path().join("waygate.service");
    fs::write(&path, unit).unwrap();
    let asked = |arguments: &[&str]| Command::new("systemd-analyze").args(arguments).arg(&path).output();
    let Ok(verified) = asked(&["verify"]) else { return };
    assert!(verified.status.success() && verified.stderr.is_empty(), "{}", shown(&verified));
    let rated = asked(&["security", "--offline=true", "--threshold=20"]).unwrap();
    assert!(rated.status.success(), "{}", shown(&rated));
}

#[test]
fn images_and_pods_start_a_server_that_takes_its_settings() {
    let image = text("deploy/docker/Dockerfile");
    let at = image.find("ENV WAYGATE_HOST").unwrap();
    let of_image: Vec<(String, String)> = image[at..]
        .split_whitespace()
        .filter(|word| word.starts_with("WAYGATE_"))
        .map_while(|word| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect();
    assert_eq!(of_image.len(), 4, "{of_image:?}");
    assert!(image.contains("ENTRYPOINT [\"waygate\"]\nCMD [\"serve\"]"));
    let with = |more: &[(&str, &str)]| {
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        of_image.iter().cloned().chain(more).collect::<Vec<_>>()
    };
    assert_sound(&with(&[("WAYGATE_AUTH", "admin:pw")]), &["serve"]);

    let compose = documents(&root().join("deploy/docker/compose.yaml")).remove(0);
    let environment = compose["services"]["waygate"]["environment"].as_mapping().unwrap();
    let filled = environment.iter().map(|(name, value)| {
        let value = value.as_str().unwrap();
        let mut filled = String::new();
        for (position, part) in value.split("${").enumerate() {
            match part.split_once('}').filter(|_| position > 0) {
                Some((_, after)) => filled.extend([KEY, after]),
                None => filled.push_str(part),
            }
        }
        (name.as_str().unwrap().to_owned(), filled)
    });
    assert_sound(&of_image.iter().cloned().chain(filled).collect::<Vec<_>>(), &["serve"]);

    let configuration = documents(&root().join("deploy/kubernetes/configuration.yaml")).remove(0);
    let secret = documents(&root().join("deploy/kubernetes/secret.example.yaml")).remove(0);
    let values = |document: &Yaml<'static>, part: &str| {
        let values = document[part].as_mapping().unwrap().iter();
        values
            .map(|(name, value)| (name.as_str().unwrap().to_owned(), value.as_str().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    let mut variables = values(&configuration, "data");
    for (name, value) in values(&secret, "stringData") {
        let value = match name.as_str() {
            "WAYGATE_SECRET_KEY" => KEY.to_owned(),
            "WAYGATE_AUTH" => "admin:pw,services:pw".to_owned(),
            _ => value,
        };
        variables.push((name, value));
    }
    assert_sound(&with(&variables.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect::<Vec<_>>()), &["serve"]);
}

/// All of it, with files and a hash that there are.
#[test]
fn the_file_of_the_reference_is_taken() {
    let home = tempfile::tempdir().unwrap();
    let reference = text("docs/reference/config.md");
    let example = reference.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let mut settings = example.to_owned();
    for (file, content) in [("cert.pem", made.cert.pem()), ("key.pem", made.signing_key.serialize_pem())] {
        fs::write(home.path().join(file), content).unwrap();
        let told = format!("/etc/waygate/{file}");
        assert!(settings.contains(&told));
        settings = settings.replace(&told, home.path().join(file).to_str().unwrap());
    }
    let shortened = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$…";
    assert!(settings.contains(shortened));
    settings = settings.replace(shortened, &hashed(home.path()));
    let file = home.path().join("all.toml");
    fs::write(&file, settings).unwrap();
    assert_sound(&[], &["serve", "--config", file.to_str().unwrap()]);
}

#[test]
fn manifests_agree_with_each_other() {
    let directory = root().join("deploy/kubernetes");
    let kustomization = documents(&directory.join("kustomization.yaml")).remove(0);
    let resources = kustomization["resources"].as_vec().unwrap();
    let mut kinds = BTreeSet::new();
    for resource in resources {
        for document in documents(&directory.join(resource.as_str().unwrap())) {
            assert!(document["apiVersion"].as_str().is_some() && document["metadata"]["name"].as_str().is_some());
            kinds.insert(document["kind"].as_str().unwrap().to_owned());
        }
    }
    let expected =
        ["ConfigMap", "Deployment", "Namespace", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
    let deployment = documents(&directory.join("deployment.yaml")).remove(1);
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    for (probe, path) in [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
        assert_eq!(container[probe]["httpGet"]["path"].as_str(), Some(path));
    }
    let configuration = documents(&directory.join("configuration.yaml")).remove(0);
    let port = container["ports"][0]["containerPort"].as_integer().unwrap();
    assert_eq!(configuration["data"]["WAYGATE_PORT"].as_str(), Some(port.to_string().as_str()));
    assert!(container["securityContext"]["readOnlyRootFilesystem"].as_bool().unwrap());
    assert!(deployment["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"].as_bool().unwrap());
}
