//! The feed against a server of the same protocol, which does what its script says.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use counterfoil_client::{ClientError, Commitment, Feed, InnerInstruction, TransactionRecord};
use counterfoil_core::ProgramId;
use counterfoil_geyser::geyser_feed;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use yellowstone_grpc_proto::geyser::geyser_server::{Geyser, GeyserServer};
use yellowstone_grpc_proto::geyser::subscribe_update::UpdateOneof;
use yellowstone_grpc_proto::geyser::*;
use yellowstone_grpc_proto::prelude::{
    InnerInstruction as WireInstruction, InnerInstructions, Message, Transaction, TransactionError,
    TransactionStatusMeta,
};
use yellowstone_grpc_proto::tonic::transport::Server;
use yellowstone_grpc_proto::tonic::{self, Request, Response, Status, Streaming};

const PROGRAM: ProgramId = ProgramId([7; 32]);
const TOKEN: &str = "SECRET-TOKEN";
/// Longer than anything here takes; a feed that hangs fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

/// The server's script for one connection.
struct Session {
    /// Refuses to begin at a slot.
    refuses_slot: bool,
    updates: Vec<UpdateOneof>,
    /// Ends with this, or stays open.
    end: Option<Status>,
}

/// The requests to the server, connection by connection, and how often pings were answered.
#[derive(Default)]
struct Seen {
    requests: Vec<SubscribeRequest>,
    tokens: Vec<Option<String>>,
}

struct Scripted {
    sessions: Mutex<VecDeque<Session>>,
    seen: Arc<Mutex<Seen>>,
    pongs: mpsc::UnboundedSender<()>,
}

type Updates = BoxStream<'static, Result<SubscribeUpdate, Status>>;

fn update(update: UpdateOneof) -> Result<SubscribeUpdate, Status> {
    Ok(SubscribeUpdate { filters: vec!["counterfoil".to_owned()], update_oneof: Some(update), ..Default::default() })
}

fn unused<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("no test uses it"))
}

#[tonic::async_trait]
impl Geyser for Scripted {
    type SubscribeStream = Updates;
    type SubscribeDeshredStream = BoxStream<'static, Result<SubscribeUpdateDeshred, Status>>;
    type SubscribeGossipStream = BoxStream<'static, Result<SubscribeUpdateGossip, Status>>;

    async fn subscribe(&self, request: Request<Streaming<SubscribeRequest>>) -> Result<Response<Updates>, Status> {
        let token = request.metadata().get("x-token").map(|token| token.to_str().expect("ASCII").to_owned());
        let mut requests = request.into_inner();
        let first = requests.next().await.expect("a request").expect("it can be read");
        let from_slot = first.from_slot;
        let session = {
            let mut seen = self.seen.lock().expect("no panics");
            seen.requests.push(first);
            seen.tokens.push(token);
            self.sessions.lock().expect("no panics").pop_front()
        };
        let session = session.unwrap_or(Session { refuses_slot: false, updates: vec![], end: None });
        if let Some(slot) = from_slot.filter(|_| session.refuses_slot) {
            let refusal = Status::internal(format!("broadcast from {slot} is not available, not for {TOKEN}"));
            return Ok(Response::new(stream::iter([Err(refusal)]).boxed()));
        }
        let pongs = self.pongs.clone();
        tokio::spawn(async move {
            while let Some(Ok(request)) = requests.next().await {
                if request.ping.is_some() {
                    let _ = pongs.send(());
                }
            }
        });
        let updates = stream::iter(session.updates.into_iter().map(update));
        let end = match session.end {
            Some(status) => stream::iter([Err(status)]).boxed(),
            None => stream::pending().boxed(),
        };
        Ok(Response::new(updates.chain(end).boxed()))
    }

    async fn subscribe_deshred(
        &self,
        _: Request<Streaming<SubscribeDeshredRequest>>,
    ) -> Result<Response<Self::SubscribeDeshredStream>, Status> {
        unused()
    }

    async fn subscribe_gossip(
        &self,
        _: Request<SubscribeGossipRequest>,
    ) -> Result<Response<Self::SubscribeGossipStream>, Status> {
        unused()
    }

    async fn subscribe_replay_info(
        &self,
        _: Request<SubscribeReplayInfoRequest>,
    ) -> Result<Response<SubscribeReplayInfoResponse>, Status> {
        unused()
    }

    async fn ping(&self, _: Request<PingRequest>) -> Result<Response<PongResponse>, Status> {
        unused()
    }

    async fn get_latest_blockhash(
        &self,
        _: Request<GetLatestBlockhashRequest>,
    ) -> Result<Response<GetLatestBlockhashResponse>, Status> {
        unused()
    }

    async fn get_block_height(
        &self,
        _: Request<GetBlockHeightRequest>,
    ) -> Result<Response<GetBlockHeightResponse>, Status> {
        unused()
    }

    async fn get_slot(&self, _: Request<GetSlotRequest>) -> Result<Response<GetSlotResponse>, Status> {
        unused()
    }

    async fn is_blockhash_valid(
        &self,
        _: Request<IsBlockhashValidRequest>,
    ) -> Result<Response<IsBlockhashValidResponse>, Status> {
        unused()
    }

    async fn get_version(&self, _: Request<GetVersionRequest>) -> Result<Response<GetVersionResponse>, Status> {
        unused()
    }
}

struct Running {
    endpoint: String,
    seen: Arc<Mutex<Seen>>,
    pongs: mpsc::UnboundedReceiver<()>,
}

async fn serve(sessions: Vec<Session>) -> Running {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address: SocketAddr = listener.local_addr().expect("it is bound");
    let seen = Arc::new(Mutex::new(Seen::default()));
    let (sender, pongs) = mpsc::unbounded_channel();
    let scripted = Scripted { sessions: Mutex::new(sessions.into()), seen: Arc::clone(&seen), pongs: sender };
    let incoming = stream::unfold(listener, |listener| async move {
        let connection = listener.accept().await.map(|(connection, _)| connection);
        Some((connection, listener))
    });
    tokio::spawn(Server::builder().add_service(GeyserServer::new(scripted)).serve_with_incoming(incoming));
    Running { endpoint: format!("http://{address}"), seen, pongs }
}

fn transaction(slot: u64) -> SubscribeUpdateTransaction {
    let inner = WireInstruction { program_id_index: 2, accounts: vec![1], data: vec![9; 40], stack_height: Some(2) };
    let meta = TransactionStatusMeta {
        inner_instructions: vec![InnerInstructions { index: 0, instructions: vec![inner] }],
        loaded_writable_addresses: vec![vec![2; 32]],
        loaded_readonly_addresses: vec![PROGRAM.0.to_vec()],
        ..Default::default()
    };
    let message = Message { account_keys: vec![vec![1; 32]], versioned: true, ..Default::default() };
    let signature = vec![u8::try_from(slot).expect("small"); 64];
    let transaction = Transaction { signatures: vec![signature.clone()], message: Some(message) };
    let info = SubscribeUpdateTransactionInfo {
        signature,
        is_vote: false,
        transaction: Some(transaction),
        meta: Some(meta),
        index: 0,
    };
    SubscribeUpdateTransaction { transaction: Some(info), slot, bank_id: 0 }
}

fn changed(slot: u64, change: impl FnOnce(&mut SubscribeUpdateTransactionInfo)) -> UpdateOneof {
    let mut transaction = transaction(slot);
    change(transaction.transaction.as_mut().expect("it is there"));
    UpdateOneof::Transaction(transaction)
}

fn good(slot: u64) -> UpdateOneof {
    UpdateOneof::Transaction(transaction(slot))
}

fn slot(slot: u64) -> UpdateOneof {
    UpdateOneof::Slot(SubscribeUpdateSlot { slot, ..Default::default() })
}

/// The record that the transaction of a slot is read as.
fn record(slot: u64) -> TransactionRecord {
    TransactionRecord {
        signature: [u8::try_from(slot).expect("small"); 64],
        slot,
        is_ok: true,
        accounts: vec![[1; 32], [2; 32], PROGRAM.0],
        inner_instructions: vec![InnerInstruction { program: 2, accounts: vec![1], data: vec![9; 40] }],
    }
}

fn open(running: &Running, from_slot: Option<u64>) -> Feed {
    geyser_feed(&running.endpoint, Some(TOKEN), PROGRAM, Commitment::Confirmed, from_slot)
}

/// One thing that a feed says.
#[derive(Debug, PartialEq)]
enum Said {
    Slots(Vec<u64>),
    Look,
    Error,
}

/// Reads until `slots` transactions have come. Lists that come apart are joined, for how they are cut depends on timing.
async fn read(feed: &mut Feed, slots: usize) -> Vec<Said> {
    let mut said = Vec::new();
    let mut count = 0;
    while count < slots {
        match timeout(PATIENCE, feed.next()).await.expect("it comes in time").expect("a feed never ends") {
            Ok(transactions) if transactions.is_empty() => said.push(Said::Look),
            Ok(transactions) => {
                let new: Vec<u64> = transactions.iter().map(|transaction| transaction.slot).collect();
                transactions.iter().for_each(|transaction| assert_eq!(*transaction, record(transaction.slot)));
                count += new.len();
                match said.last_mut() {
                    Some(Said::Slots(slots)) => slots.extend(new),
                    _ => said.push(Said::Slots(new)),
                }
            }
            Err(error) => {
                assert!(matches!(error, ClientError::Rpc { .. } | ClientError::Malformed { .. }), "{error}");
                assert!(!error.to_string().contains("SECRET"), "{error}");
                said.push(Said::Error);
            }
        }
    }
    said
}

fn from_slots(running: &Running) -> Vec<Option<u64>> {
    running.seen.lock().expect("no panics").requests.iter().map(|request| request.from_slot).collect()
}

#[tokio::test]
async fn delivers_what_names_the_program_and_succeeded() {
    let others = vec![
        changed(101, |info| info.meta.as_mut().expect("meta").err = Some(TransactionError { err: vec![1] })),
        changed(102, |info| info.meta.as_mut().expect("meta").loaded_readonly_addresses = vec![vec![8; 32]]),
        changed(103, |info| info.is_vote = true),
    ];
    let mut updates = vec![slot(100), good(100)];
    updates.extend(others);
    updates.push(good(104));
    let running = serve(vec![Session { refuses_slot: false, updates, end: None }]).await;
    let mut feed = open(&running, None);
    assert_eq!(read(&mut feed, 2).await, [Said::Look, Said::Slots(vec![100, 104])]);

    let seen = running.seen.lock().expect("no panics");
    let filter = &seen.requests[0].transactions["counterfoil"];
    assert_eq!((filter.vote, filter.failed), (Some(false), Some(false)));
    assert_eq!(filter.account_include, [PROGRAM.to_string()]);
    assert_eq!(seen.requests[0].commitment, Some(CommitmentLevel::Confirmed.into()));
    assert_eq!(seen.tokens, [Some(TOKEN.to_owned())]);
}

#[tokio::test]
async fn goes_on_from_the_last_slot_after_a_cut_and_needs_no_look_then() {
    let cut = Session {
        refuses_slot: false,
        updates: vec![good(100), slot(140)],
        end: Some(Status::unavailable(format!("going down, {TOKEN}"))),
    };
    let running =
        serve(vec![cut, Session { refuses_slot: false, updates: vec![good(139), good(141)], end: None }]).await;
    let mut feed = open(&running, Some(90));
    assert_eq!(read(&mut feed, 3).await, [Said::Slots(vec![100]), Said::Error, Said::Slots(vec![139, 141])]);
    assert_eq!(from_slots(&running), [Some(90), Some(132)]);
}

#[tokio::test]
async fn begins_anew_with_a_look_where_the_server_lacks_the_slot() {
    let refusal = || Session { refuses_slot: true, updates: vec![], end: None };
    let running = serve(vec![refusal(), Session { refuses_slot: false, updates: vec![good(200)], end: None }]).await;
    let mut feed = open(&running, Some(5));
    assert_eq!(read(&mut feed, 1).await, [Said::Error, Said::Look, Said::Slots(vec![200])]);
    assert_eq!(from_slots(&running), [Some(5), None]);
}

#[tokio::test]
async fn asks_for_the_slot_again_when_the_refusal_has_another_reason() {
    let down = Session { refuses_slot: false, updates: vec![], end: Some(Status::unavailable("later")) };
    let running = serve(vec![down, Session { refuses_slot: false, updates: vec![good(60)], end: None }]).await;
    let mut feed = open(&running, Some(50));
    assert_eq!(read(&mut feed, 1).await, [Said::Error, Said::Slots(vec![60])]);
    assert_eq!(from_slots(&running), [Some(50), Some(50)]);
}

#[tokio::test]
async fn a_transaction_that_cannot_be_read_is_an_error_and_the_next_one_comes() {
    let broken = changed(101, |info| info.signature.truncate(63));
    let running = serve(vec![Session { refuses_slot: false, updates: vec![broken, good(102)], end: None }]).await;
    let mut feed = open(&running, Some(100));
    assert_eq!(read(&mut feed, 1).await, [Said::Error, Said::Slots(vec![102])]);
    assert_eq!(from_slots(&running).len(), 1);
}

#[tokio::test]
async fn answers_pings() {
    let updates = vec![UpdateOneof::Ping(SubscribeUpdatePing {}), good(100)];
    let mut running = serve(vec![Session { refuses_slot: false, updates, end: None }]).await;
    let mut feed = open(&running, Some(100));
    read(&mut feed, 1).await;
    timeout(PATIENCE, running.pongs.recv()).await.expect("in time").expect("an answer");
}

#[tokio::test]
async fn shows_no_key_of_a_server_that_is_not_there() {
    for endpoint in ["http://127.0.0.1:1/SECRET", "SECRET", "http://user:SECRET@127.0.0.1:1"] {
        let mut feed = geyser_feed(endpoint, Some("SECRET\n"), PROGRAM, Commitment::Finalized, None);
        let error = timeout(PATIENCE, feed.next()).await.expect("in time").expect("never ends").expect_err("no server");
        assert!(!error.to_string().contains("SECRET"), "{error}");
    }
}
