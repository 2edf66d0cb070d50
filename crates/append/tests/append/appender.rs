//! An appender at a server that plays one ledger's chain.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use counterfoil_append::{AppendError, Appender, BoxError, Host, InFlight, Keypair, Planned, Settled, wallet_of};
use counterfoil_client::{Rpc, address};
use counterfoil_core::account::{LEDGER_BYTES, LEDGER_DISCRIMINATOR, LEDGER_VERSION};
use counterfoil_core::limits::{HEADS, ledger_flag};
use counterfoil_core::{LedgerId, ProgramId, Wallet};
use merkle_log::{Frontier, Hash, Root, TreeHead, hash_leaf};
use serde_json::{Value, json};
use solana_pubkey::Pubkey;

const PROGRAM: ProgramId = ProgramId([0x11; 32]);
const ID: [u8; 32] = [0x55; 32];

/// The chain's next answer to a transaction.
enum Next {
    /// It is in, and appends these entries.
    Takes(Vec<Vec<u8>>),
    /// It is refused, for another wallet's entries came first.
    IsLate(Vec<Vec<u8>>),
}

/// One ledger's account, and the answers to come.
struct Chain {
    authority: Wallet,
    flags: u32,
    entries: Frontier,
    heads: Vec<TreeHead>,
    next: VecDeque<Next>,
}

impl Chain {
    fn append(&mut self, entries: &[Vec<u8>]) {
        entries.iter().for_each(|entry| self.entries.append_leaf(&hash_leaf(entry)).expect("room"));
        self.heads.push(self.entries.head());
    }

    /// The account's data: `docs/protocol.md`, section 3.
    fn account(&self) -> Vec<u8> {
        let mut data = LEDGER_DISCRIMINATOR.to_vec();
        data.extend(u32::from(LEDGER_VERSION).to_le_bytes());
        data.extend(self.flags.to_le_bytes());
        for key in [ID, self.authority.0, self.authority.0, [0; 32]] {
            data.extend(key);
        }
        let written = self.heads.len() as u64;
        for number in [self.entries.size().get(), 0, written + 1, written, 1, 0, 1, 0] {
            data.extend(number.to_le_bytes());
        }
        let mut events = Frontier::new();
        (0..=written).for_each(|event| events.append_leaf(&hash_leaf(&event.to_le_bytes())).expect("room"));
        data.extend(self.entries.peaks().as_flattened());
        data.extend(events.peaks().as_flattened());
        for slot in 0..HEADS as u64 {
            // The newest head of those whose number leaves this rest.
            let head = (0..written).rev().find(|number| number % HEADS as u64 == slot);
            let head = head.map(|number| self.heads[number as usize]);
            data.extend(head.map_or(0, |head| head.size.get()).to_le_bytes());
            data.extend(head.map_or([0; 32], |head| head.root.0));
        }
        // Reserved.
        data.resize(LEDGER_BYTES, 0);
        data
    }

    fn answer(&mut self, request: &Value) -> Value {
        let context = json!({ "slot": 7 });
        let result = match request["method"].as_str().expect("a method") {
            "getAccountInfo" => {
                let owner = Pubkey::new_from_array(PROGRAM.0).to_string();
                let data = [BASE64_STANDARD.encode(self.account()), "base64".to_owned()];
                let account = json!({ "data": data, "owner": owner, "lamports": 1, "executable": false, "rentEpoch": 0,
                                      "space": LEDGER_BYTES });
                json!({ "context": context, "value": account })
            }
            "getLatestBlockhash" => {
                let hash = Pubkey::new_from_array([9; 32]).to_string();
                json!({ "context": context, "value": { "blockhash": hash, "lastValidBlockHeight": 150 } })
            }
            "getSignatureStatuses" => {
                let status = json!({ "slot": 8, "confirmations": 1, "status": { "Ok": null }, "err": null,
                                     "confirmationStatus": "confirmed" });
                json!({ "context": context, "value": [status] })
            }
            "sendTransaction" => {
                let bytes = BASE64_STANDARD.decode(request["params"][0].as_str().expect("a text")).expect("base64");
                match self.next.pop_front().expect("an answer") {
                    Next::Takes(entries) => self.append(&entries),
                    Next::IsLate(others) => {
                        self.append(&others);
                        let data = json!({ "err": { "InstructionError": [0, { "Custom": 6006 }] }, "logs": [] });
                        let error = json!({ "code": -32_002, "message": "simulation failed", "data": data });
                        return json!({ "jsonrpc": "2.0", "id": request["id"], "error": error });
                    }
                }
                json!(solana_signature::Signature::try_from(&bytes[1..65]).expect("64 bytes").to_string())
            }
            method => panic!("{method} was not expected"),
        };
        json!({ "jsonrpc": "2.0", "id": request["id"], "result": result })
    }
}

/// A ledger of three entries, the server that plays its chain, and its authority.
async fn ledger(flags: u32, next: impl IntoIterator<Item = Next>) -> (Rpc, LedgerId, Keypair, Arc<Mutex<Chain>>) {
    let key = Keypair::new_from_array([3; 32]);
    let authority = wallet_of(&key);
    let next = next.into_iter().collect();
    let mut chain = Chain { authority, flags, entries: Frontier::new(), heads: Vec::new(), next };
    chain.append(&entries(0..3));
    let chain = Arc::new(Mutex::new(chain));
    let answering = Arc::clone(&chain);
    let handler = post(move |body: Bytes| async move {
        let request = serde_json::from_slice(&body).expect("JSON");
        answering.lock().expect("no panics").answer(&request).to_string()
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", handler)).await });
    (Rpc::new(&url, PROGRAM), address::ledger(PROGRAM, authority, &ID), key, chain)
}

fn entries(numbers: std::ops::Range<u8>) -> Vec<Vec<u8>> {
    numbers.map(|number| vec![number; 10]).collect()
}

/// The plans that were kept, and no proofs.
#[derive(Default)]
struct Plans(Vec<Planned>);

impl Host for Plans {
    async fn keep(&mut self, planned: Planned) -> Result<(), BoxError> {
        self.0.push(planned);
        Ok(())
    }

    async fn fetch_head(&self, _: LedgerId, _: u64, _: u64) -> Result<(TreeHead, Vec<Hash>), BoxError> {
        Err("there is no API".into())
    }
}

#[tokio::test]
async fn a_plan_is_kept_and_then_the_entries_are_in() {
    let (rpc, ledger, key, chain) = ledger(0, [Next::Takes(entries(3..5)), Next::Takes(entries(5..6))]).await;
    let (mut host, in_flight) = (Plans::default(), InFlight::default());
    let mut appender = Appender::start(&rpc, ledger, &key).await.expect("the ledger is there");
    for (first, new) in [(3, entries(3..5)), (5, entries(5..6))] {
        let appended = appender.append(&mut host, &new, &in_flight).await.expect("it is in");
        assert_eq!((appended.first, appended.count), (first, new.len() as u64));
        assert_eq!(appended.sent.expect("a transaction").slot, 8);
        let head = chain.lock().expect("no panics").entries.head();
        assert_eq!(host.0.last(), Some(&Planned { first, count: new.len() as u64, root: head.root }));
        assert_eq!(appender.size(), head.size.get());
    }
}

#[tokio::test]
async fn entries_that_come_second_are_signed_again_for_the_new_size() {
    let (rpc, ledger, key, chain) = ledger(0, [Next::IsLate(entries(7..9)), Next::Takes(entries(3..4))]).await;
    let mut host = Plans::default();
    let mut appender = Appender::start(&rpc, ledger, &key).await.expect("the ledger is there");
    let appended = appender.append(&mut host, &entries(3..4), &InFlight::default()).await.expect("it is in");
    assert_eq!((appended.first, appended.count), (5, 1));
    assert_eq!(host.0.iter().map(|planned| planned.first).collect::<Vec<_>>(), [3, 5]);
    assert_eq!(chain.lock().expect("no panics").entries.size().get(), 6);
}

#[tokio::test]
async fn the_account_tells_what_became_of_a_planned_transaction() {
    let (rpc, ledger, key, chain) = ledger(0, []).await;
    let start = chain.lock().expect("no panics").entries.clone();
    let mut after = start.clone();
    entries(3..5).iter().for_each(|entry| after.append_leaf(&hash_leaf(entry)).expect("room"));
    let planned = Planned { first: 3, count: 2, root: after.root() };
    let others = Planned { root: Root([9; 32]), ..planned };
    let settle = async |planned| {
        let mut appender = Appender::start(&rpc, ledger, &key).await.expect("the ledger is there");
        (appender.settle(&Plans::default(), planned).await.expect("the account tells"), appender.is_uncertain())
    };
    assert_eq!(settle(planned).await, (Settled::Open, true));
    chain.lock().expect("no panics").append(&entries(3..5));
    assert_eq!(settle(planned).await, (Settled::In, false));
    assert_eq!(settle(others).await, (Settled::NotIn, false));
    // The ring begins at another size: only a proof would tell, and there is none.
    (0..20).for_each(|_| chain.lock().expect("no panics").append(&entries(0..1)));
    let mut appender = Appender::start(&rpc, ledger, &key).await.expect("the ledger is there");
    let unknown = appender.settle(&Plans::default(), planned).await.expect_err("there is no proof");
    assert!(matches!(unknown, AppendError::Undecided { first: 3, last: 4, .. }), "{unknown}");
}

#[tokio::test]
async fn entries_that_no_transaction_takes_are_refused_before_anything_is_sent() {
    let (rpc, ledger_id, key, _) = ledger(0, []).await;
    let mut appender = Appender::start(&rpc, ledger_id, &key).await.expect("the ledger is there");
    let (mut host, in_flight) = (Plans::default(), InFlight::default());
    let nothing = appender.append(&mut host, &[], &in_flight).await;
    assert!(matches!(nothing, Err(AppendError::Nothing)), "{nothing:?}");
    let empty = appender.append(&mut host, &[vec![1], vec![]], &in_flight).await;
    assert!(matches!(empty, Err(AppendError::EmptyEntry)), "{empty:?}");
    let large = appender.append(&mut host, &[vec![1], vec![2; 1_200]], &in_flight).await;
    assert!(matches!(large, Err(AppendError::TooLarge { given: 2, bytes: 1_201, fitting: 1 })), "{large:?}");
    let subtrees = appender.expect_subtrees_allowed();
    assert!(matches!(subtrees, Err(AppendError::NoSubtrees { .. })), "{subtrees:?}");
    assert_eq!(host.0, []);
    let (rpc, ledger_id, key, _) = ledger(ledger_flag::SEALED, []).await;
    let sealed = Appender::start(&rpc, ledger_id, &key).await.err();
    assert!(matches!(sealed, Some(AppendError::Sealed { .. })), "{sealed:?}");
}
