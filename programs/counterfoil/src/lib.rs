//! Counterfoil: append-only logs whose heads the chain keeps.
//!
//! A ledger is an RFC 6962 Merkle log. Its account holds the size and the frontier, and the program computes
//! them itself, so that a transition that is not an append cannot be executed, by nobody. A second log in the
//! same account holds the ledger's events. There is no instruction that closes, shrinks or rewrites.
#![allow(unexpected_cfgs, reason = "Anchor's macros name features that this program lacks")]

use anchor_lang::prelude::*;
#[cfg(target_arch = "bpf")]
use counterfoil_sbf_builtins as _;

pub mod errors;
pub mod events;
pub mod instructions;
pub mod state;

use instructions::*;

declare_id!("BNCzrkTu6NddRckZgzqSDshk9bGuWBzNtTTRKmkamkEL");

/// The program's instructions, each in a file of its own under `instructions/`.
#[program]
pub mod counterfoil {
    use super::*;

    /// Creates a ledger at the address of ("ledger", creator, `id`). `flags`: open to anybody, subtrees allowed.
    pub fn create_ledger(ctx: Context<CreateLedger>, id: [u8; 32], flags: u32) -> Result<()> {
        create_ledger::handler(ctx, id, flags)
    }

    /// Appends entries, 1 to 65,535 bytes each, 4,096 together; refuses when the size is not `expected_size`.
    pub fn append(ctx: Context<Append>, expected_size: Option<u64>, entries: Vec<Vec<u8>>) -> Result<()> {
        append::handler(ctx, expected_size, entries)
    }

    /// Grants a wallet permissions until `expires_at`, in place of those that it had.
    pub fn grant_writer(ctx: Context<GrantWriter>, wallet: Pubkey, permissions: u32, expires_at: i64) -> Result<()> {
        grant_writer::handler(ctx, wallet, permissions, expires_at)
    }

    /// Takes a wallet's permissions back.
    pub fn revoke_writer(ctx: Context<RevokeWriter>) -> Result<()> {
        revoke_writer::handler(ctx)
    }
}
