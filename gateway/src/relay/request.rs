//! The rows of one ledger as a request.

use std::collections::HashMap;

use counterfoil_core::LedgerId;
use counterfoil_outbox::{OutboxRow, Protection, Uuid};
use counterfoil_statement::{Commitment, NotARecordId, Record, RecordId};
use counterfoil_store::gateway::{NewRecord, NewRequest};
use sha2::{Digest, Sha256};

use super::fault::Fault;
use super::keys::Keys;
use super::record::new_record;
use crate::state::Gateway;

/// One request for rows of one ledger, at least one, with a promise that is kept or told as each other one is.
///
/// # Errors
/// [`Fault::Blocked`] where the ledger takes none, or one of the rows is not what the triggers write.
pub(super) async fn request(
    gateway: &Gateway,
    protections: &HashMap<Uuid, Protection>,
    keys: &Keys,
    rows: Vec<OutboxRow>,
) -> Result<NewRequest, Fault> {
    let ledger = ledger_of(&rows)?;
    let standing = gateway.ledgers.standing(ledger).await;
    let standing = standing.map_err(|problem| Fault::Blocked(format!("ledger {ledger}: {}", problem.detail)))?;
    gateway.ledgers.expect_moving(ledger, &standing).map_err(|problem| Fault::Blocked(problem.detail))?;
    let records = rows.into_iter().map(|row| new_record(gateway, ledger, protections, keys, row));
    let records = records.collect::<Result<Vec<NewRecord>, _>>()?;
    let promised: Result<Vec<Record>, _> = records
        .iter()
        .map(|record| Ok(Record { id: RecordId::new(record.id)?, commitment: Commitment(record.commitment) }))
        .collect();
    let promised = promised.map_err(|error: NotARecordId| Fault::Blocked(error.to_string()))?;
    let mut digest = Sha256::new();
    records.iter().for_each(|record| digest.update(record.id));
    let id = gateway.ids.next().map_err(|error| Fault::Blocked(format!("no random bytes: {error}")))?;
    Ok(NewRequest {
        id: *id.as_bytes(),
        ledger,
        api_key: Vec::new(),
        idempotency_key: None,
        quota: Default::default(),
        fingerprint: digest.finalize().into(),
        terms: standing.checked_size.and_then(|from| gateway.promiser.terms(from, &promised)),
        records,
    })
}

fn ledger_of(rows: &[OutboxRow]) -> Result<LedgerId, Fault> {
    let row = rows.first().ok_or_else(|| Fault::Blocked("a request has at least one row".to_owned()))?;
    row.ledger.parse().map_err(|error| {
        Fault::Blocked(format!("row {} of counterfoil.outbox names ledger {:?}: {error}", row.position, row.ledger))
    })
}
