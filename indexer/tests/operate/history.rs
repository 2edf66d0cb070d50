//! Recordings of histories that are true to the last byte.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use counterfoil_client::{InnerInstruction, RecordingWriter, TransactionRecord, address, idl};
use counterfoil_core::account::{LEDGER_BYTES, LEDGER_DISCRIMINATOR, LEDGER_VERSION};
use counterfoil_core::event::EVENT_TAG;
use counterfoil_core::{Event, EventBody, EventHeader, GenesisHash, LedgerId, Wallet};
use merkle_log::{Frontier, Hash, LeafIndex, TreeSize, hash_leaf};

const AUTHORITY: Wallet = Wallet([5; 32]);
const GENESIS_HASH: GenesisHash = GenesisHash([3; 32]);
const ENTRIES_PER_TRANSACTION: u64 = 5;
/// Level and leaves of the one subtree that is appended by its hash.
pub const SUBTREE: Range<u64> = 1_024..2_048;
const SUBTREE_LEVEL: u8 = 10;

/// The content of a recording.
#[derive(Clone, Copy)]
pub struct Shape {
    pub ledgers: u8,
    /// Of each.
    pub entries: u64,
    /// Whether [`SUBTREE`] is appended by its hash in each.
    pub has_subtree: bool,
}

pub fn ledger(number: u8) -> LedgerId {
    address::ledger(idl::declared_program(), AUTHORITY, &[number; 32])
}

pub fn entry(ledger: u8, index: u64) -> Vec<u8> {
    format!("entry {index} of ledger {ledger}").into_bytes()
}

struct Ledger {
    number: u8,
    entries: Frontier,
    events: Frontier,
    by_subtree: u64,
}

pub fn record(path: &Path, shape: Shape) {
    let mut writer = RecordingWriter::new(File::create(path).unwrap(), GENESIS_HASH, idl::declared_program()).unwrap();
    for number in 0..shape.ledgers {
        let mut ledger = Ledger { number, entries: Frontier::new(), events: Frontier::new(), by_subtree: 0 };
        let created = EventBody::LedgerCreated { id: [number; 32], flags: 4 };
        writer.write_transaction(&ledger.push(created, 0)).unwrap();
        while ledger.size() < shape.entries {
            let next = ledger.size();
            if shape.has_subtree && next == SUBTREE.start {
                writer.write_transaction(&ledger.append_subtree()).unwrap();
                continue;
            }
            let most = if shape.has_subtree && next < SUBTREE.start { SUBTREE.start } else { shape.entries };
            writer.write_transaction(&ledger.append(next..most.min(next + ENTRIES_PER_TRANSACTION))).unwrap();
        }
        writer.add_account(self::ledger(number), ledger.slot(), &ledger.account());
    }
    writer.finish().unwrap();
}

impl Ledger {
    fn size(&self) -> u64 {
        self.entries.size().get()
    }

    fn slot(&self) -> u64 {
        1_000 + self.events.size().get() / 3
    }

    fn append(&mut self, leaves: Range<u64>) -> TransactionRecord {
        let count = leaves.end - leaves.start;
        let entries: Vec<Vec<u8>> = leaves.map(|index| entry(self.number, index)).collect();
        entries.iter().for_each(|entry| self.entries.append_leaf(&hash_leaf(entry)).unwrap());
        self.push(EventBody::EntriesAppended { entries }, count)
    }

    fn append_subtree(&mut self) -> TransactionRecord {
        let mut subtree = Frontier::new();
        SUBTREE.for_each(|index| subtree.append_leaf(&hash_leaf(&entry(self.number, index))).unwrap());
        let hash = Hash(subtree.root().0);
        self.entries.append_subtree(SUBTREE_LEVEL, &hash).unwrap();
        let count = SUBTREE.end - SUBTREE.start;
        self.by_subtree += count;
        self.push(EventBody::SubtreesAppended { hashes: vec![hash] }, count)
    }

    fn push(&mut self, body: EventBody, count: u64) -> TransactionRecord {
        let slot = self.slot();
        let header = EventHeader {
            ledger: ledger(self.number),
            event_seq: LeafIndex::new(self.events.size().get()).unwrap(),
            slot,
            unix_time: 1_700_000_000,
            signer: AUTHORITY,
            first_index: TreeSize::new(self.size() - count).unwrap(),
            count,
            size: self.entries.size(),
            root: self.entries.root(),
        };
        let event = Event { header, body };
        self.events.append_leaf(&event.leaf_hash()).unwrap();
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
        let program = idl::declared_program();
        TransactionRecord {
            signature,
            slot,
            is_ok: true,
            accounts: vec![address::event_authority(program).to_bytes(), program.0],
            inner_instructions: vec![InnerInstruction { program: 1, accounts: vec![0], data }],
        }
    }

    /// The account's data: `docs/protocol.md`, section 3. The ring of heads is left empty, for the indexer has no use
    /// for it.
    fn account(&self) -> Vec<u8> {
        let mut bytes = LEDGER_DISCRIMINATOR.to_vec();
        bytes.extend([LEDGER_VERSION, 255, 0, 0]);
        bytes.extend(4_u32.to_le_bytes());
        bytes.extend([self.number; 32]);
        bytes.extend(AUTHORITY.0);
        bytes.extend(AUTHORITY.0);
        bytes.extend([0; 32]);
        for number in [self.size(), self.by_subtree, self.events.size().get(), 0, 1_000, 0, self.slot(), 0] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.entries.peaks().as_flattened());
        bytes.extend(self.events.peaks().as_flattened());
        bytes.resize(LEDGER_BYTES, 0);
        bytes
    }
}
