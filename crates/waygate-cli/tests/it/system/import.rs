//! Installations of the PyPI package, made by that package itself, taken over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::process::{Process, peer, repository, waygate};
use super::redis::Redis;
use super::world::{get, http, within};

/// Lets the reference's engine fill a backend.
fn fill(backend: &str, arguments: &[&str]) {
    let script = repository().join("tests/peer/fill_backend.py");
    let mut command = Command::new(peer("python"));
    let output = command.arg(script).arg(backend).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn import(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    Command::new(waygate()).env_clear().env("HOME", home.path()).arg("import").args(arguments).output().unwrap()
}

fn succeeded(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

fn serve(backend: &str) -> Process {
    let mut command = Command::new(waygate());
    command.args(["serve", "--port", "0", "--backend", backend, "--secret-key", "a key"]).env_remove("WAYGATE_AUTH");
    Process::start("waygate serve", &mut command)
}

async fn answer(server: &Process, path: &str) -> Value {
    get(server, path).await.body
}

/// What the server has, by what names each, must be what the source had.
async fn assert_taken_over(server: &Process, source: &Value) {
    let routes = answer(server, "/api/routes").await;
    let routes: BTreeMap<&str, &Value> =
        routes.as_array().unwrap().iter().map(|route| (route["path"].as_str().unwrap(), route)).collect();
    let states = source["states"].as_object().unwrap();
    let known = states.iter().filter(|(key, _)| !key.starts_with("__waygate:"));
    let mut count = 0;
    for (key, state) in known {
        let route = routes.get(key.as_str()).unwrap_or_else(|| panic!("{key} is lost"));
        count += 1;
        // What is planned is not there yet.
        let is_planned = state["window"].is_object();
        let expected = if is_planned { json!("active") } else { state["status"].clone() };
        assert_eq!(route["status"], expected, "{key}: {route}");
        let fields: &[&str] = if is_planned {
            &["service", "force_active"]
        } else {
            &["service", "reason", "allowed_envs", "sunset_date", "successor_path", "force_active"]
        };
        for field in fields {
            assert_eq!(route[field], state[field], "{key}: {field}");
        }
    }
    assert_eq!(routes.len(), count);
    let schedules = answer(server, "/api/schedules").await;
    assert_eq!(schedules.as_array().unwrap().len(), 2, "{schedules}");
    assert!(schedules.to_string().contains("2998-01-01T00:00:00Z"), "{schedules}");

    for (path, key) in
        [("/api/global", "__waygate:global__"), ("/api/services/orders/maintenance", "__waygate:svc_global:orders__")]
    {
        let expected: Value = serde_json::from_str(states[key]["reason"].as_str().unwrap()).unwrap();
        let found = answer(server, path).await;
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&found[field], value, "{key}: {field}");
        }
    }
    for (path, key) in [
        ("/api/global-rate-limit", "__waygate:global_rl__"),
        ("/api/services/orders/rate-limit", "__waygate:svc_rl:orders__"),
    ] {
        let expected: Value = serde_json::from_str(states[key]["reason"].as_str().unwrap()).unwrap();
        let found = answer(server, path).await;
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&found["policy"][field], value, "{key}: {field}: {found}");
        }
    }
    let limits = answer(server, "/api/rate-limits").await;
    let limits = limits.as_array().unwrap();
    assert_eq!(limits.len(), source["rl_policies"].as_object().unwrap().len());
    for field in ["limit", "algorithm", "key_strategy", "burst"] {
        let expected = &source["rl_policies"]["GET:pay:GET:/active"][field];
        assert_eq!(&limits[0][field], expected, "{field}: {}", limits[0]);
    }

    let audit = answer(server, "/api/audit?limit=1000").await;
    let audit = audit.as_array().unwrap();
    assert_eq!(audit[0]["action"], "import");
    let expected = source["audit"].as_array().unwrap();
    assert_eq!(audit.len() - 1, expected.len());
    for (found, expected) in audit[1..].iter().zip(expected.iter().rev()) {
        for (field, value) in expected.as_object().unwrap() {
            if field != "service" || !value.is_null() {
                assert_eq!(&found[field], value, "{field}: {found}");
            }
        }
    }
    let filtered = answer(server, "/api/audit?route=GET:/off&service=pay&actor=alice").await;
    assert_eq!(filtered.as_array().unwrap().len(), 1, "{filtered}");
    let since = expected[1]["timestamp"].as_str().unwrap();
    let earlier = answer(server, &format!("/api/audit?limit=1000&until={since}")).await;
    assert_eq!(earlier.as_array().unwrap().len(), 1, "{earlier}");
}

fn json_of(path: &Path) -> Value {
    if path.extension().unwrap() == "json" {
        return serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    }
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1], encoding='utf-8'))))";
    let output = Command::new(peer("python")).args(["-c", script]).arg(path).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn files_of_the_reference_are_taken_over_whole() {
    let folder = tempfile::tempdir().unwrap();
    let target = format!("file:{}", folder.path().join("ours.json").display());
    let mut epochs = Vec::new();
    for (name, extra) in [("state.json", &[][..]), ("state.yaml", &["--replace"])] {
        let source = folder.path().join(name);
        let source_text = source.to_str().unwrap();
        fill(source_text, &[]);
        let before = std::fs::read(&source).unwrap();
        let dry = succeeded(&import(&[source_text, "--into", &target, "--dry-run", "--json"]));
        assert_eq!((&dry["dry_run"], &dry["routes"], &dry["audit"]), (&json!(true), &json!(18), &json!(18)), "{dry}");
        let there = folder.path().join("ours.json").exists();
        assert_eq!(there, !extra.is_empty(), "a dry run makes nothing");

        let arguments = [&[source_text, "--into", &target, "--json"], extra].concat();
        let done = succeeded(&import(&arguments));
        assert_eq!(done["skipped"], json!([]), "{done}");
        assert_eq!(done["moved_to"].is_string(), !extra.is_empty(), "{done}");
        epochs.push(done["cursor"].as_str().unwrap().split_once(':').unwrap().0.to_owned());
        assert_eq!(std::fs::read(&source).unwrap(), before, "the source stays as it is");
        assert_taken_over(&serve(&target), &json_of(&source)).await;
    }
    assert_ne!(epochs[0], epochs[1]);
    // What was there before can still be served.
    let aside = format!("{target}.replaced-1");
    assert_taken_over(&serve(&aside), &json_of(&folder.path().join("state.json"))).await;
}

#[tokio::test]
async fn a_redis_of_the_reference_is_taken_over_whole_and_in_place() {
    let redis = Redis::start();
    let url = redis.url().replace("/0", "/3");
    let folder = tempfile::tempdir().unwrap();
    let twin = folder.path().join("twin.json");
    let none = refused(&import(&[&url, "--into", &url]), 1);
    assert!(none.contains("no installation"), "{none}");
    // Ids and times differ, but for the audit log the twin in a file is what the Redis holds.
    fill(&url, &[]);
    fill(twin.to_str().unwrap(), &[]);
    let mut expected = json_of(&twin);
    let done = succeeded(&import(&[&url, "--into", &url, "--json"]));
    assert_eq!((&done["routes"], &done["audit"], &done["skipped"]), (&json!(18), &json!(18), &json!([])), "{done}");
    let server = serve(&url);
    let audit = answer(&server, "/api/audit?limit=1000").await;
    let found = audit.as_array().unwrap()[1..].iter().rev();
    for (entry, found) in expected["audit"].as_array_mut().unwrap().iter_mut().zip(found) {
        entry["id"] = found["id"].clone();
        entry["timestamp"] = found["timestamp"].clone();
    }
    assert_taken_over(&server, &expected).await;

    // Once more: refused, unless it is said. A server that runs meanwhile goes over to what is new.
    let again = refused(&import(&[&url, "--into", &url]), 5);
    assert!(again.contains("is not empty") && again.contains("--replace"), "{again}");
    let client = http();
    let key = waygate_api::paths::route("pay:GET:/whole", Some("disable"));
    assert!(client.post(format!("{}{key}", server.url)).json(&json!({})).send().await.is_ok());
    let replaced = succeeded(&import(&[&url, "--into", &url, "--replace", "--json"]));
    assert!(replaced["moved_to"].as_str().unwrap().contains("{waygate}:replaced:"), "{replaced}");
    assert_ne!(replaced["cursor"], done["cursor"]);
    let begun = std::time::Instant::now();
    loop {
        let newest = answer(&server, "/api/audit?limit=1").await;
        if newest[0]["action"] == "import" && newest[0]["revision"] == json!(2) {
            break;
        }
        assert!(begun.elapsed().as_secs() < 20, "{newest}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_taken_over(&server, &expected).await;
}

#[tokio::test]
async fn an_application_without_a_control_plane_is_taken_over_as_a_service() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("app.json");
    let source = source.to_str().unwrap();
    fill(source, &["--application"]);
    let target = format!("file:{}", folder.path().join("ours.json").display());
    let told = refused(&import(&[source, "--into", &target]), 1);
    assert!(told.contains("GET:/off: it names no service") && told.contains("--service"), "{told}");
    assert!(!folder.path().join("ours.json").exists());
    let done = succeeded(&import(&[source, "--into", &target, "--service", "shop", "--json"]));
    assert_eq!((&done["routes"], &done["rate_limits"]), (&json!(9), &json!(3)), "{done}");
    let server = serve(&target);
    let routes = answer(&server, "/api/routes?service=shop").await;
    let off = routes.as_array().unwrap().iter().find(|route| route["path"] == "shop:GET:/off").unwrap();
    assert_eq!(off["status"], "disabled");
}

/// The guide's service under the reference's own server, then under ours with what that has left.
#[tokio::test]
async fn a_service_goes_on_under_what_the_reference_had_stored() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("waygate-state.json");
    let python = |file: &str, arguments: &[&str]| {
        let mut command = Command::new(peer("python"));
        command.arg(repository().join("tests/peer").join(file)).args(arguments);
        command
    };
    let app = repository().join("tests/peer/payments_app.py");
    let payments = |url: &str| {
        let arguments = [app.to_str().unwrap(), "--server", url, "--reconnect-delay", "1.0"];
        Process::start("the Python payments service", &mut python("run_app.py", &arguments))
    };
    let backend = format!("file:{}", source.display());
    let mut reference = Process::start("the reference", &mut python("reference_server.py", &["--backend", &backend]));
    let mut service = payments(&reference.url);
    within(super::world::PATIENCE, &service, "/api/payments", 503).await;
    let key = waygate_api::paths::route("payments-service:GET:/api/payments", Some("enable"));
    let enabled = http().post(format!("{}{key}", reference.url)).json(&json!({"reason": "done"})).send().await.unwrap();
    assert!(enabled.status().is_success(), "{enabled:?}");
    // On a file, the reference's server tells its services nothing of this.
    service.kill();
    reference.kill();

    let target = format!("file:{}", folder.path().join("ours.json").display());
    succeeded(&import(&[source.to_str().unwrap(), "--into", &target, "--json"]));
    let server = serve(&target);
    let service = payments(&server.url);
    // The code declares a maintenance; the operator had ended it.
    let begun = std::time::Instant::now();
    while !answer(&server, "/api/audit?action=register").await.to_string().contains("payments-service") {
        assert!(begun.elapsed() < super::world::PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let routes = answer(&server, "/api/routes?service=payments-service").await;
    let route = routes.as_array().unwrap().iter().find(|route| route["path"] == "payments-service:GET:/api/payments");
    assert_eq!(route.unwrap()["status"], "active", "{routes}");
    within(super::world::PATIENCE, &service, "/api/payments", 200).await;
}

#[test]
fn what_makes_no_sense_is_refused_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("ours.json");
    let into = format!("file:{}", target.display());
    let write = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    for (name, text, code, expected) in [
        ("missing.txt", "{}", 2, "named like none of the state files"),
        ("empty.json", "", 1, "cannot be read"),
        ("cut.json", "{\"states\": {\"GET:/a\": {\"pa", 1, "cannot be read"),
        ("list.json", "[]", 1, "it is not an object"),
        ("other.json", "{\"a\": 1}", 1, "neither `states` nor `audit`"),
        ("ours.yaml", "format: waygate-state\n", 1, "already"),
        ("odd.yaml", "states: [1]\n", 1, "`states` is not an object"),
        ("odd.toml", "states = 1", 1, "`states` is not an object"),
    ] {
        let path = write(name, text);
        let told = refused(&import(&[path.to_str().unwrap(), "--into", &into]), code);
        assert!(told.contains(expected) && told.contains(name), "{told}");
    }
    let told = refused(&import(&["nowhere.json", "--into", &into]), 1);
    assert!(told.contains("`nowhere.json`"), "{told}");
    let state = json!({"states": {
        "pay:GET:/a": {"path": "pay:GET:/a", "service": "pay", "status": "disabled", "reason": null},
        "pay:GET:/b": {"path": "pay:GET:/b", "service": "pay", "status": "DISABLED"},
        "pay:pay:GET:/a": {"path": "pay:pay:GET:/a", "service": "pay", "status": "disabled"},
        "pay:__waygate:global__": {"path": "pay:__waygate:global__", "service": "pay", "status": "active"},
        "__waygate:global__": {"path": "__waygate:global__", "status": "active", "reason": "{"}},
        "audit": [{"id": "1", "timestamp": "soon", "path": "x", "action": "y"}],
        "rl_policies": {"GET:/a": {"path": "pay:GET:/a", "method": "GET", "limit": "some"}}});
    let path = write("odd.json", &state.to_string());
    let path = path.to_str().unwrap();
    let told = refused(&import(&[path, "--into", &into]), 1);
    for expected in
        ["4 of what", "pay:GET:/b", "__waygate:global__", "audit entry 1", "rate limit GET:/a", "--skip-invalid"]
    {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(!target.exists());
    let told = refused(&import(&[path, "--into", &format!("file:{path}"), "--replace"]), 2);
    assert!(told.contains("stays as it is"), "{told}");
    let told = refused(&import(&[path, "--into", "memory"]), 2);
    assert!(told.contains("would keep nothing"), "{told}");
    let done = succeeded(&import(&[path, "--into", &into, "--skip-invalid", "--json"]));
    assert_eq!((&done["routes"], done["skipped"].as_array().unwrap().len()), (&json!(1), 4), "{done}");
    assert_eq!(done["notes"].as_array().unwrap().len(), 2, "phantoms are named: {done}");
}

#[tokio::test]
async fn a_store_that_a_server_has_open_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("state.json");
    fill(source.to_str().unwrap(), &[]);
    let target = format!("file:{}", folder.path().join("ours.json").display());
    let server = serve(&target);
    let told = refused(&import(&[source.to_str().unwrap(), "--into", &target, "--replace"]), 1);
    assert!(told.contains("is in use by another server"), "{told}");
    assert_eq!(answer(&server, "/api/routes").await, json!([]));
}
