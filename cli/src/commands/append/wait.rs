//! The wait of `append --wait`: until the entries are finalized, and the API can prove them.

use std::time::Duration;

use anyhow::bail;
use counterfoil_client::Rpc;
use counterfoil_core::LedgerId;
use counterfoil_service::note;
use tokio::time::sleep;

use crate::api::Api;
use crate::context::Options;

/// A server or an API that is behind is asked this often, and this many times.
const WAIT_INTERVAL: Duration = Duration::from_millis(500);
const WAIT_ATTEMPTS: u32 = 240;

/// Waits until entries up to `end` are finalized and the API can prove them.
pub(super) async fn wait_until_checked(options: &Options, rpc: &Rpc, ledger: LedgerId, end: u64) -> anyhow::Result<()> {
    let api = options.api()?;
    let mut last = String::new();
    for attempt in 0..WAIT_ATTEMPTS {
        if attempt > 0 {
            sleep(WAIT_INTERVAL).await;
        }
        let finalized = rpc.fetch_account(ledger).await.map(|at| at.account.entries.size().get());
        let checked = api.fetch_ledger(ledger).await.map(|row| row.checked.map_or(0, |checked| checked.head.size.0));
        match (finalized, checked) {
            (Ok(finalized), Ok(checked)) if finalized >= end && checked >= end => {
                note!("finalized, and {} proves them", api.name());
                return Ok(());
            }
            (Err(error), _) => last = error.to_string(),
            (Ok(finalized), Err(error)) if Api::is_behind(&error) => {
                last = format!("{finalized} of {end} entries are finalized, the API has none of them checked yet");
            }
            (Ok(finalized), Err(error)) => last = format!("{finalized} of {end} entries are finalized; {error:#}"),
            (Ok(finalized), Ok(checked)) => {
                last = format!("{finalized} of {end} entries are finalized, the API has {checked} checked");
            }
        }
        if attempt % 20 == 19 {
            note!("waiting up to {} s more: {last}", (WAIT_ATTEMPTS - attempt) / 2);
        }
    }
    bail!("the entries are appended, and not yet finalized and checked: {last}")
}
