//! A ledger's history as the program would write it: plainly, from the protocol, with hashing of its own.

use counterfoil_core::event::kind;
use counterfoil_core::{Event, EventBody, EventHeader, LedgerId, Wallet};
use merkle_log::{Hash, LeafIndex, Root, TreeSize};
use sha2::{Digest, Sha256};

pub const LEDGER: LedgerId = LedgerId([0x1e; 32]);
pub const AUTHORITY: Wallet = Wallet([0xa0; 32]);
pub const HEIR: Wallet = Wallet([0x4e; 32]);
pub const WRITER: Wallet = Wallet([0xb0; 32]);
pub const ID: [u8; 32] = [0x1d; 32];

/// Every kind of event, each new one at the end.
pub const KINDS: [[u8; 8]; 9] = [
    kind::LEDGER_CREATED,
    kind::ENTRIES_APPENDED,
    kind::WRITER_GRANTED,
    kind::WRITER_REVOKED,
    kind::SUBTREES_APPENDED,
    kind::AUTHORITY_PROPOSED,
    kind::AUTHORITY_ACCEPTED,
    kind::SUBTREES_DISALLOWED,
    kind::LEDGER_SEALED,
];

pub type Bytes32 = [u8; 32];

pub fn sha256(parts: &[&[u8]]) -> Bytes32 {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

pub fn leaf(bytes: &[u8]) -> Bytes32 {
    sha256(&[&[0], bytes])
}

/// RFC 6962 section 2.1: MTH.
pub fn root(leaves: &[Bytes32]) -> Bytes32 {
    match leaves {
        [] => sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(largest_power_below(leaves.len()));
            sha256(&[&[1], &root(left), &root(right)])
        }
    }
}

/// RFC 6962 section 2.1.1: PATH.
pub fn path(index: usize, leaves: &[Bytes32]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let split = largest_power_below(leaves.len());
    let (left, right) = leaves.split_at(split);
    let (mut path, sibling) =
        if index < split { (path(index, left), root(right)) } else { (path(index - split, right), root(left)) };
    path.push(Hash(sibling));
    path
}

/// RFC 6962 section 2.1.2: PROOF.
pub fn consistency(first: usize, leaves: &[Bytes32]) -> Vec<Hash> {
    subproof(first, leaves, true)
}

fn subproof(first: usize, leaves: &[Bytes32], is_whole: bool) -> Vec<Hash> {
    if first == leaves.len() {
        return if is_whole { Vec::new() } else { vec![Hash(root(leaves))] };
    }
    let split = largest_power_below(leaves.len());
    let (left, right) = leaves.split_at(split);
    let (mut proof, sibling) = if first <= split {
        (subproof(first, left, is_whole), root(right))
    } else {
        (subproof(first - split, right, false), root(left))
    };
    proof.push(Hash(sibling));
    proof
}

fn largest_power_below(n: usize) -> usize {
    let mut power = 1;
    while power * 2 < n {
        power *= 2;
    }
    power
}

/// Slot by slot, the roots of the perfect subtrees.
fn frontier(leaves: &[Bytes32]) -> Vec<u8> {
    let mut slots = Vec::new();
    for level in 0..48 {
        let start = leaves.len() >> (level + 1) << (level + 1);
        let is_set = leaves.len() >> level & 1 == 1;
        slots.extend(if is_set { root(&leaves[start..start + (1 << level)]) } else { [0; 32] });
    }
    slots
}

/// The events that the program emitted, and both logs after them.
#[derive(Clone, Debug)]
pub struct History {
    pub ledger: LedgerId,
    pub events: Vec<Event>,
    pub entries: Vec<Vec<u8>>,
}

impl History {
    pub fn new(ledger: LedgerId) -> Self {
        Self { ledger, events: Vec::new(), entries: Vec::new() }
    }

    /// Creation, appends of 1, 2, 3, ... entries, a grant and a revocation between them; then what the authority does.
    pub fn sample() -> Self {
        let mut history = Self::new(LEDGER);
        history.push(AUTHORITY, EventBody::LedgerCreated { id: ID, flags: 4 });
        for round in 0..7_u8 {
            let entries = (0..=round % 4).map(|number| vec![round; 1 + usize::from(number) * 40]).collect();
            let signer = if round == 3 { WRITER } else { AUTHORITY };
            history.push(signer, EventBody::EntriesAppended { entries });
            if round == 2 {
                let granted = EventBody::WriterGranted { wallet: WRITER, permissions: 1, expires_at: i64::MAX };
                history.push(AUTHORITY, granted);
            }
            if round == 3 {
                history.push(AUTHORITY, EventBody::WriterRevoked { wallet: WRITER });
            }
        }
        history.push(AUTHORITY, EventBody::SubtreesDisallowed);
        history.push(AUTHORITY, EventBody::AuthorityProposed { pending_authority: HEIR });
        history.push(HEIR, EventBody::AuthorityAccepted { previous_authority: AUTHORITY });
        history.push(HEIR, EventBody::AuthorityProposed { pending_authority: WRITER });
        history.push(HEIR, EventBody::LedgerSealed);
        history
    }

    pub fn push(&mut self, signer: Wallet, body: EventBody) {
        let entries = if let EventBody::EntriesAppended { entries } = &body { entries.clone() } else { Vec::new() };
        self.push_after(signer, body, entries);
    }

    /// Appends entries by the hashes of their subtrees.
    pub fn push_subtrees(&mut self, signer: Wallet, entries: Vec<Vec<u8>>) {
        let (first, end) = (self.entries.len(), self.entries.len() + entries.len());
        let leaves: Vec<Bytes32> = entries.iter().map(|entry| leaf(entry)).collect();
        let hashes = aligned(first, end).map(|(start, len)| Hash(root(&leaves[start - first..start - first + len])));
        let body = EventBody::SubtreesAppended { hashes: hashes.collect() };
        self.push_after(signer, body, entries);
    }

    fn push_after(&mut self, signer: Wallet, body: EventBody, entries: Vec<Vec<u8>>) {
        let first_index = self.entries.len();
        self.entries.extend(entries);
        let size = |leaves: usize| TreeSize::new(leaves as u64).expect("in range");
        let header = EventHeader {
            ledger: self.ledger,
            event_seq: LeafIndex::new(self.events.len() as u64).expect("in range"),
            slot: 500_000_000 + self.events.len() as u64,
            unix_time: 1_700_000_000 + 3 * self.events.len() as i64,
            signer,
            first_index: size(first_index),
            count: (self.entries.len() - first_index) as u64,
            size: size(self.entries.len()),
            root: Root(root(&self.leaves(self.entries.len()))),
        };
        self.events.push(Event { header, body });
    }

    /// The log's leaf hashes as of a size.
    pub fn leaves(&self, size: usize) -> Vec<Bytes32> {
        self.entries[..size].iter().map(|entry| leaf(entry)).collect()
    }

    /// The event log's leaf hashes as of an event count.
    pub fn event_leaves(&self, events: usize) -> Vec<Bytes32> {
        self.events[..events].iter().map(|event| leaf(&encode_leaf(event))).collect()
    }

    pub fn size_after(&self, events: usize) -> usize {
        self.events[..events].last().map_or(0, |event| event.header.size.get() as usize)
    }

    /// The account after this number of events.
    pub fn account(&self, events: usize) -> Vec<u8> {
        let mut ring = vec![[0; 40]; 16];
        let (mut written, mut appended) = (0_u64, [0; 16]);
        for event in &self.events[..events] {
            let header = &event.header;
            if header.count != 0 {
                ring[written as usize % 16] = concat([&header.size.get().to_le_bytes(), &header.root.0]);
                appended = concat([&header.slot.to_le_bytes(), &header.unix_time.to_le_bytes()]);
                written += 1;
            }
        }
        let created = &self.events[0];
        let EventBody::LedgerCreated { id, mut flags } = created.body else { panic!("the first event creates") };
        let (mut authority, mut pending) = (created.header.signer, Wallet([0; 32]));
        for event in &self.events[..events] {
            match &event.body {
                EventBody::SubtreesDisallowed => flags &= !4,
                EventBody::LedgerSealed => flags |= 1,
                EventBody::AuthorityProposed { pending_authority } => pending = *pending_authority,
                EventBody::AuthorityAccepted { .. } => (authority, pending) = (event.header.signer, Wallet([0; 32])),
                _ => {}
            }
        }
        let size = self.size_after(events);
        let mut bytes = sha256(&[b"account:Ledger"])[..8].to_vec();
        bytes.extend([1, 254, 0, 0]);
        bytes.extend(flags.to_le_bytes());
        bytes.extend(id);
        bytes.extend(created.header.signer.0);
        bytes.extend(authority.0);
        bytes.extend(pending.0);
        let by_subtree = |event: &&Event| matches!(event.body, EventBody::SubtreesAppended { .. });
        let by_subtree: u64 = self.events[..events].iter().filter(by_subtree).map(|event| event.header.count).sum();
        for number in [size as u64, by_subtree, events as u64, written, created.header.slot] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(created.header.unix_time.to_le_bytes());
        bytes.extend(appended);
        bytes.extend(frontier(&self.leaves(size)));
        bytes.extend(frontier(&self.event_leaves(events)));
        bytes.extend(ring.concat());
        bytes.extend([0; 128]);
        bytes
    }
}

/// The largest aligned subtrees of a run of leaves, each by its start and length.
pub fn aligned(start: usize, end: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut start = start;
    std::iter::from_fn(move || {
        let fits = |level: &u32| start.is_multiple_of(1 << level) && start + (1 << level) <= end;
        let len = 1 << (0..25).filter(fits).max()?;
        start += len;
        Some((start - len, len))
    })
}

fn concat<const N: usize>(parts: [&[u8]; 2]) -> [u8; N] {
    parts.concat().try_into().expect("the parts fill it")
}

/// Kind, header and body by hand.
pub fn encode_leaf(event: &Event) -> Vec<u8> {
    let header = &event.header;
    let (name, body) = match &event.body {
        EventBody::LedgerCreated { id, flags } => ("LedgerCreated", [id.as_slice(), &flags.to_le_bytes()].concat()),
        EventBody::EntriesAppended { .. } => ("EntriesAppended", Vec::new()),
        EventBody::WriterGranted { wallet, permissions, expires_at } => {
            ("WriterGranted", [wallet.0.as_slice(), &permissions.to_le_bytes(), &expires_at.to_le_bytes()].concat())
        }
        EventBody::WriterRevoked { wallet } => ("WriterRevoked", wallet.0.to_vec()),
        EventBody::SubtreesAppended { hashes } => {
            let hashes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
            ("SubtreesAppended", [((hashes.len() / 32) as u32).to_le_bytes().as_slice(), &hashes].concat())
        }
        EventBody::AuthorityProposed { pending_authority } => ("AuthorityProposed", pending_authority.0.to_vec()),
        EventBody::AuthorityAccepted { previous_authority } => ("AuthorityAccepted", previous_authority.0.to_vec()),
        EventBody::SubtreesDisallowed => ("SubtreesDisallowed", Vec::new()),
        EventBody::LedgerSealed => ("LedgerSealed", Vec::new()),
    };
    let mut bytes = sha256(&[b"event:", name.as_bytes()])[..8].to_vec();
    bytes.extend(header.ledger.0);
    bytes.extend(header.event_seq.get().to_le_bytes());
    bytes.extend(header.slot.to_le_bytes());
    bytes.extend(header.unix_time.to_le_bytes());
    bytes.extend(header.signer.0);
    bytes.extend(header.first_index.get().to_le_bytes());
    bytes.extend(header.count.to_le_bytes());
    bytes.extend(header.size.get().to_le_bytes());
    bytes.extend(header.root.0);
    bytes.extend(body);
    bytes
}

/// The whole event by hand: what follows the tag.
pub fn encode(event: &Event) -> Vec<u8> {
    let mut bytes = encode_leaf(event);
    if let EventBody::EntriesAppended { entries } = &event.body {
        bytes.extend((entries.len() as u32).to_le_bytes());
        for entry in entries {
            bytes.extend((entry.len() as u32).to_le_bytes());
            bytes.extend(entry);
        }
    }
    bytes
}
