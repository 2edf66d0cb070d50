//! Receipts, evidence and promises of the smallest ledgers, for the tests of this folder.

use counterfoil_core::evidence::{EndLine, EntryLine, EventLine, FORMAT, Header, Line, Range};
use counterfoil_core::receipt::{EntryProof, EventLeaf, Head, Receipt, Version};
use counterfoil_core::{Event, EventBody, EventHeader, GenesisHash, LedgerId, ProgramId, Wallet};
use counterfoil_statement::{
    AuthorTime, Place, Promise, PromiseBody, PromisedRecord, Record, RecordId, Records, Salt, SigningKey, Statement,
    StreamId, commit,
};
use merkle_log::{Frontier, Hash, LeafIndex, TreeHead, TreeSize, hash_leaf};

pub const GENESIS_HASH: GenesisHash = GenesisHash([0x6e; 32]);
pub const PROGRAM: ProgramId = ProgramId([0x96; 32]);
pub const LEDGER: LedgerId = LedgerId([0x1e; 32]);
pub const DEADLINE: i64 = 1_790_000_600;

pub fn gateway() -> SigningKey {
    SigningKey::from_bytes(&[0x9a; 32])
}

pub fn statement() -> Statement {
    Statement {
        genesis_hash: GENESIS_HASH,
        program: PROGRAM,
        ledger: LEDGER,
        record_id: RecordId::from_parts(1_790_000_000_640, [1; 10]),
        commitment: commit(&Salt([2; 32]), b"paid"),
        content_type: "text/plain".parse().unwrap(),
        author_time: AuthorTime::new(1_790_000_000_500).unwrap(),
        stream: StreamId([3; 32]),
        subject: None,
        place: Place::First,
    }
}

/// A promise of the sample's record, from entry 0 on.
pub fn promise() -> Promise {
    let Statement { record_id: id, commitment, .. } = statement();
    let records = [Record { id, commitment }];
    let body = PromiseBody {
        genesis_hash: GENESIS_HASH,
        program: PROGRAM,
        ledger: LEDGER,
        from: 0,
        deadline: DEADLINE,
        records: Records::of(&records).unwrap(),
        copies: 2,
    };
    Promise { record: PromisedRecord::of(&records, 0), ..Promise::sign(body, &gateway()) }
}

fn head(leaves: &[Vec<u8>]) -> TreeHead {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.append_leaf(&hash_leaf(leaf)).unwrap());
    frontier.head()
}

/// An append of one entry a time, each with its time: the first events of the ledger.
fn events(entries: &[(i64, Vec<u8>)]) -> Vec<Event> {
    let all: Vec<Vec<u8>> = entries.iter().map(|(_, entry)| entry.clone()).collect();
    let event = |(at, (unix_time, _)): (usize, &(i64, Vec<u8>))| {
        let TreeHead { size, root } = head(&all[..=at]);
        let header = EventHeader {
            ledger: LEDGER,
            event_seq: LeafIndex::new(at as u64).unwrap(),
            slot: 500 + at as u64,
            unix_time: *unix_time,
            signer: Wallet([0xa0; 32]),
            first_index: TreeSize::new(at as u64).unwrap(),
            count: 1,
            size,
            root,
        };
        Event { header, body: EventBody::EntriesAppended { entries: Vec::new() } }
    };
    entries.iter().enumerate().map(event).collect()
}

/// The receipt of a ledger's one entry, appended at a time.
pub fn receipt_of(payload: Vec<u8>, unix_time: i64) -> Receipt {
    let events = events(&[(unix_time, payload.clone())]);
    Receipt {
        genesis_hash: GENESIS_HASH,
        program: PROGRAM,
        ledger: LEDGER,
        entry: EntryProof { index: 0, payload, proof: Vec::new() },
        event: EventLeaf { seq: 0, leaf: events[0].leaf_bytes() },
        version: Version::V2 { transaction: None, bridge: None, statement: Vec::new() },
    }
}

/// The evidence of all of a ledger's entries, one an append, each with its time.
pub fn evidence_of(entries: &[(i64, Vec<u8>)]) -> (Header, Vec<Line>) {
    let events = events(entries);
    let leaves: Vec<Vec<u8>> = events.iter().map(Event::leaf_bytes).collect();
    let payloads: Vec<Vec<u8>> = entries.iter().map(|(_, entry)| entry.clone()).collect();
    let range = |leaves: &[Vec<u8>]| Range {
        from: 0,
        to: leaves.len() as u64,
        head: Head::from(head(leaves)),
        proof: Vec::<Hash>::new(),
    };
    let header = Header {
        format: FORMAT.to_owned(),
        genesis_hash: GENESIS_HASH,
        program: PROGRAM,
        ledger: LEDGER,
        entries: range(&payloads),
        events: range(&leaves),
        content: true,
        transaction: None,
        bridge: None,
    };
    let mut lines = Vec::new();
    for (at, (leaf, payload)) in leaves.iter().zip(&payloads).enumerate() {
        let at = at as u64;
        lines.push(Line::Event(EventLine { seq: at, leaf: leaf.clone() }));
        lines.push(Line::Entry(EntryLine { index: at, payload: payload.clone() }));
    }
    let count = entries.len() as u64;
    lines.push(Line::End(EndLine { entries: count, events: count }));
    (header, lines)
}
