//! The examples run as they are, and stop when they are asked to.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::process::{Process, example, waygate};
use super::world::{PATIENCE, World, eventually, get, succeeded, within};

#[tokio::test(flavor = "multi_thread")]
async fn g21_the_embedded_control_plane_switches_its_own_program_and_back() {
    let mut shop = Process::start("the embedded example", Command::new(example("embedded")).env("PORT", "0"));
    let home = tempfile::tempdir().unwrap();
    let run = |line: &str| {
        let mut command = Command::new(waygate());
        command.env("HOME", home.path()).env("WAYGATE_SERVER_URL", format!("{}/waygate", shop.url));
        command.env_remove("WAYGATE_SERVICE").args(line.split_whitespace());
        succeeded(line, &command.output().unwrap())
    };
    let answer = within(PATIENCE, &shop, "/api/payments", 503).await;
    assert_eq!(answer.body["error"]["reason"], "Payment processor upgrade");
    run("login admin --password secret");
    let begun = tokio::time::Instant::now();
    while !run("services").contains("shop") {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    run("enable /api/payments");
    eventually(&shop, "/api/payments", 200).await;
    run("global enable --include-force-active");
    eventually(&shop, "/health", 503).await;
    run("global disable");
    eventually(&shop, "/health", 200).await;
    run("sm enable shop --reason migration --exempt /health");
    eventually(&shop, "/api/payments", 503).await;
    run("sm disable shop");
    eventually(&shop, "/api/payments", 200).await;
    assert_eq!(shop.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn services_stop_in_order_when_they_are_asked_to() {
    let world = World::in_memory();
    let mut orders = world.orders();
    within(PATIENCE, &orders, "/api/orders", 200).await;
    let mut payments = Process::start(
        "the Rust payments service",
        Command::new(example("payments-service"))
            .env("PORT", "0")
            .env("WAYGATE_SERVER_URL", world.url())
            .env("WAYGATE_APP_ID", "payments-service"),
    );
    assert_eq!(get(&payments, "/api/payments").await.status, 503);
    assert_eq!(get(&payments, "/health").await.status, 200);
    assert_eq!((orders.terminate(), payments.terminate()), (Some(0), Some(0)));
}

#[test]
fn examples_say_what_sets_them_and_log_without_colours_where_no_terminal_is() {
    for name in ["payments-service", "orders-service", "embedded"] {
        let run = |argument: &str| Command::new(example(name)).arg(argument).output().unwrap();
        let help = run("--help");
        assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("  PORT "), "{name}: {help:?}");
        let odd = run("--port=1");
        assert!(
            !odd.status.success() && String::from_utf8_lossy(&odd.stderr).contains("`--port=1`"),
            "{name}: {odd:?}"
        );
    }
    for name in ["payments-service", "orders-service"] {
        let mut service = Command::new(example(name));
        service.env("PORT", "0").env("WAYGATE_SERVER_URL", "http://127.0.0.1:1").env("WAYGATE_APP_ID", "pay");
        let mut service = service.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(service.stderr.take().unwrap()).read_line(&mut line).unwrap();
        service.kill().unwrap();
        service.wait().unwrap();
        assert!(line.contains("WARN") && !line.contains('\u{1b}'), "{name}: {line:?}");
    }
}
