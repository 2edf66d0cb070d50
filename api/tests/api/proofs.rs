//! Proofs, each verified by an implementation that is not the project's.

use counterfoil_core::receipt::Receipt;
use serde_json::{Value, json};

use crate::index::{BIG, BIG_EVENTS, BIG_SIZE, CLUSTER, Index, SMALL};
use crate::lists::{entry, heads};
use crate::oracle::{self, assert_consistent, assert_included, base64, leaf_hash};

/// On both sides of tiles, peaks and ends.
const INDEXES: [u64; 14] = [0, 1, 5, 127, 128, 255, 256, 511, 512, 767, 768, 895, 896, 899];

#[tokio::test]
async fn entry_has_its_proof_and_its_events() {
    let index = Index::open().await;
    let history = &index.shared.big;
    let (head, event_head) = heads(history, BIG_SIZE, BIG_EVENTS);
    for at in INDEXES {
        let mut found = index.ok(&format!("/v1/ledgers/{BIG}/entries/{at}")).await;
        let proof = found.as_object_mut().unwrap().remove("proof").unwrap();
        let event_proof = found["event"].as_object_mut().unwrap().remove("proof").unwrap();

        let mut expected = entry(history, at);
        let seq: u64 = expected["event"]["seq"].as_str().unwrap().parse().unwrap();
        let leaf = &history.events[seq as usize].0;
        expected["event"]["leaf"] = base64(leaf).into();
        expected["head"] = head.clone();
        expected["event_head"] = event_head.clone();
        assert_eq!(found, expected);
        assert_included(&head, at, &history.payloads[at as usize], &proof);
        assert_included(&event_head, seq, leaf, &event_proof);
    }
}

#[tokio::test]
async fn receipt_is_what_its_reader_verifies() {
    let index = Index::open().await;
    for (ledger, at) in [(BIG, 0), (BIG, 300), (BIG, 899), (SMALL, 4)] {
        let body = index.ok(&format!("/v1/ledgers/{ledger}/entries/{at}/receipt")).await;
        let entry = index.ok(&format!("/v1/ledgers/{ledger}/entries/{at}")).await;
        let number = |name: &str| entry["event"][name].as_str().unwrap().parse::<u64>().unwrap();
        let size = number("first_index") + number("count");
        let inclusion = format!("/v1/ledgers/{ledger}/inclusion?log=entries&index={at}&size={size}");
        let inclusion = index.ok(&inclusion).await;
        let growth = index.ok(&format!("/v1/ledgers/{ledger}/consistency?log=entries&first={size}")).await;
        let expected = json!({
            "format": "counterfoil receipt v2",
            "genesis_hash": CLUSTER.genesis_hash.to_string(),
            "program": CLUSTER.program.to_string(),
            "ledger": ledger.to_string(),
            "entry": { "index": entry["index"], "payload": entry["payload"], "proof": inclusion["proof"] },
            "event": { "seq": entry["event"]["seq"], "leaf": entry["event"]["leaf"] },
            "transaction": entry["event"]["transaction"],
            "bridge": {
                "head": entry["head"],
                "consistency": growth["proof"],
                "event_head": entry["event_head"],
                "event_proof": entry["event"]["proof"],
            },
        });
        assert_eq!(body, expected);
        let receipt: Receipt = serde_json::from_value(body).unwrap();
        assert_eq!(receipt.verify().unwrap().index().get(), at);
    }
}

#[tokio::test]
async fn inclusion_is_proven_for_the_checked_and_every_earlier_size() {
    let index = Index::open().await;
    let history = &index.shared.big;
    let entries: Vec<&Vec<u8>> = history.payloads.iter().collect();
    let events: Vec<&Vec<u8>> = history.events.iter().map(|(leaf, _)| leaf).collect();
    for (log, leaves, checked) in [("entries", entries, BIG_SIZE), ("events", events, BIG_EVENTS)] {
        for at in INDEXES.into_iter().filter(|at| *at < checked) {
            for size in [at + 1, at + 2, 256, 257, 300, 769, checked] {
                if size <= at || size > checked {
                    continue;
                }
                let path = format!("/v1/ledgers/{BIG}/inclusion?log={log}&index={at}&size={size}");
                let mut found = index.ok(&path).await;
                let proof = found.as_object_mut().unwrap().remove("proof").unwrap();
                let (leaf, head) = (leaves[at as usize], oracle::head(&oracle::tree(leaves.iter().copied(), size)));
                let expected =
                    json!({ "log": log, "index": at.to_string(), "leaf_hash": leaf_hash(leaf), "head": head });
                assert_eq!(found, expected, "{path}");
                assert_included(&head, at, leaf, &proof);
            }
        }
        let whole = format!("/v1/ledgers/{BIG}/inclusion?log={log}&index=3");
        assert_eq!(index.ok(&whole).await, index.ok(&format!("{whole}&size={checked}")).await);
    }
}

#[tokio::test]
async fn consistency_is_proven_between_any_two_sizes_up_to_the_checked_one() {
    let index = Index::open().await;
    let history = &index.shared.big;
    let entries: Vec<&Vec<u8>> = history.payloads.iter().collect();
    let events: Vec<&Vec<u8>> = history.events.iter().map(|(leaf, _)| leaf).collect();
    for (log, leaves, checked) in [("entries", entries, BIG_SIZE), ("events", events, BIG_EVENTS)] {
        let sizes = [1, 2, 3, 128, 255, 256, 257, 302, 512, 700, 768, 900];
        for first in sizes.into_iter().filter(|size| *size <= checked) {
            for second in sizes.into_iter().filter(|size| (first..=checked).contains(size)) {
                let path = format!("/v1/ledgers/{BIG}/consistency?log={log}&first={first}&second={second}");
                let mut found = index.ok(&path).await;
                let proof = found.as_object_mut().unwrap().remove("proof").unwrap();
                let head = |size| oracle::head(&oracle::tree(leaves.iter().copied(), size));
                let (first, second) = (head(first), head(second));
                assert_eq!(found, json!({ "log": log, "first": first, "second": second }), "{path}");
                assert_consistent(&first, &second, &proof);
            }
        }
        let whole = format!("/v1/ledgers/{BIG}/consistency?log={log}&first=9");
        assert_eq!(index.ok(&whole).await, index.ok(&format!("{whole}&second={checked}")).await);
        let from_nothing = index.ok(&format!("/v1/ledgers/{BIG}/consistency?log={log}&first=0")).await;
        assert_eq!((&from_nothing["first"]["size"], &from_nothing["proof"]), (&Value::from("0"), &json!([])));
    }
}
