//! One event of each kind, and the inner instructions that carry them.

use counterfoil_core::event::EVENT_TAG;
use counterfoil_core::{Event, EventBody, EventHeader, LedgerId, Wallet};
use merkle_log::{Hash, LeafIndex, Root, TreeSize};

pub fn event(event_seq: u64, body: EventBody) -> Event {
    let size = |leaves| TreeSize::new(leaves).expect("in range");
    let count = match &body {
        EventBody::EntriesAppended { entries } => entries.len() as u64,
        EventBody::SubtreesAppended { .. } => 12,
        _ => 0,
    };
    let header = EventHeader {
        ledger: LedgerId([1; 32]),
        event_seq: LeafIndex::new(event_seq).expect("in range"),
        slot: 500_000_000,
        unix_time: -1_700_000_000,
        signer: Wallet([2; 32]),
        first_index: size(40),
        count,
        size: size(40 + count),
        root: Root([3; 32]),
    };
    Event { header, body }
}

pub fn one_of_each_kind() -> [Event; 9] {
    let wallet = Wallet([5; 32]);
    [
        event(0, EventBody::LedgerCreated { id: [4; 32], flags: 6 }),
        event(1, EventBody::EntriesAppended { entries: vec![vec![7], vec![8; 300]] }),
        event(2, EventBody::WriterGranted { wallet, permissions: 3, expires_at: -9 }),
        event(3, EventBody::WriterRevoked { wallet }),
        event(4, EventBody::SubtreesAppended { hashes: vec![Hash([6; 32]), Hash([9; 32])] }),
        event(5, EventBody::AuthorityProposed { pending_authority: wallet }),
        event(6, EventBody::AuthorityAccepted { previous_authority: wallet }),
        event(7, EventBody::SubtreesDisallowed),
        event(8, EventBody::LedgerSealed),
    ]
}

/// The data of the inner instruction that carries the event.
pub fn inner_data(event: &Event) -> Vec<u8> {
    let mut data = [EVENT_TAG.as_slice(), &event.leaf_bytes()].concat();
    if let EventBody::EntriesAppended { entries } = &event.body {
        data.extend(u32::try_from(entries.len()).expect("few").to_le_bytes());
        for entry in entries {
            data.extend(u32::try_from(entry.len()).expect("short").to_le_bytes());
            data.extend(entry);
        }
    }
    data
}
