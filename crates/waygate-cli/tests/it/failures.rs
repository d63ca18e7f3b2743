//! Every command against every way in which a control plane can fail. The list of commands is the program's own, so
//! that a new one is tried as well.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;
use std::sync::Mutex;

use serde_json::Value;

use crate::context::{shown, waygate};

/// What fails, and the exit code that says so.
const FAULTS: [(&str, i32); 5] = [("down", 6), ("stalled", 6), ("unauthorized", 4), ("nonsense", 1), ("broken", 1)];

/// What is tried by itself, since it names two control planes.
const BETWEEN_TWO: &str = "copy";

/// What needs no control plane.
pub(crate) const LOCAL: [&str; 21] = [
    "config set-url",
    "config show",
    "context add",
    "context use",
    "context list",
    "context show",
    "context remove",
    "current-service",
    "validate",
    "schema",
    "completion",
    "man",
    "commands",
    "hash-password",
    "import",
    "serve",
    "backup",
    "restore",
    "demo",
    "help",
    "dashboard",
];

/// A value for whatever a command requires.
fn value(id: &str, folder: &Path) -> Vec<String> {
    let text = match id {
        "route" | "routes" => "GET:/api/refunds",
        "service" => "payments-service",
        "envs" => "dev",
        "limit" => "10/minute",
        "start" => "1h",
        "end" => "2h",
        "verb" => "GET",
        "path" => "/api/refunds",
        "to" => "1",
        "id" => "0123456789",
        "files" => return vec![folder.join("waygate.yaml").display().to_string()],
        other => panic!("a command requires `{other}`: say here what a test gives it"),
    };
    vec![text.to_owned()]
}

/// The command line of a command, with what it requires and nothing else.
pub(crate) fn line(command: &Value, folder: &Path) -> Vec<String> {
    let path = command["command"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
    let mut line: Vec<String> = path.collect();
    let name = line.join(" ");
    if name == "login" {
        return ["login", "admin", "--password", "secret"].map(ToOwned::to_owned).to_vec();
    }
    for argument in command["arguments"].as_array().unwrap() {
        // A schedule requires its route unless it lists.
        let required = argument["required"] == true || (name == "schedule" && argument["id"] == "route");
        if !required {
            continue;
        }
        if let Some(long) = argument["long"].as_str() {
            line.push(format!("--{long}"));
        }
        line.extend(value(argument["id"].as_str().unwrap(), folder));
    }
    if name == "explain" {
        line.extend(["--service".to_owned(), "payments-service".to_owned()]);
    }
    line
}

/// A control plane that fails; it is there as long as the test process is.
fn failing(fault: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = match fault {
        "down" => return url,
        "unauthorized" => ("401 Unauthorized", r#"{"error":"a token is needed","code":"unauthorized"}"#),
        "nonsense" => ("200 OK", "<html>captive portal</html>"),
        "broken" => ("500 Internal Server Error", r#"{"error":"something went wrong","code":"internal"}"#),
        _ => ("", ""),
    };
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            if answer.0.is_empty() {
                held.push(stream);
            } else {
                std::thread::spawn(move || serve(stream, answer));
            }
        }
    });
    url
}

fn serve(mut stream: TcpStream, (status, body): (&str, &str)) {
    let mut buffer = [0; 4096];
    while let Ok(read) = stream.read(&mut buffer) {
        if read == 0 {
            return;
        }
        // Bodies are short and come with their heads.
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn g56_every_command_says_what_failed_with_the_right_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let mut document = std::fs::File::create(folder.path().join("waygate.yaml")).unwrap();
    document.write_all(b"waygate: 1\nglobal:\n  maintenance:\n    enabled: true\n").unwrap();
    let commands = waygate(folder.path()).args(["commands", "--json"]).output().unwrap();
    let commands: Vec<Value> = serde_json::from_slice(&commands.stdout).unwrap();
    assert!(commands.len() > 50, "{}", commands.len());
    let lines: Vec<Vec<String>> = commands
        .iter()
        .filter(|command| {
            let path: Vec<&str> = command["command"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let path = path.join(" ");
            path != BETWEEN_TWO && !LOCAL.contains(&path.as_str())
        })
        .map(|command| line(command, folder.path()))
        .collect();
    for (fault, exit) in FAULTS {
        let url = failing(fault);
        let wrong = Mutex::new(Vec::new());
        let next = Mutex::new(lines.iter());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let Some(line) = next.lock().unwrap().next() else { return };
                        if let Err(problem) = tried(line, fault, exit, &url, folder.path()) {
                            wrong.lock().unwrap().push(problem);
                        }
                    }
                });
            }
        });
        let wrong = wrong.into_inner().unwrap();
        assert!(wrong.is_empty(), "{fault}:\n{}", wrong.join("\n"));
    }
}

#[test]
fn g56_a_copy_says_which_of_the_two_has_failed() {
    for (fault, exit) in FAULTS {
        let home = tempfile::tempdir().unwrap();
        let url = failing(fault);
        for name in ["there", "here"] {
            let added = waygate(home.path()).args(["context", "add", name, "--url", &url]).output().unwrap();
            assert!(added.status.success(), "{}", shown(&added));
        }
        let quick = ["--timeout", "400ms", "--connect-timeout", "400ms"];
        let copy = waygate(home.path()).args(["copy", "--from", "there", "--to", "here"]).args(quick).output().unwrap();
        let said = String::from_utf8(copy.stderr.clone()).unwrap();
        assert_eq!(copy.status.code(), Some(exit), "{fault}: {}", shown(&copy));
        assert!(copy.stdout.is_empty() && said.starts_with("error: ") && said.lines().count() <= 4, "{said}");
        assert!(exit != 6 || said.contains(&url) && said.contains("the context `there`"), "{said}");
    }
}

fn tried(line: &[String], fault: &str, exit: i32, url: &str, home: &Path) -> Result<(), String> {
    let mut command = waygate(home);
    command.args(["--server", url, "--timeout", "400ms", "--connect-timeout", "400ms"]).args(line);
    let output = command.output().unwrap();
    let Output { status, stdout, stderr } = &output;
    let problem = |what: &str| Err(format!("waygate {}: {what}\n{}", line.join(" "), shown(&output)));
    let (out, said) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
    if said.contains("panicked") {
        return problem("it panics");
    }
    let expected = match (line[0].as_str(), fault) {
        // Nobody is logged in, so that nothing has to be asked.
        ("logout", _) => 0,
        // 1 says that something differs.
        ("diff", "nonsense" | "broken") => 2,
        _ => exit,
    };
    if status.code() != Some(expected) {
        return problem(&format!("expected exit {expected}"));
    }
    match line[0].as_str() {
        "logout" => Ok(()),
        "doctor" if out.contains("FAILS") => Ok(()),
        _ if !out.is_empty() => problem("there is something on stdout"),
        _ if !said.starts_with("error: ") || said.lines().count() > 4 => {
            problem("it does not say what failed in short")
        }
        _ if expected == 6 && !(said.contains(url) && said.contains("--server")) => {
            problem("it does not name the URL and its source")
        }
        _ => Ok(()),
    }
}
