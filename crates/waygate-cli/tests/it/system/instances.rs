//! Proof that a change has arrived, with real services: two of ours, and one with the unmodified PyPI client.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::process::Process;
use super::world::{PATIENCE, World, get, succeeded};

/// After how many seconds an instance is lost here.
const LIVENESS: &str = "8";

fn world() -> World {
    World::with(|serve| {
        serve.args(["--instance-liveness", LIVENESS]);
    })
}

fn orders(world: &World, instance: &str) -> Process {
    world.orders_with(|command| {
        command.env("WAYGATE_INSTANCE", instance).env("WAYGATE_ENV", "production");
    })
}

fn signal(process: &Process, name: &str) {
    assert!(Command::new("kill").args([name, &process.id().to_string()]).status().unwrap().success());
}

/// The instances that our command line lists, once they are so.
fn eventually(world: &World, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let begun = std::time::Instant::now();
    loop {
        let there: Vec<Value> = serde_json::from_str(&world.ok("instances -o json")).unwrap();
        if wanted(&there) {
            return there;
        }
        assert!(begun.elapsed() < PATIENCE, "instances are still {there:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn states(there: &[Value]) -> Vec<(&str, &str)> {
    there.iter().map(|one| (one["id"].as_str().unwrap(), one["state"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn g57_wait_names_whoever_does_not_enforce_a_change() {
    let world = world();
    let (first, mut second) = (orders(&world, "orders-1"), orders(&world, "orders-2"));
    let _payments = world.payments();
    let there = eventually(&world, |there| {
        let in_sync = there.iter().filter(|one| one["state"] == "in_sync").count();
        in_sync == 2 && there.iter().any(|one| one["state"] == "unconfirmed")
    });
    assert_eq!(states(&there)[..2], [("orders-1", "in_sync"), ("orders-2", "in_sync")]);
    assert_eq!((&there[0]["sdk"], &there[0]["environment"]), (&"waygate-rust".into(), &"production".into()));
    assert_eq!((&there[2]["service"], &there[2]["state"]), (&"payments-service".into(), &"unconfirmed".into()));

    // In force at both when the command is done.
    let told = world.ok("disable orders-service:GET:/api/orders --reason hotfix --wait");
    assert!(told.contains("2/2 instances enforcing, "), "{told}");
    for service in [&first, &second] {
        assert_eq!(get(service, "/api/orders").await.status, 503);
    }
    // The client of the reference was told, and cannot say what it does.
    let told = world.ok("disable payments-service:GET:/api/payments --wait=20s");
    assert!(told.contains("no instance could confirm it; 1 told that cannot confirm"), "{told}");
    let told = world.ok("global enable --wait");
    assert!(told.contains("2/2 instances enforcing") && told.contains("1 told that cannot confirm"), "{told}");
    assert_eq!(get(&second, "/api/orders").await.status, 503);
    world.ok("global disable --wait");

    // One that is stopped is named, and exits say so.
    signal(&second, "-STOP");
    let output = world.ours("enable orders-service:GET:/api/orders --wait=300ms");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("1/2 instances enforcing"), "{said}");
    assert!(said.contains("orders-service orders-2: applying, enforces revision "), "{said}");
    assert!(!said.contains("orders-1"), "{said}");
    assert_eq!(get(&first, "/api/orders").await.status, 200, "the change is in force where it can be");
    let output = world.ours("disable orders-service:GET:/api/orders --wait=300ms -o json");
    assert_eq!(output.status.code(), Some(7));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["propagation"]["laggards"][0]["instance"], "orders-2", "{answer}");
    signal(&second, "-CONT");
    let told = world.ok("enable orders-service:GET:/api/orders --wait");
    assert!(told.contains("2/2 instances enforcing"), "{told}");
    assert_eq!(get(&second, "/api/orders").await.status, 200);

    // One that ends in order has left, one that is killed is lost.
    assert_eq!(second.terminate(), Some(0));
    eventually(&world, |there| states(there).contains(&("orders-2", "left")));
    let mut first = first;
    first.kill();
    let there = eventually(&world, |there| states(there).contains(&("orders-1", "lost")));
    let lost = there.iter().find(|one| one["id"] == "orders-1").unwrap();
    assert!(lost["applied"].is_number() && lost["connected"] == false, "{lost}");
    // So that nobody is there who could confirm anything.
    let output = world.ours("disable orders-service:GET:/api/orders --wait=300ms");
    let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("nobody has confirmed it: no instance of `orders-service` is connected; 1 lost"), "{said}");
    let output = world.ours("enable orders-service:GET:/api/orders --wait=300ms");
    let told = told + String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("stored: orders-service:GET:/api/orders → ACTIVE") && !told.contains('✓'), "{told}");
    let table = world.ok("instances orders-service");
    assert!(table.contains("orders-1") && table.contains("lost") && table.contains("left"), "{table}");
}

#[test]
fn waiting_is_for_changes_and_has_bounds() {
    let world = world();
    for line in
        ["status --wait", "instances --wait=5s", "whoami --wait", "disable /x --wait=2m", "disable /x --wait=soon"]
    {
        let output = world.ours(line);
        assert_eq!(output.status.code(), Some(2), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(world.ours("instances nowhere").status.code(), Some(3));
    let output = world.ours("instances");
    assert_eq!(succeeded("instances", &output), "", "that nobody is there is said beside the data");
    let output = world.ours("sm enable batch --allow-unknown --wait");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("nobody has confirmed it: no instance of `batch` has ever registered"), "{said}");
}
