//! Looks at the ledgers that are followed, where the database may not tell of changes: a standby cannot, and a pooler may keep it.
//!
//! All of them are looked at once a second with one statement, so that no change is told later than that. A hint from elsewhere
//! that one of them moved is the reason for an earlier look, and for no belief: followers are woken by what a look finds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::{PgPool, Selection, StoreError, load_selected_ledgers};
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::{info, warn};

use super::ears::Ears;

/// The longest time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// The shortest, however many hints come. A standby is behind its primary, so that the first look after a hint may be too early: the
/// next ones follow after twice the time each.
const LEAST_INTERVAL: Duration = Duration::from_millis(25);
/// How many ledgers one statement reads.
const LEDGERS: u32 = 1_000;

/// Takes hints that ledgers may have moved. Anyone can give any: false ones cost a look each, 40 a second at most for all of them.
#[derive(Clone)]
pub struct Hints {
    pub(super) ears: Ears,
    pub(super) called: Arc<Notify>,
}

impl Hints {
    /// A ledger may have moved. One that no one follows is not looked at.
    pub fn hint(&self, ledger: LedgerId) {
        if self.ears.is_waited_for(ledger) {
            self.called.notify_one();
        }
    }
}

/// The part of a ledger's row that followers are told of; none where the index does not have it.
type Seen = Option<(Option<(LedgerHead, u64)>, bool, u64)>;

/// Ends with the pool.
pub(super) async fn look(pool: PgPool, ears: Ears, called: Arc<Notify>) {
    let mut seen: HashMap<LedgerId, Seen> = HashMap::new();
    let (mut pause, mut is_told) = (INTERVAL, false);
    loop {
        tokio::select! {
            () = called.notified() => pause = LEAST_INTERVAL,
            () = sleep(pause) => pause = pause.saturating_mul(2).min(INTERVAL),
            () = pool.close_event() => return,
        }
        match look_once(&pool, &ears, &mut seen).await {
            Ok(is_moved) => {
                if is_moved {
                    pause = INTERVAL;
                }
                if std::mem::take(&mut is_told) {
                    info!("followed ledgers are looked at again");
                }
            }
            Err(_) if pool.is_closed() => return,
            Err(error) => {
                pause = INTERVAL;
                if !std::mem::replace(&mut is_told, true) {
                    warn!("cannot look at the ledgers that are followed, trying again: {error}");
                }
            }
        }
        sleep(LEAST_INTERVAL).await;
    }
}

/// Wakes the followers of ledgers that moved, or that were not looked at before; whether there are any.
async fn look_once(pool: &PgPool, ears: &Ears, seen: &mut HashMap<LedgerId, Seen>) -> Result<bool, StoreError> {
    let followed = ears.waited_for();
    if followed.is_empty() {
        seen.clear();
        return Ok(true);
    }
    let mut now: HashMap<LedgerId, Seen> = followed.iter().map(|ledger| (*ledger, None)).collect();
    let mut connection = pool.acquire().await?;
    for ledgers in followed.chunks(LEDGERS as usize) {
        let selection = Selection { only: Some(ledgers.to_vec()), except: Vec::new() };
        for row in load_selected_ledgers(&mut connection, &selection, None, LEDGERS).await? {
            now.insert(row.ledger, Some((row.checked, row.halt.is_some(), row.missing)));
        }
    }
    drop(connection);
    let moved: Vec<LedgerId> = followed.into_iter().filter(|ledger| seen.get(ledger) != now.get(ledger)).collect();
    moved.iter().for_each(|ledger| ears.tell(*ledger));
    *seen = now;
    Ok(!moved.is_empty())
}
