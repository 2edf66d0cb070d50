//! The events, and the one function that emits them.
//!
//! An event goes out as the data of an inner instruction that the program sends to itself, for logs are
//! truncated. The bytes equal those of Anchor's `emit_cpi!`. Each event is also a leaf of the account's event
//! log: SHA-256(0x00 || kind || header || body), the entries left out, for the header's root covers them.

use anchor_lang::prelude::*;
use anchor_lang::solana_program::instruction::{AccountMeta, Instruction};
use anchor_lang::solana_program::program::invoke_signed_unchecked;
use counterfoil_core::event::{EVENT_AUTHORITY_SEED, EVENT_TAG, HEADER_BYTES};
use merkle_log::{Root, hash_leaf};

use crate::state::Ledger;

/// The header, which every event has.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Debug, PartialEq, Eq)]
pub struct EventHeader {
    /// The ledger.
    pub ledger: Pubkey,
    /// This event's leaf index in the event log, from 0.
    pub event_seq: u64,
    /// The slot.
    pub slot: u64,
    /// The chain's clock, in seconds since 1970.
    pub unix_time: i64,
    /// The wallet whose signature allowed it.
    pub signer: Pubkey,
    /// The size of the log before.
    pub first_index: u64,
    /// How many leaves were appended.
    pub count: u64,
    /// The size of the log after.
    pub size: u64,
    /// The root of the log after.
    pub root: [u8; 32],
}

/// A ledger was created; the signer is its creator and first authority.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerCreated {
    /// The header, which every event has.
    pub header: EventHeader,
    /// The creator's name for it.
    pub id: [u8; 32],
    /// The flags chosen.
    pub flags: u32,
}

/// Entries were appended.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntriesAppended {
    /// The header, which every event has.
    pub header: EventHeader,
    /// The entries, in order. Not part of the event's leaf.
    pub entries: Vec<Vec<u8>>,
}

/// A wallet was granted permissions, in place of those that it had.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterGranted {
    /// The header, which every event has.
    pub header: EventHeader,
    /// The wallet.
    pub wallet: Pubkey,
    /// The rights of the writer.
    pub permissions: u32,
    /// The first second, since 1970, in which the grant no longer holds.
    pub expires_at: i64,
}

/// A wallet's permissions were taken back.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterRevoked {
    /// The header, which every event has.
    pub header: EventHeader,
    /// The wallet.
    pub wallet: Pubkey,
}

/// Leaves were appended by the hashes of their subtrees.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubtreesAppended {
    /// The header, which every event has.
    pub header: EventHeader,
    /// The roots of the perfect subtrees that make up the new leaves, from left to right.
    pub hashes: Vec<[u8; 32]>,
}

/// The authority was offered to a wallet, in place of an older offer.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityProposed {
    /// The header, which every event has.
    pub header: EventHeader,
    /// The wallet that it is offered to; zero for none.
    pub pending_authority: Pubkey,
}

/// The signer took over the authority that it had been offered.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityAccepted {
    /// The header, which every event has.
    pub header: EventHeader,
    /// The wallet that had it before.
    pub previous_authority: Pubkey,
}

/// Subtrees can never again be appended by hash.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubtreesDisallowed {
    /// The header, which every event has.
    pub header: EventHeader,
}

/// Nothing can ever again be appended.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerSealed {
    /// The header, which every event has.
    pub header: EventHeader,
}

/// The outcome of an instruction, for the event's header.
pub struct Change<'a> {
    /// The ledger's address.
    pub ledger: &'a Pubkey,
    /// The wallet that signed.
    pub signer: &'a Pubkey,
    /// Now.
    pub clock: &'a Clock,
    /// The size of the log before.
    pub first_index: u64,
    /// The root of the log after.
    pub root: Root,
}

/// Appends the event to the ledger's event log and emits it.
///
/// `kind` is the event's discriminator; `body` the fields after the header, serialised; `entries` what follows
/// the body outside the leaf, `None` where the event has no such field. One buffer is filled once, for the heap
/// never frees.
pub fn emit(
    ledger: &mut Ledger,
    event_authority: &AccountInfo<'_>,
    kind: &[u8],
    change: &Change<'_>,
    body: &[&[u8]],
    entries: Option<&[Vec<u8>]>,
) -> Result<()> {
    const LEAF_START: usize = EVENT_TAG.len();
    let body_bytes: usize = body.iter().map(|field| field.len()).fold(0, usize::saturating_add);
    let entry_bytes = entries
        .map_or(0, |entries| entries.iter().map(|entry| entry.len().saturating_add(4)).fold(4, usize::saturating_add));
    let leaf_bytes = HEADER_BYTES.saturating_add(body_bytes);
    let mut data = Vec::with_capacity(LEAF_START.saturating_add(leaf_bytes).saturating_add(entry_bytes));
    data.extend_from_slice(&EVENT_TAG);
    data.extend_from_slice(kind);
    data.extend_from_slice(change.ledger.as_ref());
    data.extend_from_slice(&ledger.event_seq.to_le_bytes());
    data.extend_from_slice(&change.clock.slot.to_le_bytes());
    data.extend_from_slice(&change.clock.unix_timestamp.to_le_bytes());
    data.extend_from_slice(change.signer.as_ref());
    data.extend_from_slice(&change.first_index.to_le_bytes());
    data.extend_from_slice(&ledger.size.saturating_sub(change.first_index).to_le_bytes());
    data.extend_from_slice(&ledger.size.to_le_bytes());
    data.extend_from_slice(change.root.as_bytes());
    for field in body {
        data.extend_from_slice(field);
    }
    let leaf = hash_leaf(data.get(LEAF_START..).unwrap_or_default());
    ledger.append_event(&leaf)?;

    if let Some(entries) = entries {
        data.extend_from_slice(&length(entries.len()).to_le_bytes());
        for entry in entries {
            data.extend_from_slice(&length(entry.len()).to_le_bytes());
            data.extend_from_slice(entry);
        }
    }
    let instruction = Instruction {
        program_id: crate::ID,
        accounts: vec![AccountMeta::new_readonly(*event_authority.key, true)],
        data,
    };
    // Unchecked: the one account handed over is read-only and not borrowed.
    invoke_signed_unchecked(
        &instruction,
        core::slice::from_ref(event_authority),
        &[&[EVENT_AUTHORITY_SEED, &[crate::EVENT_AUTHORITY_AND_BUMP.1]]],
    )?;
    Ok(())
}

/// Lengths were checked against limits far below 2^32.
pub(crate) fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
