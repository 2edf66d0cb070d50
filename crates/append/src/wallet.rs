//! A wallet's lamports.

use std::time::Duration;

use counterfoil_client::address::key;
use counterfoil_client::{ClientError, Rpc};
use counterfoil_core::Wallet;
use solana_commitment_config::CommitmentConfig;
use tokio::time::{Instant, sleep};

use crate::error::SendError;

/// How many lamports a SOL has.
pub const LAMPORTS_PER_SOL: u64 = 1_000_000_000;
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How long the airdrop may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many lamports a wallet has, as the cluster has confirmed it.
///
/// # Errors
/// [`ClientError::Rpc`].
pub async fn fetch_balance(rpc: &Rpc, wallet: Wallet) -> Result<u64, ClientError> {
    let response = rpc.client().get_balance_with_commitment(&key(wallet.0), CommitmentConfig::confirmed()).await;
    Ok(response.map_err(rpc.failed("getBalance"))?.value)
}

/// Asks the server to give a wallet lamports for nothing, which local and test clusters do, and waits until it has them.
/// Returns what it then has.
///
/// # Errors
/// [`SendError::Client`] when the server gives none; [`SendError::OutcomeUnknown`] when they do not come in a minute or so.
pub async fn request_airdrop(rpc: &Rpc, wallet: Wallet, lamports: u64) -> Result<u64, SendError> {
    let before = fetch_balance(rpc, wallet).await?;
    let signature = rpc.client().request_airdrop(&key(wallet.0), lamports).await;
    let signature = signature.map_err(rpc.failed("requestAirdrop"))?;
    let start = Instant::now();
    let mut reason = "the wallet has no more than before".to_owned();
    while start.elapsed() < PATIENCE {
        // The server has promised them: a failing look is no outcome.
        match fetch_balance(rpc, wallet).await {
            Ok(now) if now > before => return Ok(now),
            Ok(_) => {}
            Err(error) => reason = error.to_string(),
        }
        sleep(POLL_INTERVAL).await;
    }
    Err(SendError::OutcomeUnknown { signature: signature.to_string(), reason })
}
