//! `append`: entries go in whole; the program hashes each leaf itself.

use anchor_lang::{Discriminator, prelude::*};
use counterfoil_core::limits::{MAX_APPEND_BYTES, MAX_ENTRY_BYTES, ledger_flag, permission};
use merkle_log::hash_leaf;

use crate::errors::CounterfoilError;
use crate::events::{Change, EntriesAppended, emit};
use crate::state::{Ledger, Writer, expect_permitted};

/// The accounts of `append`.
#[event_cpi]
#[derive(Accounts)]
pub struct Append<'info> {
    /// The authority, a writer, or anybody where the ledger is open.
    pub appender: Signer<'info>,
    /// The ledger.
    #[account(mut)]
    pub ledger: AccountLoader<'info, Ledger>,
    /// The appender's grant; none for the authority and on an open ledger.
    pub writer: Option<Account<'info, Writer>>,
}

pub(crate) fn handler(ctx: Context<Append>, expected_size: Option<u64>, entries: Vec<Vec<u8>>) -> Result<()> {
    let accounts = &ctx.accounts;
    let clock = Clock::get()?;
    let mut ledger = accounts.ledger.load_mut()?;
    validate(accounts, &ledger, &clock, expected_size)?;

    let first_index = ledger.size;
    let mut bytes = 0_usize;
    require!(!entries.is_empty(), CounterfoilError::NoEntries);
    for entry in &entries {
        require!((1..=MAX_ENTRY_BYTES).contains(&entry.len()), CounterfoilError::EntryLength);
        bytes = bytes.saturating_add(entry.len());
        require!(bytes <= MAX_APPEND_BYTES, CounterfoilError::AppendTooLarge);
        ledger.append_leaf(&hash_leaf(entry))?;
    }
    let root = ledger.write_head(&clock)?;

    let change = Change {
        ledger: accounts.ledger.as_ref().key,
        signer: accounts.appender.key,
        clock: &clock,
        first_index,
        root,
    };
    emit(&mut ledger, &accounts.event_authority, EntriesAppended::DISCRIMINATOR, &change, &[], Some(&entries))?;
    ledger.invariant()
}

fn validate(accounts: &Append, ledger: &Ledger, clock: &Clock, expected_size: Option<u64>) -> Result<()> {
    ledger.expect_unsealed()?;
    if let Some(size) = expected_size {
        ledger.expect_size(size)?;
    }
    if ledger.flags & ledger_flag::OPEN != 0 {
        return Ok(());
    }
    let (address, appender) = (accounts.ledger.as_ref().key, accounts.appender.key);
    let writer = accounts.writer.as_ref();
    expect_permitted(ledger, address, appender, writer, permission::APPEND, clock.unix_timestamp)
}
