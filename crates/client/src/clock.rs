//! The chain's clock, which events state.

use counterfoil_core::LedgerId;
use counterfoil_core::bytes::{Reader, Truncated};
use serde_json::json;
use solana_commitment_config::CommitmentConfig;
use solana_pubkey::Pubkey;

use crate::{ClientError, Rpc};

/// The account of the clock, and the owner of all such accounts.
const CLOCK: Pubkey = Pubkey::from_str_const("SysvarC1ock11111111111111111111111111111111");
const SYSVAR: Pubkey = Pubkey::from_str_const("Sysvar1111111111111111111111111111111111111");

/// The chain's clock as a server reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainTime {
    /// The slot of the answer.
    pub slot: u64,
    /// Seconds since 1970, as of a slot at or before it.
    pub unix_time: i64,
}

/// Fetches the chain's clock, finalized.
///
/// # Errors
/// [`ClientError::Rpc`], [`ClientError::Malformed`].
pub async fn fetch_time(rpc: &Rpc) -> Result<ChainTime, ClientError> {
    let (slot, account) = rpc.fetch_raw_account(CLOCK, CommitmentConfig::finalized()).await?;
    let data = account.filter(|(owner, _)| *owner == SYSVAR).map(|(_, data)| data);
    let time = data.and_then(|data| read_time(&data).ok());
    let unix_time = time.ok_or_else(|| rpc.malformed("getAccountInfo", "what is no clock"))?;
    Ok(ChainTime { slot, unix_time })
}

/// The newest finalized block of a server, and a ledger's size there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The block's height: a transaction that no block up to here may have, and that is not there, never lands.
    pub height: u64,
    /// The ledger's size in a block at or after it.
    pub size: u64,
}

/// Fetches the height of the newest finalized block, and the size that a ledger has there or later. Of nodes behind one address the one
/// that tells the size may be behind the one that tells the height: leave room for that.
///
/// # Errors
/// [`ClientError::Rpc`]; [`ClientError::Malformed`], also when the account is older than the block, so that nothing is known of
/// both; [`ClientError::NoLedger`] and others of [`Rpc::fetch_account`].
pub async fn fetch_settled(rpc: &Rpc, ledger: LedgerId) -> Result<Settled, ClientError> {
    let finalized = || json!([{ "commitment": "finalized" }]);
    let slot: u64 = rpc.call("getSlot", finalized()).await?;
    let height: u64 = rpc.call("getBlockHeight", finalized()).await?;
    let account = rpc.fetch_account(ledger).await?;
    if account.slot < slot {
        return Err(rpc.malformed("getSlot", "a slot that the ledger's account is older than"));
    }
    Ok(Settled { height, size: account.account.entries.size().get() })
}

/// Slot, the epoch's first second, epoch, the next leaders' epoch, second; 8 bytes each.
fn read_time(data: &[u8]) -> Result<i64, Truncated> {
    let mut reader = Reader::new(data);
    reader.take(32)?;
    reader.i64()
}

#[cfg(test)]
mod tests {
    use super::read_time;

    #[test]
    fn the_second_stands_last() {
        let data: Vec<u8> = [5_i64, 6, 7, 8, -9].iter().flat_map(|field| field.to_le_bytes()).collect();
        assert_eq!(read_time(&data), Ok(-9));
        assert!(read_time(&data[..39]).is_err());
    }
}
