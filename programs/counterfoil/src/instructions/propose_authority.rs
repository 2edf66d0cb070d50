//! `propose_authority`: the authority passes in two steps, so that it cannot go to a key that no one holds.

use anchor_lang::{Discriminator, prelude::*};

use crate::events::{AuthorityProposed, Change, emit};
use crate::state::Ledger;

/// The accounts of `propose_authority`.
#[event_cpi]
#[derive(Accounts)]
pub struct ProposeAuthority<'info> {
    /// The ledger's authority.
    pub authority: Signer<'info>,
    /// The ledger.
    #[account(mut)]
    pub ledger: AccountLoader<'info, Ledger>,
}

pub(crate) fn handler(ctx: Context<ProposeAuthority>, pending_authority: Pubkey) -> Result<()> {
    let accounts = &ctx.accounts;
    let clock = Clock::get()?;
    let mut ledger = accounts.ledger.load_mut()?;
    ledger.expect_authority(accounts.authority.key)?;
    ledger.pending_authority = pending_authority;

    let change = Change {
        ledger: accounts.ledger.as_ref().key,
        signer: accounts.authority.key,
        clock: &clock,
        first_index: ledger.size,
        root: ledger.root(),
    };
    let body: [&[u8]; 1] = [pending_authority.as_ref()];
    emit(&mut ledger, &accounts.event_authority, AuthorityProposed::DISCRIMINATOR, &change, &body, None)?;
    ledger.invariant()
}
