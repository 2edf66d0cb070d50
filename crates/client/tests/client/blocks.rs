//! Transactions by blocks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use counterfoil_client::{ClientError, Commitment, Feed, Rpc, TransactionRecord, block_feed};
use counterfoil_core::ProgramId;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::server::{Form, PROGRAM, Reply, error, executed, record, result, serve};

/// Longer than anything here takes; a feed that hangs fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

/// A chain's blocks by slot, and its newest slot.
#[derive(Clone)]
struct Chain {
    newest: u64,
    blocks: BTreeMap<u64, Vec<Value>>,
    /// Slots that are listed and whose blocks are gone.
    dropped: Vec<u64>,
}

fn answer(chain: &Chain, request: &Value) -> Value {
    let slot = |number: usize| request["params"][number].as_u64().expect("a slot");
    match request["method"].as_str() {
        Some("getSlot") => result(request, json!(chain.newest)),
        Some("getBlocks") => {
            let range = slot(0)..=slot(1).min(chain.newest);
            let mut slots: Vec<u64> = chain.blocks.keys().chain(&chain.dropped).copied().collect();
            slots.retain(|slot| range.contains(slot));
            slots.sort_unstable();
            result(request, json!(slots))
        }
        Some("getBlock") => match chain.blocks.get(&slot(0)) {
            Some(transactions) => result(
                request,
                json!({
                    "previousBlockhash": "x", "blockhash": "x", "parentSlot": 0, "transactions": transactions,
                    "blockTime": null, "blockHeight": null,
                }),
            ),
            None => error(request, -32_001, "Block cleaned up, does not exist on node"),
        },
        other => panic!("{other:?}"),
    }
}

fn ours(signature: u8, form: Form) -> Value {
    executed(signature, form, true, Value::Null)
}

fn open(url: &str, from_slot: u64) -> Feed {
    let rpc = Arc::new(Rpc::new(url, ProgramId(PROGRAM)));
    block_feed(rpc, from_slot, Commitment::Confirmed, Duration::from_millis(20))
}

async fn next(feed: &mut Feed) -> Result<Vec<TransactionRecord>, ClientError> {
    timeout(PATIENCE, feed.next()).await.expect("it comes in time").expect("a feed never ends")
}

#[tokio::test]
async fn delivers_each_block_once_in_slot_order_without_failed_and_foreign_transactions() {
    let failed = json!({ "InstructionError": [0, { "Custom": 6000 }] });
    let chain = Arc::new(Mutex::new(Chain {
        newest: 700,
        blocks: BTreeMap::from([
            (9, vec![ours(9, Form::Legacy)]),
            (10, vec![ours(1, Form::WithLookups), executed(2, Form::Legacy, true, failed), ours(3, Form::Legacy)]),
            (
                11,
                vec![executed(4, Form::Legacy, false, Value::Null), executed(5, Form::WithLookups, false, Value::Null)],
            ),
            // Hundreds of slots without a block lie between.
            (650, vec![ours(6, Form::WithLookups)]),
            (700, vec![ours(7, Form::Legacy)]),
        ]),
        dropped: vec![],
    }));
    let served = Arc::clone(&chain);
    let (url, _) = serve(move |request| answer(&served.lock().expect("no panics"), request).into()).await;
    let mut feed = open(&url, 10);
    let mut read = Vec::new();
    for _ in 0..3 {
        read.push(next(&mut feed).await.expect("a block"));
    }
    // A later block is delivered, too.
    {
        let mut chain = chain.lock().expect("no panics");
        chain.newest = 705;
        chain.blocks.insert(704, vec![ours(8, Form::Legacy)]);
    }
    read.push(next(&mut feed).await.expect("a block"));
    let expected = [
        vec![record(10, 1, Form::WithLookups), record(10, 3, Form::Legacy)],
        vec![record(650, 6, Form::WithLookups)],
        vec![record(700, 7, Form::Legacy)],
        vec![record(704, 8, Form::Legacy)],
    ];
    assert_eq!(read, expected);
}

#[tokio::test]
async fn an_error_loses_no_slot() {
    let blocks = (1..=20_u8).map(|slot| (u64::from(slot), vec![ours(slot, Form::Legacy)])).collect();
    let chain = Chain { newest: 20, blocks, dropped: vec![] };
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let (url, _) = serve(move |request| {
        // The look for the newest slot fails, then the list of blocks, then blocks; each in another way.
        match counted.fetch_add(1, Ordering::SeqCst) {
            0 | 13 => Reply { status: 500, retry_after: None, body: String::new() },
            2 | 16 => error(request, -32_004, "Block not available for slot").into(),
            5 | 19 => result(request, json!({ "transactions": [{}] })).into(),
            _ => answer(&chain, request).into(),
        }
    })
    .await;
    let mut feed = open(&url, 1);
    let (mut slots, mut errors) = (Vec::new(), 0);
    while slots.len() < 20 {
        match next(&mut feed).await {
            Ok(transactions) => slots.extend(transactions.iter().map(|transaction| transaction.slot)),
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                errors += 1;
            }
        }
    }
    assert_eq!(slots, (1..=20).collect::<Vec<u64>>());
    assert!(errors >= 4, "{errors}");
}

#[tokio::test]
async fn a_block_that_is_gone_is_a_reason_to_look() {
    let blocks = [(5, vec![ours(5, Form::Legacy)]), (7, vec![ours(7, Form::Legacy)])];
    let chain = Chain { newest: 7, blocks: blocks.into(), dropped: vec![6] };
    let (url, _) = serve(move |request| answer(&chain, request).into()).await;
    let mut feed = open(&url, 0);
    let mut read = Vec::new();
    for _ in 0..3 {
        read.push(next(&mut feed).await.expect("no error"));
    }
    assert_eq!(read, [vec![record(5, 5, Form::Legacy)], vec![], vec![record(7, 7, Form::Legacy)]]);
}

#[tokio::test]
async fn a_block_with_what_nobody_here_can_read_stops_no_feed() {
    let mut unreadable = ours(4, Form::Legacy);
    unreadable["transaction"][0] = json!("gv9/");
    let chain = Chain {
        newest: 7,
        blocks: [
            (5, vec![unreadable, ours(5, Form::Version1)]),
            (6, vec![ours(6, Form::Legacy)]),
            (7, vec![ours(7, Form::Legacy)]),
        ]
        .into(),
        dropped: vec![],
    };
    let (url, _) = serve(move |request| match request["method"] == "getBlock" && request["params"][0] == 6 {
        true => error(request, -32_015, "Transaction version (2) is not supported").into(),
        false => answer(&chain, request).into(),
    })
    .await;
    let mut feed = open(&url, 0);
    let mut read = Vec::new();
    for _ in 0..3 {
        read.push(next(&mut feed).await.expect("no error"));
    }
    assert_eq!(read, [vec![record(5, 5, Form::Version1)], vec![], vec![record(7, 7, Form::Legacy)]]);
}

#[tokio::test]
async fn slots_at_the_tip_that_a_server_does_not_know_yet_are_asked_for_again() {
    // One server behind the address knows slot 30, the other one lists blocks only to 20 at first.
    let lists = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lists);
    let chain = |newest| Chain {
        newest,
        blocks: [(20, vec![ours(20, Form::Legacy)]), (25, vec![ours(25, Form::Legacy)])].into(),
        dropped: vec![],
    };
    let (behind, ahead) = (chain(20), chain(30));
    let (url, _) = serve(move |request| {
        let is_list = request["method"] == "getBlocks";
        let is_behind = is_list && counted.fetch_add(1, Ordering::SeqCst) < 2;
        answer(if is_behind { &behind } else { &ahead }, request).into()
    })
    .await;
    let mut feed = open(&url, 18);
    let mut slots = Vec::new();
    for _ in 0..2 {
        slots.extend(next(&mut feed).await.expect("a block").iter().map(|transaction| transaction.slot));
    }
    assert_eq!(slots, [20, 25]);
}
