//! A ledger of which entries are missing: what is served, what is refused by name, and what filling in changes.

use std::ops::Range;

use counterfoil_core::LedgerId;
use counterfoil_core::receipt::Receipt;
use counterfoil_store::Fill;
use merkle_log::{Position, TreeSize, subtrees};
use serde_json::{Value, json};

use crate::history::History;
use crate::index::Index;
use crate::lists::entry;
use crate::oracle::{self, assert_consistent, assert_included, base64};

const HOLED: LedgerId = LedgerId([9; 32]);
const SIZE: u64 = 1_230;
/// By the hashes of their subtrees; all else by their bytes.
const HOLES: [Range<u64>; 2] = [300..1_000, 1_100..1_105];
/// Sizes that the ledger had.
const HEADS: [u64; 5] = [300, 1_000, 1_100, 1_105, SIZE];

/// The ledger, checked; another append is not checked yet, by subtrees too.
async fn holed(index: &Index) -> History {
    let mut history = History::create(HOLED);
    history.append(300);
    history.append_subtrees(700);
    history.append(100);
    history.append_subtrees(5);
    history.append(125);
    history.check(&index.pool).await;
    history.append_subtrees(40);
    history.commit(&index.pool).await;
    history
}

fn positions() -> Vec<Position> {
    let size = |leaves| TreeSize::new(leaves).unwrap();
    HOLES.iter().flat_map(|hole| subtrees(size(hole.start), size(hole.end), 24)).collect()
}

/// As the API writes them.
fn listed(history: &History) -> Vec<Value> {
    let describe = |Position { level, offset }| {
        let (first, count) = (offset << level, 1_u64 << level);
        let leaves = history.payloads[first as usize..(first + count) as usize].iter();
        json!({
            "first_index": first.to_string(),
            "count": count.to_string(),
            "root": oracle::head(&oracle::tree(leaves, count))["root"],
            "event_seq": if first < 1_000 { "2" } else { "4" },
        })
    };
    positions().into_iter().map(describe).collect()
}

fn is_missing(index: u64) -> bool {
    HOLES.iter().any(|hole| hole.contains(&index))
}

fn camel(value: &Value) -> Value {
    let subtrees = value.as_array().unwrap().iter().map(|subtree| {
        json!({
            "firstIndex": subtree["first_index"], "count": subtree["count"], "root": subtree["root"],
            "eventSeq": subtree["event_seq"],
        })
    });
    subtrees.collect()
}

async fn fill(index: &Index, history: &History, Position { level, offset }: Position) {
    let leaves = (offset << level) as usize..((offset + 1) << level) as usize;
    let mut transaction = index.pool.begin().await.unwrap();
    let mut fill = Fill::begin(&mut transaction, HOLED, leaves.start as u64).await.unwrap();
    fill.push(&history.payloads[leaves]).await.unwrap();
    fill.finish().await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn a_ledger_says_what_it_lacks_by_both_skins() {
    let index = Index::open().await;
    let history = holed(&index).await;
    let all = listed(&history);
    let ledger = index.ok(&format!("/v1/ledgers/{HOLED}")).await;
    assert_eq!((&ledger["missing_leaves"], &ledger["behind"]["entries"]), (&json!("705"), &json!("40")));
    let whole = index.ok(&format!("/v1/ledgers/{HOLED}/missing")).await;
    assert_eq!(whole, json!({ "head": ledger["checked"]["head"], "leaves": "705", "subtrees": all, "next": null }));
    for limit in [1, 3, all.len() - 1, all.len()] {
        let (mut paged, mut first) = (Vec::new(), Value::from("0"));
        while let Some(from) = first.as_str() {
            let path = format!("/v1/ledgers/{HOLED}/missing?first={from}&limit={limit}");
            let page = index.ok(&path).await;
            assert!(page["subtrees"].as_array().unwrap().len() <= limit);
            paged.extend(page["subtrees"].as_array().unwrap().clone());
            first = page["next"].clone();
        }
        assert_eq!(paged, all);
    }
    let query = format!(
        "{{ ledger(address: \"{HOLED}\") {{ missing(first: 2, from: \"512\") {{ leaves next
            subtrees {{ firstIndex count root eventSeq }} }} }} }}"
    );
    let found = index.graphql(&query).await["ledger"]["missing"].clone();
    let page = index.ok(&format!("/v1/ledgers/{HOLED}/missing?first=512&limit=2")).await;
    assert_eq!(found, json!({ "leaves": "705", "next": page["next"], "subtrees": camel(&page["subtrees"]) }));
}

#[tokio::test]
async fn entries_that_are_there_are_proven_and_those_that_are_not_are_named() {
    let index = Index::open().await;
    let history = holed(&index).await;
    let head = oracle::head(&oracle::tree(&history.payloads, SIZE));
    for at in [
        0, 127, 255, 256, 299, 300, 303, 304, 511, 512, 767, 900, 999, 1_000, 1_023, 1_024, 1_099, 1_100, 1_104, 1_105,
        1_229,
    ] {
        let path = format!("/v1/ledgers/{HOLED}/entries/{at}");
        if is_missing(at) {
            let around = positions().into_iter().find(|subtree| at >> subtree.level == subtree.offset).unwrap();
            let (first, count) = (around.offset << around.level, 1_u64 << around.level);
            let inclusion = format!("/v1/ledgers/{HOLED}/inclusion?log=entries&index={at}");
            if count == 1 {
                // The root of its subtree is the leaf's hash, which can be proven without the entry.
                let found = index.ok(&inclusion).await;
                assert_included(&head, at, &history.payloads[at as usize], &found["proof"]);
            }
            for path in [path.clone(), format!("{path}/receipt")].into_iter().chain((count > 1).then_some(inclusion)) {
                let (status, code, detail) = index.problem(&path).await;
                assert_eq!((status, code.as_str()), (404, "entry_missing"), "{path}: {detail}");
                let named = format!(
                    "entry {at} is missing from the index. Event {} appended the {count} entries from {first} on",
                    if at < 1_000 { 2 } else { 4 }
                );
                assert!(detail.contains(&named), "{detail}");
            }
            let query = format!("{{ ledger(address: \"{HOLED}\") {{ entry(index: \"{at}\") {{ index }} }} }}");
            assert_eq!(index.graphql_error(&query).await.0, "entry_missing");
        } else {
            let found = index.ok(&path).await;
            assert_eq!(found["payload"], base64(&history.payloads[at as usize]));
            assert_eq!(found["head"], head);
            assert_included(&head, at, &history.payloads[at as usize], &found["proof"]);
            let receipt: Receipt = serde_json::from_value(index.ok(&format!("{path}/receipt")).await).unwrap();
            assert_eq!(receipt.verify().unwrap().index().get(), at);
        }
    }
}

#[tokio::test]
async fn lists_leave_out_what_is_missing_and_say_so() {
    let index = Index::open().await;
    let history = holed(&index).await;
    let all = listed(&history);
    for limit in [7, 100, 1_000] {
        let (mut found, mut missing, mut first) = (Vec::new(), Vec::new(), Value::from("0"));
        while let Some(from) = first.as_str() {
            let page = index.ok(&format!("/v1/ledgers/{HOLED}/entries?first={from}&limit={limit}")).await;
            assert!(page["entries"].as_array().unwrap().len() <= limit);
            found.extend(page["entries"].as_array().unwrap().clone());
            missing.extend(page["missing"].as_array().unwrap().clone());
            first = page["next"].clone();
        }
        let expected: Vec<Value> = (0..SIZE).filter(|at| !is_missing(*at)).map(|at| entry(&history, at)).collect();
        assert!(found == expected, "{limit}: {} entries", found.len());
        assert_eq!(missing, all, "{limit}");
    }
    // Tiles with holes are no tiles of a tlog-tiles log: what is in them cannot be served.
    for (path, code) in [("0/002", "proof_unavailable"), ("entries/002", "entry_missing")] {
        let (status, found, _) = index.problem(&format!("/tlog/{HOLED}/entries/tile/{path}")).await;
        assert_eq!((status, found.as_str()), (404, code), "{path}");
    }
    // Only a page without a hole is certified to be whole.
    for (first, is_whole) in [(0, true), (600, false)] {
        let page = index.ok(&format!("/v1/ledgers/{HOLED}/entries?first={first}&limit=2")).await;
        assert_eq!((page["certificate"] != Value::Null, page["missing"] == json!([])), (is_whole, is_whole), "{page}");
    }
    // A page within a hole names it, and goes on behind it.
    let page = index.ok(&format!("/v1/ledgers/{HOLED}/entries?first=600&limit=2")).await;
    assert_eq!(page["entries"], json!([entry(&history, 1_000), entry(&history, 1_001)]));
    assert_eq!(page["missing"][0], all.iter().find(|subtree| subtree["first_index"] == "512").unwrap().clone());
    assert_eq!(page["next"], "1002");

    let query = |arguments: &str| {
        format!(
            "{{ ledger(address: \"{HOLED}\") {{ entries({arguments}) {{ edges {{ cursor node {{ index proof }} }}
                missing {{ firstIndex count root eventSeq }} head {{ size root }} pageInfo {{ hasNextPage endCursor }} }} }} }}"
        )
    };
    let page = index.graphql(&query("first: 3, after: \"298\"")).await["ledger"]["entries"].clone();
    let cursors: Vec<&Value> = page["edges"].as_array().unwrap().iter().map(|edge| &edge["cursor"]).collect();
    assert_eq!(cursors, ["299", "1000", "1001"]);
    for edge in page["edges"].as_array().unwrap() {
        let at: u64 = edge["node"]["index"].as_str().unwrap().parse().unwrap();
        assert_eq!(edge["cursor"], at.to_string());
        assert_included(&page["head"], at, &history.payloads[at as usize], &edge["node"]["proof"]);
    }
    assert_eq!(page["pageInfo"], json!({ "hasNextPage": true, "endCursor": "1001" }));
    let before = all.iter().filter(|subtree| subtree["event_seq"] == "2").cloned().collect::<Value>();
    assert_eq!(page["missing"], camel(&before));
    // From the end, a page covers as many indexes as are asked for.
    let page = index.graphql(&query("last: 4, before: \"1002\"")).await["ledger"]["entries"].clone();
    let cursors: Vec<&Value> = page["edges"].as_array().unwrap().iter().map(|edge| &edge["cursor"]).collect();
    assert_eq!((cursors, &page["missing"][0]["count"]), (vec![&json!("1000"), &json!("1001")], &json!("8")));
}

#[tokio::test]
async fn proofs_over_holes_are_made_unless_a_node_lies_within_one() {
    let index = Index::open().await;
    let history = holed(&index).await;
    let head = |size| oracle::head(&oracle::tree(&history.payloads, size));
    for first in HEADS {
        for second in HEADS.into_iter().filter(|second| *second >= first) {
            let path = format!("/v1/ledgers/{HOLED}/consistency?log=entries&first={first}&second={second}");
            let found = index.ok(&path).await;
            assert_eq!((&found["first"], &found["second"]), (&head(first), &head(second)));
            assert_consistent(&head(first), &head(second), &found["proof"]);
        }
        for at in [0, 299, 1_000, 1_050, 1_229].into_iter().filter(|at| *at < first) {
            let found = index.ok(&format!("/v1/ledgers/{HOLED}/inclusion?log=entries&index={at}&size={first}")).await;
            assert_included(&head(first), at, &history.payloads[at as usize], &found["proof"]);
        }
    }
    // Sizes at borders of the subtrees, which no head ever had.
    for size in [304, 512, 768, 992] {
        let path = format!("/v1/ledgers/{HOLED}/consistency?log=entries&first={size}");
        assert_consistent(&head(size), &head(SIZE), &index.ok(&path).await["proof"]);
    }
    for (size, first, count) in [(301, 300, 4), (513, 512, 256), (900, 896, 64), (1_101, 1_100, 4)] {
        for path in [
            format!("/v1/ledgers/{HOLED}/consistency?log=entries&first={size}"),
            format!("/v1/ledgers/{HOLED}/consistency?log=entries&first=4&second={size}"),
            format!("/v1/ledgers/{HOLED}/inclusion?log=entries&index=3&size={size}"),
        ] {
            let (status, code, detail) = index.problem(&path).await;
            assert_eq!((status, code.as_str()), (404, "proof_unavailable"), "{path}: {detail}");
            assert!(detail.contains(&format!("within the {count} entries from {first} on")), "{path}: {detail}");
        }
    }
    for seq in 0..6 {
        let found = index.ok(&format!("/v1/ledgers/{HOLED}/inclusion?log=events&index={seq}")).await;
        assert_included(&found["head"], seq, &history.events[seq as usize].0, &found["proof"]);
    }
}

#[tokio::test]
async fn what_is_filled_in_is_served_as_if_it_had_always_been_there() {
    let index = Index::open().await;
    let history = holed(&index).await;
    let mut rest = positions();
    // From the middle, so that both neighbours are still missing.
    while !rest.is_empty() {
        let filled = rest.remove(rest.len() / 2);
        fill(&index, &history, filled).await;
        let (first, count) = (filled.offset << filled.level, 1_u64 << filled.level);
        for at in [first, first + count / 2, first + count - 1] {
            let found = index.ok(&format!("/v1/ledgers/{HOLED}/entries/{at}")).await;
            assert_eq!(found["payload"], base64(&history.payloads[at as usize]));
            assert_included(&found["head"], at, &history.payloads[at as usize], &found["proof"]);
            let receipt = index.ok(&format!("/v1/ledgers/{HOLED}/entries/{at}/receipt")).await;
            let receipt: Receipt = serde_json::from_value(receipt).unwrap();
            assert_eq!(receipt.verify().unwrap().event().body.name(), "SubtreesAppended");
        }
        let leaves: u64 = rest.iter().map(|subtree| 1 << subtree.level).sum();
        let listed = index.ok(&format!("/v1/ledgers/{HOLED}/missing")).await;
        assert_eq!(
            (&listed["leaves"], listed["subtrees"].as_array().unwrap().len()),
            (&json!(leaves.to_string()), rest.len())
        );
        index.ok(&format!("/v1/ledgers/{HOLED}/entries?first={first}&limit=1000")).await;
    }
    let page = index.ok(&format!("/v1/ledgers/{HOLED}/entries?first=290&limit=1000")).await;
    let expected: Vec<Value> = (290..SIZE).map(|at| entry(&history, at)).collect();
    assert_eq!((&page["entries"], &page["missing"]), (&Value::from(expected), &json!([])));
    index.ok(&format!("/v1/ledgers/{HOLED}/consistency?log=entries&first=513")).await;
}

/// A user who can write to the database cannot have an entry taken for missing, nor one in a partial tile for another.
#[tokio::test]
async fn changed_rows_of_a_ledger_with_holes_are_refused() {
    let ledger = "ledger = (select id from ledger where address = decode(repeat('09', 32), 'hex'))";
    let root = "sha256('another')";
    let cases = [
        // The tile of leaves 1,024 to 1,229 is partial; entry 1,106 lies behind a hole in it.
        (
            format!("update entry set payload = 'x', leaf_hash = sha256('\\x0078') where {ledger} and index = 1106"),
            "/entries?first=1100&limit=10",
        ),
        (format!("delete from entry where {ledger} and index = 1106"), "/entries/1106"),
        (format!("delete from entry where {ledger} and index = 5"), "/entries?first=0"),
        // A subtree that no event appended, in place of an entry.
        (
            format!(
                "with gone as (delete from entry where {ledger} and index = 1106 returning ledger)
                 insert into subtree select ledger, 0, 1106, {root}, 4, false from gone"
            ),
            "/entries/1106",
        ),
        (format!("update subtree set root = {root} where {ledger} and level = 8 and not is_tile"), "/missing"),
        (
            format!("update subtree set root = {root} where {ledger} and level = 8 and not is_tile"),
            "/entries?first=400",
        ),
        (format!("update subtree set root = {root} where {ledger} and level = 2"), "/entries/1105"),
        (format!("update subtree set event_seq = 3 where {ledger} and level = 8 and not is_tile"), "/missing"),
        (format!("update subtree set event_seq = 6 where {ledger} and level = 8 and not is_tile"), "/missing"),
        (format!("delete from subtree where {ledger} and level = 2 and index = 275"), "/entries/1105"),
    ];
    for (sql, route) in cases {
        let index = Index::open().await;
        holed(&index).await;
        index.tamper(&sql).await;
        let (status, code, detail) = index.problem(&format!("/v1/ledgers/{HOLED}{route}")).await;
        assert_eq!((status, code.as_str()), (500, "stored_data_corrupt"), "{sql}: {detail}");
    }
    // Of a subtree that was filled in and then damaged, nothing false is served, whatever root stands next to it.
    let index = Index::open().await;
    let history = holed(&index).await;
    for subtree in positions() {
        fill(&index, &history, subtree).await;
    }
    index.tamper(&format!("delete from entry where {ledger} and index = 1100")).await;
    let another =
        format!("update entry set payload = 'x', leaf_hash = sha256('\\x0078') where {ledger} and index = 1102");
    index.tamper(&another).await;
    for route in
        ["/entries/1102", "/entries?first=1090&limit=20", "/entries?first=1101&limit=20", "/entries/1102/receipt"]
    {
        let (status, code, detail) = index.problem(&format!("/v1/ledgers/{HOLED}{route}")).await;
        assert_eq!((status, code.as_str()), (500, "stored_data_corrupt"), "{route}: {detail}");
    }
}
