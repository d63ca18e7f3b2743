//! Two that commit, each on what it has last seen, against the plainest model.

use proptest::prelude::*;
use waygate_store::testing::draft;
use waygate_store::{CommitError, MemoryStore, Store};

use crate::directory::history;

#[derive(Debug, Clone)]
struct Step {
    who: usize,
    looks_first: bool,
    drafts: u64,
}

fn step() -> impl Strategy<Value = Step> {
    (0..2_usize, any::<bool>(), 0..4_u64).prop_map(|(who, looks_first, drafts)| Step { who, looks_first, drafts })
}

proptest! {
    #[test]
    fn commits_of_two_writers_are_linear(steps in prop::collection::vec(step(), 0..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = MemoryStore::new().unwrap();
            let start = store.load().await.unwrap().cursor;
            let mut views = [start.clone(), start];
            let mut model = Vec::new();
            let mut number = 0;
            for Step { who, looks_first, drafts } in steps {
                if looks_first {
                    views[who] = store.load().await.unwrap().cursor;
                }
                let numbers: Vec<_> = (number..number + drafts).collect();
                number += drafts;
                let committed = store.commit(&views[who], numbers.iter().copied().map(draft).collect()).await;
                let is_newest = views[who].revision.0 == model.len() as u64;
                match committed {
                    Ok(commits) => {
                        prop_assert!(is_newest);
                        model.extend(numbers);
                        views[who] = commits.last().map_or(views[who].clone(), |commit| commit.cursor.clone());
                    }
                    Err(CommitError::Conflict { current }) => {
                        prop_assert!(!is_newest);
                        prop_assert_eq!(current.revision.0, model.len() as u64);
                    }
                    Err(error) => prop_assert!(false, "{}", error),
                }
            }
            let drafts: Vec<_> = history(&store).await.into_iter().map(|commit| commit.draft).collect();
            prop_assert_eq!(drafts, model.into_iter().map(draft).collect::<Vec<_>>());
            Ok(())
        })?;
    }
}
