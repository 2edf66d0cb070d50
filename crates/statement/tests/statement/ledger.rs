//! A ledger with the receipts and the evidence of its entries, made plainly, by the definition of RFC 6962.

use counterfoil_core::evidence::{EndLine, EntryLine, EventLine, FORMAT, Header, LeafLine, Line, Range};
use counterfoil_core::receipt::{EntryProof, EventLeaf, Head, Receipt, Version};
use counterfoil_core::{Event, EventBody};
use counterfoil_statement::Statement;
use merkle_log::{Hash, Root};

use super::history::{AUTHORITY, Bytes32, History, ID, LEDGER, encode_leaf, leaf, path, root};
use super::sample::{self, GENESIS_HASH, PROGRAM};

/// A ledger that was created at a time and had entries appended at others.
pub fn ledger(created: i64, appends: &[(i64, Vec<Vec<u8>>)]) -> History {
    let mut history = History::new(LEDGER);
    history.push(AUTHORITY, EventBody::LedgerCreated { id: ID, flags: 0 });
    history.events[0].header.unix_time = created;
    for (time, entries) in appends {
        history.push(AUTHORITY, EventBody::EntriesAppended { entries: entries.clone() });
        history.events.last_mut().expect("pushed").header.unix_time = *time;
    }
    history
}

/// The entry of a sample's record, the first of a stream.
pub fn entry(number: u8) -> Vec<u8> {
    statement(number).encode_entry(None)
}

pub fn statement(number: u8) -> Statement {
    let record = sample::record(number);
    Statement { record_id: record.id, commitment: record.commitment, ..sample::first() }
}

fn covering(history: &History, index: usize) -> usize {
    let after = |event: &Event| event.header.size.get() as usize > index;
    history.events.iter().position(after).expect("an event that committed it")
}

/// The largest subtrees outside leaves `from` to `to`, from left to right.
fn outside(leaves: &[Bytes32], start: usize, from: usize, to: usize) -> Vec<Hash> {
    let end = start + leaves.len();
    if end <= from || to <= start {
        return vec![Hash(root(leaves))];
    }
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(1 << (leaves.len() - 1).ilog2());
    [outside(left, start, from, to), outside(right, start + left.len(), from, to)].concat()
}

fn range(leaves: &[Bytes32], from: usize, to: usize) -> Range {
    let head = Head { size: leaves.len() as u64, root: Root(root(leaves)) };
    Range { from: from as u64, to: to as u64, head, proof: outside(leaves, 0, from, to) }
}

/// The evidence of a range of entries, with their bytes or by their hashes.
pub fn evidence(history: &History, from: usize, to: usize, content: bool) -> (Header, Vec<Line>) {
    let (first, last) = (covering(history, from), covering(history, to - 1));
    let header = Header {
        format: FORMAT.to_owned(),
        genesis_hash: GENESIS_HASH,
        program: PROGRAM,
        ledger: LEDGER,
        entries: range(&history.leaves(history.size_after(last + 1)), from, to),
        events: range(&history.event_leaves(history.events.len()), first, last + 1),
        content,
        transaction: None,
        bridge: None,
    };
    let (mut lines, mut next) = (Vec::new(), from);
    for seq in first..=last {
        lines.push(Line::Event(EventLine { seq: seq as u64, leaf: encode_leaf(&history.events[seq]) }));
        let end = history.size_after(seq + 1).min(to);
        for at in next..end {
            let (index, payload) = (at as u64, history.entries[at].clone());
            lines.push(match content {
                true => Line::Entry(EntryLine { index, payload }),
                false => Line::Leaf(LeafLine { index, hash: Hash(leaf(&payload)) }),
            });
        }
        next = end.max(next);
    }
    lines.push(Line::End(EndLine { entries: (to - from) as u64, events: (last + 1 - first) as u64 }));
    (header, lines)
}

/// The receipt of an entry, without a bridge.
pub fn receipt(history: &History, index: usize) -> Receipt {
    let seq = covering(history, index);
    Receipt {
        genesis_hash: GENESIS_HASH,
        program: PROGRAM,
        ledger: LEDGER,
        entry: EntryProof {
            index: index as u64,
            payload: history.entries[index].clone(),
            proof: path(index, &history.leaves(history.size_after(seq + 1))),
        },
        event: EventLeaf { seq: seq as u64, leaf: encode_leaf(&history.events[seq]) },
        version: Version::V2 { transaction: None, bridge: None, statement: Vec::new() },
    }
}
