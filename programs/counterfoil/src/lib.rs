//! Counterfoil: append-only logs whose heads the chain keeps.
//!
//! A ledger is an RFC 6962 Merkle log. Its account holds the size and the frontier, and the program computes
//! them itself, so that a transition that is not an append cannot be executed by anyone. A second log in the
//! same account holds the ledger's events. There is no instruction that closes, shrinks or rewrites.
#![allow(unexpected_cfgs, reason = "Anchor's macros name features that this program does not have")]

use anchor_lang::prelude::*;
#[cfg(target_arch = "bpf")]
use counterfoil_sbf_builtins as _;

pub mod errors;
pub mod events;
pub mod instructions;
pub mod state;

use instructions::*;

declare_id!("BNCzrkTu6NddRckZgzqSDshk9bGuWBzNtTTRKmkamkEL");

// Read off the deployed bytes by explorers. Deploy it under your own address with your own
// contact here.
#[cfg(not(feature = "no-entrypoint"))]
solana_security_txt::security_txt! {
    name: "Counterfoil",
    project_url: "private",
    contacts: "other:the security advisories of the repository that this was built from",
    policy: "SECURITY.md in that repository: report privately, an answer within three working days",
    preferred_languages: "en"
}

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

    /// Appends `leaves` leaves by the hashes of the perfect subtrees that make them up, of at most 2^24 leaves each;
    /// refuses when the size is not `expected_size`.
    pub fn append_subtrees(
        ctx: Context<AppendSubtrees>,
        expected_size: u64,
        leaves: u64,
        hashes: Vec<[u8; 32]>,
    ) -> Result<()> {
        append_subtrees::handler(ctx, expected_size, leaves, hashes)
    }

    /// Grants a wallet permissions until `expires_at`, in place of those that it had.
    pub fn grant_writer(ctx: Context<GrantWriter>, wallet: Pubkey, permissions: u32, expires_at: i64) -> Result<()> {
        grant_writer::handler(ctx, wallet, permissions, expires_at)
    }

    /// Takes a wallet's permissions back.
    pub fn revoke_writer(ctx: Context<RevokeWriter>) -> Result<()> {
        revoke_writer::handler(ctx)
    }

    /// Offers the authority to a wallet, in place of an older offer; to the zero key: to no one.
    pub fn propose_authority(ctx: Context<ProposeAuthority>, pending_authority: Pubkey) -> Result<()> {
        propose_authority::handler(ctx, pending_authority)
    }

    /// Takes over the authority that was offered.
    pub fn accept_authority(ctx: Context<AcceptAuthority>) -> Result<()> {
        accept_authority::handler(ctx)
    }

    /// Ends appending by subtrees, permanently.
    pub fn disallow_subtrees(ctx: Context<DisallowSubtrees>) -> Result<()> {
        disallow_subtrees::handler(ctx)
    }

    /// Ends appending, permanently; refuses when the size is not `expected_size`.
    pub fn seal_ledger(ctx: Context<SealLedger>, expected_size: u64) -> Result<()> {
        seal_ledger::handler(ctx, expected_size)
    }

    /// Succeeds only when `leaf_hash` is leaf `index` of the ledger, by `proof`, from the leaf up to `target`.
    pub fn verify_inclusion(
        ctx: Context<VerifyInclusion>,
        leaf_hash: [u8; 32],
        index: u64,
        target: ProofTarget,
        proof: Vec<[u8; 32]>,
    ) -> Result<()> {
        verify_inclusion::handler(ctx, leaf_hash, index, target, proof)
    }
}
