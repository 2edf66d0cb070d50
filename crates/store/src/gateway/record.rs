//! Reading records, with what became of each.

use counterfoil_core::LedgerId;
use merkle_log::Hash;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::plan::Outcome;
use super::terms::{Form, Terms};
use crate::StoreError;
use crate::convert::{bytes, from_bigint};

/// A record, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    /// Its id.
    pub id: [u8; 16],
    /// The ledger.
    pub ledger: LedgerId,
    /// The request that it came with.
    pub request: [u8; 16],
    /// The key of the request's caller; empty without one.
    pub api_key: Vec<u8>,
    /// Its form.
    pub form: Form,
    /// Its media type.
    pub content_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
    /// The salt of its commitment.
    pub salt: [u8; 32],
    /// The commitment to its bytes.
    pub commitment: [u8; 32],
    /// When it was accepted, RFC 3339 in UTC.
    pub accepted_at: String,
    /// The terms of the request's promise.
    pub terms: Option<Terms>,
    /// Whether its place in the ledger's order is fixed.
    pub is_sealed: bool,
    /// The newest plan that has it: where it would stand, and how far that is.
    pub planned: Option<Planned>,
}

/// A record's place in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The index that it has, or is to get.
    pub index: u64,
    /// The slot in which the plan's transaction was confirmed.
    pub confirmed_slot: Option<u64>,
    /// The plan's outcome.
    pub outcome: Option<Outcome>,
    /// Whether the index has its entries.
    pub is_done: bool,
}

/// Reads a record by its id.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_record(connection: &mut PgConnection, id: [u8; 16]) -> Result<Option<RecordRow>, StoreError> {
    let row = sqlx::query!(
        r#"select record.id, ledger.address, record.request, request.api_key, record.form, record.content_type,
                  record.content, record.salt, record.commitment,
                  to_char(request.accepted_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "accepted_at!",
                  request.promise_from, request.promise_deadline, request.promise_root, request.promise_copies,
                  sealed.ordinal as "ordinal?", plan.first_ordinal as "first_ordinal?", plan.first_index as "first_index?",
                  plan.confirmed_slot as "confirmed_slot?", plan.outcome as "outcome?", plan.event_seq as "event_seq?",
                  plan.is_done as "is_done?"
           from gateway.record
           join gateway.ledger on ledger.id = record.ledger
           join gateway.request on request.id = record.request
           left join gateway.sealed on sealed.record = record.id
           left join lateral (
               select * from gateway.plan
               where plan.ledger = record.ledger and (plan.outcome is null or plan.outcome = 1)
                   and plan.first_ordinal <= sealed.ordinal
               order by plan.first_ordinal desc limit 1
           ) as plan on plan.first_ordinal + plan.records > sealed.ordinal
           where record.id = $1"#,
        Uuid::from_bytes(id),
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let table = "gateway.record";
    let terms = match (row.promise_from, row.promise_deadline, &row.promise_root, row.promise_copies) {
        (Some(from), Some(deadline), Some(root), Some(copies)) => Some(Terms {
            from: from_bigint(table, row.id, from)?,
            deadline,
            root: Hash(bytes(table, row.id, root)?),
            copies: copies.try_into().unwrap_or(0),
        }),
        _ => None,
    };
    let planned = match (row.ordinal, row.first_ordinal, row.first_index) {
        (Some(ordinal), Some(first_ordinal), Some(first_index)) => Some(Planned {
            index: from_bigint(table, row.id, first_index + (ordinal - first_ordinal))?,
            confirmed_slot: row.confirmed_slot.map(|slot| from_bigint(table, row.id, slot)).transpose()?,
            outcome: Outcome::read(row.id, row.outcome, row.event_seq)?,
            is_done: row.is_done.unwrap_or(false),
        }),
        _ => None,
    };
    Ok(Some(RecordRow {
        id: row.id.into_bytes(),
        ledger: LedgerId(bytes("gateway.ledger", row.id, &row.address)?),
        request: row.request.into_bytes(),
        api_key: row.api_key,
        form: Form::read(row.id, row.form)?,
        content_type: row.content_type,
        content: row.content,
        salt: bytes(table, row.id, &row.salt)?,
        commitment: bytes(table, row.id, &row.commitment)?,
        accepted_at: row.accepted_at,
        terms,
        is_sealed: row.ordinal.is_some(),
        planned,
    }))
}

/// The terms of a request and its records in their order; none where there is no such request. A request has the id of its
/// first record.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_request(
    connection: &mut PgConnection,
    request: [u8; 16],
) -> Result<Option<(Option<Terms>, Vec<RequestRecord>)>, StoreError> {
    let id = Uuid::from_bytes(request);
    let row = sqlx::query!(
        "select promise_from, promise_deadline, promise_root, promise_copies from gateway.request where id = $1",
        id
    );
    let Some(row) = row.fetch_optional(&mut *connection).await? else { return Ok(None) };
    let terms = match (row.promise_from, row.promise_deadline, &row.promise_root, row.promise_copies) {
        (Some(from), Some(deadline), Some(root), Some(copies)) => Some(Terms {
            from: from_bigint("gateway.request", id, from)?,
            deadline,
            root: Hash(bytes("gateway.request", id, root)?),
            copies: copies.try_into().unwrap_or(0),
        }),
        _ => None,
    };
    let rows = sqlx::query!(
        "select record.id, form, commitment from gateway.record, (
             select record.ledger, number, records from gateway.record join gateway.request using (id) where id = $1
         ) as first
         where record.ledger = first.ledger and record.number between first.number and first.number + first.records - 1
         order by record.number",
        id
    );
    let rows = rows.fetch_all(connection).await?;
    let records = rows.into_iter().map(|row| {
        Ok(RequestRecord {
            id: row.id.into_bytes(),
            form: Form::read(row.id, row.form)?,
            commitment: bytes("gateway.record", row.id, &row.commitment)?,
        })
    });
    Ok(Some((terms, records.collect::<Result<_, StoreError>>()?)))
}

/// A record of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// Its id.
    pub id: [u8; 16],
    /// Its form.
    pub form: Form,
    /// The commitment to its bytes.
    pub commitment: [u8; 32],
}
