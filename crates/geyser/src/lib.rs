#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod transaction;

use std::collections::HashMap;
use std::time::Duration;

use counterfoil_client::{
    Backoff, ClientError, Commitment, Feed, TransactionRecord, hide_urls, with_causes, without_keys,
};
use counterfoil_core::ProgramId;
use futures_util::stream::{self, StreamExt};
use futures_util::{FutureExt, SinkExt};
use tokio::time::{sleep, timeout};
use yellowstone_grpc_client::{
    ClientTlsConfig, GeyserGrpcBuilderResult, GeyserGrpcClient, GeyserGrpcClientError, GeyserStream,
    SubscribeRequestSink,
};
use yellowstone_grpc_proto::geyser::subscribe_update::UpdateOneof;
use yellowstone_grpc_proto::geyser::{
    CommitmentLevel, SubscribeRequest, SubscribeRequestFilterSlots, SubscribeRequestFilterTransactions,
    SubscribeRequestPing, SubscribeUpdate,
};
use yellowstone_grpc_proto::tonic::{Code, Status};

use crate::transaction::read_transaction;

const METHOD: &str = "subscribe";
const ENDED: &str = "the server ended the stream";
const FILTER: &str = "counterfoil";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A server reports each slot, and pings; one that is silent for so long is gone.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);
const MOST_MESSAGE_BYTES: usize = 16 << 20;
/// A slot's transactions and the slot itself come in no fixed order, so a new connection begins a little earlier.
const OVERLAP_SLOTS: u64 = 8;
/// How many transactions that are there already make up one list.
const MOST_AT_ONCE: usize = 256;

struct State {
    endpoint: String,
    token: Option<String>,
    program: ProgramId,
    commitment: Commitment,
    /// Where the next connection begins; none for now.
    from_slot: Option<u64>,
    connection: Option<Connection>,
    backoff: Backoff,
    wait: Option<Duration>,
    /// The failure after the transactions that were delivered last.
    error: Option<ClientError>,
}

struct Connection {
    requests: SubscribeRequestSink,
    updates: GeyserStream,
    is_from_slot: bool,
    has_spoken: bool,
}

/// The program's successful transactions from the server at `endpoint`, as they reach the commitment, from slot
/// `from_slot` on when one is given and the server still has it.
///
/// Never ends: it reconnects by itself and asks for what came since the last slot seen. Where the server does not have
/// that any more, and where nothing was asked for, an empty list says so. Each failure is one error. Neither `token`
/// nor what the endpoint's URL hides ever appears in one.
#[must_use]
pub fn geyser_feed(
    endpoint: &str,
    token: Option<&str>,
    program: ProgramId,
    commitment: Commitment,
    from_slot: Option<u64>,
) -> Feed {
    let state = State {
        endpoint: endpoint.to_owned(),
        token: token.map(str::to_owned),
        program,
        commitment,
        from_slot,
        connection: None,
        backoff: Backoff::default(),
        wait: None,
        error: None,
    };
    stream::unfold(state, |mut state| async move {
        let item = state.next().await;
        Some((item, state))
    })
    .boxed()
}

/// Why a connection ended.
enum Failure {
    Status(Status),
    Other(String),
}

impl State {
    async fn next(&mut self) -> Result<Vec<TransactionRecord>, ClientError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        loop {
            if let Some(wait) = self.wait.take() {
                sleep(wait).await;
            }
            let Some(connection) = &mut self.connection else {
                match self.connect().await {
                    Ok(connection) => {
                        let may_lack = !connection.is_from_slot;
                        self.connection = Some(connection);
                        if may_lack {
                            return Ok(Vec::new());
                        }
                    }
                    Err(failure) => return Err(self.fail(failure, self.from_slot.is_some())),
                }
                continue;
            };
            let first = match connection.next().await {
                Ok(update) => update,
                Err(failure) => {
                    // The first that a server says to a slot that it does not have is that.
                    let is_refusal = connection.is_from_slot && !connection.has_spoken;
                    return Err(self.fail(failure, is_refusal));
                }
            };
            connection.has_spoken = true;
            self.backoff.reset();
            let transactions = self.take(first);
            match self.error.take() {
                Some(error) if transactions.is_empty() => return Err(error),
                error => self.error = error,
            }
            if !transactions.is_empty() {
                return Ok(transactions);
            }
        }
    }

    /// The transactions of an update and of those that are there already, up to the first error, which is kept.
    fn take(&mut self, first: SubscribeUpdate) -> Vec<TransactionRecord> {
        let mut transactions = Vec::new();
        let mut next = Some(first);
        while let Some(update) = next.take() {
            if let Err(error) = self.read(update, &mut transactions) {
                self.error = Some(error);
                break;
            }
            let Some(connection) = self.connection.as_mut().filter(|_| transactions.len() < MOST_AT_ONCE) else {
                break;
            };
            match connection.updates.next().now_or_never() {
                None => break,
                Some(Some(Ok(update))) => next = Some(update),
                Some(Some(Err(status))) => self.error = Some(self.fail(Failure::Status(status), false)),
                Some(None) => self.error = Some(self.fail(Failure::Other(ENDED.to_owned()), false)),
            }
        }
        transactions
    }

    fn read(&mut self, update: SubscribeUpdate, transactions: &mut Vec<TransactionRecord>) -> Result<(), ClientError> {
        match update.update_oneof {
            Some(UpdateOneof::Transaction(update)) => {
                self.note_slot(update.slot);
                let read = read_transaction(update, self.program);
                let malformed = |what: &str| {
                    let server = without_keys(&self.endpoint);
                    ClientError::Malformed { server, method: METHOD, what: what.to_owned() }
                };
                transactions.extend(read.map_err(malformed)?);
            }
            Some(UpdateOneof::Slot(update)) => self.note_slot(update.slot),
            Some(UpdateOneof::Ping(_)) => {
                if let Some(connection) = &mut self.connection {
                    let ping = Some(SubscribeRequestPing { id: 1 });
                    // It takes no waiting; a server that does not read what it asked for ends the connection itself.
                    let _ = connection.requests.send(SubscribeRequest { ping, ..Default::default() }).now_or_never();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn note_slot(&mut self, slot: u64) {
        let from = slot.saturating_sub(OVERLAP_SLOTS);
        self.from_slot = Some(self.from_slot.map_or(from, |known| known.max(from)));
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let client = async {
            let builder = self.builder().map_err(|error| Failure::Other(with_causes(&error)))?;
            builder.connect().await.map_err(|error| Failure::Other(with_causes(&error)))
        };
        let mut client = timeout(CONNECT_TIMEOUT, client)
            .await
            .map_err(|_| Failure::Other("no connection in time".to_owned()))??;
        let subscribed = timeout(LONGEST_SILENCE, client.subscribe_with_request(Some(self.request())));
        match subscribed.await {
            Ok(Ok((requests, updates))) => {
                Ok(Connection { requests, updates, is_from_slot: self.from_slot.is_some(), has_spoken: false })
            }
            Ok(Err(GeyserGrpcClientError::TonicStatus(status))) => Err(Failure::Status(status)),
            Ok(Err(error)) => Err(Failure::Other(with_causes(&error))),
            Err(_) => Err(Failure::Other("no subscription in time".to_owned())),
        }
    }

    fn builder(&self) -> GeyserGrpcBuilderResult<yellowstone_grpc_client::GeyserGrpcBuilder> {
        let builder = GeyserGrpcClient::build_from_shared(self.endpoint.clone())?
            .x_token(self.token.as_deref())?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .max_decoding_message_size(MOST_MESSAGE_BYTES);
        match self.endpoint.starts_with("https://") {
            true => builder.tls_config(ClientTlsConfig::new().with_native_roots()),
            false => Ok(builder),
        }
    }

    fn request(&self) -> SubscribeRequest {
        let transactions = SubscribeRequestFilterTransactions {
            vote: Some(false),
            failed: Some(false),
            account_include: vec![self.program.to_string()],
            ..Default::default()
        };
        let slots = SubscribeRequestFilterSlots { filter_by_commitment: Some(true), ..Default::default() };
        let commitment = match self.commitment {
            Commitment::Confirmed => CommitmentLevel::Confirmed,
            Commitment::Finalized => CommitmentLevel::Finalized,
        };
        SubscribeRequest {
            transactions: HashMap::from([(FILTER.to_owned(), transactions)]),
            slots: HashMap::from([(FILTER.to_owned(), slots)]),
            commitment: Some(commitment.into()),
            from_slot: self.from_slot,
            ..Default::default()
        }
    }

    /// Drops the connection. One that was asked for a slot and refused is not asked for it again.
    fn fail(&mut self, failure: Failure, may_be_refusal: bool) -> ClientError {
        self.connection = None;
        self.wait = Some(self.backoff.next_delay());
        let reason = match failure {
            Failure::Other(reason) => reason,
            Failure::Status(status) => {
                // Failures that have nothing to do with the request; servers say "too old" by whatever code is left.
                let is_elsewhere = matches!(
                    status.code(),
                    Code::Unavailable | Code::Unauthenticated | Code::PermissionDenied | Code::ResourceExhausted
                );
                if may_be_refusal && !is_elsewhere {
                    self.from_slot = None;
                }
                format!("{}: {}", status.code(), status.message())
            }
        };
        let server = without_keys(&self.endpoint);
        let mut reason = hide_urls(&reason, &server);
        if let Some(token) = self.token.as_deref().filter(|token| !token.is_empty()) {
            reason = reason.replace(token, "(the token)");
        }
        ClientError::Rpc { server, method: METHOD, reason }
    }
}

impl Connection {
    async fn next(&mut self) -> Result<SubscribeUpdate, Failure> {
        match timeout(LONGEST_SILENCE, self.updates.next()).await {
            Ok(Some(Ok(update))) => Ok(update),
            Ok(Some(Err(status))) => Err(Failure::Status(status)),
            Ok(None) => Err(Failure::Other(ENDED.to_owned())),
            Err(_) => Err(Failure::Other("the server fell silent".to_owned())),
        }
    }
}
