//! Questions on a terminal, in proportion to what a change reaches. The terminal is that of `script` (util-linux).

use std::io::{Read as _, Write as _};
use std::process::{Command, Output, Stdio};

use crate::context::{Fleet, shown};

/// A command on a terminal.
fn terminal(fleet: &Fleet, command: &str) -> Command {
    let line = format!("exec {} {command}", env!("CARGO_BIN_EXE_waygate"));
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    script.env("HOME", fleet.home.path()).env("TERM", "dumb").current_dir(fleet.home.path());
    script
}

/// The same in a folder, with something typed.
pub(crate) fn typed_in(fleet: &Fleet, folder: &std::path::Path, command: &str, input: &str) -> Output {
    let mut script = terminal(fleet, command);
    script.current_dir(folder);
    Fleet::fed(script, input)
}

/// Runs a command on a terminal, with something typed.
pub(crate) fn typed(fleet: &Fleet, command: &str, input: &str) -> Output {
    Fleet::fed(terminal(fleet, command), input)
}

fn is_on(fleet: &Fleet) -> bool {
    fleet.json(&["global", "status"])["enabled"] == true
}

#[test]
fn everything_asks_for_the_name_of_the_server() {
    let fleet = Fleet::open().with_services();
    let word = fleet.url.strip_prefix("http://").unwrap().to_owned();
    let refused = typed(&fleet, "global enable --reason deploy", "yes\n");
    assert_eq!(refused.status.code(), Some(1), "{}", shown(&refused));
    let text = shown(&refused);
    assert!(text.contains("7 routes of 2 services") && text.contains(&format!("Type `{word}`")), "{text}");
    assert!(!is_on(&fleet));
    let agreed = typed(&fleet, "global enable --reason deploy", &format!("{word}\n"));
    assert_eq!(agreed.status.code(), Some(0), "{}", shown(&agreed));
    assert!(is_on(&fleet));
    fleet.ok(&["global", "disable"]);
    let said = typed(&fleet, "global enable --yes", "");
    assert!(said.status.success() && is_on(&fleet), "{}", shown(&said));
}

#[test]
fn a_service_and_several_routes_ask_yes_or_no_and_one_route_asks_nothing() {
    let fleet = Fleet::open().with_services();
    let refused = typed(&fleet, "sm enable payments-service", "n\n");
    assert_eq!(refused.status.code(), Some(1), "{}", shown(&refused));
    assert!(shown(&refused).contains("3 routes of payments-service"), "{}", shown(&refused));
    let agreed = typed(&fleet, "sm enable payments-service", "what\ny\n");
    assert!(agreed.status.success(), "{}", shown(&agreed));
    assert_eq!(fleet.json(&["sm", "status", "payments-service"])["enabled"], true);

    // Ambiguous: a person may take them all.
    let several = typed(&fleet, "disable /api/orders", "y\n");
    assert!(several.status.success() && shown(&several).contains("`disable` of 2 routes"), "{}", shown(&several));
    assert_eq!(fleet.json(&["status", "POST:/api/orders"])["status"], "disabled");
    let one = typed(&fleet, "disable /api/refunds", "");
    assert!(one.status.success(), "{}", shown(&one));
    let unasked = typed(&fleet, "enable /api/orders --no-input", "");
    assert_eq!(unasked.status.code(), Some(5), "{}", shown(&unasked));
}

/// `/api/orders/42` is no route; whoever means its route says so.
#[test]
fn an_address_is_switched_only_by_a_person_who_agrees() {
    let fleet = Fleet::open();
    let states = serde_json::json!([{"path": "orders-service:GET:/api/orders/{id}", "service": "orders-service", "status": "active"}]);
    fleet.post("/api/sdk/register", &serde_json::json!({"app_id": "orders-service", "states": states}));
    let status = |route: &str| fleet.json(&["status", route])["status"].clone();
    let refused = fleet.run(&["disable", "/api/orders/42"]);
    assert_eq!(refused.status.code(), Some(3), "{}", shown(&refused));
    assert!(shown(&refused).contains("an address of orders-service:GET:/api/orders/{id}"), "{}", shown(&refused));
    let no = typed(&fleet, "disable /api/orders/42", "n\n");
    assert_eq!(no.status.code(), Some(1), "{}", shown(&no));
    assert_eq!(status("/api/orders/42"), "active");
    let yes = typed(&fleet, "disable /api/orders/42", "y\n");
    assert_eq!(yes.status.code(), Some(0), "{}", shown(&yes));
    assert_eq!(status("GET /api/orders/{id}"), "disabled");
    assert_eq!(fleet.run(&["status", "/api/orders/42/more"]).status.code(), Some(3));
}

/// Interrupts a command once it has asked.
fn interrupted(fleet: &Fleet, command: &str, question: &str) -> Option<i32> {
    let mut child = terminal(fleet, command).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut typed, mut shown) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut seen = String::new();
    let mut buffer = [0; 512];
    while !seen.contains(question) {
        let read = shown.read(&mut buffer).unwrap();
        assert!(read > 0, "it has ended without asking: {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    typed.write_all(b"\x03").unwrap();
    std::io::copy(&mut shown, &mut std::io::sink()).unwrap();
    child.wait().unwrap().code()
}

#[test]
fn the_first_interrupt_ends_a_question() {
    let fleet = Fleet::guarded().logged_in().with_services();
    for (command, question) in
        [("global enable", "to go on: "), ("sm enable payments-service", "[y/N]: "), ("login", "Username: ")]
    {
        assert_eq!(interrupted(&fleet, command, question), Some(130), "{command}");
    }
    assert!(!is_on(&fleet));
}
