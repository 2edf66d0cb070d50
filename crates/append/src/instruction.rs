//! The program's instructions. A test holds them against the IDL.

use std::num::NonZeroUsize;

use counterfoil_client::address::{self, key};
use counterfoil_core::{LedgerId, ProgramId, SubtreeBatch, Wallet};
use merkle_log::{Hash, LeafHash};
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;

/// The hashes that fit a transaction of one `append_subtrees` whose appender pays, together with a limit and a price for
/// compute units.
pub const SUBTREES_PER_TRANSACTION: NonZeroUsize = NonZeroUsize::new(27).expect("it is not zero");
/// The same where another wallet than the appender's pays.
pub const SUBTREES_PER_PAID_TRANSACTION: NonZeroUsize = NonZeroUsize::new(24).expect("it is not zero");

const SYSTEM_PROGRAM: [u8; 32] = [0; 32];

/// The first eight bytes of each instruction: the first of SHA-256("global:" + name).
pub(crate) mod discriminator {
    pub(crate) const CREATE_LEDGER: [u8; 8] = [0x5a, 0x28, 0x20, 0x47, 0x37, 0x6c, 0x18, 0xd8];
    pub(crate) const APPEND: [u8; 8] = [0x95, 0x78, 0x12, 0xde, 0xec, 0xe1, 0x58, 0xcb];
    pub(crate) const GRANT_WRITER: [u8; 8] = [0xee, 0x7b, 0x04, 0xd6, 0xe9, 0x47, 0x2b, 0xb3];
    pub(crate) const REVOKE_WRITER: [u8; 8] = [0x54, 0xe5, 0x6d, 0xea, 0x53, 0x38, 0x4a, 0xeb];
    pub(crate) const APPEND_SUBTREES: [u8; 8] = [0x25, 0x30, 0xb5, 0x05, 0x62, 0xbf, 0x3b, 0xc4];
    pub(crate) const PROPOSE_AUTHORITY: [u8; 8] = [0x14, 0x94, 0xec, 0xc6, 0x4c, 0x77, 0x63, 0x8e];
    pub(crate) const ACCEPT_AUTHORITY: [u8; 8] = [0x6b, 0x56, 0xc6, 0x5b, 0x21, 0x0c, 0x6b, 0xa0];
    pub(crate) const DISALLOW_SUBTREES: [u8; 8] = [0x01, 0x42, 0xed, 0xc2, 0x18, 0x88, 0x96, 0x5d];
    pub(crate) const SEAL_LEDGER: [u8; 8] = [0xd6, 0x4a, 0xe4, 0xcc, 0xc5, 0xb5, 0x4c, 0x20];
    pub(crate) const VERIFY_INCLUSION: [u8; 8] = [0x38, 0xda, 0x8c, 0xf2, 0x5b, 0x05, 0x6a, 0xdc];
}

/// Creates a ledger; `creator` signs and pays. `flags`: see [`counterfoil_core::limits::ledger_flag`].
#[must_use]
pub fn create_ledger(program: ProgramId, creator: Wallet, id: &[u8; 32], flags: u32) -> Instruction {
    let ledger = address::ledger(program, creator, id);
    let mut data = discriminator::CREATE_LEDGER.to_vec();
    data.extend_from_slice(id);
    data.extend_from_slice(&flags.to_le_bytes());
    let accounts = vec![
        AccountMeta::new(key(creator.0), true),
        AccountMeta::new_readonly(key(creator.0), true),
        AccountMeta::new(key(ledger.0), false),
        AccountMeta::new_readonly(key(SYSTEM_PROGRAM), false),
    ];
    instruction(program, accounts, data)
}

/// Appends entries; `appender` signs. `is_writer`: whether it does so by a grant, not as the authority or on an
/// open ledger.
#[must_use]
pub fn append(
    program: ProgramId,
    ledger: LedgerId,
    appender: Wallet,
    is_writer: bool,
    expected_size: Option<u64>,
    entries: &[Vec<u8>],
) -> Instruction {
    let mut data = discriminator::APPEND.to_vec();
    match expected_size {
        Some(size) => {
            data.push(1);
            data.extend_from_slice(&size.to_le_bytes());
        }
        None => data.push(0),
    }
    data.extend_from_slice(&length(entries.len()));
    for entry in entries {
        data.extend_from_slice(&length(entry.len()));
        data.extend_from_slice(entry);
    }
    let accounts = vec![
        AccountMeta::new_readonly(key(appender.0), true),
        AccountMeta::new(key(ledger.0), false),
        AccountMeta::new_readonly(writer_or_none(program, ledger, appender, is_writer), false),
    ];
    instruction(program, accounts, data)
}

/// Appends a batch of leaves by the hashes of their subtrees; `appender` signs. `is_writer`: whether it does so by a
/// grant, not as the authority.
///
/// `hashes` are the roots of `batch.subtrees()`, in their order.
#[must_use]
pub fn append_subtrees(
    program: ProgramId,
    ledger: LedgerId,
    appender: Wallet,
    is_writer: bool,
    batch: SubtreeBatch,
    hashes: &[Hash],
) -> Instruction {
    let mut data = discriminator::APPEND_SUBTREES.to_vec();
    data.extend_from_slice(&batch.expected_size().get().to_le_bytes());
    data.extend_from_slice(&batch.leaves().to_le_bytes());
    extend_with_hashes(&mut data, hashes);
    let accounts = vec![
        AccountMeta::new_readonly(key(appender.0), true),
        AccountMeta::new(key(ledger.0), false),
        AccountMeta::new_readonly(writer_or_none(program, ledger, appender, is_writer), false),
    ];
    instruction(program, accounts, data)
}

/// Grants a wallet permissions until `expires_at`, in seconds since 1970; `authority` signs and pays.
#[must_use]
pub fn grant_writer(
    program: ProgramId,
    ledger: LedgerId,
    authority: Wallet,
    wallet: Wallet,
    permissions: u32,
    expires_at: i64,
) -> Instruction {
    let mut data = discriminator::GRANT_WRITER.to_vec();
    data.extend_from_slice(&wallet.0);
    data.extend_from_slice(&permissions.to_le_bytes());
    data.extend_from_slice(&expires_at.to_le_bytes());
    let accounts = vec![
        AccountMeta::new(key(authority.0), true),
        AccountMeta::new_readonly(key(authority.0), true),
        AccountMeta::new(key(ledger.0), false),
        AccountMeta::new(address::writer(program, ledger, wallet), false),
        AccountMeta::new_readonly(key(SYSTEM_PROGRAM), false),
    ];
    instruction(program, accounts, data)
}

/// Takes a wallet's permissions back; `authority` signs.
#[must_use]
pub fn revoke_writer(program: ProgramId, ledger: LedgerId, authority: Wallet, wallet: Wallet) -> Instruction {
    let accounts = vec![
        AccountMeta::new(key(authority.0), true),
        AccountMeta::new(key(ledger.0), false),
        AccountMeta::new(address::writer(program, ledger, wallet), false),
    ];
    instruction(program, accounts, discriminator::REVOKE_WRITER.to_vec())
}

/// Offers the authority to a wallet, in place of an older offer; takes the offer back with none. `authority` signs.
#[must_use]
pub fn propose_authority(
    program: ProgramId,
    ledger: LedgerId,
    authority: Wallet,
    pending_authority: Option<Wallet>,
) -> Instruction {
    let mut data = discriminator::PROPOSE_AUTHORITY.to_vec();
    data.extend_from_slice(&pending_authority.map_or([0; 32], |wallet| wallet.0));
    instruction(program, by(authority, ledger), data)
}

/// Takes over the authority that was offered to `pending_authority`, which signs.
#[must_use]
pub fn accept_authority(program: ProgramId, ledger: LedgerId, pending_authority: Wallet) -> Instruction {
    instruction(program, by(pending_authority, ledger), discriminator::ACCEPT_AUTHORITY.to_vec())
}

/// Ends appending by subtrees permanently; `authority` signs.
#[must_use]
pub fn disallow_subtrees(program: ProgramId, ledger: LedgerId, authority: Wallet) -> Instruction {
    instruction(program, by(authority, ledger), discriminator::DISALLOW_SUBTREES.to_vec())
}

/// Ends appending permanently if the size is still `expected_size`; `authority` signs.
#[must_use]
pub fn seal_ledger(program: ProgramId, ledger: LedgerId, authority: Wallet, expected_size: u64) -> Instruction {
    let mut data = discriminator::SEAL_LEDGER.to_vec();
    data.extend_from_slice(&expected_size.to_le_bytes());
    instruction(program, by(authority, ledger), data)
}

/// The root at which a proof for [`verify_inclusion`] ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofTarget {
    /// The newest head: any append makes the proof useless.
    CurrentHead,
    /// The head of this size, the newest or one of the 15 before it.
    KeptHead {
        /// Leaves.
        size: u64,
    },
    /// The peak of the frontier that covers the index: a shorter proof, useless once an append merges the peak.
    Peak,
}

/// Succeeds only when `leaf` is leaf `index` of the ledger. `proof` goes from the leaf up to `target`.
#[must_use]
pub fn verify_inclusion(
    program: ProgramId,
    ledger: LedgerId,
    leaf: &LeafHash,
    index: u64,
    target: ProofTarget,
    proof: &[Hash],
) -> Instruction {
    let mut data = discriminator::VERIFY_INCLUSION.to_vec();
    data.extend_from_slice(leaf.as_bytes());
    data.extend_from_slice(&index.to_le_bytes());
    match target {
        ProofTarget::CurrentHead => data.push(0),
        ProofTarget::KeptHead { size } => {
            data.push(1);
            data.extend_from_slice(&size.to_le_bytes());
        }
        ProofTarget::Peak => data.push(2),
    }
    extend_with_hashes(&mut data, proof);
    let accounts = vec![AccountMeta::new_readonly(key(ledger.0), false)];
    Instruction { program_id: key(program.0), accounts, data }
}

/// Anchor's sign for an optional account that is absent is the program's own address.
fn writer_or_none(program: ProgramId, ledger: LedgerId, wallet: Wallet, is_writer: bool) -> Pubkey {
    if is_writer { address::writer(program, ledger, wallet) } else { key(program.0) }
}

fn by(signer: Wallet, ledger: LedgerId) -> Vec<AccountMeta> {
    vec![AccountMeta::new_readonly(key(signer.0), true), AccountMeta::new(key(ledger.0), false)]
}

fn extend_with_hashes(data: &mut Vec<u8>, hashes: &[Hash]) {
    data.extend_from_slice(&length(hashes.len()));
    hashes.iter().for_each(|hash| data.extend_from_slice(hash.as_bytes()));
}

fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes()
}

/// Every instruction that writes ends with the two accounts that events need.
fn instruction(program: ProgramId, mut accounts: Vec<AccountMeta>, data: Vec<u8>) -> Instruction {
    accounts.push(AccountMeta::new_readonly(address::event_authority(program), false));
    accounts.push(AccountMeta::new_readonly(key(program.0), false));
    Instruction { program_id: key(program.0), accounts, data }
}
