//! `revoke_writer`: the grant's account is closed; the event log keeps that it was.

use anchor_lang::{Discriminator, prelude::*};

use crate::errors::CounterfoilError;
use crate::events::{Change, WriterRevoked, emit};
use crate::state::{Ledger, Writer};

/// The accounts of `revoke_writer`.
#[event_cpi]
#[derive(Accounts)]
pub struct RevokeWriter<'info> {
    /// The ledger's authority, which receives the grant's rent.
    #[account(mut)]
    pub authority: Signer<'info>,
    /// The ledger.
    #[account(mut)]
    pub ledger: AccountLoader<'info, Ledger>,
    /// The grant.
    #[account(mut, close = authority, constraint = writer.ledger == ledger.key() @ CounterfoilError::WrongWriter)]
    pub writer: Account<'info, Writer>,
}

pub(crate) fn handler(ctx: Context<RevokeWriter>) -> Result<()> {
    let accounts = &ctx.accounts;
    let clock = Clock::get()?;
    let mut ledger = accounts.ledger.load_mut()?;
    ledger.expect_authority(accounts.authority.key)?;

    let change = Change {
        ledger: accounts.ledger.as_ref().key,
        signer: accounts.authority.key,
        clock: &clock,
        first_index: ledger.size,
        root: ledger.root(),
    };
    let body: [&[u8]; 1] = [accounts.writer.wallet.as_ref()];
    emit(&mut ledger, &accounts.event_authority, WriterRevoked::DISCRIMINATOR, &change, &body, None)?;
    ledger.invariant()
}
