//! The secret key.

use std::sync::Arc;

use waygate_server::Server;
use waygate_store::MemoryStore;

use crate::helpers::Log;

/// The lines that are logged while a server with this key starts.
async fn logged_with(key: Option<&str>) -> Vec<String> {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let builder = Server::builder().backend(Arc::new(MemoryStore::new().unwrap())).auth(("admin", "secret"));
    let builder = key.into_iter().fold(builder, waygate_server::ServerBuilder::secret_key);
    builder.build().await.unwrap().stop().await.unwrap();
    log.lines().into_iter().filter(|line| line.contains("secret key")).collect()
}

#[tokio::test]
async fn g45_a_weak_secret_key_is_warned_about_once_and_not_shown() {
    for (key, expected) in [
        ("s3cr3t-of-ours", "is shorter than 32 bytes"),
        ("stable-key-for-persistent-tokens", "is a placeholder"),
        ("Please-ChangeMe-before-you-go-to-production", "is a placeholder"),
        ("abababababababababababababababababababab", "has fewer than 8 different bytes"),
    ] {
        let lines = logged_with(Some(key)).await;
        assert!(matches!(&*lines, [only] if only.starts_with("WARN") && only.contains(expected)), "{lines:?}");
        assert!(!lines[0].contains(key) && lines[0].contains("32 random bytes"), "{lines:?}");
    }
    assert_eq!(logged_with(Some("q8Zt1vKfW0rYxN5mJ3hLb7sD2cGp9eUa")).await, [""; 0]);
}

#[tokio::test]
async fn g45_tokens_that_end_with_the_process_are_warned_about_once() {
    let lines = logged_with(None).await;
    assert!(
        matches!(&*lines, [only] if only.starts_with("WARN") && only.contains("no secret key is set")),
        "{lines:?}"
    );
}
