//! A gate: a vault that pays only what a Counterfoil ledger's records say.
//!
//! Three things make a proof worth something, and all three are here to copy:
//! 1. the ledger's address is pinned when the gate is made, for anybody can make a ledger that says anything;
//! 2. the program hashes the entry itself, from the very accounts and amounts that it acts on;
//! 3. the called program is Counterfoil's: `Program<Counterfoil>` checks its address.
#![allow(unexpected_cfgs, reason = "Anchor's macros name features that this program does not have")]

use anchor_lang::prelude::*;
#[cfg(target_arch = "bpf")]
use counterfoil_sbf_builtins as _;
use merkle_log::hash_leaf;

// Reads idls/counterfoil.json: accounts, instructions and types, but no code, of the other program.
declare_program!(counterfoil);
use counterfoil::program::Counterfoil;
use counterfoil::types::ProofTarget;

declare_id!("CmDqCMZSj5HRgdwTUPVxTMq3o61b3YhP9YQRDFnEwAPy");

/// The first bytes of a record that this gate acts on, so that no other kind of record can be taken for one.
pub const RECORD_TAG: &[u8] = b"gate v1: pay ";

/// The record that lets `lamports` go to `payee`: tag, 32 bytes, 8 bytes little-endian.
#[must_use]
pub fn record(payee: &Pubkey, lamports: u64) -> Vec<u8> {
    [RECORD_TAG, payee.as_ref(), &lamports.to_le_bytes()].concat()
}

/// The program's instructions.
#[program]
pub mod gate {
    use super::*;

    /// Makes the gate of a ledger. Any wallet that may append to the ledger decides what the gate pays.
    pub fn create_gate(ctx: Context<CreateGate>, ledger: Pubkey) -> Result<()> {
        ctx.accounts.gate.set_inner(Gate { ledger, bump: ctx.bumps.gate });
        Ok(())
    }

    /// Pays what the record at `index` says, once.
    pub fn pay(ctx: Context<Pay>, index: u64, lamports: u64, target: ProofTarget, proof: Vec<[u8; 32]>) -> Result<()> {
        let accounts = &ctx.accounts;
        let leaf_hash = hash_leaf(&record(accounts.payee.key, lamports)).0;
        let ledger = counterfoil::cpi::accounts::VerifyInclusion { ledger: accounts.ledger.to_account_info() };
        let call = CpiContext::new(accounts.counterfoil.key(), ledger);
        // An error of the called program ends the transaction: past this line the record is proven.
        counterfoil::cpi::verify_inclusion(call, leaf_hash, index, target, proof)?;

        accounts.gate.sub_lamports(lamports)?;
        accounts.payee.add_lamports(lamports)?;
        Ok(())
    }
}

/// A gate. It holds what it may pay.
#[account]
#[derive(Debug, InitSpace)]
pub struct Gate {
    /// The one ledger that it believes.
    pub ledger: Pubkey,
    /// The bump of the account's address.
    pub bump: u8,
}

/// There once a record was paid, so that it is not paid again.
#[account]
#[derive(Debug, InitSpace)]
pub struct Paid {}

/// The accounts of `create_gate`.
#[derive(Accounts)]
#[instruction(ledger: Pubkey)]
pub struct CreateGate<'info> {
    /// Pays the rent.
    #[account(mut)]
    pub payer: Signer<'info>,
    /// The new gate.
    #[account(
        init,
        payer = payer,
        space = 8_usize.saturating_add(Gate::INIT_SPACE),
        seeds = [b"gate", ledger.as_ref()],
        bump,
    )]
    pub gate: Account<'info, Gate>,
    /// Creates the account.
    pub system_program: Program<'info, System>,
}

/// The accounts of `pay`.
#[derive(Accounts)]
#[instruction(index: u64)]
pub struct Pay<'info> {
    /// Anybody; pays the rent of `paid`.
    #[account(mut)]
    pub payer: Signer<'info>,
    /// The gate.
    #[account(mut, seeds = [b"gate", gate.ledger.as_ref()], bump = gate.bump)]
    pub gate: Account<'info, Gate>,
    /// CHECK: its address is the one that the gate pins; Counterfoil checks owner and content.
    #[account(address = gate.ledger @ GateError::WrongLedger)]
    pub ledger: UncheckedAccount<'info>,
    /// CHECK: it only receives, and it is part of the record that is proven.
    #[account(mut)]
    pub payee: UncheckedAccount<'info>,
    /// Cannot be made twice for one record.
    #[account(
        init,
        payer = payer,
        space = 8_usize.saturating_add(Paid::INIT_SPACE),
        seeds = [b"paid", gate.key().as_ref(), &index.to_le_bytes()],
        bump,
    )]
    pub paid: Account<'info, Paid>,
    /// The program whose word counts.
    pub counterfoil: Program<'info, Counterfoil>,
    /// Creates the account.
    pub system_program: Program<'info, System>,
}

/// Why the gate itself refuses. That a record is not proven is an error of Counterfoil's.
#[error_code]
pub enum GateError {
    /// 6000
    #[msg("the ledger is not the one that the gate believes")]
    WrongLedger,
}
