//! The program's instructions. A test holds them against the IDL.

use counterfoil_core::{LedgerId, ProgramId, Wallet};
use solana_instruction::{AccountMeta, Instruction};

use crate::address::{self, key};

const SYSTEM_PROGRAM: [u8; 32] = [0; 32];

/// The first eight bytes of each instruction: the first of SHA-256("global:" + name).
pub(crate) mod discriminator {
    pub(crate) const CREATE_LEDGER: [u8; 8] = [0x5a, 0x28, 0x20, 0x47, 0x37, 0x6c, 0x18, 0xd8];
    pub(crate) const APPEND: [u8; 8] = [0x95, 0x78, 0x12, 0xde, 0xec, 0xe1, 0x58, 0xcb];
    pub(crate) const GRANT_WRITER: [u8; 8] = [0xee, 0x7b, 0x04, 0xd6, 0xe9, 0x47, 0x2b, 0xb3];
    pub(crate) const REVOKE_WRITER: [u8; 8] = [0x54, 0xe5, 0x6d, 0xea, 0x53, 0x38, 0x4a, 0xeb];
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
    // Anchor's sign for an optional account that is absent is the program's own address.
    let writer = if is_writer { address::writer(program, ledger, appender) } else { key(program.0) };
    let mut data = discriminator::APPEND.to_vec();
    match expected_size {
        Some(size) => {
            data.push(1);
            data.extend_from_slice(&size.to_le_bytes());
        }
        None => data.push(0),
    }
    let length = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
    data.extend_from_slice(&length(entries.len()));
    for entry in entries {
        data.extend_from_slice(&length(entry.len()));
        data.extend_from_slice(entry);
    }
    let accounts = vec![
        AccountMeta::new_readonly(key(appender.0), true),
        AccountMeta::new(key(ledger.0), false),
        AccountMeta::new_readonly(writer, false),
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

/// Every instruction ends with the two accounts that events need.
fn instruction(program: ProgramId, mut accounts: Vec<AccountMeta>, data: Vec<u8>) -> Instruction {
    accounts.push(AccountMeta::new_readonly(address::event_authority(program), false));
    accounts.push(AccountMeta::new_readonly(key(program.0), false));
    Instruction { program_id: key(program.0), accounts, data }
}
