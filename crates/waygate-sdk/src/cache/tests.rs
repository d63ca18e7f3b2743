use super::*;

use waygate_core::{Change, Control, Lifecycle, Maintenance, MaintenanceScope};

const SERVER: &str = "http://localhost:9000";

fn kept(reason: &str) -> Kept {
    let mut view = ServiceView::default();
    let maintenance = Maintenance { enabled: true, reason: reason.to_owned(), ..Maintenance::default() };
    view.apply(&Change::MaintenanceSet { scope: MaintenanceScope::Global, maintenance });
    let route = serde_json::json!({"base": Control::new(Lifecycle::Disabled, "é\u{2028}"), "changed_at": 3});
    let key = "pay:GET:/a/{id}".parse().unwrap();
    view.apply(&Change::RouteSet { key, route: serde_json::from_value(route).unwrap() });
    Kept {
        view,
        cursor: "firsthistory:7:0000000000000007".parse().unwrap(),
        as_of: Some("2030-01-01T00:00:00Z".parse().unwrap()),
        complete: true,
        shares: KeptShares::default(),
    }
}

fn cache(directory: &Path, service: &str, servers: &[&str]) -> Cache {
    Cache::new(directory.to_owned(), service.parse().unwrap(), servers.iter().map(|&server| server.into()).collect())
}

fn only_file(directory: &Path) -> PathBuf {
    let files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn g17_what_was_kept_is_read_again_and_is_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("made/on/demand");
    let pay = cache(&directory, "pay", &[SERVER]);
    assert!(pay.read().is_none());
    pay.write(&kept("m")).unwrap();
    let read = pay.read().unwrap();
    let written = kept("m");
    assert_eq!((&read.view, &read.cursor, read.as_of), (&written.view, &written.cursor, written.as_of));
    assert!(read.complete);
    assert!(cache(&directory, "orders", &[SERVER]).read().is_none());
    assert!(cache(&directory, "pay", &["http://elsewhere:9000"]).read().is_none());
    assert!(cache(&directory, "pay", &["http://elsewhere:9000", SERVER]).read().is_some());

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&only_file(&directory)), mode(&directory)), (0o600, 0o700));
    }
}

#[test]
fn what_is_left_of_shares_stands_beside_the_rules_where_there_is_any_and_is_not_baked_in() {
    let service: ServiceId = "pay".parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let pay = cache(folder.path(), "pay", &[SERVER]);
    let without = file::encoded(&kept("m"), &service, SERVER).unwrap();
    assert!(!without.contains("shares"), "a file is as those of before, which are read");
    let shares = KeptShares { service: Some(Part::whole().half()), global: None };
    pay.write(&Kept { shares: shares.clone(), ..kept("m") }).unwrap();
    let read = pay.read().unwrap();
    assert_eq!((read.view, read.shares), (kept("m").view, shares));
    let path = only_file(folder.path());
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(r#""shares":{"service":[[0,140737488355328]]}"#), "{text}");
    assert_eq!(bootstrap(&path, &service).unwrap().shares, KeptShares::default());
}

#[test]
fn of_several_servers_the_newest_rules_count() {
    let folder = tempfile::tempdir().unwrap();
    let other = "http://other:9000";
    cache(folder.path(), "pay", &[SERVER]).write(&kept("old")).unwrap();
    let newer = Kept { as_of: Some("2030-01-02T00:00:00Z".parse().unwrap()), ..kept("new") };
    cache(folder.path(), "pay", &[other]).write(&newer).unwrap();
    for servers in [[SERVER, other], [other, SERVER]] {
        let read = cache(folder.path(), "pay", &servers).read().unwrap();
        assert_eq!(read.view.global.maintenance.reason, "new");
    }
}

#[test]
fn g17_a_file_that_is_cut_or_changed_anywhere_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let pay = cache(folder.path(), "pay", &[SERVER]);
    pay.write(&kept("maintenance")).unwrap();
    let path = only_file(folder.path());
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        #[expect(clippy::disallowed_methods, reason = "the test damages a file")]
        fs::write(&path, &whole[..length]).unwrap();
        assert!(pay.read().is_none(), "cut at {length}");
    }
    for position in 0..whole.len() {
        let mut changed = whole.clone();
        changed[position] ^= 0x01;
        #[expect(clippy::disallowed_methods, reason = "the test damages a file")]
        fs::write(&path, &changed).unwrap();
        assert!(pay.read().is_none(), "changed at {position}");
    }
    #[expect(clippy::disallowed_methods, reason = "the test mends the file")]
    fs::write(&path, &whole).unwrap();
    assert!(pay.read().is_some());
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(pay.read().is_none(), "a directory in its place");
    assert!(pay.write(&kept("m")).is_err());
}

#[test]
fn a_file_of_another_version_service_or_server_is_not_used() {
    let service: ServiceId = "pay".parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let read = |text: &str, server: Option<&str>| {
        #[expect(clippy::disallowed_methods, reason = "the test makes a file")]
        fs::write(&path, text).unwrap();
        file::read(&path, &service, server).map(|kept| kept.unwrap()).map_err(|why| why.to_string())
    };
    let text = file::encoded(&kept("m"), &service, SERVER).unwrap();
    assert!(read(&text, Some(SERVER)).unwrap().complete);
    let newer = text.replace("\"version\":1", "\"version\":2");
    assert!(read(&newer, Some(SERVER)).unwrap_err().contains("version 2"));
    let foreign = file::encoded(&kept("m"), &"orders".parse().unwrap(), SERVER).unwrap();
    assert!(read(&foreign, Some(SERVER)).unwrap_err().contains("`orders`"));
    assert!(read(&text, Some("http://b")).unwrap_err().contains(SERVER));
    assert!(read("{}", Some(SERVER)).unwrap_err().contains("first line"));
}

#[test]
fn a_bootstrap_file_is_a_cache_file_of_any_server_or_the_body_of_a_snapshot() {
    let service: ServiceId = "pay".parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bootstrap.json");
    let read = |text: &str| {
        #[expect(clippy::disallowed_methods, reason = "the test makes a file")]
        fs::write(&path, text).unwrap();
        bootstrap(&path, &service)
    };
    assert!(bootstrap(&path, &service).is_none());
    let written = kept("m");
    assert_eq!(read(&file::encoded(&written, &service, SERVER).unwrap()).unwrap().view, written.view);
    let bare = serde_json::json!({"cursor": written.cursor, "view": written.view});
    for text in [bare.to_string(), format!("{bare}\n"), serde_json::to_string_pretty(&bare).unwrap()] {
        let read = read(&text).unwrap();
        assert_eq!((&read.view, read.as_of, read.complete), (&written.view, None, true));
    }
    for useless in ["", "[]", "{}", "<html>", r#"{"view":{}}"#] {
        assert!(read(useless).is_none(), "{useless}");
    }
    let odd = r#"{"cursor":"firsthistory:7:0000000000000007","view":{"service":{"routes":{"GET:/x":{"base":7}}}}}"#;
    assert!(!read(odd).unwrap().complete, "what could not be read has to come again");
}

#[test]
fn writers_at_the_same_time_leave_one_whole_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let writers: Vec<_> = (0..4)
        .map(|number| {
            let pay = cache(folder.path(), "pay", &[SERVER]);
            std::thread::spawn(move || {
                for round in 0..10 {
                    pay.write(&kept(&format!("{number} {}", "x".repeat(round * 1000)))).unwrap();
                    assert!(pay.read().is_some());
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    only_file(folder.path());
}

#[test]
fn what_killed_writers_left_is_removed_when_it_is_old() {
    let folder = tempfile::tempdir().unwrap();
    let pay = cache(folder.path(), "pay", &[SERVER]);
    let left = |name: &str, age: Duration| {
        let path = folder.path().join(name);
        let modified = clock::system_now() - age;
        fs::File::create(&path).unwrap().set_modified(modified).unwrap();
        path
    };
    let old = left(&format!("{}xyz.tmp", pay.temporary_prefix(SERVER)), Duration::from_hours(1));
    let fresh = left(&format!("{}abc.tmp", pay.temporary_prefix(SERVER)), Duration::ZERO);
    let foreign = left("something.tmp", Duration::from_hours(1));
    pay.read();
    assert_eq!((old.exists(), fresh.exists(), foreign.exists()), (false, true, true));
}

/// A process that was cut off writes what it knows when it stops, and that is old.
#[test]
fn what_a_sibling_has_kept_since_is_not_replaced_by_older_rules() {
    let folder = tempfile::tempdir().unwrap();
    let pay = cache(folder.path(), "pay", &[SERVER]);
    let as_of = |time: &str, reason| Kept { as_of: Some(time.parse().unwrap()), ..kept(reason) };
    let known = || pay.read().unwrap().view.global.maintenance.reason.clone();
    pay.write(&as_of("2020-01-02T00:00:00Z", "newer")).unwrap();
    pay.write(&as_of("2020-01-01T00:00:00Z", "older")).unwrap();
    assert_eq!(known(), "newer");
    pay.write(&as_of("2020-01-03T00:00:00Z", "newest")).unwrap();
    assert_eq!(known(), "newest");
    let other =
        Kept { cursor: "otherhistory:1:0000000000000001".parse().unwrap(), ..as_of("2020-01-01T00:00:00Z", "o") };
    pay.write(&other).unwrap();
    assert_eq!(known(), "o", "another history, which is not older than this one");
    pay.write(&as_of("2999-01-01T00:00:00Z", "future")).unwrap();
    pay.write(&as_of("2020-01-04T00:00:00Z", "now")).unwrap();
    assert_eq!(known(), "now", "a clock was wrong");
}
