//! Where the program's accounts lie.

use counterfoil_core::event::EVENT_AUTHORITY_SEED;
use counterfoil_core::{LedgerId, ProgramId, Wallet};
use solana_pubkey::Pubkey;

/// The address of the ledger that `creator` makes with this `id`.
#[must_use]
pub fn ledger(program: ProgramId, creator: Wallet, id: &[u8; 32]) -> LedgerId {
    LedgerId(find(program, &[b"ledger", &creator.0, id]))
}

/// The address of a wallet's grant.
#[must_use]
pub fn writer(program: ProgramId, ledger: LedgerId, wallet: Wallet) -> Pubkey {
    Pubkey::new_from_array(find(program, &[b"writer", &ledger.0, &wallet.0]))
}

/// The account whose signature makes an event; only the program can give it.
#[must_use]
pub fn event_authority(program: ProgramId) -> Pubkey {
    Pubkey::new_from_array(find(program, &[EVENT_AUTHORITY_SEED]))
}

/// Bytes as a public key of Solana's.
#[must_use]
pub const fn key(bytes: [u8; 32]) -> Pubkey {
    Pubkey::new_from_array(bytes)
}

fn find(program: ProgramId, seeds: &[&[u8]]) -> [u8; 32] {
    Pubkey::find_program_address(seeds, &key(program.0)).0.to_bytes()
}
