//! A store that cannot store.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::watch;
use waygate_store::{MemoryStore, StoreError};

use crate::helpers::{Altered, TestServer, route};

#[tokio::test]
async fn g23_a_change_that_cannot_be_stored_is_refused_and_later_ones_work_again() {
    let (fault, now) = watch::channel(None::<StoreError>);
    let store =
        Altered::of(MemoryStore::new().unwrap()).before_commit(move || now.borrow().clone().map_or(Ok(()), Err));
    let server = TestServer::start_on(Arc::new(store), |server| server).await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, before) = (server.admin().await, server.revision());
    let (full, gone) = (StoreError::Full("no space".to_owned()), StoreError::Unavailable("connection lost".to_owned()));
    for (error, status, code, retry) in [(full, 507, "store_full", None), (gone, 503, "store_unavailable", Some("5"))] {
        fault.send_replace(Some(error));
        let answer = admin.post(&route("/a", "disable"), json!({})).await;
        assert_eq!((answer.refusal(), answer.header("retry-after")), ((status, code), retry));
        assert_eq!(admin.post("/api/auth/logout", json!({})).await.refusal(), (status, code));
        assert_eq!(admin.get("/api/routes").await.body[0]["status"], "active");
    }
    assert_eq!(server.revision(), before);
    let metrics = admin.open(reqwest::Method::GET, "/metrics", None).await.text().await.unwrap();
    for error in ["full", "unavailable"] {
        let counted = format!("waygate_store_errors_total{{operation=\"commit\",error=\"{error}\"}} 2");
        assert!(metrics.contains(&counted), "{counted}: {metrics}");
    }
    fault.send_replace(None);
    assert_eq!(admin.post(&route("/a", "disable"), json!({})).await.body["status"], "disabled");
    assert_eq!(server.revision(), before + 1);
}
