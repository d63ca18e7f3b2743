//! Files that are not whole, or not ours.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use waygate_core::{Draft, State};
use waygate_store::Store;
use waygate_store::testing::draft;

use crate::directory::{Directory, commit, commit_drafts, put};

type Content = BTreeMap<PathBuf, Vec<u8>>;

const SEGMENT: &str = "state.json.log/00000000000000000001.jsonl";

/// A draft without much in it, so that there are few bytes to damage.
fn tiny(number: u64) -> Draft {
    let mut tiny = draft(number);
    tiny.records.remove(1);
    tiny.records[0].before.clear();
    tiny.records[0].reason.clear();
    tiny
}

/// Two single commits and a batch of two, in one segment, with the states on the way.
async fn some_commits() -> (Content, Vec<State>) {
    let directory = Directory::new();
    let store = directory.open().await.unwrap();
    let mut states = vec![store.load().await.unwrap()];
    for batch in [vec![tiny(1)], vec![tiny(2)], vec![tiny(3), tiny(4)]] {
        states.push(commit_drafts(&store, batch).await);
    }
    drop(store);
    (directory.content(), states)
}

/// Where each line begins, and where the file ends.
fn line_starts(bytes: &[u8]) -> Vec<usize> {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(index, _)| index + 1);
    std::iter::once(0).chain(ends).collect()
}

#[tokio::test]
async fn g22_a_log_cut_at_any_byte_loads_the_batches_before() {
    let (content, states) = some_commits().await;
    let log = &content[&PathBuf::from(SEGMENT)];
    let starts = line_starts(log);
    // Lines: the header, two batches of one, one batch of two.
    let batch_ends = [starts[1], starts[2], starts[3], starts[5]];
    let last_record = starts[4] - 1;
    assert!(last_record < log.len());
    for length in 0..log.len() {
        let mut cut = content.clone();
        cut.insert(SEGMENT.into(), log[..length].to_vec());
        let directory = Directory::with(&cut);
        let whole = batch_ends.iter().filter(|end| **end <= length).count();
        if whole == 0 {
            let text = directory.refused().await;
            assert!(text.contains(SEGMENT) && text.contains("at byte 0"), "{length}: {text}");
            continue;
        }
        let store = directory.open().await.unwrap();
        assert_eq!(store.load().await.unwrap(), states[whole - 1], "cut at {length}");
        if length % 16 == 0 {
            let after = commit(&store, [9]).await;
            drop(store);
            assert_eq!(directory.open().await.unwrap().load().await.unwrap(), after, "cut at {length}");
        }
    }
}

#[tokio::test]
async fn g24_a_log_with_any_byte_changed_is_refused() {
    let (content, _) = some_commits().await;
    let log = &content[&PathBuf::from(SEGMENT)];
    let starts = line_starts(log);
    let directory = Directory::with(&content);
    for offset in 0..log.len() {
        let mut bytes = log.clone();
        bytes[offset] ^= if offset % 2 == 0 { 0x01 } else { 0x20 };
        put(&directory.root().join(SEGMENT), &bytes);
        let text = directory.refused().await;
        let line = starts.iter().rfind(|start| **start <= offset).unwrap();
        assert!(text.contains(&format!("{SEGMENT}` is damaged at byte {line}:")), "{offset}: {text}");
    }
}

/// A byte that is gone, or one that is new, at every place: the start is refused and names it, or what is at the end of
/// the log is a batch that was never finished, and the ones before it are there.
#[tokio::test]
async fn g24_a_log_with_a_byte_lost_or_gained_is_refused_or_loads_a_prefix() {
    let (content, states) = some_commits().await;
    let log = &content[&PathBuf::from(SEGMENT)];
    let directory = Directory::with(&content);
    let mut loaded = 0;
    for offset in 0..log.len() {
        let gained = [None, Some(b'\n'), Some(b'0'), Some(0)][offset % 4];
        let mut bytes = log.clone();
        match gained {
            None => drop(bytes.remove(offset)),
            Some(gained) => bytes.insert(offset, gained),
        }
        put(&directory.root().join(SEGMENT), &bytes);
        match directory.open_or_refuse().await {
            Err(text) => assert!(text.contains(&format!("{SEGMENT}` is damaged at byte ")), "{offset}: {text}"),
            // One more digit of zeros, or a batch that has no end.
            Ok(store) => {
                let state = store.load().await.unwrap();
                assert!(state == states[2] || bytes == *log && state == states[3], "{gained:?} at {offset}");
                loaded += 1;
            }
        }
    }
    assert!(loaded <= 1, "{loaded} loaded");
}

/// The same of a log of several files: in all but the newest, whatever is cut or changed refuses the start.
#[tokio::test]
async fn g24_a_byte_of_an_older_segment_that_is_cut_or_changed_refuses_the_start() {
    let (directory, _) = three_segments().await;
    let older = PathBuf::from("state.json.log/00000000000000000011.jsonl");
    let path = directory.root().join(&older);
    let whole = fs::read(&path).unwrap();
    // Every byte is many thousand: a prime step comes by every place of a line.
    for offset in (0..whole.len()).step_by(13) {
        put(&path, &whole[..offset]);
        let text = directory.refused().await;
        assert!(text.contains("is damaged at byte"), "cut at {offset}: {text}");
        let mut bytes = whole.clone();
        bytes[offset] ^= 0x08;
        put(&path, &bytes);
        let text = directory.refused().await;
        assert!(text.contains("11.jsonl` is damaged at byte"), "changed at {offset}: {text}");
    }
}

#[tokio::test]
async fn g24_a_document_with_a_byte_changed_is_refused_or_means_the_same() {
    let directory = Directory::new();
    let store = directory.open().await.unwrap();
    let state = commit(&store, 1..=3).await;
    store.close().await.unwrap();
    let whole = fs::read(directory.state()).unwrap();
    drop(store);
    let mut refused = 0;
    for offset in 0..whole.len() {
        fs::remove_dir_all(directory.log()).unwrap_or_default();
        fs::create_dir(directory.log()).unwrap();
        let mut bytes = whole.clone();
        bytes[offset] ^= 0x02;
        put(&directory.state(), &bytes);
        match directory.open_or_refuse().await {
            Ok(store) => assert_eq!(store.load().await.unwrap(), state, "changed at {offset}"),
            Err(text) => {
                assert!(text.contains("state.json` is damaged at byte "), "{offset}: {text}");
                refused += 1;
            }
        }
    }
    assert!(refused > whole.len() * 9 / 10, "{refused} of {} refused", whole.len());
}

#[tokio::test]
async fn g24_a_document_that_ends_early_is_refused() {
    let directory = Directory::new();
    drop(directory.open().await.unwrap());
    let whole = fs::read(directory.state()).unwrap();
    // Without its last line feed the document is still whole.
    for length in 0..whole.len() - 1 {
        put(&directory.state(), &whole[..length]);
        let text = directory.refused().await;
        assert!(text.contains("state.json` is damaged at byte "), "{length}: {text}");
    }
}

#[tokio::test]
async fn zeros_at_the_end_of_a_log_are_what_a_power_failure_leaves() {
    let (mut content, states) = some_commits().await;
    content.get_mut(&PathBuf::from(SEGMENT)).unwrap().extend([0; 300]);
    let store = Directory::with(&content).open().await.unwrap();
    assert_eq!(store.load().await.unwrap(), states[3]);
}

#[tokio::test]
async fn g24_what_is_no_log_line_at_the_end_is_refused() {
    let (content, _) = some_commits().await;
    for garbage in ["garbage", "\n", "{}\n", "{\"crc32\":\"00000000\",\"entry\":{}}\n"] {
        let mut damaged = content.clone();
        let log = damaged.get_mut(&PathBuf::from(SEGMENT)).unwrap();
        let end = log.len();
        log.extend(garbage.as_bytes());
        let text = Directory::with(&damaged).refused().await;
        assert!(text.contains(&format!("damaged at byte {end}:")), "{garbage}: {text}");
    }
}

#[tokio::test]
async fn g24_documents_that_are_not_ours_are_refused_and_left_alone() {
    let reference = r#"{"states": {"GET:/pay": {"path": "GET:/pay", "status": "active"}}, "audit": [], "rl_hits": [],
        "rl_policies": {}}"#;
    let cases: [(&[u8], &str); 10] = [
        (b"", "at byte 0: it is empty"),
        (b"   \n", "at byte "),
        (b"garbage", "at byte 0: expected value"),
        (b"{\"format\": \"waygate-state\",\n \"version\": oops}", "at byte 40: expected value"),
        (b"ab\xff", "at byte 2: it is not UTF-8"),
        (b"[]", "at byte "),
        (b"{}", "`format` is not `waygate-state`"),
        (b"{\"format\":\"waygate-state\",\"version\":2,\"state\":{}}", "`version` is not 1"),
        (b"{\"format\":\"waygate-state\",\"version\":1,\"crc32\":\"00000000\",\"state\":{}}", "at byte 65: `crc32`"),
        (reference.as_bytes(), "`waygate import`"),
    ];
    for (bytes, expected) in cases {
        let directory = Directory::new();
        put(&directory.state(), bytes);
        let text = directory.refused().await;
        assert!(text.contains("state.json`") && text.contains(expected), "{}: {text}", bytes.escape_ascii());
    }
}

/// Three segments: 1 to 10, 11 to 20, 21 to 25, with the checkpoint at 20 and the documents of before.
async fn three_segments() -> (Directory, Vec<u8>) {
    let directory = Directory::new();
    let store = directory.open_small().await;
    let oldest = fs::read(directory.state()).unwrap();
    for number in 1..=25 {
        commit(&store, [number]).await;
    }
    drop(store);
    assert_eq!(directory.segments().len(), 3);
    (directory, oldest)
}

#[tokio::test]
async fn an_older_document_of_the_same_history_is_caught_up() {
    let (directory, oldest) = three_segments().await;
    let state = directory.open().await.unwrap().load().await.unwrap();
    put(&directory.state(), &oldest);
    assert_eq!(directory.open().await.unwrap().load().await.unwrap(), state);
}

#[tokio::test]
async fn g24_gaps_and_other_histories_are_refused() {
    let (directory, oldest) = three_segments().await;
    let content = directory.content();
    let [first, second, third] =
        ["01", "11", "21"].map(|first| PathBuf::from(format!("state.json.log/{first:0>20}.jsonl")));
    let refused = async |change: &dyn Fn(&mut Content)| {
        let mut damaged = content.clone();
        change(&mut damaged);
        Directory::with(&damaged).refused().await
    };

    let text = refused(&|content| drop(content.remove(&second))).await;
    assert!(text.contains("21.jsonl` is damaged at byte 0: it goes on from"), "{text}");
    let text = refused(&|content| {
        content.remove(&second);
        content.remove(&third);
    })
    .await;
    assert!(text.contains("01.jsonl") && text.contains("the checkpoint is at"), "{text}");
    let text = refused(&|content| {
        content.remove(&first);
        content.insert("state.json".into(), oldest.clone());
    })
    .await;
    assert!(text.contains("11.jsonl` is damaged at byte 0") && text.contains("does not follow"), "{text}");
    let text = refused(&|content| drop(content.remove(&PathBuf::from("state.json")))).await;
    assert!(text.contains("state.json` is missing but its log"), "{text}");
    let text = refused(&|content| {
        let segment = content.remove(&third).unwrap();
        content.insert("state.json.log/00000000000000000022.jsonl".into(), segment);
    })
    .await;
    assert!(text.contains("22.jsonl` is damaged at byte 0"), "{text}");
    for cut in [1, 30] {
        let text = refused(&|content| {
            let segment = content.get_mut(&second).unwrap();
            segment.truncate(segment.len() - cut);
        })
        .await;
        assert!(text.contains("11.jsonl` is damaged at byte") && text.contains("not whole"), "{text}");
    }

    let (other, _) = three_segments().await;
    let text = refused(&|content| drop(content.insert("state.json".into(), fs::read(other.state()).unwrap()))).await;
    assert!(text.contains("not of one history"), "{text}");
}
