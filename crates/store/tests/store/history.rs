//! True histories: events as the program would emit them, accepted by `counterfoil-core`.

use std::mem;

use counterfoil_core::{
    CheckedHead, Event, EventBody, EventHeader, LedgerAccount, LedgerId, LedgerState, VerifiedAppend, Wallet,
};
use counterfoil_store::CommittedIn;
use merkle_log::{Frontier, LeafIndex, hash_leaf};

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
        };
        history.push(EventBody::LedgerCreated { id: [7; 32], flags: 0 });
        history
    }

    /// An event without entries.
    pub fn grant(&mut self) {
        self.push(EventBody::WriterGranted { wallet: Wallet([6; 32]), permissions: 1, expires_at: i64::MAX });
    }

    /// One event with `count` entries of one byte.
    pub fn append(&mut self, count: u64) {
        let first = self.entries.size().get();
        let entries = (first..first + count).map(|index| vec![index.to_le_bytes()[0]]).collect();
        self.push(EventBody::EntriesAppended { entries });
    }

    /// What was not taken yet.
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

/// One transaction a ledger and slot.
fn signature(ledger: LedgerId, slot: u64) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&ledger.0);
    signature[32..40].copy_from_slice(&slot.to_be_bytes());
    signature
}
