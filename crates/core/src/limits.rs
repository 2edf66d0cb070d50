//! Limits and bits that the program enforces and everybody else relies on.

/// The longest entry in bytes; the shortest is 1.
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// The most bytes of entries that one `append` carries, lengths not counted. The program's heap is 32 KB and
/// never frees.
pub const MAX_APPEND_BYTES: usize = 4_096;

/// The highest level of a subtree that is appended by its hash: 2^24 leaves.
pub const MAX_SUBTREE_LEVEL: u8 = 24;

/// The most hashes that one `append_subtrees` carries: as many bytes as [`MAX_APPEND_BYTES`].
pub const MAX_APPEND_SUBTREES: usize = MAX_APPEND_BYTES / 32;

/// Heads that the account keeps: the newest 16.
pub const HEADS: usize = 16;

/// Bits of a ledger's `flags`.
pub mod ledger_flag {
    /// Nothing can be appended any more. Never taken back.
    pub const SEALED: u32 = 1;
    /// Anybody may append single entries.
    pub const OPEN: u32 = 1 << 1;
    /// Subtrees may be appended by hash. Never set again once cleared.
    pub const SUBTREES_ALLOWED: u32 = 1 << 2;
    /// The bits that a creator chooses.
    pub const CHOSEN_AT_CREATION: u32 = OPEN | SUBTREES_ALLOWED;
}

/// Bits of a writer's `permissions`.
pub mod permission {
    /// May append entries.
    pub const APPEND: u32 = 1;
    /// May append subtrees by hash, where the ledger allows it.
    pub const APPEND_SUBTREES: u32 = 1 << 1;
    /// All bits that have a meaning.
    pub const ALL: u32 = APPEND | APPEND_SUBTREES;
}

/// The `expires_at` of a grant that never expires.
pub const NEVER: i64 = i64::MAX;
