//! The program's errors. The codes are part of its interface: add at the end, never renumber.

use anchor_lang::prelude::*;

/// Why an instruction was refused. The first code is 6000.
#[error_code]
pub enum CounterfoilError {
    /// 6000
    #[msg("the signer may not append: not the authority, no writer grant, and the ledger is not open")]
    NotAWriter,
    /// 6001
    #[msg("the writer's grant has expired")]
    WriterExpired,
    /// 6002
    #[msg("the writer's grant does not permit this")]
    PermissionMissing,
    /// 6003
    #[msg("the writer account is another ledger's or another wallet's")]
    WrongWriter,
    /// 6004
    #[msg("only the ledger's authority may do this")]
    NotTheAuthority,
    /// 6005
    #[msg("the ledger is sealed")]
    Sealed,
    /// 6006
    #[msg("the ledger's size is not the expected one")]
    UnexpectedSize,
    /// 6007
    #[msg("an append needs at least one entry")]
    NoEntries,
    /// 6008
    #[msg("an entry has 1 to 65,535 bytes")]
    EntryLength,
    /// 6009
    #[msg("one append carries at most 4,096 bytes of entries or of hashes")]
    AppendTooLarge,
    /// 6010
    #[msg("the log is full")]
    LogFull,
    /// 6011
    #[msg("a flag has no meaning or cannot be chosen at creation")]
    UnknownFlags,
    /// 6012
    #[msg("permissions are empty or have a bit without meaning")]
    UnknownPermissions,
    /// 6013
    #[msg("the grant would expire at once")]
    ExpiryInThePast,
    /// 6014
    #[msg("the ledger's account breaks its invariant: this is a fault of the program")]
    InvariantBroken,
    /// 6015
    #[msg("the ledger takes no subtrees, or no longer")]
    SubtreesNotAllowed,
    /// 6016
    #[msg("the hashes are not those of the perfect subtrees that make up the leaves: too many, or too few")]
    WrongSubtreeCount,
    /// 6017
    #[msg("a subtree's hash must not be zero")]
    ZeroHash,
    /// 6018
    #[msg("only the wallet to which the authority was offered may accept it")]
    NotThePendingAuthority,
    /// 6019
    #[msg("the ledger keeps no head of this size: take a proof against a newer one")]
    HeadNotKept,
    /// 6020
    #[msg("the index lies outside the tree")]
    IndexOutOfRange,
    /// 6021
    #[msg("the proof has too few or too many hashes for this index in this tree")]
    WrongProofLength,
    /// 6022
    #[msg("the proof leads to another root: the entry is not at this index")]
    NotProven,
}
