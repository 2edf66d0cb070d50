//! A streaming replica, which no one can write to, serves proofs.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use counterfoil_store::{PgPool, connect};
use pgcluster::{Cluster, Durability};
use serde_json::Value;
use tower::ServiceExt;

use crate::index::{BIG, BIG_SIZE, Index, eventually};

async fn has_come_over(replica: &PgPool) -> bool {
    sqlx::query_scalar("select exists (select from entry where payload = 'forged')").fetch_one(replica).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_serves_proofs_and_follows_what_is_written() {
    let index = Index::open().await;
    let folder = tempfile::tempdir().unwrap();
    let replica: Cluster = index.start_replica(folder.path(), Durability::None);
    let name = index.url.rsplit_once('/').unwrap().1;
    let pool = connect(&replica.url(name), 4, Duration::from_secs(30)).await.unwrap();
    let is_replica: bool = sqlx::query_scalar("select pg_is_in_recovery()").fetch_one(&pool).await.unwrap();
    assert!(is_replica);
    let app = counterfoil_api::app(pool.clone(), crate::index::settings());
    let ask = async |path: &str| {
        let response = app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body: Value = serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
        (head.status, body)
    };
    let paths = [
        "/readyz".to_owned(),
        format!("/v1/ledgers/{BIG}"),
        format!("/v1/ledgers/{BIG}/entries/3"),
        format!("/v1/ledgers/{BIG}/entries/{}", BIG_SIZE - 1),
        format!("/v1/ledgers/{BIG}/entries/3/receipt"),
    ];
    for path in paths {
        assert_eq!(ask(&path).await, index.get(&path).await, "{path}");
    }

    // The primary's rows come over as they are: also one that no one should have changed, which is refused here too.
    index.tamper("update entry set payload = 'forged' where index = 4").await;
    let come = async || if has_come_over(&pool).await { Ok(()) } else { Err("it has not") };
    eventually("what was written comes over", come).await;
    let path = format!("/v1/ledgers/{BIG}/entries/4");
    let (status, body) = ask(&path).await;
    assert_eq!(body["code"], "stored_data_corrupt");
    assert_eq!((status, body), index.get(&path).await);

    // Pending events are not for replicas, and the answer says so.
    let (_, body) = ask(&format!("/v1/ledgers/{BIG}/pending")).await;
    assert_eq!(body["code"], "database_unavailable");
    // Nor can it tell what is new.
    for path in ["live", "entries/live", "events/live"] {
        let (status, body) = ask(&format!("/v1/ledgers/{BIG}/{path}")).await;
        assert_eq!((status, &body["code"]), (StatusCode::NOT_IMPLEMENTED, &"not_configured".into()));
    }
}
