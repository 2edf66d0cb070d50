//! Verdicts on receipts that somebody gives. Each case but the good ones is found by one comparison alone: without it, it would pass.

use counterfoil_core::receipt::{Receipt, Version};
use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use serde_json::{Value, json};

use super::ok;
use crate::history::{CREATOR, History, WRITER};
use crate::index::{BIG, Index};

const LEDGER: LedgerId = LedgerId([0x61; 32]);

/// An index with a ledger of this history, as far as that goes.
async fn with(history: &mut History) -> Index {
    let index = Index::open().await;
    history.check(&index.pool).await;
    index
}

async fn receipt_of(index: &Index, ledger: LedgerId, entry: u64) -> Receipt {
    serde_json::from_value(index.ok(&format!("/v1/ledgers/{ledger}/entries/{entry}/receipt")).await).unwrap()
}

async fn judge(index: &Index, receipt: &Receipt) -> (String, String) {
    let mut found = Vec::new();
    // As an object and as text, which mean the same.
    for given in [json!(receipt), Value::String(serde_json::to_string(receipt).unwrap())] {
        let answer = ok(index, "verify_receipt", json!({ "receipt": given })).await;
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        let verified = &answer["verified"];
        let claims = !verified["what"].as_array().unwrap().is_empty();
        assert_eq!(claims, text("verdict") == "consistent", "only what holds is said to be verified: {answer}");
        found.push((text("verdict"), text("reason")));
    }
    assert_eq!(found[0], found[1]);
    found.swap_remove(0)
}

#[tokio::test]
async fn a_good_receipt_is_consistent_as_it_was_given_and_by_its_place() {
    let index = Index::open().await;
    for entry in [0, 5, 899] {
        assert_eq!(judge(&index, &receipt_of(&index, BIG, entry).await).await.0, "consistent");
    }
    let answer = ok(&index, "verify_receipt", json!({ "ledger": BIG.to_string(), "index": "5" })).await;
    assert_eq!(answer["verdict"], "consistent");
    let answer =
        ok(&index, "get_receipt", json!({ "ledger": BIG.to_string(), "index": "5", "include_data": true })).await;
    let given = answer["data_untrusted"].clone();
    assert_eq!(ok(&index, "verify_receipt", json!({ "receipt": given })).await["verdict"], "consistent");
}

#[tokio::test]
async fn a_receipt_with_another_entry_or_proof_is_refused() {
    let index = Index::open().await;
    let good = receipt_of(&index, BIG, 5).await;
    let mut other_entry = good.clone();
    other_entry.entry.payload.push(b'!');
    let mut other_index = good.clone();
    other_index.entry.index = 6;
    let mut shorter = good.clone();
    shorter.entry.proof.pop();
    for forged in [other_entry, other_index, shorter] {
        let (verdict, reason) = judge(&index, &forged).await;
        assert_eq!(verdict, "refused");
        assert!(reason.contains("does not hold together"), "{reason}");
    }
}

#[tokio::test]
async fn a_receipt_of_another_event_is_refused() {
    let mut here = History::create(LEDGER);
    here.append(3);
    let index = with(&mut here).await;
    // The same entries under the same head, appended by somebody else.
    let mut there = History::create(LEDGER);
    there.append_as(CREATOR, 3);
    let elsewhere = with(&mut there).await;
    let mut forged = receipt_of(&elsewhere, LEDGER, 1).await;
    // Without later heads nothing but the event tells.
    let Version::V2 { bridge, .. } = &mut forged.version else { panic!("another version") };
    *bridge = None;
    forged.verify().unwrap();
    let (verdict, reason) = judge(&index, &forged).await;
    assert_eq!(verdict, "refused");
    assert!(reason.contains("another event"), "{reason}");
    assert_eq!(judge(&elsewhere, &forged).await.0, "consistent");
}

#[tokio::test]
async fn a_receipt_whose_later_heads_never_were_is_refused() {
    // Both histories begin alike, so that the event is the same; then they part.
    let mut here = History::create(LEDGER);
    here.append(3);
    here.append_as(WRITER, 2);
    let index = with(&mut here).await;
    let mut there = History::create(LEDGER);
    there.append(3);
    there.append_as(CREATOR, 2);
    let elsewhere = with(&mut there).await;
    let forged = receipt_of(&elsewhere, LEDGER, 1).await;
    let (verdict, reason) = judge(&index, &forged).await;
    assert_eq!(verdict, "refused");
    assert!(reason.contains("never had"), "{reason}");
}

#[tokio::test]
async fn a_receipt_that_is_newer_or_of_elsewhere_cannot_be_told() {
    let mut here = History::create(LEDGER);
    here.append(3);
    let index = with(&mut here).await;
    let mut there = History::create(LEDGER);
    there.append(3);
    there.append(2);
    let elsewhere = with(&mut there).await;
    // Its entry is newer than what is checked here.
    assert_eq!(judge(&index, &receipt_of(&elsewhere, LEDGER, 4).await).await.0, "cannot_tell");
    // Its entry is older, and only its later heads are newer.
    assert_eq!(judge(&index, &receipt_of(&elsewhere, LEDGER, 1).await).await.0, "consistent");

    let good = receipt_of(&index, LEDGER, 1).await;
    let mut other_cluster = good.clone();
    other_cluster.genesis_hash = GenesisHash([1; 32]);
    let mut other_program = good;
    other_program.program = ProgramId([1; 32]);
    for foreign in [other_cluster, other_program] {
        let (verdict, reason) = judge(&index, &foreign).await;
        assert_eq!(verdict, "cannot_tell");
        assert!(reason.contains("another cluster or program"), "{reason}");
    }
}
