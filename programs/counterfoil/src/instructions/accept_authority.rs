//! `accept_authority`: the second step: who was offered the authority takes it over.

use anchor_lang::{Discriminator, prelude::*};

use crate::errors::CounterfoilError;
use crate::events::{AuthorityAccepted, Change, emit};
use crate::state::Ledger;

/// The accounts of `accept_authority`.
#[event_cpi]
#[derive(Accounts)]
pub struct AcceptAuthority<'info> {
    /// The wallet to which the authority was offered.
    pub pending_authority: Signer<'info>,
    /// The ledger.
    #[account(mut)]
    pub ledger: AccountLoader<'info, Ledger>,
}

pub(crate) fn handler(ctx: Context<AcceptAuthority>) -> Result<()> {
    let accounts = &ctx.accounts;
    let clock = Clock::get()?;
    let mut ledger = accounts.ledger.load_mut()?;
    let accepting = accounts.pending_authority.key();
    // Zero stands for no wallet: that no signature of it can be made is not for this program to rely on.
    let is_offered = ledger.pending_authority == accepting && accepting != Pubkey::default();
    require!(is_offered, CounterfoilError::NotThePendingAuthority);
    let previous_authority = ledger.authority;
    ledger.authority = accepting;
    ledger.pending_authority = Pubkey::default();

    let change = Change {
        ledger: accounts.ledger.as_ref().key,
        signer: accounts.pending_authority.key,
        clock: &clock,
        first_index: ledger.size,
        root: ledger.root(),
    };
    let body: [&[u8]; 1] = [previous_authority.as_ref()];
    emit(&mut ledger, &accounts.event_authority, AuthorityAccepted::DISCRIMINATOR, &change, &body, None)?;
    ledger.invariant()
}
