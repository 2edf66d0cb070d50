//! The relay: each row of the outbox in a user's database becomes a record, once, and gets its receipt there.
//!
//! How far an outbox is read stands in the gateway's database and moves in the transaction that accepts the records. The database of the
//! outbox is never waited for by those who write to it, and waits for nothing here.

mod fault;
mod identity;
mod keys;
mod receipts;
mod record;
mod request;
mod rows;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use counterfoil_client::with_causes;
use counterfoil_outbox::{Source, outbox_name};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use self::fault::Fault;
use self::identity::{Identity, identify};
use self::keys::Keys;
use self::waiting::Waiting;
use crate::state::Gateway;

/// How often the outbox is asked for more when it had none.
const POLL: Duration = Duration::from_millis(50);
/// How often receipts are written.
const RECEIPTS: Duration = Duration::from_millis(500);
/// How often rows that have their receipts are removed, and how many are at a time.
const SWEEP: Duration = Duration::from_secs(30);
const ROWS_PER_SWEEP: u64 = 10_000;
/// How long a relay that failed waits.
const PAUSE: Duration = Duration::from_secs(2);

/// Relays one outbox. It ends with the process.
pub(crate) async fn relay(gateway: Arc<Gateway>, url: String, keep_hours: Option<u32>) {
    let mut told = None;
    let outbox = outbox_name(&url);
    loop {
        gateway.ledgers.metrics.set_relay(&outbox, false);
        let Err(fault) = session(&gateway, &url, &outbox, keep_hours, &mut told).await;
        let words = with_causes(&fault);
        if told.as_ref() != Some(&words) {
            warn!("the outbox is not relayed, and its rows wait: {words}");
            told = Some(words);
        }
        sleep(PAUSE).await;
    }
}

/// Works on one connection until it fails.
async fn session(
    gateway: &Gateway,
    url: &str,
    outbox: &str,
    keep_hours: Option<u32>,
    told: &mut Option<String>,
) -> Result<std::convert::Infallible, Fault> {
    let mut source = Source::connect(url).await?;
    if !source.take_lock().await? {
        return Err(Fault::Blocked("another relay is at work on it".to_owned()));
    }
    let Identity { mut cursor, name } = identify(gateway, &mut source).await?;
    let mut keys = Keys::load(&mut source).await?;
    let mut waiting = Waiting::load(gateway, cursor.key).await?;
    info!("relaying the outbox of {name}");
    *told = None;
    gateway.ledgers.metrics.set_relay(outbox, true);
    let (mut next_receipts, mut next_sweep) = (Instant::now(), Instant::now());
    loop {
        let has_accepted = waiting.retry(gateway, &mut source, &keys, &cursor).await?;
        let has_read =
            rows::read(gateway, outbox, &mut source, &mut keys, &mut waiting, &mut cursor).await? || has_accepted;
        gateway.ledgers.metrics.set_relay_waiting(outbox, waiting.rows);
        if Instant::now() >= next_receipts {
            receipts::write(gateway, &mut source, cursor.key).await?;
            next_receipts = Instant::now() + RECEIPTS;
        }
        if let Some(hours) = keep_hours
            && Instant::now() >= next_sweep
        {
            // The rest of many is removed between rows, so that these do not wait.
            let is_more = source.forget(hours).await? >= ROWS_PER_SWEEP;
            next_sweep = Instant::now() + if is_more { RECEIPTS } else { SWEEP };
        }
        if !has_read {
            sleep_until(next_receipts.min(Instant::now() + POLL)).await;
        }
    }
}
