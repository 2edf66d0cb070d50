//! The program's events: their bytes, and the leaf that each is in the ledger's event log.
//!
//! An event is `kind (8) || header (144) || body`, all little-endian, and for `EntriesAppended` the entries
//! after that. The leaf hash covers kind, header and body; the entries are left out, for the header's root
//! already covers them. `docs/protocol.md` lists every byte.

use alloc::vec::Vec;
use core::fmt;

use merkle_log::{Hash, LeafHash, LeafIndex, Root, TreeSize, hash_leaf};

use crate::bytes::{Reader, Truncated};
use crate::{LedgerId, Wallet};

/// The first eight bytes of the inner instruction that carries an event: Anchor's event tag,
/// the first eight bytes of SHA-256("anchor:event") in reverse.
pub const EVENT_TAG: [u8; 8] = 0x1d9a_cb51_2ea5_45e4_u64.to_le_bytes();

/// The seed of the program's event authority, the only account whose signature makes an event.
pub const EVENT_AUTHORITY_SEED: &[u8] = b"__event_authority";

/// Bytes of kind and header.
pub const HEADER_BYTES: usize = 8 + 144;

/// The eight bytes that begin each kind of event: Anchor's discriminators,
/// the first eight bytes of SHA-256("event:" + name).
pub mod kind {
    /// `LedgerCreated`.
    pub const LEDGER_CREATED: [u8; 8] = [0xd2, 0x2b, 0x87, 0x95, 0x2b, 0xae, 0xcb, 0xc7];
    /// `EntriesAppended`.
    pub const ENTRIES_APPENDED: [u8; 8] = [0xf3, 0xa8, 0x04, 0x63, 0x43, 0x5d, 0x2a, 0xa5];
    /// `WriterGranted`.
    pub const WRITER_GRANTED: [u8; 8] = [0x09, 0x0d, 0x9a, 0x57, 0x8a, 0x05, 0x02, 0x9a];
    /// `WriterRevoked`.
    pub const WRITER_REVOKED: [u8; 8] = [0x2b, 0x12, 0xaf, 0xe1, 0xda, 0x5e, 0x67, 0x5e];
    /// `SubtreesAppended`.
    pub const SUBTREES_APPENDED: [u8; 8] = [0xb6, 0x2d, 0x6d, 0xf3, 0xe0, 0x04, 0xe0, 0x71];
    /// `AuthorityProposed`.
    pub const AUTHORITY_PROPOSED: [u8; 8] = [0xf4, 0x75, 0x5e, 0x70, 0x35, 0x97, 0x23, 0x59];
    /// `AuthorityAccepted`.
    pub const AUTHORITY_ACCEPTED: [u8; 8] = [0xa6, 0xc0, 0xdb, 0xbc, 0x29, 0xd1, 0xc3, 0x1a];
    /// `SubtreesDisallowed`.
    pub const SUBTREES_DISALLOWED: [u8; 8] = [0x45, 0xd7, 0x4f, 0xc8, 0xfb, 0xf7, 0xe4, 0xda];
    /// `LedgerSealed`.
    pub const LEDGER_SEALED: [u8; 8] = [0x9d, 0x9b, 0xa4, 0x77, 0x83, 0x85, 0x0e, 0xb6];
}

/// The header, which every event has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventHeader {
    /// The ledger.
    pub ledger: LedgerId,
    /// This event's leaf index in the ledger's event log; counts from 0.
    pub event_seq: LeafIndex,
    /// The slot of the transaction.
    pub slot: u64,
    /// The chain's clock in that slot, in seconds since 1970.
    pub unix_time: i64,
    /// The wallet whose signature allowed it.
    pub signer: Wallet,
    /// The size of the log before.
    pub first_index: TreeSize,
    /// How many leaves were appended.
    pub count: u64,
    /// The size of the log after.
    pub size: TreeSize,
    /// The root of the log after.
    pub root: Root,
}

/// The body of an event, by its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventBody {
    /// A ledger was created; the signer is its creator and first authority.
    LedgerCreated {
        /// The creator's name for it, part of the account's address.
        id: [u8; 32],
        /// See [`crate::limits::ledger_flag`].
        flags: u32,
    },
    /// Entries were appended.
    EntriesAppended {
        /// Their bytes, in order.
        entries: Vec<Vec<u8>>,
    },
    /// A wallet was granted permissions, in place of those that it had.
    WriterGranted {
        /// The wallet.
        wallet: Wallet,
        /// See [`crate::limits::permission`].
        permissions: u32,
        /// The first second, since 1970, in which the grant no longer holds; [`crate::limits::NEVER`].
        expires_at: i64,
    },
    /// A wallet's permissions were taken back.
    WriterRevoked {
        /// The wallet.
        wallet: Wallet,
    },
    /// Leaves were appended by the hashes of their subtrees; the chain saw no entry.
    SubtreesAppended {
        /// The roots of the perfect subtrees that make up the new leaves: [`merkle_log::subtrees()`] from
        /// `first_index` to `size`, of at most [`crate::limits::MAX_SUBTREE_LEVEL`].
        hashes: Vec<Hash>,
    },
    /// The authority was offered to a wallet, in place of an older offer.
    AuthorityProposed {
        /// The wallet that it is offered to; zero for none.
        pending_authority: Wallet,
    },
    /// The signer took over the authority that it had been offered.
    AuthorityAccepted {
        /// The wallet that had it before.
        previous_authority: Wallet,
    },
    /// Subtrees can never again be appended by hash.
    SubtreesDisallowed,
    /// Nothing can ever again be appended.
    LedgerSealed,
}

/// An event as the program emitted it; nothing in it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The header, which every event has.
    pub header: EventHeader,
    /// The body.
    pub body: EventBody,
}

/// Why bytes are not an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventError {
    /// The bytes end inside a field.
    Truncated,
    /// No event of this version begins with these eight bytes: a newer program may be running.
    UnknownKind([u8; 8]),
    /// Bytes are left over.
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// A size or index is beyond the largest tree.
    OutOfRange(merkle_log::OutOfRange),
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the event ends inside a field"),
            Self::UnknownKind(kind) => {
                f.write_str("the event is of unknown kind ")?;
                kind.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("; a newer program may need a newer indexer")
            }
            Self::TrailingBytes { count } => write!(f, "{count} bytes follow the event"),
            Self::OutOfRange(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for EventError {}

impl From<Truncated> for EventError {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

impl Event {
    /// Reads an event: what follows the tag in the inner instruction's data, whole.
    ///
    /// # Errors
    /// [`EventError`]; one text for each event, so left-over bytes are refused too.
    pub fn decode(bytes: &[u8]) -> Result<Self, EventError> {
        let mut reader = Reader::new(bytes);
        let (kind, header) = decode_header(&mut reader)?;
        let body = decode_body(kind, &mut reader)?;
        match reader.rest().len() {
            0 => Ok(Self { header, body }),
            count => Err(EventError::TrailingBytes { count }),
        }
    }

    /// Reads kind, header and body as [`Self::leaf_bytes`] writes them. An `EntriesAppended` has no entries then.
    ///
    /// # Errors
    /// [`EventError`].
    pub fn decode_leaf(bytes: &[u8]) -> Result<Self, EventError> {
        match bytes.get(..8) {
            Some(kind) if kind == kind::ENTRIES_APPENDED => {
                let mut reader = Reader::new(bytes);
                let (_, header) = decode_header(&mut reader)?;
                match reader.rest().len() {
                    0 => Ok(Self { header, body: EventBody::EntriesAppended { entries: Vec::new() } }),
                    count => Err(EventError::TrailingBytes { count }),
                }
            }
            _ => Self::decode(bytes),
        }
    }

    /// Kind, header and body: what the leaf hash covers. The entries are not in it.
    #[must_use]
    pub fn leaf_bytes(&self) -> Vec<u8> {
        let header = &self.header;
        let mut bytes = Vec::with_capacity(HEADER_BYTES.saturating_add(44));
        bytes.extend_from_slice(&self.body.kind());
        bytes.extend_from_slice(header.ledger.as_bytes());
        bytes.extend_from_slice(&header.event_seq.get().to_le_bytes());
        bytes.extend_from_slice(&header.slot.to_le_bytes());
        bytes.extend_from_slice(&header.unix_time.to_le_bytes());
        bytes.extend_from_slice(header.signer.as_bytes());
        bytes.extend_from_slice(&header.first_index.get().to_le_bytes());
        bytes.extend_from_slice(&header.count.to_le_bytes());
        bytes.extend_from_slice(&header.size.get().to_le_bytes());
        bytes.extend_from_slice(header.root.as_bytes());
        match &self.body {
            EventBody::LedgerCreated { id, flags } => {
                bytes.extend_from_slice(id);
                bytes.extend_from_slice(&flags.to_le_bytes());
            }
            EventBody::EntriesAppended { .. } => {}
            EventBody::WriterGranted { wallet, permissions, expires_at } => {
                bytes.extend_from_slice(wallet.as_bytes());
                bytes.extend_from_slice(&permissions.to_le_bytes());
                bytes.extend_from_slice(&expires_at.to_le_bytes());
            }
            EventBody::WriterRevoked { wallet: key }
            | EventBody::AuthorityProposed { pending_authority: key }
            | EventBody::AuthorityAccepted { previous_authority: key } => bytes.extend_from_slice(key.as_bytes()),
            EventBody::SubtreesAppended { hashes } => {
                // Those of an event that was decoded were counted by a `u32`.
                let count = u32::try_from(hashes.len()).unwrap_or(u32::MAX);
                bytes.extend_from_slice(&count.to_le_bytes());
                hashes.iter().for_each(|hash| bytes.extend_from_slice(hash.as_bytes()));
            }
            EventBody::SubtreesDisallowed | EventBody::LedgerSealed => {}
        }
        bytes
    }

    /// The event's leaf in the ledger's event log.
    #[must_use]
    pub fn leaf_hash(&self) -> LeafHash {
        hash_leaf(&self.leaf_bytes())
    }
}

impl EventBody {
    /// The eight bytes that begin this kind of event.
    #[must_use]
    pub const fn kind(&self) -> [u8; 8] {
        match self {
            Self::LedgerCreated { .. } => kind::LEDGER_CREATED,
            Self::EntriesAppended { .. } => kind::ENTRIES_APPENDED,
            Self::WriterGranted { .. } => kind::WRITER_GRANTED,
            Self::WriterRevoked { .. } => kind::WRITER_REVOKED,
            Self::SubtreesAppended { .. } => kind::SUBTREES_APPENDED,
            Self::AuthorityProposed { .. } => kind::AUTHORITY_PROPOSED,
            Self::AuthorityAccepted { .. } => kind::AUTHORITY_ACCEPTED,
            Self::SubtreesDisallowed => kind::SUBTREES_DISALLOWED,
            Self::LedgerSealed => kind::LEDGER_SEALED,
        }
    }

    /// The event's name, as in the IDL.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LedgerCreated { .. } => "LedgerCreated",
            Self::EntriesAppended { .. } => "EntriesAppended",
            Self::WriterGranted { .. } => "WriterGranted",
            Self::WriterRevoked { .. } => "WriterRevoked",
            Self::SubtreesAppended { .. } => "SubtreesAppended",
            Self::AuthorityProposed { .. } => "AuthorityProposed",
            Self::AuthorityAccepted { .. } => "AuthorityAccepted",
            Self::SubtreesDisallowed => "SubtreesDisallowed",
            Self::LedgerSealed => "LedgerSealed",
        }
    }
}

fn decode_header(reader: &mut Reader<'_>) -> Result<([u8; 8], EventHeader), EventError> {
    let size = |leaves| TreeSize::new(leaves).map_err(EventError::OutOfRange);
    let kind = reader.array()?;
    let header = EventHeader {
        ledger: LedgerId(reader.array()?),
        event_seq: LeafIndex::new(reader.u64()?).map_err(EventError::OutOfRange)?,
        slot: reader.u64()?,
        unix_time: reader.i64()?,
        signer: Wallet(reader.array()?),
        first_index: size(reader.u64()?)?,
        count: reader.u64()?,
        size: size(reader.u64()?)?,
        root: Root(reader.array()?),
    };
    Ok((kind, header))
}

fn decode_body(kind: [u8; 8], reader: &mut Reader<'_>) -> Result<EventBody, EventError> {
    match kind {
        kind::LEDGER_CREATED => Ok(EventBody::LedgerCreated { id: reader.array()?, flags: reader.u32()? }),
        kind::ENTRIES_APPENDED => Ok(EventBody::EntriesAppended { entries: decode_entries(reader)? }),
        kind::WRITER_GRANTED => Ok(EventBody::WriterGranted {
            wallet: Wallet(reader.array()?),
            permissions: reader.u32()?,
            expires_at: reader.i64()?,
        }),
        kind::WRITER_REVOKED => Ok(EventBody::WriterRevoked { wallet: Wallet(reader.array()?) }),
        kind::SUBTREES_APPENDED => Ok(EventBody::SubtreesAppended { hashes: decode_hashes(reader)? }),
        kind::AUTHORITY_PROPOSED => Ok(EventBody::AuthorityProposed { pending_authority: Wallet(reader.array()?) }),
        kind::AUTHORITY_ACCEPTED => Ok(EventBody::AuthorityAccepted { previous_authority: Wallet(reader.array()?) }),
        kind::SUBTREES_DISALLOWED => Ok(EventBody::SubtreesDisallowed),
        kind::LEDGER_SEALED => Ok(EventBody::LedgerSealed),
        kind => Err(EventError::UnknownKind(kind)),
    }
}

/// Reads a count and that many hashes.
fn decode_hashes(reader: &mut Reader<'_>) -> Result<Vec<Hash>, EventError> {
    let count = reader.u32()?;
    // No room is set aside for a count that the bytes may not back.
    let mut hashes = Vec::new();
    for _ in 0..count {
        hashes.push(Hash(reader.array()?));
    }
    Ok(hashes)
}

/// Reads a count and that many byte strings, each after its length.
fn decode_entries(reader: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, EventError> {
    let count = reader.u32()?;
    // No room is set aside for a count that the bytes may not back.
    let mut entries = Vec::new();
    for _ in 0..count {
        let len = usize::try_from(reader.u32()?).map_err(|_| EventError::Truncated)?;
        entries.push(reader.take(len)?.to_vec());
    }
    Ok(entries)
}
