//! A chain that exists only in memory, and servers that report it truly or falsely.

use std::sync::Mutex;

use counterfoil_client::{
    AccountAt, ClientError, Fetched, InnerInstruction, ListedTransaction, Listing, Source, TransactionRecord, address,
};
use counterfoil_core::event::EVENT_TAG;
use counterfoil_core::{Event, EventBody, EventHeader, LedgerAccount, LedgerId, LedgerState, ProgramId, Wallet};
use merkle_log::{Frontier, Hash, LeafIndex, hash_leaf};

pub const PROGRAM: ProgramId = ProgramId([7; 32]);
pub const LEDGER: LedgerId = LedgerId([9; 32]);
const AUTHORITY: Wallet = Wallet([5; 32]);

/// A ledger's true history: the transactions, and the account after each.
#[derive(Clone)]
pub struct Chain {
    pub ledger: LedgerId,
    /// How many slots later than usual events come.
    pub delay: u64,
    pub transactions: Vec<TransactionRecord>,
    accounts: Vec<LedgerAccount>,
    entries: Frontier,
    events: Frontier,
}

impl Chain {
    /// A ledger that was just created.
    pub fn new() -> Self {
        Self::of(LEDGER)
    }

    /// The ledger at an address.
    pub fn of(ledger: LedgerId) -> Self {
        let (entries, events) = (Frontier::new(), Frontier::new());
        let mut chain = Self { ledger, delay: 0, transactions: vec![], accounts: vec![], entries, events };
        chain.push(EventBody::LedgerCreated { id: [1; 32], flags: 0 });
        chain
    }

    pub fn append(&mut self, entries: &[&str]) {
        let entries = entries.iter().map(|entry| entry.as_bytes().to_vec()).collect();
        self.push(EventBody::EntriesAppended { entries });
    }

    /// An event without entries.
    pub fn grant(&mut self) {
        self.push(EventBody::WriterGranted { wallet: AUTHORITY, permissions: 1, expires_at: i64::MAX });
    }

    /// Whether the log ends where a subtree of four leaves can follow.
    pub fn can_take_a_subtree(&self) -> bool {
        self.entries.size().get().is_multiple_of(4)
    }

    /// The chain as it was after `events` events.
    pub fn until(&self, events: u64) -> Self {
        let count = usize::try_from(events).unwrap();
        let account = self.account_at(events);
        Self {
            ledger: self.ledger,
            delay: self.delay,
            transactions: self.transactions[..count].to_vec(),
            accounts: self.accounts[..count].to_vec(),
            entries: *account.entries,
            events: *account.events,
        }
    }

    /// The slot of the newest event.
    pub fn slot(&self) -> u64 {
        self.transactions.last().unwrap().slot
    }

    /// Appends four leaves by the hash of their subtree, at a size that is a multiple of four.
    pub fn append_subtree(&mut self) {
        self.push(EventBody::SubtreesAppended { hashes: vec![Hash([6; 32])] });
    }

    pub fn event_count(&self) -> u64 {
        self.events.size().get()
    }

    /// The account after `events` events.
    pub fn account_at(&self, events: u64) -> LedgerAccount {
        self.accounts[usize::try_from(events).unwrap() - 1].clone()
    }

    pub fn account(&self) -> LedgerAccount {
        self.accounts.last().unwrap().clone()
    }

    /// The state by the events' own word, for comparing.
    pub fn state(&self) -> LedgerState {
        self.transactions.iter().fold(LedgerState::new(self.ledger), |state, transaction| {
            let events = counterfoil_client::decode(PROGRAM, transaction).unwrap();
            events.into_iter().fold(state, |state, event| state.apply(event).unwrap().0)
        })
    }

    fn push(&mut self, body: EventBody) {
        let first_index = self.entries.size();
        if let EventBody::EntriesAppended { entries } = &body {
            entries.iter().for_each(|entry| self.entries.append_leaf(&hash_leaf(entry)).unwrap());
        }
        if let EventBody::SubtreesAppended { hashes } = &body {
            hashes.iter().for_each(|hash| self.entries.append_subtree(2, hash).unwrap());
        }
        let seq = self.event_count();
        // Two transactions a slot, so that their order within one matters.
        let slot = 100 + self.delay + seq / 2;
        let header = EventHeader {
            ledger: self.ledger,
            event_seq: LeafIndex::new(seq).unwrap(),
            slot,
            unix_time: 1_700_000_000,
            signer: AUTHORITY,
            first_index,
            count: self.entries.size().get() - first_index.get(),
            size: self.entries.size(),
            root: self.entries.root(),
        };
        let event = Event { header, body };
        self.events.append_leaf(&event.leaf_hash()).unwrap();
        self.transactions.push(transaction(&event, slot));
        self.accounts.push(LedgerAccount {
            flags: 0,
            id: [1; 32],
            creator: AUTHORITY,
            authority: AUTHORITY,
            pending_authority: None,
            leaves_by_subtree: 0,
            heads_written: 0,
            created_slot: 100,
            created_time: 0,
            appended_slot: slot,
            appended_time: 0,
            entries: Box::new(self.entries.clone()),
            events: Box::new(self.events.clone()),
            heads: vec![],
        });
    }
}

/// A transaction that carries one event.
pub fn transaction(event: &Event, slot: u64) -> TransactionRecord {
    let mut data = EVENT_TAG.to_vec();
    data.extend(event.leaf_bytes());
    if let EventBody::EntriesAppended { entries } = &event.body {
        data.extend(u32::try_from(entries.len()).unwrap().to_le_bytes());
        for entry in entries {
            data.extend(u32::try_from(entry.len()).unwrap().to_le_bytes());
            data.extend(entry);
        }
    }
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&event.leaf_hash().0);
    TransactionRecord {
        signature,
        slot,
        is_ok: true,
        accounts: vec![address::event_authority(PROGRAM).to_bytes(), PROGRAM.0],
        inner_instructions: vec![InnerInstruction { program: 1, accounts: vec![0], data }],
    }
}

/// A server's answers; changed between passes.
#[derive(Clone)]
pub struct Script {
    /// The transactions that it lists, in its order.
    pub transactions: Vec<TransactionRecord>,
    /// The account that it reports; none when it does not answer.
    pub account: Option<LedgerAccount>,
    /// The ledgers that it lists; none when it does not answer.
    pub ledgers: Option<Vec<LedgerId>>,
    /// How often it listed transactions, and how many it delivered.
    pub served: (usize, usize),
    /// The slot of its readings.
    pub slot: u64,
    /// Whether it says that it left nothing newer out.
    pub is_whole: bool,
    /// Ledgers besides the one, as they are.
    pub others: Vec<Chain>,
    /// Those of them that it answers with an error to every caller.
    pub unreadable: Vec<[u8; 64]>,
    /// The transactions in its blocks.
    pub blocks: Vec<TransactionRecord>,
    /// The authorities whose ledgers it was asked for.
    pub asked_for: Vec<Option<Wallet>>,
    /// How often it was asked anything.
    pub calls: usize,
    /// The call that fails; or is never answered, if so.
    pub fail_at: Option<(usize, bool)>,
}

/// A server that says what it is told to.
pub struct Server {
    name: String,
    pub script: Mutex<Script>,
}

impl Server {
    pub fn honest(name: &str, chain: &Chain) -> Self {
        let script = Script {
            transactions: chain.transactions.clone(),
            account: Some(chain.account()),
            ledgers: Some(vec![LEDGER]),
            served: (0, 0),
            slot: 1_000,
            is_whole: true,
            others: vec![],
            unreadable: vec![],
            blocks: vec![],
            asked_for: vec![],
            calls: 0,
            fail_at: None,
        };
        Self { name: name.to_owned(), script: Mutex::new(script) }
    }

    /// Another server with the same script.
    pub fn copy(&self) -> Self {
        Self { name: self.name.clone(), script: Mutex::new(self.script.lock().unwrap().clone()) }
    }

    fn silence(&self, method: &'static str) -> ClientError {
        ClientError::Rpc { server: self.name.clone(), method, reason: "it is scripted not to answer".to_owned() }
    }

    /// Counts a call, and fails if it is its turn.
    async fn called(&self, method: &'static str) -> Result<(), ClientError> {
        let fault = {
            let mut script = self.script.lock().unwrap();
            script.calls += 1;
            let call = script.calls - 1;
            script.fail_at.take_if(|(at, _)| *at == call)
        };
        match fault {
            None => Ok(()),
            Some((_, false)) => Err(self.silence(method)),
            Some((_, true)) => std::future::pending().await,
        }
    }

    pub fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }
}

impl Source for Server {
    fn name(&self) -> &str {
        &self.name
    }

    async fn fetch_ledgers(&self, authority: Option<Wallet>) -> Result<Vec<LedgerId>, ClientError> {
        self.called("getProgramAccounts").await?;
        self.change(|script| script.asked_for.push(authority));
        let ledgers = self.script.lock().unwrap().ledgers.clone();
        ledgers.ok_or_else(|| self.silence("getProgramAccounts"))
    }

    async fn fetch_accounts(&self, ledgers: &[LedgerId]) -> Result<Vec<Result<AccountAt, ClientError>>, ClientError> {
        self.called("getMultipleAccounts").await?;
        let slot = self.script.lock().unwrap().slot;
        let account = self.script.lock().unwrap().account.clone().ok_or_else(|| self.silence("getMultipleAccounts"))?;
        let others = self.script.lock().unwrap().others.clone();
        let report = |ledger: &LedgerId| match *ledger {
            LEDGER => Ok(AccountAt { slot, account: account.clone() }),
            ledger if let Some(other) = others.iter().find(|other| other.ledger == ledger) => {
                Ok(AccountAt { slot, account: other.account() })
            }
            ledger => Err(ClientError::NoLedger { server: self.name.clone(), ledger }),
        };
        Ok(ledgers.iter().map(report).collect())
    }

    async fn list_transactions(&self, ledger: LedgerId, since: u64) -> Result<Listing, ClientError> {
        self.called("getSignaturesForAddress").await?;
        let mut script = self.script.lock().unwrap();
        script.served.0 += 1;
        let other = script.others.iter().find(|other| other.ledger == ledger);
        let all = other.map_or(&script.transactions, |other| &other.transactions);
        let listed = all.iter().filter(|transaction| transaction.slot >= since);
        let transactions = listed
            .map(|transaction| ListedTransaction { slot: transaction.slot, signature: transaction.signature })
            .collect();
        Ok(Listing { transactions, is_whole: script.is_whole })
    }

    async fn fetch_transactions(&self, listed: &[ListedTransaction]) -> Result<Fetched, ClientError> {
        self.called("getTransaction").await?;
        let mut script = self.script.lock().unwrap();
        script.served.1 += listed.len();
        let find = |listed: &ListedTransaction| {
            let all = script.others.iter().flat_map(|other| &other.transactions).chain(&script.transactions);
            all.into_iter().find(|transaction| transaction.signature == listed.signature).unwrap().clone()
        };
        let is_unreadable = |listed: &&ListedTransaction| script.unreadable.contains(&listed.signature);
        let refused = |listed: &ListedTransaction| ClientError::Unreadable {
            server: self.name.clone(),
            signature: format!("{:?}", listed.signature),
            reason: "Transaction version (2) is not supported (error -32015)".to_owned(),
        };
        Ok(Fetched {
            transactions: listed.iter().filter(|listed| !is_unreadable(listed)).map(find).collect(),
            unread: listed.iter().filter(is_unreadable).map(refused).collect(),
        })
    }

    async fn fetch_slots(&self, first: u64, last: u64) -> Result<Vec<TransactionRecord>, ClientError> {
        self.called("getBlocks").await?;
        let blocks = self.script.lock().unwrap().blocks.clone();
        Ok(blocks.into_iter().filter(|transaction| (first..=last).contains(&transaction.slot)).collect())
    }
}
