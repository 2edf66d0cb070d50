//! The archive: a second copy of the entries, which are not on the chain, read back as it is written.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_archive::{Archive, ArchiveError, BUNDLE_WIDTH};
use counterfoil_core::LedgerId;
use counterfoil_store::{StoreError, load_entries, load_ledger};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::ledgers::Ledgers;

const PAUSE: Duration = Duration::from_secs(5);
/// How many entries are read and written at a time.
const ENTRIES_PER_WRITE: u32 = 32 * BUNDLE_WIDTH as u32;

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<counterfoil_store::SqlError> for Fault {
    fn from(error: counterfoil_store::SqlError) -> Self {
        Self::Store(error.into())
    }
}

/// Archives the entries of all ledgers that this gateway plans for, as the index has them checked. It ends with the process.
pub(crate) async fn archive(archive: Archive, ledgers: Arc<Ledgers>) {
    let mut sizes = HashMap::new();
    let mut told = HashMap::new();
    loop {
        for ledger in ledgers.keys().into_keys().filter(|ledger| ledgers.is_planner(*ledger)) {
            match catch_up(&archive, &ledgers, ledger, &mut sizes).await {
                Ok(()) => drop(told.remove(&ledger)),
                Err(fault) => {
                    let words = fault.to_string();
                    if told.insert(ledger, words.clone()).as_deref() != Some(&words) {
                        warn!(ledger.id = %ledger, "ledger {ledger} is not archived: {words}");
                    }
                    // It may have written a part.
                    sizes.remove(&ledger);
                }
            }
        }
        sleep(PAUSE).await;
    }
}

async fn catch_up(
    archive: &Archive,
    ledgers: &Ledgers,
    ledger: LedgerId,
    sizes: &mut HashMap<LedgerId, u64>,
) -> Result<(), Fault> {
    let mut size = match sizes.get(&ledger) {
        Some(size) => *size,
        None => archive.size(ledger).await?,
    };
    let begun = size;
    loop {
        let row = load_ledger(&mut *ledgers.index.acquire().await?, ledger).await?;
        let checked = row.checked.map_or(0, |(head, _)| head.entries.size.get());
        if size >= checked {
            break;
        }
        let first = size / BUNDLE_WIDTH * BUNDLE_WIDTH;
        let rows = load_entries(&mut *ledgers.index.acquire().await?, &row, first, ENTRIES_PER_WRITE).await?;
        // Up to the first entry that is not there: it may be filled in later.
        let there = rows.into_iter().zip(first..checked).take_while(|(row, index)| row.index.get() == *index);
        let entries: Vec<Vec<u8>> = there.map(|(row, _)| row.payload).collect();
        let end = first + entries.len() as u64;
        if end <= size {
            break;
        }
        archive.write(ledger, first, &entries).await?;
        size = end;
    }
    sizes.insert(ledger, size);
    ledgers.metrics.set_archived(ledger, size);
    if size > begun {
        info!(ledger.id = %ledger, size, "archived ledger {ledger} to {size} entries");
    }
    Ok(())
}
