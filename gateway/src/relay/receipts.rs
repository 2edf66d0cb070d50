//! Receipts of an outbox's records, written where its users look for them.

use std::collections::HashMap;

use counterfoil_core::LedgerId;
use counterfoil_outbox::{Receipt, Source};
use counterfoil_store::gateway::{LandedRecord, load_landed, load_receipt_ordinals, note_receipts};
use counterfoil_store::{load_event_of_leaf, load_ledger};
use merkle_log::LeafIndex;

use super::fault::Fault;
use crate::state::Gateway;

const RECORDS_PER_WRITE: u32 = 4_096;

/// Writes the receipts of all records that are in their ledgers.
pub(super) async fn write(gateway: &Gateway, source: &mut Source, relay: i32) -> Result<(), Fault> {
    let ledgers = load_receipt_ordinals(&mut *gateway.pool.acquire().await?, relay).await?;
    for (ledger, key, mut ordinal) in ledgers {
        loop {
            let mut connection = gateway.pool.acquire().await?;
            let (landed, next) = load_landed(&mut connection, relay, key, ordinal, RECORDS_PER_WRITE).await?;
            if next == ordinal {
                break;
            }
            source.write_receipts(&receipts(gateway, ledger, &landed).await?).await?;
            note_receipts(&mut connection, relay, key, next).await?;
            ordinal = next;
        }
    }
    Ok(())
}

async fn receipts(gateway: &Gateway, ledger: LedgerId, landed: &[LandedRecord]) -> Result<Vec<Receipt>, Fault> {
    let mut connection = gateway.ledgers.index.acquire().await?;
    let row = load_ledger(&mut connection, ledger).await?;
    let mut events = HashMap::new();
    let mut receipts = Vec::with_capacity(landed.len());
    for record in landed {
        let (slot, unix_time) = match events.get(&record.event_seq) {
            Some(found) => *found,
            None => {
                let index = LeafIndex::new(record.index).map_err(|error| Fault::Blocked(error.to_string()))?;
                let event = load_event_of_leaf(&mut connection, &row, index).await?;
                let event = event.ok_or_else(|| Fault::Blocked(format!("the index has no event for leaf {index}")))?;
                let found = (event.event.header.slot, event.event.header.unix_time);
                events.insert(record.event_seq, found);
                found
            }
        };
        receipts.push(Receipt {
            id: record.id,
            ledger: ledger.to_string(),
            index: record.index,
            slot,
            unix_time,
            leaf_hash: record.leaf.0,
        });
    }
    Ok(receipts)
}
