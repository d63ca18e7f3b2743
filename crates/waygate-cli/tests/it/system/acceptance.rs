//! Numbers of the list of acceptance that take a real service.

use std::path::Path;
use std::process::Command;

use super::process::{Process, example, waygate};
use super::world::{PATIENCE, World, get, within};

const ROUTE: &str = "orders-service:GET:/api/orders";

/// A control plane and a service that it knows.
fn started() -> (World, Process) {
    let world = World::in_memory();
    let orders = world.orders();
    let begun = std::time::Instant::now();
    while !world.ok("instances -o json").contains("in_sync") {
        let known = || world.ok("instances -o json");
        assert!(begun.elapsed() < PATIENCE, "the service is not there: {}", known());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    (world, orders)
}

#[tokio::test]
async fn a06_a_planned_window_opens_and_closes_on_time_and_can_be_cancelled() {
    let (world, orders) = started();
    world.ok(&format!("schedule {ROUTE} --start 3s --end 3s --reason move"));
    assert_eq!(get(&orders, "/api/orders").await.status, 200, "it is in the future");
    within(PATIENCE, &orders, "/api/orders", 503).await;
    within(PATIENCE, &orders, "/api/orders", 200).await;

    world.ok(&format!("schedule {ROUTE} --start 1h --end 1h"));
    world.ok(&format!("schedule cancel {ROUTE} --wait"));
    assert_eq!(world.ok("schedule list"), "");
}

#[tokio::test]
async fn a17_wait_comes_back_when_the_service_answers_so() {
    let (world, orders) = started();
    for _ in 0..5 {
        world.ok(&format!("disable {ROUTE} --wait"));
        assert_eq!(get(&orders, "/api/orders").await.status, 503);
        world.ok(&format!("enable {ROUTE} --wait"));
        assert_eq!(get(&orders, "/api/orders").await.status, 200);
    }
}

/// A line as a shell takes it, in a folder that is also the home.
fn shell(folder: &Path, line: &str) -> Command {
    let programs = |program: &Path| program.parent().unwrap().display().to_string();
    let path = format!("{}:{}:/usr/bin:/bin", programs(&waygate()), programs(&example("payments-service")));
    let mut command = Command::new("sh");
    command.args(["-c", line]).env_clear().env("HOME", folder).env("PATH", path).env("PORT", "0").current_dir(folder);
    command
}

/// Nothing but what `waygate --help` says leads from nothing to a switch that is proven.
#[tokio::test]
async fn the_first_page_of_help_leads_from_nothing_to_a_proven_switch() {
    let folder = tempfile::tempdir().unwrap();
    let help = shell(folder.path(), "waygate --help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let lines: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("From nothing to a route that is off"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(str::trim)
        .collect();
    let is_run = |line: &&&str| line.starts_with("waygate ") || line.starts_with("WAYGATE_");
    let mut typed = lines.iter().filter(is_run);
    let serve = typed.next().unwrap().split('#').next().unwrap();
    let serve = format!("exec {serve} --port 0 --backend memory");
    let server = Process::start("waygate serve", &mut shell(folder.path(), &serve));
    let (mut variables, mut payments, mut told) = (String::new(), None, String::new());
    for line in typed {
        let line = line.replace("http://localhost:9000", &server.url);
        if line.starts_with("WAYGATE_") {
            variables = format!("{variables} {line}");
            continue;
        }
        if !variables.is_empty() && payments.is_none() {
            let service = format!("export {variables}; exec payments-service");
            payments = Some(Process::start("the payments service", &mut shell(folder.path(), &service)));
        }
        let begun = std::time::Instant::now();
        let output = loop {
            let output = shell(folder.path(), &line).output().unwrap();
            // Whoever reads that it is there looks until it is.
            if !line.starts_with("waygate instances") || String::from_utf8_lossy(&output.stdout).contains("in sync") {
                break output;
            }
            assert!(begun.elapsed() < PATIENCE, "{output:?}");
        };
        assert!(output.status.success(), "{line}: {output:?}");
        told = String::from_utf8(output.stdout).unwrap();
        if line.contains(" disable ") {
            assert!(told.contains("1/1 instances enforcing"), "{told}");
            assert_eq!(get(payments.as_ref().unwrap(), "/api/payments").await.status, 503);
        }
    }
    assert!(told.contains("✓ payments-service:GET:/api/payments → ACTIVE"), "{told}");
    assert_eq!(get(payments.as_ref().unwrap(), "/api/payments").await.status, 200);
}
