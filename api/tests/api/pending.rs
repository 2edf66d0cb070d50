//! Events that are confirmed and not final are shown apart, and gone when finality has decided.

use counterfoil_core::{EventBody, LedgerId};
use counterfoil_store::{Pending, replace_pending};
use merkle_log::LeafIndex;
use serde_json::json;

use crate::history::History;
use crate::index::Index;
use crate::oracle::base64;

const PENDING: LedgerId = LedgerId([8; 32]);

#[tokio::test]
async fn what_is_pending_is_shown_apart_until_it_is_final() {
    let index = Index::open().await;
    let mut history = History::create(PENDING);
    history.append(3);
    history.check(&index.pool).await;
    let mut later = History::create(PENDING);
    later.append(3);
    later.append(2);
    later.grant();
    let shown: Vec<Pending> = later.pending().into_iter().skip(2).collect();
    let from = LeafIndex::new(2).unwrap();
    replace_pending(&mut index.pool.acquire().await.unwrap(), PENDING, from, &shown).await.unwrap();

    let path = format!("/v1/ledgers/{PENDING}/pending");
    let body = index.ok(&path).await;
    let EventBody::EntriesAppended { entries } = &shown[0].event.body else { panic!("an append is pending") };
    assert_eq!(body["events"].as_array().unwrap().len(), 2);
    let first = &body["events"][0];
    assert_eq!(first["seq"], "2");
    assert_eq!(first["kind"], "EntriesAppended");
    assert_eq!(first["first_index"], "3");
    assert_eq!(first["entries"], json!(entries.iter().map(|entry| base64(entry)).collect::<Vec<_>>()));
    assert_eq!(body["events"][1]["kind"], "WriterGranted");
    assert_eq!(body["events"][1]["entries"], json!([]));
    assert_eq!(index.ok(&format!("{path}?limit=1")).await["events"].as_array().unwrap().len(), 1);

    let query = format!(r#"{{ ledger(address: "{PENDING}") {{ pending(first: 1) {{ seq firstIndex entries }} }} }}"#);
    let found = index.graphql(&query).await;
    assert_eq!(found["ledger"]["pending"][0]["entries"], first["entries"]);

    let entries = index.ok(&format!("/v1/ledgers/{PENDING}/entries")).await;
    assert_eq!(entries["entries"].as_array().unwrap().len(), 3, "the log holds only what is final");
    assert_eq!(index.problem(&format!("/v1/ledgers/{PENDING}/entries/3")).await.1, "index_out_of_range");

    history.append(2);
    history.check(&index.pool).await;
    let body = index.ok(&path).await;
    assert_eq!(body["events"].as_array().unwrap().len(), 1, "what is final is not pending any more");
    assert_eq!(body["events"][0]["kind"], "WriterGranted");
}
