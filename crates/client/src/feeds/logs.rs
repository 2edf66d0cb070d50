//! Transactions by a WebSocket's hints: quick, and never relied on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, FuturesUnordered};
use solana_commitment_config::CommitmentConfig;
use solana_pubsub_client::nonblocking::pubsub_client::PubsubClient;
use solana_rpc_client_api::config::{RpcTransactionLogsConfig, RpcTransactionLogsFilter};
use solana_rpc_client_api::response::{Response, RpcLogsResponse};
use solana_signature::Signature;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::backoff::Backoff;
use crate::url::{hide_urls, without_keys};
use crate::{ClientError, Commitment, Feed, Rpc, TransactionRecord};

const METHOD: &str = "logsSubscribe";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that lived this long was a good one.
const GOOD_CONNECTION: Duration = Duration::from_secs(30);
/// Concurrent fetches, and the queue before them. Hints beyond it are dropped, and an empty list tells so.
const CONCURRENT_FETCHES: usize = 16;
const MAX_HINTS: usize = 4_096;
/// The most lists that wait for the consumer.
const MAX_WAITING: usize = 64;
/// When to ask for a transaction that the server announced and does not have yet.
const ATTEMPTS_AFTER_MS: [u64; 6] = [0, 20, 50, 100, 250, 500];

type Item = Result<Vec<TransactionRecord>, ClientError>;

/// The program's transactions as a WebSocket server announces them, each fetched from `rpc` at the commitment. In any
/// order. Never ends: it reconnects by itself. An empty list comes on each connection, and for what was announced and
/// could not be fetched; an error for each connection that failed.
///
/// `url` is the server's WebSocket URL. Must be called within a Tokio runtime, where it runs until it is dropped.
#[must_use]
pub fn log_feed(url: &str, rpc: Arc<Rpc>, commitment: Commitment) -> Feed {
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    let url = url.to_owned();
    tokio::spawn(async move { listen_for_ever(&url, &rpc, commitment, &sender).await });
    stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) }).boxed()
}

async fn listen_for_ever(url: &str, rpc: &Rpc, commitment: Commitment, sender: &mpsc::Sender<Item>) {
    let mut backoff = Backoff::default();
    loop {
        let started = Instant::now();
        let ended = tokio::select! {
            ended = listen(url, rpc, commitment, sender) => ended,
            () = sender.closed() => return,
        };
        if started.elapsed() > GOOD_CONNECTION {
            backoff.reset();
        }
        let server = without_keys(url);
        let reason = hide_urls(&ended, &server);
        let is_gone = sender.send(Err(ClientError::Rpc { server, method: METHOD, reason })).await.is_err();
        if is_gone {
            return;
        }
        sleep(backoff.next_delay()).await;
    }
}

/// Listens on one connection until it ends; says why it did.
async fn listen(url: &str, rpc: &Rpc, commitment: Commitment, sender: &mpsc::Sender<Item>) -> String {
    let client = match timeout(CONNECT_TIMEOUT, PubsubClient::new(url)).await {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => return error.to_string(),
        Err(_) => return "no connection in time".to_owned(),
    };
    let filter = RpcTransactionLogsFilter::Mentions(vec![rpc.program().to_string()]);
    let commitment_config = match commitment {
        Commitment::Confirmed => CommitmentConfig::confirmed(),
        Commitment::Finalized => CommitmentConfig::finalized(),
    };
    let config = RpcTransactionLogsConfig { commitment: Some(commitment_config) };
    match timeout(CONNECT_TIMEOUT, client.logs_subscribe(filter, config)).await {
        Ok(Ok((hints, _unsubscribe))) => deliver(hints, rpc, commitment, sender).await,
        Ok(Err(error)) => return error.to_string(),
        Err(_) => return "no subscription in time".to_owned(),
    }
    "the connection ended".to_owned()
}

/// Turns hints into transactions. Hints are always taken off the connection at once, for it keeps them without bound.
async fn deliver(
    mut hints: BoxStream<'_, Response<RpcLogsResponse>>,
    rpc: &Rpc,
    commitment: Commitment,
    sender: &mpsc::Sender<Item>,
) {
    let mut announced: VecDeque<[u8; 64]> = VecDeque::new();
    let mut fetches = FuturesUnordered::new();
    // Transactions of the time without a subscription.
    let mut outbox: VecDeque<Item> = VecDeque::from([Ok(Vec::new())]);
    let mut is_listening = true;
    while is_listening || !announced.is_empty() || !fetches.is_empty() || !outbox.is_empty() {
        while fetches.len() < CONCURRENT_FETCHES && outbox.len() < MAX_WAITING {
            let Some(signature) = announced.pop_front() else { break };
            fetches.push(fetch(rpc, signature, commitment));
        }
        tokio::select! {
            hint = hints.next(), if is_listening => match hint {
                None => is_listening = false,
                Some(hint) if hint.value.err.is_some() => {}
                Some(hint) => match hint.value.signature.parse::<Signature>() {
                    Ok(signature) if announced.len() < MAX_HINTS => announced.push_back(signature.into()),
                    _ => push_empty(&mut outbox),
                },
            },
            Some(transactions) = fetches.next() => match transactions.is_empty() {
                true => push_empty(&mut outbox),
                false => outbox.push_back(Ok(transactions)),
            },
            permit = sender.reserve(), if !outbox.is_empty() => match (permit, outbox.pop_front()) {
                (Ok(permit), Some(item)) => permit.send(item),
                // The consumer is gone.
                _ => return,
            },
        }
    }
}

/// One empty list says as much as many.
fn push_empty(outbox: &mut VecDeque<Item>) {
    if !matches!(outbox.back(), Some(Ok(transactions)) if transactions.is_empty()) {
        outbox.push_back(Ok(Vec::new()));
    }
}

async fn fetch(rpc: &Rpc, signature: [u8; 64], commitment: Commitment) -> Vec<TransactionRecord> {
    for wait_ms in ATTEMPTS_AFTER_MS {
        sleep(Duration::from_millis(wait_ms)).await;
        if let Ok(Some(transaction)) = rpc.fetch_transaction(signature, commitment).await {
            return vec![transaction];
        }
    }
    Vec::new()
}
