//! A wallet's grant to append to a ledger.

use anchor_lang::prelude::*;

use crate::errors::CounterfoilError;
use crate::state::Ledger;

/// A wallet's right to append to a ledger, and its end. Written by `grant_writer`, closed by `revoke_writer`.
#[account]
#[derive(Debug, InitSpace, PartialEq, Eq)]
pub struct Writer {
    /// The ledger.
    pub ledger: Pubkey,
    /// The wallet.
    pub wallet: Pubkey,
    /// Bits of `counterfoil_core::limits::permission`.
    pub permissions: u32,
    /// The first second, since 1970, in which the grant no longer holds; `i64::MAX` for never.
    pub expires_at: i64,
    /// The bump of the account's address.
    pub bump: u8,
}

/// Refuses unless `wallet` may do `permission` to the ledger at `now`, in seconds since 1970: as the authority, or by
/// its grant.
pub fn expect_permitted(
    ledger: &Ledger,
    address: &Pubkey,
    wallet: &Pubkey,
    writer: Option<&Account<Writer>>,
    permission: u32,
    now: i64,
) -> Result<()> {
    if ledger.authority == *wallet {
        return Ok(());
    }
    writer.ok_or(CounterfoilError::NotAWriter)?.expect(address, wallet, permission, now)
}

impl Writer {
    /// Refuses unless this grant lets `wallet` do `permission` to `ledger` at `now`, in seconds since 1970.
    pub fn expect(&self, ledger: &Pubkey, wallet: &Pubkey, permission: u32, now: i64) -> Result<()> {
        require!(self.ledger == *ledger && self.wallet == *wallet, CounterfoilError::WrongWriter);
        require!(self.permissions & permission == permission, CounterfoilError::PermissionMissing);
        require!(now < self.expires_at, CounterfoilError::WriterExpired);
        Ok(())
    }
}
