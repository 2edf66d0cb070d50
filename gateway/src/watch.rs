//! News that the operator must hear of: records that wait, promises that are over, wallets that run dry. And what is forgotten in time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use counterfoil_core::LedgerId;
use counterfoil_store::StoreError;
use counterfoil_store::gateway::{forget_idempotency_keys, forget_usage, load_backlog, load_overdue};
use jiff::Timestamp;
use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::ids::time_text;
use crate::ledgers::Ledgers;
use crate::payers::Spending;

const ROUND: Duration = Duration::from_secs(1);
/// How often servers are asked what wallets have.
const LOOK_AT_WALLETS: Duration = Duration::from_secs(5);
/// In one of how many rounds what is old is forgotten.
const ROUNDS_PER_SWEEP: u64 = 3_600;
/// For how many days the names of requests are kept at least.
pub(crate) const DAYS_OF_NAMES: u32 = 7;
const HOURS_A_YEAR: f64 = 365.25 * 24.0;

/// Looks again and again. It ends with the process.
pub(crate) async fn watch(ledgers: Arc<Ledgers>) {
    let mut told = HashMap::new();
    let mut round = 0_u64;
    loop {
        for (ledger, key) in ledgers.keys() {
            if let Err(error) = look(&ledgers, ledger, key, &mut told).await {
                warn!(ledger.id = %ledger, "what waits for ledger {ledger} is not known: {error}");
            }
        }
        if round % ROUNDS_PER_SWEEP == 1 {
            match sweep(&ledgers).await {
                Ok(0) => {}
                Ok(names) => info!(names, "forgot {names} names of requests older than {DAYS_OF_NAMES} days"),
                Err(error) => warn!("what is old is not forgotten: {error}"),
            }
        }
        round = round.wrapping_add(1);
        sleep(ROUND).await;
    }
}

/// Looks at the wallets again and again, apart from the rest: a server that hangs keeps no promise's end from being told.
pub(crate) async fn watch_wallets(ledgers: Arc<Ledgers>) {
    let mut spending = Spending::default();
    loop {
        let means = &ledgers.means;
        means.payers.look(&means.servers).await;
        means.payers.states().iter().for_each(|state| ledgers.metrics.set_payer(state));
        spending.note(ledgers.metrics.spent(), Instant::now());
        if let Some(an_hour) = spending.an_hour() {
            ledgers.metrics.set_year(an_hour * HOURS_A_YEAR / 1e9);
        }
        sleep(LOOK_AT_WALLETS).await;
    }
}

/// `told`: the newest deadline of each ledger that was told of.
async fn look(
    ledgers: &Ledgers,
    ledger: LedgerId,
    key: i32,
    told: &mut HashMap<LedgerId, i64>,
) -> Result<(), StoreError> {
    let mut connection = ledgers.gateway.acquire().await?;
    let backlog = load_backlog(&mut connection, key).await?;
    let (overdue, deadline) = load_overdue(&mut connection, key, Timestamp::now().as_second()).await?;
    drop(connection);
    ledgers.note_oldest(ledger, backlog.oldest.unwrap_or_default());
    ledgers.metrics.set_backlog(ledger, backlog.records, backlog.oldest, overdue);
    let Some(deadline) = deadline else {
        told.remove(&ledger);
        return Ok(());
    };
    if told.insert(ledger, deadline).is_none_or(|before| before < deadline) {
        error!(
            ledger.id = %ledger, records = overdue, deadline,
            "{overdue} records of ledger {ledger} were promised until {} and are not in the ledger: the promise is broken, and anyone who holds it can show \
             that",
            time_text(deadline)
        );
    }
    Ok(())
}

async fn sweep(ledgers: &Ledgers) -> Result<u64, StoreError> {
    let mut connection = ledgers.gateway.acquire().await?;
    forget_usage(&mut connection).await?;
    forget_idempotency_keys(&mut connection, DAYS_OF_NAMES).await
}
