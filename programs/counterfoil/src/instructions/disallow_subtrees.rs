//! `disallow_subtrees`: from here on the chain sees every entry; the flag is never set again.

use anchor_lang::{Discriminator, prelude::*};
use counterfoil_core::limits::ledger_flag;

use crate::events::{Change, SubtreesDisallowed, emit};
use crate::state::Ledger;

/// The accounts of `disallow_subtrees`.
#[event_cpi]
#[derive(Accounts)]
pub struct DisallowSubtrees<'info> {
    /// The ledger's authority.
    pub authority: Signer<'info>,
    /// The ledger.
    #[account(mut)]
    pub ledger: AccountLoader<'info, Ledger>,
}

pub(crate) fn handler(ctx: Context<DisallowSubtrees>) -> Result<()> {
    let accounts = &ctx.accounts;
    let clock = Clock::get()?;
    let mut ledger = accounts.ledger.load_mut()?;
    ledger.expect_authority(accounts.authority.key)?;
    ledger.expect_unsealed()?;
    ledger.expect_subtrees_allowed()?;
    ledger.flags &= !ledger_flag::SUBTREES_ALLOWED;

    let change = Change {
        ledger: accounts.ledger.as_ref().key,
        signer: accounts.authority.key,
        clock: &clock,
        first_index: ledger.size,
        root: ledger.root(),
    };
    emit(&mut ledger, &accounts.event_authority, SubtreesDisallowed::DISCRIMINATOR, &change, &[], None)?;
    ledger.invariant()
}
