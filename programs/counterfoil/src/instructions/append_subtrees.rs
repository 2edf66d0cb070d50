//! `append_subtrees`: leaves go in by the hashes of their subtrees, so that a million fit one transaction. The chain
//! proves the hashes, not that the leaves exist.

use anchor_lang::{Discriminator, prelude::*};
use counterfoil_core::limits::{MAX_APPEND_SUBTREES, MAX_SUBTREE_LEVEL, permission};
use merkle_log::{Hash, subtrees};

use crate::errors::CounterfoilError;
use crate::events::{Change, SubtreesAppended, emit, length};
use crate::state::{Ledger, Writer, expect_permitted, tree_size};

/// The accounts of `append_subtrees`.
#[event_cpi]
#[derive(Accounts)]
pub struct AppendSubtrees<'info> {
    /// The authority, or a writer whose grant permits subtrees. That a ledger is open is not enough.
    pub appender: Signer<'info>,
    /// The ledger.
    #[account(mut)]
    pub ledger: AccountLoader<'info, Ledger>,
    /// The appender's grant; none for the authority.
    pub writer: Option<Account<'info, Writer>>,
}

pub(crate) fn handler(
    ctx: Context<AppendSubtrees>,
    expected_size: u64,
    leaves: u64,
    hashes: Vec<[u8; 32]>,
) -> Result<()> {
    let accounts = &ctx.accounts;
    let clock = Clock::get()?;
    let mut ledger = accounts.ledger.load_mut()?;
    validate(accounts, &ledger, &clock, expected_size)?;
    require!(leaves != 0, CounterfoilError::NoEntries);
    require!(hashes.len() <= MAX_APPEND_SUBTREES, CounterfoilError::AppendTooLarge);

    let first_index = ledger.size;
    let end = tree_size(first_index.checked_add(leaves).ok_or(CounterfoilError::LogFull)?)?;
    let mut unused = hashes.iter();
    // Size and count alone say which subtrees there are, so that there is one way to write each batch.
    for subtree in subtrees(tree_size(first_index)?, end, MAX_SUBTREE_LEVEL) {
        let hash = unused.next().ok_or(CounterfoilError::WrongSubtreeCount)?;
        ledger.append_subtree(subtree.level, &Hash(*hash))?;
    }
    require!(unused.next().is_none(), CounterfoilError::WrongSubtreeCount);
    ledger.leaves_by_subtree = ledger.leaves_by_subtree.checked_add(leaves).ok_or(CounterfoilError::LogFull)?;
    let root = ledger.write_head(&clock)?;

    let change = Change {
        ledger: accounts.ledger.as_ref().key,
        signer: accounts.appender.key,
        clock: &clock,
        first_index,
        root,
    };
    let body: [&[u8]; 2] = [&length(hashes.len()).to_le_bytes(), hashes.as_flattened()];
    emit(&mut ledger, &accounts.event_authority, SubtreesAppended::DISCRIMINATOR, &change, &body, None)?;
    ledger.invariant()
}

fn validate(accounts: &AppendSubtrees, ledger: &Ledger, clock: &Clock, expected_size: u64) -> Result<()> {
    ledger.expect_unsealed()?;
    ledger.expect_subtrees_allowed()?;
    ledger.expect_size(expected_size)?;
    let (address, appender) = (accounts.ledger.as_ref().key, accounts.appender.key);
    let writer = accounts.writer.as_ref();
    expect_permitted(ledger, address, appender, writer, permission::APPEND_SUBTREES, clock.unix_timestamp)
}
