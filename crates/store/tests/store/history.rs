//! True histories: events as the program would emit them, accepted by `counterfoil-core`.

use std::mem;

use counterfoil_core::limits::MAX_SUBTREE_LEVEL;
use counterfoil_core::{
    CheckedHead, Event, EventBody, EventHeader, LedgerAccount, LedgerId, LedgerState, VerifiedAppend, Wallet,
};
use counterfoil_store::CommittedIn;
use merkle_log::{Frontier, Hash, LeafIndex, Position, TreeSize, hash_leaf, subtrees};

const AUTHORITY: Wallet = Wallet([5; 32]);
const FIRST_SLOT: u64 = 100;
/// So that transactions with one event and with several both occur, and batches end within one.
const EVENTS_PER_TRANSACTION: u64 = 50;

pub type Batch = Vec<(CommittedIn, VerifiedAppend)>;

/// One ledger's history so far.
pub struct History {
    ledger: LedgerId,
    state: LedgerState,
    entries: Frontier,
    events: Frontier,
    uncommitted: Batch,
    /// How many leaves the next event appends by the hashes of their subtrees.
    by_subtree: u64,
}

impl History {
    /// A ledger that was just created.
    pub fn create(ledger: LedgerId) -> Self {
        let mut history = Self {
            ledger,
            state: LedgerState::new(ledger),
            entries: Frontier::new(),
            events: Frontier::new(),
            uncommitted: Vec::new(),
            by_subtree: 0,
        };
        history.push(EventBody::LedgerCreated { id: [7; 32], flags: 0 });
        history
    }

    /// An event without entries.
    pub fn grant(&mut self) {
        self.push(EventBody::WriterGranted { wallet: Wallet([6; 32]), permissions: 1, expires_at: i64::MAX });
    }

    /// One event with `count` entries of four bytes.
    pub fn append(&mut self, count: u64) {
        let first = self.entries.size().get();
        let entries = (first..first + count).map(entry).collect();
        self.push(EventBody::EntriesAppended { entries });
    }

    /// One event with the hashes of the subtrees that the next `count` entries make.
    pub fn append_subtrees(&mut self, count: u64) {
        let first = self.entries.size();
        let end = TreeSize::new(first.get() + count).unwrap();
        let hashes = subtrees(first, end, MAX_SUBTREE_LEVEL).map(|Position { level, offset }| {
            let mut subtree = Frontier::new();
            let leaves = offset << level..(offset + 1) << level;
            leaves.for_each(|index| subtree.append_leaf(&hash_leaf(&entry(index))).unwrap());
            Hash(subtree.root().0)
        });
        self.by_subtree = count;
        self.push(EventBody::SubtreesAppended { hashes: hashes.collect() });
    }

    /// Goes on from a state as an indexer that was started again.
    pub fn resume(&mut self, state: LedgerState) {
        self.state = state;
    }

    /// The events that were not taken yet.
    pub fn take(&mut self) -> Batch {
        mem::take(&mut self.uncommitted)
    }

    pub fn state(&self) -> &LedgerState {
        &self.state
    }

    /// The heads, compared with the account as it is now.
    pub fn check(&self) -> CheckedHead {
        let account = LedgerAccount {
            flags: 0,
            id: [7; 32],
            creator: AUTHORITY,
            authority: AUTHORITY,
            pending_authority: None,
            leaves_by_subtree: 0,
            heads_written: 0,
            created_slot: FIRST_SLOT,
            created_time: 0,
            appended_slot: 0,
            appended_time: 0,
            entries: Box::new(self.entries.clone()),
            events: Box::new(self.events.clone()),
            heads: Vec::new(),
        };
        self.state.check(&account).unwrap()
    }

    fn push(&mut self, body: EventBody) {
        let first_index = self.entries.size();
        if let EventBody::EntriesAppended { entries } = &body {
            entries.iter().for_each(|entry| self.entries.append_leaf(&hash_leaf(entry)).unwrap());
        }
        for index in first_index.get()..first_index.get() + mem::take(&mut self.by_subtree) {
            self.entries.append_leaf(&hash_leaf(&entry(index))).unwrap();
        }
        let seq = self.events.size().get();
        let slot = FIRST_SLOT + seq / EVENTS_PER_TRANSACTION;
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
        let before = mem::replace(&mut self.state, LedgerState::new(self.ledger));
        let (state, append) = before.apply(event).unwrap();
        self.state = state;
        self.uncommitted.push((CommittedIn { signature: signature(self.ledger, slot) }, append));
    }
}

/// Entry `index` of every ledger here.
pub fn entry(index: u64) -> Vec<u8> {
    u32::try_from(index).unwrap().to_le_bytes().to_vec()
}

/// One transaction a ledger and slot.
fn signature(ledger: LedgerId, slot: u64) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&ledger.0);
    signature[32..40].copy_from_slice(&slot.to_be_bytes());
    signature
}
