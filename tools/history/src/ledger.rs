//! One ledger of the history: its events as the program would emit them, and its account as the program would leave it.

use counterfoil_client::{InnerInstruction, TransactionRecord, address};
use counterfoil_core::account::{LEDGER_BYTES, LEDGER_DISCRIMINATOR, LEDGER_VERSION};
use counterfoil_core::event::EVENT_TAG;
use counterfoil_core::limits::HEADS;
use counterfoil_core::{Event, EventBody, EventHeader, LedgerId, ProgramId, Wallet};
use merkle_log::{Frontier, FrontierError, LeafIndex, TreeHead, hash_leaf};

/// Where and when a transaction is executed.
#[derive(Clone, Copy)]
pub struct Moment {
    pub slot: u64,
    pub unix_time: i64,
    pub signature: [u8; 64],
}

/// A ledger as far as its history goes.
pub struct Ledger {
    pub address: LedgerId,
    id: [u8; 32],
    authority: Wallet,
    entries: Frontier,
    events: Frontier,
    /// The newest heads; head `n` in place `n % 16`.
    ring: [Option<TreeHead>; HEADS],
    heads_written: u64,
    created: Option<Moment>,
    appended: Option<Moment>,
}

impl Ledger {
    /// Not created yet.
    pub fn new(program: ProgramId, authority: Wallet, id: [u8; 32]) -> Self {
        Self {
            address: address::ledger(program, authority, &id),
            id,
            authority,
            entries: Frontier::new(),
            events: Frontier::new(),
            ring: [None; HEADS],
            heads_written: 0,
            created: None,
            appended: None,
        }
    }

    pub fn create(&mut self, at: Moment) -> Result<Event, FrontierError> {
        self.created = Some(at);
        self.push(EventBody::LedgerCreated { id: self.id, flags: 0 }, 0, at)
    }

    pub fn append(&mut self, entries: Vec<Vec<u8>>, at: Moment) -> Result<Event, FrontierError> {
        let count = entries.len() as u64;
        for entry in &entries {
            self.entries.append_leaf(&hash_leaf(entry))?;
        }
        self.appended = Some(at);
        let place = (self.heads_written % HEADS as u64) as usize;
        self.ring[place] = Some(self.entries.head());
        self.heads_written += 1;
        self.push(EventBody::EntriesAppended { entries }, count, at)
    }

    fn push(&mut self, body: EventBody, count: u64, at: Moment) -> Result<Event, FrontierError> {
        let TreeHead { size, root } = self.entries.head();
        let range = "it is a size before, which was in range";
        let header = EventHeader {
            ledger: self.address,
            event_seq: LeafIndex::new(self.events.size().get()).map_err(FrontierError::Full)?,
            slot: at.slot,
            unix_time: at.unix_time,
            signer: self.authority,
            first_index: merkle_log::TreeSize::new(size.get() - count).expect(range),
            count,
            size,
            root,
        };
        let event = Event { header, body };
        self.events.append_leaf(&event.leaf_hash())?;
        Ok(event)
    }

    /// The account's data: `docs/protocol.md`, section 3.
    pub fn account(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LEDGER_BYTES);
        bytes.extend(LEDGER_DISCRIMINATOR);
        bytes.extend([LEDGER_VERSION, 255, 0, 0]);
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend(self.id);
        bytes.extend(self.authority.0);
        bytes.extend(self.authority.0);
        bytes.extend([0; 32]);
        for number in [self.entries.size().get(), 0, self.events.size().get(), self.heads_written] {
            bytes.extend(number.to_le_bytes());
        }
        for moment in [self.created, self.appended] {
            bytes.extend(moment.map_or(0, |at| at.slot).to_le_bytes());
            bytes.extend(moment.map_or(0, |at| at.unix_time).to_le_bytes());
        }
        bytes.extend(self.entries.peaks().as_flattened());
        bytes.extend(self.events.peaks().as_flattened());
        for head in &self.ring {
            bytes.extend(head.map_or(0, |head| head.size.get()).to_le_bytes());
            bytes.extend(head.map_or([0; 32], |head| head.root.0));
        }
        // Reserved.
        bytes.resize(LEDGER_BYTES, 0);
        bytes
    }
}

/// The transaction by which the program emits the event, with the accounts of an `append`.
pub fn transaction(program: ProgramId, authority: [u8; 32], event: &Event, at: Moment) -> TransactionRecord {
    let mut data = EVENT_TAG.to_vec();
    data.extend(event.leaf_bytes());
    if let EventBody::EntriesAppended { entries } = &event.body {
        data.extend((entries.len() as u32).to_le_bytes());
        for entry in entries {
            data.extend((entry.len() as u32).to_le_bytes());
            data.extend(entry);
        }
    }
    TransactionRecord {
        signature: at.signature,
        slot: at.slot,
        is_ok: true,
        accounts: vec![event.header.signer.0, event.header.ledger.0, authority, program.0],
        inner_instructions: vec![InnerInstruction { program: 3, accounts: vec![2], data }],
    }
}
