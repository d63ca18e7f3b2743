//! A person at a terminal: questions, answers and Ctrl-C. The terminal is one of tmux.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::context::{Fleet, shown};

/// How long something may take to appear.
const PATIENCE: Duration = Duration::from_secs(20);

struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    /// A shell in the home of the fleet, with the program on its path.
    fn of(fleet: &Fleet) -> Self {
        Self::sized(fleet, 100, 50)
    }

    /// The same on a terminal of so many columns and lines.
    fn sized(fleet: &Fleet, columns: u16, lines: u16) -> Self {
        let socket = fleet.home.path().join("tmux");
        let terminal = Self { socket };
        let folder = Path::new(env!("CARGO_BIN_EXE_waygate")).parent().unwrap().display();
        let home = fleet.home.path().display();
        terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &columns.to_string(),
            "-y",
            &lines.to_string(),
            "env",
            "-i",
            &format!("HOME={home}"),
            &format!("PATH={folder}:/usr/bin:/bin"),
            "TERM=screen",
            "PS1=$ ",
            "sh",
        ]);
        terminal.shows("$");
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux").arg("-S").arg(&self.socket).args(arguments).output();
        let output = output.expect("tmux is installed");
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn types(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
        self.presses("Enter");
    }

    fn presses(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    fn screen(&self) -> String {
        let screen = self.tmux(&["capture-pane", "-p"]);
        screen.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }

    /// Waits until the screen shows a text, and gives the whole screen.
    fn shows(&self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(begun.elapsed() < PATIENCE, "`{text}` does not appear:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the shell takes the next line.
    fn is_back(&self) {
        self.until(|screen| screen.lines().last() == Some("$"));
    }

    fn clear(&self) {
        self.types("clear");
        self.until(|screen| screen == "$");
    }

    fn until(&self, is_so: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !is_so(&self.screen()) {
            assert!(begun.elapsed() < PATIENCE, "the shell does not come back:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}

/// The first Ctrl-C ends whatever asks, with 130; nothing is changed, and what is typed next can be seen.
#[test]
fn a13_the_first_interrupt_at_each_question_ends_it_with_130() {
    let fleet = Fleet::guarded().logged_in().with_services();
    let terminal = Terminal::of(&fleet);
    let before = fleet.json(&["history"]);
    for (line, question) in [
        ("waygate login", "sername"),
        ("waygate login admin", "assword"),
        ("waygate disable 'GET:/api/*'", "Go on?"),
        ("waygate disable /api/payments", "Go on?"),
        ("waygate sm enable payments-service", "Go on?"),
        ("waygate global enable", "Type `"),
        ("waygate wait /api/refunds --for disabled --verbose", "GET http"),
    ] {
        terminal.types(line);
        terminal.shows(question);
        terminal.presses("C-c");
        terminal.is_back();
        terminal.types("echo \"exit $?\"");
        let screen = terminal.shows("exit 130");
        assert!(screen.contains("echo \"exit"), "what is typed is not shown after `{line}`:\n{screen}");
        terminal.clear();
    }
    assert_eq!(fleet.json(&["history"]), before);
}

/// Columns of three letters can be neither read nor copied.
#[test]
fn a_terminal_too_narrow_for_a_table_shows_its_lines_whole() {
    let fleet = Fleet::open().with_services();
    let terminal = Terminal::sized(&fleet, 40, 50);
    terminal.types("waygate services");
    let screen = terminal.shows("payments-service  3");
    assert!(!screen.contains('│'), "{screen}");
    terminal.is_back();
}

#[test]
fn questions_are_asked_again_until_they_are_answered() {
    let fleet = Fleet::open().with_services();
    let terminal = Terminal::of(&fleet);
    terminal.types("waygate disable '*:GET:/api/payments' --reason hotfix");
    terminal.shows("Go on?");
    terminal.types("maybe");
    terminal.shows("y or n");
    terminal.types("n");
    terminal.shows("error:");
    terminal.types("echo \"exit $?\"");
    terminal.shows("exit 1\n");
    let word = fleet.url.replace("http://", "");
    terminal.types("waygate global enable --reason deploy");
    terminal.shows("Type `");
    terminal.types("yes");
    terminal.types("echo \"global exit $?\"");
    terminal.shows("global exit 1\n");
    terminal.types("waygate sm enable payments-service --reason deploy --yes");
    terminal.shows("ENABLED");
    terminal.is_back();
    terminal.types("echo \"service exit $?\"");
    let screen = terminal.shows("service exit 0\n");
    let screen = fleet.plain(&screen).replace(&word, "[SERVER]");
    assert_eq!(fleet.json(&["global", "status"])["enabled"], false);
    assert_eq!(fleet.json(&["sm", "status", "payments-service"])["enabled"], true);
    for line in [
        "`disable` of 2 routes at [URL]",
        "  orders-service:GET:/api/payments",
        "  payments-service:GET:/api/payments",
        "y or n",
        "error: nothing has been changed",
        "Type `[SERVER]` to go on: yes",
        "stored: Service maintenance (payments-service) ENABLED",
    ] {
        assert!(screen.lines().any(|shown| shown.starts_with(line)), "`{line}` is not there:\n{screen}");
    }
}

/// What goes on for ever is ended by the first Ctrl-C, with 130, and the shell is as it was.
#[test]
fn a13_an_interrupt_ends_what_goes_on_for_ever_with_130() {
    let fleet = Fleet::open().with_services();
    fleet.ok(&["disable", "/api/refunds", "--reason", "hotfix"]);
    let terminal = Terminal::of(&fleet);
    for (line, sign) in [
        ("waygate watch --service payments-service", "GET:/api/refunds"),
        ("waygate log -f", "hotfix"),
        ("waygate rl hits -f --verbose", "GET http"),
        ("waygate top", "Ctrl-C ends"),
        ("waygate wait /api/refunds --within 10m --verbose", "GET http"),
    ] {
        terminal.types(line);
        terminal.shows(sign);
        terminal.presses("C-c");
        terminal.is_back();
        terminal.types("echo \"exit $?\"");
        let screen = terminal.shows("exit 130");
        assert!(screen.contains("echo \"exit"), "what is typed is not shown after `{line}`:\n{screen}");
        terminal.clear();
    }
}

/// On a terminal with little room `top` says what it leaves out, and its title stays.
#[test]
fn top_takes_the_room_that_there_is() {
    let fleet = Fleet::open();
    let paths: Vec<String> = (10..40).map(|number| format!("pay:GET:/api/r{number}")).collect();
    let states: Vec<_> =
        paths.iter().map(|path| serde_json::json!({"path": path, "service": "pay", "status": "active"})).collect();
    fleet.post("/api/sdk/register", &serde_json::json!({"app_id": "pay", "states": states}));
    let routes: Vec<_> = (10..40)
        .map(|number| serde_json::json!({"method": "GET", "path": format!("/api/r{number}"), "allowed": number}))
        .collect();
    let report = serde_json::json!({"app_id": "pay", "instance": "one", "counts": routes});
    let terminal = Terminal::sized(&fleet, 90, 12);
    terminal.types("waygate top");
    terminal.shows("no data");
    fleet.post("/api/sdk/traffic", &report);
    let screen = terminal.shows("lines more");
    assert!(screen.starts_with("Requests of the last minute"), "{screen}");
    assert!(screen.contains("GET:/api/r"), "{screen}");
    terminal.presses("C-c");
}

/// Whom limits deny, as far as services name them; nobody being reported is not that nobody counts.
#[test]
fn top_names_callers_whom_limits_have_denied() {
    let fleet = Fleet::open();
    let state = serde_json::json!({"path": "pay:GET:/a", "service": "pay", "status": "active"});
    fleet.post("/api/sdk/register", &serde_json::json!({"app_id": "pay", "states": [state]}));
    let told = fleet.ok(&["top", "--callers"]);
    assert!(shown(&told).contains("no data"), "{}", shown(&told));
    let count = serde_json::json!({"method": "GET", "path": "/a", "allowed": 1, "limited": 7});
    fleet.post("/api/sdk/traffic", &serde_json::json!({"app_id": "pay", "instance": "one", "counts": [count]}));
    assert!(shown(&fleet.ok(&["top", "--callers"])).contains("no caller was reported"));
    let caller = serde_json::json!({"policy": "GET:/a", "caller": "198.51.100.0/24", "count": 7, "over": 2});
    fleet.post(
        "/api/sdk/hits",
        &serde_json::json!({"app_id": "pay", "instance": "one", "hits": [], "callers": [caller]}),
    );
    let told = fleet.ok(&["top", "--callers", "-o", "csv"]);
    assert_eq!(
        String::from_utf8(told.stdout).unwrap(),
        "service,caller,limit_of,denied,at_least\npay,198.51.100.0/24,GET:/a,7,5\n"
    );
}
