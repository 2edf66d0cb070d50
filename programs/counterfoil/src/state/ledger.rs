//! The ledger's account: a pure function of its history, every byte defined, unused slots zero.

use anchor_lang::prelude::*;
use counterfoil_core::account::LEDGER_VERSION;
use counterfoil_core::limits::{HEADS, ledger_flag};
use merkle_log::{Hash, LEVELS, LeafHash, MAX_TREE_SIZE, Root, TreeSize, empty_root, frontier};

use crate::errors::CounterfoilError;

const KNOWN_FLAGS: u32 = ledger_flag::SEALED | ledger_flag::CHOSEN_AT_CREATION;

/// A ledger. Little-endian, no implicit padding, a size that never changes.
#[account(zero_copy)]
#[derive(Debug)]
#[repr(C)]
pub struct Ledger {
    /// The layout: 1. Set at creation.
    pub version: u8,
    /// The bump of the account's address. Set at creation.
    pub bump: u8,
    /// Zero.
    pub padding: [u8; 2],
    /// Bits of `counterfoil_core::limits::ledger_flag`. Changed by the authority, each bit one way only.
    pub flags: u32,
    /// The creator's name for the ledger. Set at creation.
    pub id: [u8; 32],
    /// The wallet that created it. Set at creation.
    pub creator: Pubkey,
    /// The wallet that may grant and revoke, and always append. Changed when an offered authority is accepted.
    pub authority: Pubkey,
    /// The wallet that the authority is offered to; zero for none. Changed by the authority.
    pub pending_authority: Pubkey,
    /// Leaves in the log, 0 to 2^48 - 1. Grows with each append.
    pub size: u64,
    /// Leaves appended by the hash of a subtree, at most `size`. Grows.
    pub leaves_by_subtree: u64,
    /// Events in the event log, at least 1. Grows with each instruction that writes.
    pub event_seq: u64,
    /// Heads ever written to the ring. Grows by one with each append.
    pub heads_written: u64,
    /// The slot of creation.
    pub created_slot: u64,
    /// The clock at creation, in seconds since 1970.
    pub created_time: i64,
    /// The slot of the last append, 0 before the first.
    pub appended_slot: u64,
    /// The clock at the last append, in seconds since 1970, 0 before the first.
    pub appended_time: i64,
    /// Slot `L`: the root of the perfect subtree of 2^L leaves when bit `L` of `size` is set, otherwise zero.
    pub frontier: [[u8; 32]; LEVELS],
    /// The same over the event log, whose size is `event_seq`.
    pub event_frontier: [[u8; 32]; LEVELS],
    /// The newest heads: head `n` (from 0) in slot `n % 16`.
    pub heads: [HeadSlot; HEADS],
    /// Zero; room for later layouts.
    pub reserved: [u8; 128],
}

/// One head of the ring.
#[zero_copy]
#[derive(Debug, PartialEq, Eq)]
#[repr(C)]
pub struct HeadSlot {
    /// Leaves.
    pub size: u64,
    /// The root over them.
    pub root: [u8; 32],
}

impl Ledger {
    /// Bytes of the account, Anchor's discriminator included.
    pub const SPACE: usize = 8_usize.saturating_add(core::mem::size_of::<Self>());

    /// Refuses when the ledger is sealed.
    pub fn expect_unsealed(&self) -> Result<()> {
        require!(self.flags & ledger_flag::SEALED == 0, CounterfoilError::Sealed);
        Ok(())
    }

    /// Refuses anybody but the authority.
    pub fn expect_authority(&self, signer: &Pubkey) -> Result<()> {
        require_keys_eq!(self.authority, *signer, CounterfoilError::NotTheAuthority);
        Ok(())
    }

    /// Refuses when the size is another: somebody has appended what the caller has not seen.
    pub fn expect_size(&self, expected: u64) -> Result<()> {
        require!(self.size == expected, CounterfoilError::UnexpectedSize);
        Ok(())
    }

    /// Refuses where subtrees may not be appended.
    pub fn expect_subtrees_allowed(&self) -> Result<()> {
        require!(self.flags & ledger_flag::SUBTREES_ALLOWED != 0, CounterfoilError::SubtreesNotAllowed);
        Ok(())
    }

    /// Appends a leaf to the log. The head is written when all leaves are in: [`Self::write_head`].
    #[inline]
    pub fn append_leaf(&mut self, leaf: &LeafHash) -> Result<()> {
        let size = frontier::append_leaf(&mut self.frontier, tree_size(self.size)?, leaf);
        self.size = size.map_err(|_| CounterfoilError::LogFull)?.get();
        Ok(())
    }

    /// Appends the subtree of 2^`level` leaves with this root, which must fit. The head is written when all are in.
    #[inline]
    pub fn append_subtree(&mut self, level: u8, subtree: &Hash) -> Result<()> {
        // A slot of zeros would read as empty.
        require!(subtree.0 != [0; 32], CounterfoilError::ZeroHash);
        let size = frontier::append_subtree(&mut self.frontier, tree_size(self.size)?, level, subtree);
        self.size = size.map_err(|_| CounterfoilError::LogFull)?.get();
        Ok(())
    }

    /// Writes the head into the ring, with the moment, and returns its root.
    #[inline]
    pub fn write_head(&mut self, clock: &Clock) -> Result<Root> {
        let root = frontier::root(&self.frontier, tree_size(self.size)?);
        *slot_of(&mut self.heads, self.heads_written) = HeadSlot { size: self.size, root: root.0 };
        self.heads_written = self.heads_written.checked_add(1).ok_or(CounterfoilError::LogFull)?;
        self.appended_slot = clock.slot;
        self.appended_time = clock.unix_timestamp;
        Ok(root)
    }

    /// Appends a leaf to the event log.
    #[inline]
    pub fn append_event(&mut self, leaf: &LeafHash) -> Result<()> {
        let size = frontier::append_leaf(&mut self.event_frontier, tree_size(self.event_seq)?, leaf);
        self.event_seq = size.map_err(|_| CounterfoilError::LogFull)?.get();
        Ok(())
    }

    /// The root of the newest head.
    #[must_use]
    pub fn root(&mut self) -> Root {
        match self.heads_written.checked_sub(1) {
            Some(newest) => Root(slot_of(&mut self.heads, newest).root),
            None => empty_root(),
        }
    }

    /// The root of the head of this size, if it is among those that the account keeps.
    #[must_use]
    pub fn kept_root(&self, size: u64) -> Option<Root> {
        // An unused slot has size 0, a head that was written never.
        self.heads.iter().find(|head| head.size == size && size != 0).map(|head| Root(head.root))
    }

    /// The relations that hold after every instruction that writes. The whole account is compared by the tests'
    /// model; here stands what costs little.
    pub fn invariant(&mut self) -> Result<()> {
        let newest = self.heads_written.wrapping_sub(1);
        let head_size = if self.heads_written == 0 { 0 } else { slot_of(&mut self.heads, newest).size };
        let holds = self.version == LEDGER_VERSION
            && self.flags & !KNOWN_FLAGS == 0
            && self.size <= MAX_TREE_SIZE
            && self.leaves_by_subtree <= self.size
            && self.heads_written <= self.size
            && self.event_seq > self.heads_written
            && head_size == self.size
            && peak_fits(&self.frontier, self.size)
            && peak_fits(&self.event_frontier, self.event_seq);
        require!(holds, CounterfoilError::InvariantBroken);
        Ok(())
    }
}

pub(crate) fn tree_size(leaves: u64) -> Result<TreeSize> {
    TreeSize::new(leaves).map_err(|_| CounterfoilError::LogFull.into())
}

/// The ring has a power of two of slots, so the mask is always in range.
#[inline(always)]
#[allow(clippy::indexing_slicing, reason = "the mask keeps the index below the length")]
fn slot_of(heads: &mut [HeadSlot; HEADS], head: u64) -> &mut HeadSlot {
    const MASK: u64 = HEADS as u64 - 1;
    &mut heads[(head & MASK) as usize]
}

/// An append writes the slot of the lowest set bit and clears those below: that slot is not zero.
#[inline(always)]
fn peak_fits(peaks: &[[u8; 32]; LEVELS], size: u64) -> bool {
    size == 0 || peaks.get(size.trailing_zeros() as usize).is_some_and(|peak| *peak != [0; 32])
}
