//! `grant_writer`: a grant replaces the one before, so that it can be extended and narrowed in one step.

use anchor_lang::{Discriminator, prelude::*};
use counterfoil_core::limits::permission;

use crate::errors::CounterfoilError;
use crate::events::{Change, WriterGranted, emit};
use crate::state::{Ledger, Writer};

/// The accounts of `grant_writer`.
#[event_cpi]
#[derive(Accounts)]
#[instruction(wallet: Pubkey)]
pub struct GrantWriter<'info> {
    /// Pays the rent of a new grant.
    #[account(mut)]
    pub payer: Signer<'info>,
    /// The ledger's authority.
    pub authority: Signer<'info>,
    /// The ledger.
    #[account(mut)]
    pub ledger: AccountLoader<'info, Ledger>,
    /// The grant. Every field is written below, so an older grant leaves nothing behind.
    #[account(
        init_if_needed,
        payer = payer,
        space = 8_usize.saturating_add(Writer::INIT_SPACE),
        seeds = [b"writer", ledger.key().as_ref(), wallet.as_ref()],
        bump,
    )]
    pub writer: Account<'info, Writer>,
    /// Creates the account.
    pub system_program: Program<'info, System>,
}

pub(crate) fn handler(ctx: Context<GrantWriter>, wallet: Pubkey, permissions: u32, expires_at: i64) -> Result<()> {
    let bump = ctx.bumps.writer;
    let accounts = ctx.accounts;
    let clock = Clock::get()?;
    let mut ledger = accounts.ledger.load_mut()?;
    ledger.expect_authority(accounts.authority.key)?;
    ledger.expect_unsealed()?;
    require!(permissions != 0 && permissions & !permission::ALL == 0, CounterfoilError::UnknownPermissions);
    require!(clock.unix_timestamp < expires_at, CounterfoilError::ExpiryInThePast);

    accounts.writer.set_inner(Writer { ledger: accounts.ledger.key(), wallet, permissions, expires_at, bump });
    let change = Change {
        ledger: accounts.ledger.as_ref().key,
        signer: accounts.authority.key,
        clock: &clock,
        first_index: ledger.size,
        root: ledger.root(),
    };
    let body: [&[u8]; 3] = [wallet.as_ref(), &permissions.to_le_bytes(), &expires_at.to_le_bytes()];
    emit(&mut ledger, &accounts.event_authority, WriterGranted::DISCRIMINATOR, &change, &body, None)?;
    ledger.invariant()
}
