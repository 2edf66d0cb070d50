//! A wallet's right to append to a ledger, as a server reports it.

use counterfoil_core::bytes::Reader;
use counterfoil_core::limits::{ledger_flag, permission};
use counterfoil_core::{LedgerAccount, LedgerId, Wallet};
use solana_commitment_config::CommitmentConfig;

use crate::{ClientError, Rpc, address};

const WRITER_DISCRIMINATOR: [u8; 8] = [0x09, 0x5f, 0xf0, 0x86, 0xfd, 0xda, 0x43, 0xd3];

/// A wallet's right to append to a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// Whether it needs its grant: it is not the authority, and for entries the ledger is not open.
    pub by_grant: bool,
    /// Whether it may append entries.
    pub entries: bool,
    /// Whether it may append subtrees by their hashes.
    pub subtrees: bool,
    /// The first second, since 1970, in which the grant no longer holds.
    pub expires_at: i64,
}

/// Fetches a wallet's right to append to a ledger, whose account is given: a server's word, for an early refusal. The chain
/// decides.
///
/// # Errors
/// [`ClientError::Rpc`], [`ClientError::Malformed`].
pub async fn fetch_right(
    rpc: &Rpc,
    ledger: LedgerId,
    account: &LedgerAccount,
    wallet: Wallet,
) -> Result<Right, ClientError> {
    let takes_subtrees = account.flags & ledger_flag::SUBTREES_ALLOWED != 0;
    if account.authority == wallet {
        return Ok(Right { by_grant: false, entries: true, subtrees: takes_subtrees, expires_at: i64::MAX });
    }
    let address = address::writer(rpc.program(), ledger, wallet);
    let (_, grant) = rpc.fetch_raw_account(address, CommitmentConfig::confirmed()).await?;
    let owner_and_data = grant.filter(|(owner, _)| owner.to_bytes() == rpc.program().0);
    let grant = owner_and_data.and_then(|(_, data)| decode(&data, ledger, wallet));
    let is_open = account.flags & ledger_flag::OPEN != 0;
    let (permissions, expires_at) = grant.unwrap_or((0, i64::MAX));
    Ok(Right {
        by_grant: !is_open || permissions & permission::APPEND_SUBTREES != 0,
        entries: is_open || permissions & permission::APPEND != 0,
        subtrees: takes_subtrees && permissions & permission::APPEND_SUBTREES != 0,
        expires_at,
    })
}

/// Permissions and end of a grant. Source: docs/protocol.md, section 3.
fn decode(data: &[u8], ledger: LedgerId, wallet: Wallet) -> Option<(u32, i64)> {
    let mut reader = Reader::new(data);
    let is_writer = reader.array().ok()? == WRITER_DISCRIMINATOR;
    let is_this = is_writer && reader.array().ok()? == ledger.0 && reader.array().ok()? == wallet.0;
    let permissions = reader.u32().ok()?;
    let expires_at = reader.i64().ok()?;
    is_this.then_some((permissions, expires_at))
}
