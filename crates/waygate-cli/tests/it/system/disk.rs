//! Disks that are full: nothing half-written, nothing lost, and going on when there is room again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use waygate_api::paths;

use super::process::{Process, waygate};
use super::world::{get, http};

fn serve(path: &Path) -> Process {
    let mut command = Command::new("sh");
    // Without this the process would be ended by the signal that comes with the limit.
    command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(waygate());
    command.args(["serve", "--port", "0", "--secret-key", "a key"]).env_remove("WAYGATE_AUTH");
    command.arg("--backend").arg(format!("file:{}", path.display()));
    Process::start("waygate serve", &mut command)
}

async fn register(server: &Process) {
    let states = [json!({"path": "pay:GET:/a", "service": "pay", "status": "active"})];
    let body = json!({"app_id": "pay", "states": states});
    let answer = http().post(format!("{}{}", server.url, paths::REGISTER)).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
}

async fn switch(server: &Process, action: &str, reason: &str) -> (u16, Value) {
    let url = format!("{}{}", server.url, paths::route("pay:GET:/a", Some(action)));
    let answer = http().post(url).json(&json!({"reason": reason})).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The route and the log, as everybody sees them.
async fn seen(server: &Process) -> (Value, Value) {
    let mut route = get(server, paths::ROUTES).await.body;
    (route[0].take(), get(server, paths::AUDIT).await.body)
}

/// What is refused for want of room is nowhere; and with room it goes on, over a restart too.
async fn assert_refused_until_there_is_room(path: &Path, fill: impl AsyncFn(&Process), free: impl AsyncFn(&Process)) {
    let mut server = serve(path);
    register(&server).await;
    assert_eq!(switch(&server, "disable", "before").await.0, 200);
    let before = seen(&server).await;
    fill(&server).await;
    let mut refused = 0;
    for action in ["enable", "maintenance", "enable"] {
        let (status, body) = switch(&server, action, &"without room ".repeat(100)).await;
        assert_eq!((status, &body["code"]), (507, &json!("store_full")), "{body}");
        assert!(body["error"].as_str().unwrap().contains("the store is full"), "{body}");
        assert_eq!(seen(&server).await, before, "what was refused is not seen");
        refused += 1;
    }
    assert_eq!(refused, 3);
    // Not even a start finds any of it.
    server.kill();
    let mut server = serve_with_room(path, &free).await;
    assert_eq!(seen(&server).await, before);
    assert_eq!(switch(&server, "enable", "after").await.0, 200);

    fill(&server).await;
    assert_eq!(switch(&server, "disable", &"without room ".repeat(100)).await.0, 507);
    free(&server).await;
    assert_eq!(switch(&server, "disable", "again").await.0, 200, "without a restart");
    let after = seen(&server).await;
    assert_eq!(after.0["reason"], "again");
    assert_eq!(after.1.as_array().unwrap().len(), 3, "{}", after.1);
    server.kill();
    assert_eq!(seen(&serve(path)).await, after);
}

async fn serve_with_room(path: &Path, free: &impl AsyncFn(&Process)) -> Process {
    let server = serve(path);
    free(&server).await;
    server
}

fn segment(path: &Path) -> PathBuf {
    let log = PathBuf::from(format!("{}.log", path.display()));
    let mut segments: Vec<PathBuf> = fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    segments.pop().unwrap()
}

#[tokio::test]
async fn g23_a_limit_of_a_files_length_is_answered_507_and_nothing_is_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let limit = |server: &Process, bytes: &str| {
        let mut command = Command::new("prlimit");
        command.args(["--pid", &server.id().to_string(), &format!("--fsize={bytes}:unlimited")]);
        assert!(command.status().unwrap().success());
    };
    let fill = async |server: &Process| limit(server, &(fs::metadata(segment(&path)).unwrap().len() + 40).to_string());
    let free = async |server: &Process| limit(server, "unlimited");
    assert_refused_until_there_is_room(&path, fill, free).await;
}

/// A small file system that goes with the test.
struct Small {
    folder: tempfile::TempDir,
}

impl Small {
    /// `None` where this process may not mount.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs"]).arg(folder.path());
        command.output().is_ok_and(|output| output.status.success()).then_some(Self { folder })
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
    }
}

#[tokio::test]
async fn g23_a_full_file_system_is_answered_507_and_nothing_is_half_written() {
    let Some(small) = Small::mount() else {
        eprintln!("SKIPPED: this needs the right to mount a file system");
        return;
    };
    let path = small.folder.path().join("state.json");
    let ballast = small.folder.path().join("ballast");
    let fill = async |_: &Process| {
        let log = segment(&path);
        // What is left of the last page of the log is still room: it is taken up to a few bytes.
        let mut size = 256 * 1024;
        while size > 0 {
            let mut file = fs::OpenOptions::new().append(true).create(true).open(&ballast).unwrap();
            if std::io::Write::write_all(&mut file, &vec![b'x'; size]).is_err() {
                size /= 2;
            }
        }
        assert!(fs::metadata(log).unwrap().len() > 0);
    };
    let free = async |_: &Process| fs::remove_file(&ballast).unwrap_or_default();
    assert_refused_until_there_is_room_in_pages(&path, fill, free).await;
}

/// As above; but the last page of the log may still take some changes.
async fn assert_refused_until_there_is_room_in_pages(
    path: &Path,
    fill: impl AsyncFn(&Process),
    free: impl AsyncFn(&Process),
) {
    let mut server = serve(path);
    register(&server).await;
    fill(&server).await;
    let mut made = 0;
    let (status, body) = loop {
        let action = if made % 2 == 0 { "disable" } else { "enable" };
        match switch(&server, action, &format!("{made} {}", "of many ".repeat(50))).await {
            (200, _) => made += 1,
            refused => break refused,
        }
        assert!(made < 1000, "the disk is not full");
    };
    assert_eq!((status, &body["code"]), (507, &json!("store_full")), "{body}");
    let before = seen(&server).await;
    assert_eq!(before.1.as_array().unwrap().len(), made.min(50), "what was refused is not in the log");
    server.kill();
    // A start reads what is there also without room.
    let mut server = serve(path);
    assert_eq!(seen(&server).await, before);
    free(&server).await;
    let action = if made % 2 == 0 { "disable" } else { "enable" };
    assert_eq!(switch(&server, action, "after").await.0, 200);
    let after = seen(&server).await;
    server.kill();
    assert_eq!(seen(&serve(path)).await, after);
}
