//! A hint that something happened: never a fact, so losing one costs a moment and nothing else.

use std::time::Duration;

use counterfoil_core::ProgramId;
use futures_util::StreamExt;
use solana_commitment_config::CommitmentConfig;
use solana_pubsub_client::nonblocking::pubsub_client::PubsubClient;
use solana_rpc_client_api::config::{RpcTransactionLogsConfig, RpcTransactionLogsFilter};
use tokio::sync::Notify;
use tokio::time::sleep;

const RECONNECT_AFTER: Duration = Duration::from_secs(2);

/// Wakes `wake` whenever a finalized transaction names the program, for ever; reconnects by itself.
///
/// `url` is a server's WebSocket URL. Not trusted: it can only cause a look that finds nothing.
pub async fn watch_program(url: &str, program: ProgramId, wake: &Notify) {
    loop {
        if let Ok(client) = PubsubClient::new(url).await {
            let filter = RpcTransactionLogsFilter::Mentions(vec![program.to_string()]);
            let config = RpcTransactionLogsConfig { commitment: Some(CommitmentConfig::finalized()) };
            if let Ok((mut logs, _unsubscribe)) = client.logs_subscribe(filter, config).await {
                while logs.next().await.is_some() {
                    wake.notify_one();
                }
            }
        }
        // What happened while we did not listen.
        wake.notify_one();
        sleep(RECONNECT_AFTER).await;
    }
}
