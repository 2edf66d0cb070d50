//! The bytes of a ledger's account, and the heads that it proves.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use merkle_log::{Frontier, FrontierError, LEVELS, OutOfRange, Peaks, Root, TreeHead, TreeSize};

use crate::bytes::{Reader, Truncated};
use crate::limits::HEADS;
use crate::{LedgerId, Wallet};

/// The first eight bytes of a ledger's account: Anchor's discriminator,
/// the first eight bytes of SHA-256("account:Ledger").
pub const LEDGER_DISCRIMINATOR: [u8; 8] = [0x2b, 0x29, 0x15, 0xd5, 0xb4, 0xb0, 0x5f, 0x20];

/// Bytes of a ledger's account.
pub const LEDGER_BYTES: usize = 8 + 4_040;

/// The ring has a power of two of slots.
const RING_MASK: u64 = HEADS as u64 - 1;

/// The account layout that this version reads.
pub const LEDGER_VERSION: u8 = 1;

/// A ledger's account, read from an RPC server and believed only as far as that server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerAccount {
    /// See [`crate::limits::ledger_flag`].
    pub flags: u32,
    /// The creator's name for the ledger, part of the account's address.
    pub id: [u8; 32],
    /// The wallet that created it, part of the account's address.
    pub creator: Wallet,
    /// The wallet that may grant and revoke, and always append.
    pub authority: Wallet,
    /// To whom the authority is offered.
    pub pending_authority: Option<Wallet>,
    /// How many leaves were appended by the hash of a subtree, their bytes unseen by the chain.
    pub leaves_by_subtree: u64,
    /// How many heads were ever written.
    pub heads_written: u64,
    /// The slot of creation.
    pub created_slot: u64,
    /// The chain's clock at creation, in seconds since 1970.
    pub created_time: i64,
    /// The slot of the last append, 0 before the first.
    pub appended_slot: u64,
    /// The chain's clock at the last append, in seconds since 1970, 0 before the first.
    pub appended_time: i64,
    /// The frontier of the log.
    pub entries: Box<Frontier>,
    /// The frontier of the event log; its size is the account's `event_seq`.
    pub events: Box<Frontier>,
    /// The newest heads, oldest first, at most 16.
    pub heads: Vec<TreeHead>,
}

/// Both heads of a ledger at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LedgerHead {
    /// The ledger.
    pub ledger: LedgerId,
    /// The log's head.
    pub entries: TreeHead,
    /// The event log's head.
    pub events: TreeHead,
}

/// Why bytes are not a ledger's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountError {
    /// Another count of bytes than [`LEDGER_BYTES`].
    WrongLength {
        /// How many.
        bytes: usize,
    },
    /// The first eight bytes are another account's.
    NotALedger,
    /// A layout that this version does not read.
    UnknownVersion {
        /// The account's version.
        version: u8,
    },
    /// A size is beyond the largest tree.
    OutOfRange(OutOfRange),
    /// A frontier does not fit its size.
    Frontier(FrontierError),
    /// The newest head of the ring is not the head of the frontier.
    RingDiffers {
        /// The ring's.
        ring: TreeHead,
        /// The frontier's.
        frontier: TreeHead,
    },
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongLength { bytes } => write!(f, "a ledger's account has {LEDGER_BYTES} bytes, not {bytes}"),
            Self::NotALedger => f.write_str("the account is not a ledger"),
            Self::UnknownVersion { version } => {
                write!(f, "the account has layout {version}, this version reads {LEDGER_VERSION}")
            }
            Self::OutOfRange(error) => error.fmt(f),
            Self::Frontier(error) => error.fmt(f),
            Self::RingDiffers { ring, frontier } => write!(
                f,
                "the newest head in the account's ring, {}:{}, is not that of its frontier, {}:{}: no account of the \
                 program's is so",
                ring.size, ring.root, frontier.size, frontier.root
            ),
        }
    }
}

impl core::error::Error for AccountError {}

impl From<Truncated> for AccountError {
    /// The length was checked, so only a wrong layout constant could lead here.
    fn from(_: Truncated) -> Self {
        Self::NotALedger
    }
}

impl LedgerAccount {
    /// Reads an account's data.
    ///
    /// # Errors
    /// [`AccountError`]. The caller must check which program owns the account.
    pub fn decode(data: &[u8]) -> Result<Self, AccountError> {
        if data.len() != LEDGER_BYTES {
            return Err(AccountError::WrongLength { bytes: data.len() });
        }
        let mut reader = Reader::new(data);
        if reader.array()? != LEDGER_DISCRIMINATOR {
            return Err(AccountError::NotALedger);
        }
        let [version, _bump, _, _] = reader.array()?;
        if version != LEDGER_VERSION {
            return Err(AccountError::UnknownVersion { version });
        }
        let flags = reader.u32()?;
        let id = reader.array()?;
        let creator = Wallet(reader.array()?);
        let authority = Wallet(reader.array()?);
        let pending_authority = Some(reader.array()?).filter(|key| *key != [0; 32]).map(Wallet);
        let size = TreeSize::new(reader.u64()?).map_err(AccountError::OutOfRange)?;
        let leaves_by_subtree = reader.u64()?;
        let event_seq = TreeSize::new(reader.u64()?).map_err(AccountError::OutOfRange)?;
        let heads_written = reader.u64()?;
        let account = Self {
            flags,
            id,
            creator,
            authority,
            pending_authority,
            leaves_by_subtree,
            heads_written,
            created_slot: reader.u64()?,
            created_time: reader.i64()?,
            appended_slot: reader.u64()?,
            appended_time: reader.i64()?,
            entries: decode_frontier(&mut reader, size)?,
            events: decode_frontier(&mut reader, event_seq)?,
            heads: decode_heads(&mut reader, heads_written)?,
        };
        let frontier = account.entries.head();
        match account.heads.last() {
            Some(ring) if *ring != frontier => Err(AccountError::RingDiffers { ring: *ring, frontier }),
            _ => Ok(account),
        }
    }

    /// Both heads.
    #[must_use]
    pub fn head(&self, ledger: LedgerId) -> LedgerHead {
        LedgerHead { ledger, entries: self.entries.head(), events: self.events.head() }
    }
}

fn decode_frontier(reader: &mut Reader<'_>, size: TreeSize) -> Result<Box<Frontier>, AccountError> {
    let mut peaks: Peaks = [[0; 32]; LEVELS];
    for peak in &mut peaks {
        *peak = reader.array()?;
    }
    Frontier::from_peaks(size, peaks).map(Box::new).map_err(AccountError::Frontier)
}

/// The ring holds head `n` in slot `n % 16`: turned so that the oldest comes first.
fn decode_heads(reader: &mut Reader<'_>, written: u64) -> Result<Vec<TreeHead>, AccountError> {
    let mut ring = Vec::with_capacity(HEADS);
    for _ in 0..HEADS {
        let size = TreeSize::new(reader.u64()?).map_err(AccountError::OutOfRange)?;
        ring.push(TreeHead { size, root: Root(reader.array()?) });
    }
    let used = written.min(HEADS as u64) as usize;
    if used == HEADS {
        ring.rotate_left((written & RING_MASK) as usize);
    }
    ring.truncate(used);
    Ok(ring)
}
