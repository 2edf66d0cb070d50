//! `create_ledger`: the creator becomes the authority; its key is part of the address, so no one else can take it.

use anchor_lang::{Discriminator, prelude::*};
use counterfoil_core::account::LEDGER_VERSION;
use counterfoil_core::limits::ledger_flag;

use crate::errors::CounterfoilError;
use crate::events::{Change, LedgerCreated, emit};
use crate::state::Ledger;

/// The accounts of `create_ledger`.
#[event_cpi]
#[derive(Accounts)]
#[instruction(id: [u8; 32])]
pub struct CreateLedger<'info> {
    /// Pays the rent.
    #[account(mut)]
    pub payer: Signer<'info>,
    /// Becomes the authority.
    pub creator: Signer<'info>,
    /// The new ledger.
    #[account(
        init,
        payer = payer,
        space = Ledger::SPACE,
        seeds = [b"ledger", creator.key().as_ref(), id.as_ref()],
        bump,
    )]
    pub ledger: AccountLoader<'info, Ledger>,
    /// Creates the account.
    pub system_program: Program<'info, System>,
}

pub(crate) fn handler(ctx: Context<CreateLedger>, id: [u8; 32], flags: u32) -> Result<()> {
    require!(flags & !ledger_flag::CHOSEN_AT_CREATION == 0, CounterfoilError::UnknownFlags);
    let accounts = &ctx.accounts;
    let clock = Clock::get()?;
    let mut ledger = accounts.ledger.load_init()?;
    ledger.version = LEDGER_VERSION;
    ledger.bump = ctx.bumps.ledger;
    ledger.flags = flags;
    ledger.id = id;
    ledger.creator = accounts.creator.key();
    ledger.authority = accounts.creator.key();
    ledger.created_slot = clock.slot;
    ledger.created_time = clock.unix_timestamp;

    let change = Change {
        ledger: accounts.ledger.as_ref().key,
        signer: accounts.creator.key,
        clock: &clock,
        first_index: 0,
        root: ledger.root(),
    };
    let body: [&[u8]; 2] = [&id, &flags.to_le_bytes()];
    emit(&mut ledger, &accounts.event_authority, LedgerCreated::DISCRIMINATOR, &change, &body, None)?;
    ledger.invariant()
}
