//! The suite that every store passes.

mod memory {
    use waygate_store::testing::Subject;
    use waygate_store::{MemoryStore, Retention};

    async fn store(commits: usize) -> Subject {
        Subject::new(MemoryStore::with_retention(Retention { commits, ..Retention::default() }).unwrap())
    }

    waygate_store::conformance!(store);
}

mod file {
    use waygate_store::testing::Subject;
    use waygate_store::{FileOptions, FileStore, Retention};

    async fn store(commits: usize) -> Subject {
        let directory = tempfile::tempdir().unwrap();
        let options =
            FileOptions { retention: Retention { commits, ..Retention::default() }, ..FileOptions::default() };
        let store = FileStore::open_with(directory.path().join("state.json"), options).await.unwrap();
        Subject::new(store).with_guard(directory)
    }

    waygate_store::conformance!(store);
}

mod redis {
    use waygate_store::testing::Subject;
    use waygate_store::{RedisOptions, RedisStore, Retention};

    use crate::redis::{is_available, prefix, url};

    async fn store(commits: usize) -> Subject {
        let retention = Retention { commits, ..Retention::default() };
        let options = RedisOptions { prefix: prefix(), retention };
        Subject::new(RedisStore::connect(&url(), options).await.unwrap())
    }

    waygate_store::conformance!(store, if is_available);
}
