//! `seal_ledger`: nothing is appended or granted any more. The expected size keeps an append that the authority has
//! not seen from being sealed in.

use anchor_lang::{Discriminator, prelude::*};
use counterfoil_core::limits::ledger_flag;

use crate::events::{Change, LedgerSealed, emit};
use crate::state::Ledger;

/// The accounts of `seal_ledger`.
#[event_cpi]
#[derive(Accounts)]
pub struct SealLedger<'info> {
    /// The ledger's authority.
    pub authority: Signer<'info>,
    /// The ledger.
    #[account(mut)]
    pub ledger: AccountLoader<'info, Ledger>,
}

pub(crate) fn handler(ctx: Context<SealLedger>, expected_size: u64) -> Result<()> {
    let accounts = &ctx.accounts;
    let clock = Clock::get()?;
    let mut ledger = accounts.ledger.load_mut()?;
    ledger.expect_authority(accounts.authority.key)?;
    ledger.expect_unsealed()?;
    ledger.expect_size(expected_size)?;
    ledger.flags |= ledger_flag::SEALED;

    let change = Change {
        ledger: accounts.ledger.as_ref().key,
        signer: accounts.authority.key,
        clock: &clock,
        first_index: ledger.size,
        root: ledger.root(),
    };
    emit(&mut ledger, &accounts.event_authority, LedgerSealed::DISCRIMINATOR, &change, &[], None)?;
    ledger.invariant()
}
