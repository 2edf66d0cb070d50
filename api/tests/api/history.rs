//! True histories: events as the program would emit them, accepted by `counterfoil-core`, and what tests compare with.

use counterfoil_core::limits::MAX_SUBTREE_LEVEL;
use counterfoil_core::{CheckedHead, Event, EventBody, EventHeader, LedgerAccount, LedgerId, LedgerState};
use counterfoil_core::{VerifiedAppend, Wallet};
use counterfoil_store::{CommittedIn, Pending, PgPool, add_ledger, commit, mark_checked};
use merkle_log::{Frontier, Hash, LeafIndex, Position, TreeSize, hash_leaf, subtrees};

pub const CREATOR: Wallet = Wallet([0xc0; 32]);
pub const WRITER: Wallet = Wallet([0xa1; 32]);
pub const FIRST_SLOT: u64 = 300_000_000;
/// 2026-02-28T12:00:00Z.
pub const FIRST_TIME: i64 = 1_772_280_000;

/// One ledger's history so far.
pub struct History {
    pub ledger: LedgerId,
    /// Every entry's bytes.
    pub payloads: Vec<Vec<u8>>,
    /// Every event's leaf bytes and what it says.
    pub events: Vec<(Vec<u8>, Event)>,
    /// How many seconds are between events.
    pub pace: i64,
    /// The first event of the transaction in which events come; each comes in its own when none is said.
    pub transaction: Option<u64>,
    state: LedgerState,
    entry_frontier: Frontier,
    event_frontier: Frontier,
    uncommitted: Vec<(CommittedIn, VerifiedAppend)>,
}

impl History {
    /// A ledger that was just created.
    pub fn create(ledger: LedgerId) -> Self {
        let mut history = Self {
            ledger,
            payloads: Vec::new(),
            events: Vec::new(),
            pace: 1,
            transaction: None,
            state: LedgerState::new(ledger),
            entry_frontier: Frontier::new(),
            event_frontier: Frontier::new(),
            uncommitted: Vec::new(),
        };
        history.emit(CREATOR, EventBody::LedgerCreated { id: [7; 32], flags: 0 });
        history
    }

    pub fn grant(&mut self) {
        let body = EventBody::WriterGranted { wallet: WRITER, permissions: 1, expires_at: i64::MAX };
        self.emit(CREATOR, body);
    }

    pub fn append(&mut self, count: usize) {
        self.append_as(WRITER, count);
    }

    pub fn append_as(&mut self, signer: Wallet, count: usize) {
        let first = self.payloads.len();
        let entries = (first..first + count).map(payload).collect();
        self.emit(signer, EventBody::EntriesAppended { entries });
    }

    /// Appends entries by the hashes of their subtrees.
    pub fn append_subtrees(&mut self, count: usize) {
        let first = self.payloads.len();
        self.payloads.extend((first..first + count).map(payload));
        let size = |leaves: usize| TreeSize::new(leaves as u64).unwrap();
        let root = |Position { level, offset }| {
            let mut subtree = Frontier::new();
            let leaves = (offset << level) as usize..((offset + 1) << level) as usize;
            self.payloads[leaves].iter().for_each(|entry| subtree.append_leaf(&hash_leaf(entry)).unwrap());
            Hash(subtree.root().0)
        };
        let hashes = subtrees(size(first), size(first + count), MAX_SUBTREE_LEVEL).map(root).collect();
        self.emit(WRITER, EventBody::SubtreesAppended { hashes });
    }

    /// The events that are not written yet, as the cluster confirms them.
    pub fn pending(&self) -> Vec<Pending> {
        let pending = |(within, append): &(CommittedIn, VerifiedAppend)| {
            let mut event = append.event().clone();
            if let EventBody::EntriesAppended { entries } = &mut event.body {
                *entries = append.entries().iter().map(|entry| entry.bytes.clone()).collect();
            }
            Pending { within: *within, event }
        };
        self.uncommitted.iter().map(pending).collect()
    }

    /// Writes what was not written yet.
    pub async fn commit(&mut self, pool: &PgPool) {
        let mut transaction = pool.begin().await.unwrap();
        add_ledger(&mut transaction, self.ledger).await.unwrap();
        commit(&mut transaction, self.ledger, &self.uncommitted).await.unwrap();
        transaction.commit().await.unwrap();
        self.uncommitted.clear();
    }

    /// Compares with an account and moves the checked watermark here.
    pub async fn check(&mut self, pool: &PgPool) -> CheckedHead {
        self.commit(pool).await;
        let checked = self.state.check(&self.account()).unwrap();
        mark_checked(&mut pool.acquire().await.unwrap(), &checked, self.slot()).await.unwrap();
        checked
    }

    /// The slot of the next event, in which an account would be read too.
    pub fn slot(&self) -> u64 {
        FIRST_SLOT + self.events.len() as u64
    }

    /// The signature of the transaction that begins with the event.
    pub fn signature(&self, seq: u64) -> [u8; 64] {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&self.ledger.0);
        signature[32..40].copy_from_slice(&seq.to_be_bytes());
        signature
    }

    fn account(&self) -> LedgerAccount {
        LedgerAccount {
            flags: 0,
            id: [7; 32],
            creator: CREATOR,
            authority: CREATOR,
            pending_authority: None,
            leaves_by_subtree: 0,
            heads_written: 0,
            created_slot: FIRST_SLOT,
            created_time: FIRST_TIME,
            appended_slot: 0,
            appended_time: 0,
            entries: Box::new(self.entry_frontier.clone()),
            events: Box::new(self.event_frontier.clone()),
            heads: Vec::new(),
        }
    }

    pub fn emit(&mut self, signer: Wallet, body: EventBody) {
        let first_index = self.entry_frontier.size();
        let mut count = 0;
        if let EventBody::EntriesAppended { entries } = &body {
            for entry in entries {
                self.entry_frontier.append_leaf(&hash_leaf(entry)).unwrap();
                self.payloads.push(entry.clone());
                count += 1;
            }
        }
        if let EventBody::SubtreesAppended { .. } = &body {
            for entry in &self.payloads[first_index.get() as usize..] {
                self.entry_frontier.append_leaf(&hash_leaf(entry)).unwrap();
                count += 1;
            }
        }
        let seq = self.events.len() as u64;
        let first = self.transaction.unwrap_or(seq);
        let header = EventHeader {
            ledger: self.ledger,
            event_seq: LeafIndex::new(seq).unwrap(),
            slot: FIRST_SLOT + first,
            unix_time: FIRST_TIME + self.pace * i64::try_from(first).unwrap(),
            signer,
            first_index,
            count,
            size: self.entry_frontier.size(),
            root: self.entry_frontier.root(),
        };
        let event = Event { header, body };
        self.event_frontier.append_leaf(&event.leaf_hash()).unwrap();
        self.events.push((event.leaf_bytes(), event.clone()));
        let (state, append) = self.state.clone().apply(event).unwrap();
        self.state = state;
        self.uncommitted.push((CommittedIn { signature: self.signature(first) }, append));
    }
}

/// Entry `index`: of various lengths, bytes that are no text among them.
fn payload(index: usize) -> Vec<u8> {
    let mut payload = format!("entry {index} ").into_bytes();
    payload.resize(payload.len() + index % 40, 0xf0);
    payload
}
