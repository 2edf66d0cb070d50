//! A model of the program, written plainly from the protocol and sharing no code with it.

use anchor_lang::prelude::Pubkey;
use sha2::{Digest, Sha256};

use super::Moment;

pub type Hash = [u8; 32];

pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

pub fn leaf(bytes: &[u8]) -> Hash {
    sha256(&[&[0], bytes])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// RFC 6962 section 2.1, word by word.
pub fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let mut split = 1;
            while split * 2 < leaves.len() {
                split *= 2;
            }
            node(&naive_root(&leaves[..split]), &naive_root(&leaves[split..]))
        }
    }
}

/// RFC 6962 section 2.1.1, word by word.
pub fn naive_proof(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let split = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(split);
    let (mut proof, sibling) =
        if index < split { (naive_proof(index, left), right) } else { (naive_proof(index - split, right), left) };
    proof.push(naive_root(sibling));
    proof
}

/// RFC 6962 section 2.1.2, word by word: that the first `first` leaves are how the tree began.
pub fn naive_consistency(first: usize, leaves: &[Hash]) -> Vec<Hash> {
    fn subproof(first: usize, leaves: &[Hash], is_whole: bool) -> Vec<Hash> {
        if first == leaves.len() {
            return if is_whole { Vec::new() } else { vec![naive_root(leaves)] };
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        let (mut proof, sibling) = if first <= left.len() {
            (subproof(first, left, is_whole), right)
        } else {
            (subproof(first - left.len(), right, false), left)
        };
        proof.push(naive_root(sibling));
        proof
    }
    if first == 0 { Vec::new() } else { subproof(first, leaves, true) }
}

/// The proof within the perfect subtree of the frontier that covers the index.
pub fn peak_proof(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    let mut start = 0;
    for level in (0..usize::BITS).rev().filter(|level| leaves.len() >> level & 1 == 1) {
        let end = start + (1 << level);
        if index < end {
            return naive_proof(index - start, &leaves[start..end]);
        }
        start = end;
    }
    panic!("no peak covers {index}")
}

/// A log as a pile of perfect subtrees, the largest at the bottom.
#[derive(Clone, Debug)]
pub struct Log {
    pub size: u64,
    pile: Vec<(u32, Hash)>,
}

impl Log {
    pub fn empty() -> Self {
        Self { size: 0, pile: Vec::new() }
    }

    /// A log of any size; `seed` makes its subtrees.
    pub fn seeded(size: u64, seed: &str) -> Self {
        let levels = (0..64).rev().filter(|level| size >> level & 1 == 1);
        let pile = levels.map(|level: u32| (level, sha256(&[seed.as_bytes(), &level.to_le_bytes()]))).collect();
        Self { size, pile }
    }

    pub fn append(&mut self, leaf: Hash) {
        self.append_subtree(0, leaf);
    }

    pub fn append_subtree(&mut self, level: u32, root: Hash) {
        assert_eq!(self.size % (1 << level), 0);
        self.size += 1 << level;
        self.pile.push((level, root));
        while let [.., (left_level, left), (right_level, right)] = self.pile[..] {
            if left_level != right_level {
                break;
            }
            self.pile.truncate(self.pile.len() - 2);
            self.pile.push((left_level + 1, node(&left, &right)));
        }
    }

    pub fn root(&self) -> Hash {
        let subtrees = self.pile.iter().rev().map(|(_, hash)| *hash);
        subtrees.reduce(|right, left| node(&left, &right)).unwrap_or_else(|| sha256(&[]))
    }

    fn slots(&self) -> Vec<u8> {
        let mut slots = vec![[0; 32]; 48];
        for (level, hash) in &self.pile {
            slots[*level as usize] = *hash;
        }
        slots.concat()
    }
}

/// The levels of the subtrees that make up `leaves` leaves after the first `size`: each time the largest that is
/// aligned, is not too long, and has at most 2^24 leaves.
pub fn subtree_levels(mut size: u64, mut leaves: u64) -> Vec<u32> {
    let mut levels = Vec::new();
    while leaves > 0 {
        let level =
            (0..=24).rev().find(|level| size.is_multiple_of(1 << level) && 1 << level <= leaves).expect("a leaf fits");
        levels.push(level);
        size += 1 << level;
        leaves -= 1 << level;
    }
    levels
}

/// A ledger.
#[derive(Clone, Debug)]
pub struct Model {
    pub address: Pubkey,
    pub bump: u8,
    pub flags: u32,
    pub id: [u8; 32],
    pub creator: Pubkey,
    pub authority: Pubkey,
    pub pending_authority: Pubkey,
    pub leaves_by_subtree: u64,
    pub heads_written: u64,
    pub created: Moment,
    pub appended: Moment,
    pub entries: Log,
    pub events: Log,
    pub ring: [(u64, Hash); 16],
}

impl Model {
    /// Before its first event.
    pub fn new((address, bump): (Pubkey, u8), creator: Pubkey, id: [u8; 32], flags: u32, now: Moment) -> Self {
        Self {
            address,
            bump,
            flags,
            id,
            creator,
            authority: creator,
            pending_authority: Pubkey::default(),
            leaves_by_subtree: 0,
            heads_written: 0,
            created: now,
            appended: Moment { slot: 0, time: 0 },
            entries: Log::empty(),
            events: Log::empty(),
            ring: [(0, [0; 32]); 16],
        }
    }

    /// The account's 4,048 bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = sha256(&[b"account:Ledger"])[..8].to_vec();
        bytes.extend([1, self.bump, 0, 0]);
        bytes.extend(self.flags.to_le_bytes());
        bytes.extend(self.id);
        bytes.extend(self.creator.as_ref());
        bytes.extend(self.authority.as_ref());
        bytes.extend(self.pending_authority.as_ref());
        bytes.extend(self.entries.size.to_le_bytes());
        bytes.extend(self.leaves_by_subtree.to_le_bytes());
        bytes.extend(self.events.size.to_le_bytes());
        bytes.extend(self.heads_written.to_le_bytes());
        for moment in [self.created, self.appended] {
            bytes.extend(moment.slot.to_le_bytes());
            bytes.extend(moment.time.to_le_bytes());
        }
        bytes.extend(self.entries.slots());
        bytes.extend(self.events.slots());
        for (size, root) in self.ring {
            bytes.extend(size.to_le_bytes());
            bytes.extend(root);
        }
        bytes.extend([0; 128]);
        assert_eq!(bytes.len(), 4_048);
        bytes
    }

    pub fn push_head(&mut self) {
        self.ring[(self.heads_written % 16) as usize] = (self.entries.size, self.entries.root());
        self.heads_written += 1;
    }

    pub fn create(&mut self, now: Moment) -> Vec<u8> {
        let body = [self.id.as_slice(), &self.flags.to_le_bytes()].concat();
        self.emit("LedgerCreated", now, self.creator, 0, &body, &[])
    }

    pub fn append(&mut self, signer: Pubkey, entries: &[Vec<u8>], now: Moment) -> Vec<u8> {
        entries.iter().for_each(|entry| self.entries.append(leaf(entry)));
        self.push_head();
        self.appended = now;
        let mut tail = (entries.len() as u32).to_le_bytes().to_vec();
        for entry in entries {
            tail.extend((entry.len() as u32).to_le_bytes());
            tail.extend(entry);
        }
        self.emit("EntriesAppended", now, signer, entries.len() as u64, &[], &tail)
    }

    pub fn append_subtrees(&mut self, signer: Pubkey, leaves: u64, hashes: &[Hash], now: Moment) -> Vec<u8> {
        let levels = subtree_levels(self.entries.size, leaves);
        assert_eq!(levels.len(), hashes.len());
        levels.into_iter().zip(hashes).for_each(|(level, hash)| self.entries.append_subtree(level, *hash));
        self.leaves_by_subtree += leaves;
        self.push_head();
        self.appended = now;
        let body = [(hashes.len() as u32).to_le_bytes().as_slice(), &hashes.concat()].concat();
        self.emit("SubtreesAppended", now, signer, leaves, &body, &[])
    }

    pub fn propose(&mut self, pending_authority: Pubkey, now: Moment) -> Vec<u8> {
        self.pending_authority = pending_authority;
        self.emit("AuthorityProposed", now, self.authority, 0, pending_authority.as_ref(), &[])
    }

    pub fn accept(&mut self, now: Moment) -> Vec<u8> {
        let previous = self.authority;
        self.authority = self.pending_authority;
        self.pending_authority = Pubkey::default();
        self.emit("AuthorityAccepted", now, self.authority, 0, previous.as_ref(), &[])
    }

    pub fn disallow_subtrees(&mut self, now: Moment) -> Vec<u8> {
        self.flags &= !4;
        self.emit("SubtreesDisallowed", now, self.authority, 0, &[], &[])
    }

    pub fn seal(&mut self, now: Moment) -> Vec<u8> {
        self.flags |= 1;
        self.emit("LedgerSealed", now, self.authority, 0, &[], &[])
    }

    pub fn grant(&mut self, wallet: Pubkey, permissions: u32, expires_at: i64, now: Moment) -> Vec<u8> {
        let body = [wallet.as_ref(), &permissions.to_le_bytes(), &expires_at.to_le_bytes()].concat();
        self.emit("WriterGranted", now, self.authority, 0, &body, &[])
    }

    pub fn revoke(&mut self, wallet: Pubkey, now: Moment) -> Vec<u8> {
        self.emit("WriterRevoked", now, self.authority, 0, wallet.as_ref(), &[])
    }

    /// The data of the event's inner instruction. `tail` is what the event's leaf leaves out.
    fn emit(&mut self, name: &str, now: Moment, signer: Pubkey, count: u64, body: &[u8], tail: &[u8]) -> Vec<u8> {
        let mut event = sha256(&[b"event:", name.as_bytes()])[..8].to_vec();
        event.extend(self.address.as_ref());
        event.extend(self.events.size.to_le_bytes());
        event.extend(now.slot.to_le_bytes());
        event.extend(now.time.to_le_bytes());
        event.extend(signer.as_ref());
        event.extend((self.entries.size - count).to_le_bytes());
        event.extend(count.to_le_bytes());
        event.extend(self.entries.size.to_le_bytes());
        event.extend(self.entries.root());
        event.extend(body);
        self.events.append(leaf(&event));
        [&[0xe4, 0x45, 0xa5, 0x2e, 0x51, 0xcb, 0x9a, 0x1d], event.as_slice(), tail].concat()
    }
}

/// A grant's 85 bytes.
pub fn writer_bytes(ledger: &Pubkey, wallet: &Pubkey, permissions: u32, expires_at: i64, bump: u8) -> Vec<u8> {
    let discriminator = sha256(&[b"account:Writer"]);
    let fields: [&[u8]; 6] = [
        &discriminator[..8],
        ledger.as_ref(),
        wallet.as_ref(),
        &permissions.to_le_bytes(),
        &expires_at.to_le_bytes(),
        &[bump],
    ];
    fields.concat()
}
