//! One JSON-RPC server.

use std::collections::{BTreeMap, VecDeque};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use counterfoil_core::account::{LEDGER_BYTES, LEDGER_DISCRIMINATOR};
use counterfoil_core::{GenesisHash, LedgerAccount, LedgerId, ProgramId, Wallet};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use solana_commitment_config::CommitmentConfig;
use solana_pubkey::Pubkey;
use solana_rpc_client::nonblocking::rpc_client::RpcClient;
use solana_rpc_client::rpc_client::RpcClientConfig;
use solana_rpc_client_api::client_error::Error as RpcError;
use solana_signature::Signature;
use tokio::time::Instant;

use crate::address::{self, key};
use crate::transport::{CallError, Limits, MAX_CALLS, SKIPPED_SLOT_CODES, Sender, Transport};
use crate::url::{beginning, hide_urls};
use crate::wire::{Few, WireAccount, WireAt, WireBlock, WireKeyed, WireSignature, WireTransaction};
use crate::{
    AccountAt, ClientError, Fetched, Health, ListedTransaction, Listing, MAX_LISTED, Source, TransactionRecord,
};

/// How many signatures a page of getSignaturesForAddress holds: the most that servers give.
const PAGE: usize = 1_000;
/// How many pages one call asks for, and how long it goes on to ask: a server that gives a row a page and has no end must
/// not hold a ledger up, and one with a million rows of others' gets there in several calls.
const PAGES_PER_CALL: usize = 256;
const TIME_PER_CALL: Duration = Duration::from_secs(10);
/// How many walks are kept between calls; a walk takes 5 MB at most.
const MAX_WALKS: usize = 16;
/// How many accounts getMultipleAccounts gives at most.
const ACCOUNTS_PER_CALL: usize = 100;
/// How many slots getBlocks gives at most.
const SLOTS_PER_CALL: usize = 500_001;
/// How many ledgers getProgramAccounts may give: more than fit into an answer where each is an account.
const MAX_LEDGERS: usize = 1 << 20;
/// Where a ledger's account names its authority: after the discriminator, version and flags, the id and the creator.
const AUTHORITY_OFFSET: usize = 8 + 4 + 4 + 32 + 32;
/// The newest version of a transaction that is asked for: a ceiling, which servers that know fewer take as well.
const NEWEST_VERSION: u8 = 1;
/// A transaction or a block is of a newer version than was asked for.
const UNSUPPORTED_VERSION: i64 = -32_015;
/// The server is behind: it may know the cursor later.
const BEHIND_CODES: [i64; 2] = [-32_005, -32_016];
/// How many transactions are asked for in one request.
const TRANSACTIONS_PER_BATCH: usize = MAX_CALLS;
/// How many such requests, or single calls where a server takes no batches, wait for the transport at once.
const CONCURRENT_BATCHES: usize = 8;
const CONCURRENT_CALLS: usize = 16;

/// A listed transaction, or why this one cannot be read.
type Read = Result<TransactionRecord, ClientError>;
/// A walk through the pages of getSignaturesForAddress, newest first.
struct Walk {
    since: u64,
    /// The oldest that fit: newer ones fall off the front.
    listed: VecDeque<ListedTransaction>,
    is_whole: bool,
    before: Option<ListedTransaction>,
    rows: usize,
    rows_of_slot: usize,
}

impl Walk {
    const fn new(since: u64) -> Self {
        Self { since, listed: VecDeque::new(), is_whole: true, before: None, rows: 0, rows_of_slot: 0 }
    }

    /// The oldest from slot `since` on.
    fn listing(self, since: u64) -> Listing {
        let mut transactions: Vec<ListedTransaction> = self.listed.into_iter().rev().collect();
        transactions.retain(|transaction| transaction.slot >= since);
        transactions.sort_by_key(|transaction| transaction.slot);
        Listing { transactions, is_whole: self.is_whole }
    }
}

/// An account's owner and data.
type RawAccount = (Pubkey, Vec<u8>);

/// The commitment that a transaction must have reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commitment {
    /// Most of the stake voted for its block; a fork can still take it back.
    Confirmed,
    /// The truth.
    Finalized,
}

impl Commitment {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Finalized => "finalized",
        }
    }
}

/// One JSON-RPC server, asked for the ledgers of one program. Not trusted.
///
/// A server that answers "too many requests" or "unavailable" is left alone by all calls for as long as it asks; a call
/// waits for it within its limit, and then fails as one that may be tried elsewhere.
pub struct Rpc {
    client: RpcClient,
    transport: Arc<Transport>,
    program: ProgramId,
    /// Listings that did not fit into one call: the next one goes on from there.
    walks: Mutex<BTreeMap<LedgerId, Walk>>,
}

impl Rpc {
    /// Prepares to ask the server at `url`; nothing is sent yet.
    #[must_use]
    pub fn new(url: &str, program: ProgramId) -> Self {
        Self::with_limits(url, program, Limits::default())
    }

    /// As [`Self::new`], with limits of the caller's.
    #[must_use]
    pub fn with_limits(url: &str, program: ProgramId, limits: Limits) -> Self {
        let transport = Arc::new(Transport::new(url, limits));
        let config = RpcClientConfig::with_commitment(CommitmentConfig::finalized());
        let client = RpcClient::new_sender(Sender(Arc::clone(&transport)), config);
        Self { client, transport, program, walks: Mutex::default() }
    }

    /// How the server has answered lately.
    #[must_use]
    pub fn health(&self) -> Health {
        self.transport.health()
    }

    /// The program whose ledgers are asked for.
    #[must_use]
    pub const fn program(&self) -> ProgramId {
        self.program
    }

    /// The hash of the cluster's first block, which names the cluster.
    ///
    /// # Errors
    /// [`ClientError::Rpc`].
    pub async fn fetch_genesis_hash(&self) -> Result<GenesisHash, ClientError> {
        const METHOD: &str = "getGenesisHash";
        let hash: String = self.call(METHOD, json!([])).await?;
        // It has the form of an address.
        let hash =
            Pubkey::from_str(&hash).map_err(|error| self.malformed(METHOD, format!("what is no hash: {error}")))?;
        Ok(GenesisHash(hash.to_bytes()))
    }

    /// Solana's own client of this server, for methods that this crate does not call. Its calls go through the same pauses and
    /// limits.
    #[must_use]
    pub const fn client(&self) -> &RpcClient {
        &self.client
    }

    /// Turns an error of [`Self::client`]'s into ours.
    pub fn failed(&self, method: &'static str) -> impl FnOnce(RpcError) -> ClientError {
        let server = self.transport.server().to_owned();
        move |error| ClientError::Rpc { reason: beginning(hide_urls(&error.to_string(), &server)), server, method }
    }

    pub(crate) fn malformed(&self, method: &'static str, what: impl ToString) -> ClientError {
        self.transport.note_malformed();
        ClientError::Malformed { server: self.transport.server().to_owned(), method, what: beginning(what.to_string()) }
    }

    /// One call of JSON-RPC that waits for no pause, for a caller that must know at once whether anything was sent.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call_at_once<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, CallError> {
        self.transport.call_at_once(method, params).await
    }

    fn call_failed(&self, method: &'static str) -> impl Fn(CallError) -> ClientError {
        let server = self.transport.server().to_owned();
        move |error| match error {
            CallError::Malformed(what) => {
                ClientError::Malformed { server: server.clone(), method, what: beginning(what) }
            }
            error => ClientError::Rpc { server: server.clone(), method, reason: beginning(error.reason()) },
        }
    }

    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, ClientError> {
        self.transport.call(method, params).await.map_err(self.call_failed(method))
    }

    /// An account's owner and data, and the slot of the answer.
    pub(crate) async fn fetch_raw_account(
        &self,
        address: Pubkey,
        commitment: CommitmentConfig,
    ) -> Result<(u64, Option<RawAccount>), ClientError> {
        const METHOD: &str = "getAccountInfo";
        let config = json!({ "encoding": "base64", "commitment": commitment.commitment.to_string() });
        let response: WireAt<Option<WireAccount>> = self.call(METHOD, json!([address.to_string(), config])).await?;
        let account = response.value.map(WireAccount::read).transpose();
        Ok((response.context.slot, account.map_err(|what| self.malformed(METHOD, what))?))
    }

    /// The ledger's account, finalized.
    ///
    /// # Errors
    /// [`ClientError::NoLedger`], [`ClientError::WrongOwner`], [`ClientError::Account`]; [`ClientError::Rpc`] and
    /// [`ClientError::Malformed`] when the server is at fault.
    pub async fn fetch_account(&self, ledger: LedgerId) -> Result<AccountAt, ClientError> {
        self.fetch_account_at(ledger, CommitmentConfig::finalized()).await
    }

    /// The ledger's account as the cluster has confirmed it, which a fork can still take back: for appending, never
    /// for believing.
    ///
    /// # Errors
    /// As [`Self::fetch_account`].
    pub async fn fetch_confirmed_account(&self, ledger: LedgerId) -> Result<AccountAt, ClientError> {
        self.fetch_account_at(ledger, CommitmentConfig::confirmed()).await
    }

    async fn fetch_account_at(&self, ledger: LedgerId, commitment: CommitmentConfig) -> Result<AccountAt, ClientError> {
        let (slot, account) = self.fetch_raw_account(key(ledger.0), commitment).await?;
        let read = self.read_ledger(ledger, slot, account)?;
        let (id, creator) = (&read.account.id, read.account.creator);
        if address::ledger(self.program, creator, id) != ledger {
            return Err(ClientError::NotItsAddress { server: self.transport.server().to_owned(), ledger, creator });
        }
        Ok(read)
    }

    fn read_ledger(&self, ledger: LedgerId, slot: u64, account: Option<RawAccount>) -> Result<AccountAt, ClientError> {
        let (owner, data) =
            account.ok_or_else(|| ClientError::NoLedger { server: self.transport.server().to_owned(), ledger })?;
        if owner.to_bytes() != self.program.0 {
            let owner = ProgramId(owner.to_bytes());
            return Err(ClientError::WrongOwner { ledger, owner, program: self.program });
        }
        let account = LedgerAccount::decode(&data).map_err(|cause| ClientError::Account { ledger, cause })?;
        Ok(AccountAt { slot, account })
    }

    /// The ledgers' accounts as bytes, finalized, each with the slot of the answer, in the order asked for; none for an
    /// address that holds no account of the program's. For a recording, which keeps them as they are.
    ///
    /// # Errors
    /// [`ClientError::Rpc`], [`ClientError::Malformed`].
    pub async fn fetch_account_data(&self, ledgers: &[LedgerId]) -> Result<Vec<Option<(u64, Vec<u8>)>>, ClientError> {
        let accounts = self.fetch_raw_accounts(ledgers).await?;
        let data = accounts.into_iter().map(|(slot, account)| {
            let (owner, data) = account?;
            (owner.to_bytes() == self.program.0).then_some((slot, data))
        });
        Ok(data.collect())
    }

    async fn fetch_raw_accounts(&self, ledgers: &[LedgerId]) -> Result<Vec<(u64, Option<RawAccount>)>, ClientError> {
        const METHOD: &str = "getMultipleAccounts";
        let mut accounts = Vec::with_capacity(ledgers.len());
        for ledgers in ledgers.chunks(ACCOUNTS_PER_CALL) {
            let addresses: Vec<String> = ledgers.iter().map(|ledger| key(ledger.0).to_string()).collect();
            let config = json!({ "encoding": "base64", "commitment": "finalized" });
            let response: WireAt<Few<Option<WireAccount>, ACCOUNTS_PER_CALL>> =
                self.call(METHOD, json!([addresses, config])).await?;
            let Few(accounts_read) = response.value;
            if accounts_read.len() != ledgers.len() {
                let what = format!("{} accounts where {} were asked for", accounts_read.len(), ledgers.len());
                return Err(self.malformed(METHOD, what));
            }
            for account in accounts_read {
                let account = account.map(WireAccount::read).transpose();
                let account = account.map_err(|what| self.malformed(METHOD, what))?;
                accounts.push((response.context.slot, account));
            }
        }
        Ok(accounts)
    }

    /// The newest slot at a commitment.
    pub(crate) async fn fetch_slot(&self, commitment: Commitment) -> Result<u64, ClientError> {
        self.call("getSlot", json!([{ "commitment": commitment.name() }])).await
    }

    /// The slots from `first` to `last` that have a block, as far as the server knows, ascending.
    pub(crate) async fn fetch_block_slots(
        &self,
        first: u64,
        last: u64,
        commitment: Commitment,
    ) -> Result<Vec<u64>, ClientError> {
        const METHOD: &str = "getBlocks";
        let params = json!([first, last, { "commitment": commitment.name() }]);
        let Few(mut slots): Few<u64, SLOTS_PER_CALL> = self.call(METHOD, params).await?;
        slots.sort_unstable();
        slots.dedup();
        match slots.iter().find(|slot| !(first..=last).contains(slot)) {
            Some(slot) => Err(self.malformed(METHOD, format!("slot {slot}, which was not asked for"))),
            None => Ok(slots),
        }
    }

    /// The successful transactions of a slot's block that name the program; none when the slot has no block, or the
    /// server has dropped it.
    pub(crate) async fn fetch_block(
        &self,
        slot: u64,
        commitment: Commitment,
    ) -> Result<Option<Vec<TransactionRecord>>, ClientError> {
        const METHOD: &str = "getBlock";
        let config = json!({
            "encoding": "base64", "transactionDetails": "full", "rewards": false, "commitment": commitment.name(),
            "maxSupportedTransactionVersion": NEWEST_VERSION,
        });
        let block: Option<WireBlock> = match self.transport.call(METHOD, json!([slot, config])).await {
            // Transactions of such a block are asked for by the ledger's address.
            Err(CallError::Refused { code, .. })
                if SKIPPED_SLOT_CODES.contains(&code) || code == UNSUPPORTED_VERSION =>
            {
                None
            }
            answer => answer.map_err(self.call_failed(METHOD))?,
        };
        let read = block.map(|block| block.read(slot, self.program)).transpose();
        read.map_err(|what| self.malformed(METHOD, what))
    }

    /// One transaction at a commitment; none when the server does not have it.
    ///
    /// # Errors
    /// [`ClientError::Rpc`], [`ClientError::Malformed`].
    pub async fn fetch_transaction(
        &self,
        signature: [u8; 64],
        commitment: Commitment,
    ) -> Result<Option<TransactionRecord>, ClientError> {
        let answer: Option<WireTransaction> =
            self.call(TRANSACTION_METHOD, transaction_params(signature, commitment)).await?;
        let read = answer.map(|answer| answer.read(signature)).transpose();
        read.map_err(|what| self.malformed(TRANSACTION_METHOD, what))
    }

    fn walks(&self) -> MutexGuard<'_, BTreeMap<LedgerId, Walk>> {
        self.walks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in one page more; whether it was the last that is needed.
    async fn next_page(&self, ledger: LedgerId, walk: &mut Walk) -> Result<bool, ClientError> {
        let mut config = json!({ "limit": PAGE, "commitment": "finalized" });
        if let Some(before) = walk.before {
            config["before"] = json!(Signature::from(before.signature).to_string());
        }
        let Few(page): Few<WireSignature, PAGE> =
            match self.transport.call(LISTING_METHOD, json!([key(ledger.0).to_string(), config])).await {
                // Some servers do not know the cursor that they have just given. Newer ones were listed, and what
                // is older and wanted is found missing.
                Err(CallError::Refused { code, .. }) if walk.before.is_some() && !BEHIND_CODES.contains(&code) => {
                    return Ok(true);
                }
                answer => answer.map_err(self.call_failed(LISTING_METHOD))?,
            };
        let mut last = None;
        for row in &page {
            let signature = Signature::from_str(&row.signature)
                .map_err(|error| self.malformed(LISTING_METHOD, format!("what is no signature: {error}")))?;
            let transaction = ListedTransaction { slot: row.slot, signature: signature.into() };
            if walk.before.is_some_and(|before| before.signature == transaction.signature) {
                return Err(self.malformed(LISTING_METHOD, "a page that does not go on"));
            }
            if row.err.is_none() && row.slot >= walk.since {
                walk.listed.push_back(transaction);
            }
            last = Some(transaction);
        }
        walk.rows = walk.rows.saturating_add(page.len());
        while walk.listed.len() > MAX_LISTED {
            walk.listed.pop_front();
            walk.is_whole = false;
        }
        // A short page need not be the last: servers cut pages as they like.
        let Some(last) = last.filter(|last| last.slot >= walk.since) else { return Ok(true) };
        let goes_back = walk.before.is_some_and(|before| last.slot > before.slot);
        let is_same_slot = walk.before.is_some_and(|before| last.slot == before.slot);
        walk.rows_of_slot = if is_same_slot { walk.rows_of_slot.saturating_add(page.len()) } else { 0 };
        if goes_back || walk.rows_of_slot > MAX_LISTED {
            return Err(self.malformed(LISTING_METHOD, "pages that do not go on to older slots"));
        }
        walk.before = Some(last);
        Ok(false)
    }

    /// Transactions that the server listed, in one request where it takes batches.
    async fn fetch_chunk(&self, listed: &[ListedTransaction]) -> Result<Vec<Read>, ClientError> {
        if listed.len() < 2 || !self.transport.may_take_batches() {
            return self.fetch_singly(listed).await;
        }
        let params: Vec<Value> =
            listed.iter().map(|listed| transaction_params(listed.signature, Commitment::Finalized)).collect();
        let answers = match self.transport.batch::<Option<WireTransaction>>(TRANSACTION_METHOD, &params).await {
            Ok(answers) => answers,
            Err(CallError::NoBatches) => {
                let transactions = self.fetch_singly(listed).await?;
                // Singly it works, so it was the batch that it did not take.
                self.transport.stop_batches();
                return Ok(transactions);
            }
            Err(error) => return Err(self.call_failed(TRANSACTION_METHOD)(error)),
        };
        let each = listed.iter().zip(answers).map(|(listed, answer)| self.as_listed(listed, answer));
        each.collect()
    }

    async fn fetch_singly(&self, listed: &[ListedTransaction]) -> Result<Vec<Read>, ClientError> {
        stream::iter(listed.to_vec())
            .map(|listed| async move {
                let params = transaction_params(listed.signature, Commitment::Finalized);
                self.as_listed(&listed, self.transport.call(TRANSACTION_METHOD, params).await)
            })
            .buffered(CONCURRENT_CALLS)
            .try_collect()
            .await
    }

    /// A listed transaction must be there, and in the slot that it was listed in. The inner error is this one's own: it
    /// may be another program's, so it does not concern the others.
    fn as_listed(
        &self,
        listed: &ListedTransaction,
        answer: Result<Option<WireTransaction>, CallError>,
    ) -> Result<Read, ClientError> {
        let unreadable = |reason: String| {
            let reason = beginning(reason);
            let signature = Signature::from(listed.signature).to_string();
            Ok(Err(ClientError::Unreadable { server: self.transport.server().to_owned(), signature, reason }))
        };
        let answer = match answer {
            Err(error @ CallError::Refused { code: UNSUPPORTED_VERSION, .. }) => return unreadable(error.reason()),
            answer => answer.map_err(self.call_failed(TRANSACTION_METHOD))?,
        };
        let reason = match answer.map(|answer| answer.read(listed.signature)).transpose() {
            Ok(Some(transaction)) if transaction.slot == listed.slot => return Ok(Ok(transaction)),
            Ok(Some(transaction)) => {
                format!("it is in slot {} and was listed in slot {}", transaction.slot, listed.slot)
            }
            Ok(None) => "the server lists it and does not have it".to_owned(),
            Err(what) => format!("the answer is {what}"),
        };
        self.transport.note_malformed();
        unreadable(reason)
    }
}

const LISTING_METHOD: &str = "getSignaturesForAddress";
const TRANSACTION_METHOD: &str = "getTransaction";

fn transaction_params(signature: [u8; 64], commitment: Commitment) -> Value {
    let config = json!({ "encoding": "base64", "commitment": commitment.name(), "maxSupportedTransactionVersion": NEWEST_VERSION });
    json!([Signature::from(signature).to_string(), config])
}

impl Source for Rpc {
    fn name(&self) -> &str {
        self.transport.server()
    }

    async fn fetch_ledgers(&self, authority: Option<Wallet>) -> Result<Vec<LedgerId>, ClientError> {
        const METHOD: &str = "getProgramAccounts";
        let starts_with = |offset: usize, bytes: &[u8]| json!({ "memcmp": { "offset": offset, "bytes": BASE64_STANDARD.encode(bytes), "encoding": "base64" } });
        let mut filters = vec![json!({ "dataSize": LEDGER_BYTES }), starts_with(0, &LEDGER_DISCRIMINATOR)];
        filters.extend(authority.map(|authority| starts_with(AUTHORITY_OFFSET, &authority.0)));
        let config = json!({
            "encoding": "base64", "commitment": "finalized", "dataSlice": { "offset": 0, "length": 0 }, "filters": filters,
        });
        let Few(listed): Few<WireKeyed, MAX_LEDGERS> =
            self.call(METHOD, json!([key(self.program.0).to_string(), config])).await?;
        let address = |listed: WireKeyed| Pubkey::from_str(&listed.pubkey).map(|key| LedgerId(key.to_bytes()));
        listed
            .into_iter()
            .map(address)
            .collect::<Result<_, _>>()
            .map_err(|error| self.malformed(METHOD, format!("what is no address: {error}")))
    }

    async fn fetch_accounts(&self, ledgers: &[LedgerId]) -> Result<Vec<Result<AccountAt, ClientError>>, ClientError> {
        let accounts = self.fetch_raw_accounts(ledgers).await?;
        let each = ledgers.iter().zip(accounts);
        Ok(each.map(|(ledger, (slot, account))| self.read_ledger(*ledger, slot, account)).collect())
    }

    async fn list_transactions(&self, ledger: LedgerId, since: u64) -> Result<Listing, ClientError> {
        let left = self.walks().remove(&ledger);
        // From the newest back, but for a walk that was left: no other cursor is handed over, for a server may not know
        // it. After an error the walk begins again.
        let mut walk = left.filter(|walk| walk.since <= since).unwrap_or_else(|| Walk::new(since));
        let started = Instant::now();
        for _ in 0..PAGES_PER_CALL {
            if self.next_page(ledger, &mut walk).await? {
                return Ok(walk.listing(since));
            }
            if started.elapsed() > TIME_PER_CALL {
                break;
            }
        }
        // It may have no end.
        self.transport.note_malformed();
        let server = self.transport.server().to_owned();
        let error = ClientError::Unfinished { server, method: LISTING_METHOD, rows: walk.rows };
        let mut walks = self.walks();
        if walks.len() >= MAX_WALKS {
            walks.pop_first();
        }
        walks.insert(ledger, walk);
        Err(error)
    }

    async fn fetch_slots(&self, first: u64, last: u64) -> Result<Vec<TransactionRecord>, ClientError> {
        let mut found = Vec::new();
        for slot in self.fetch_block_slots(first, last, Commitment::Finalized).await? {
            found.extend(self.fetch_block(slot, Commitment::Finalized).await?.unwrap_or_default());
        }
        Ok(found)
    }

    async fn fetch_transactions(&self, listed: &[ListedTransaction]) -> Result<Fetched, ClientError> {
        let chunks: Vec<Vec<ListedTransaction>> =
            listed.chunks(TRANSACTIONS_PER_BATCH).map(<[ListedTransaction]>::to_vec).collect();
        let read: Vec<Read> = stream::iter(chunks)
            .map(|chunk| async move { self.fetch_chunk(&chunk).await })
            .buffered(CONCURRENT_BATCHES)
            .try_concat()
            .await?;
        let mut fetched = Fetched::default();
        for read in read {
            match read {
                Ok(transaction) => fetched.transactions.push(transaction),
                Err(error) => fetched.unread.push(error),
            }
        }
        Ok(fetched)
    }
}
