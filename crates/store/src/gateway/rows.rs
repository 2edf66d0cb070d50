//! New rows of the gateway's big tables: few of them by INSERT, many by COPY, for the reason that `write/rows.rs` gives.

use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::accept::{NewRecord, NewRequest};
use super::seal::Unsealed;
use crate::StoreError;
use crate::convert::to_bigint;
use crate::write::copy::Copy;
use crate::write::rows::INSERT_BYTES;

/// The bytes of a record's row but for its content.
const RECORD_BYTES: usize = 250;

/// Writes the records of requests, with the numbers of their ledgers.
pub(super) async fn write_records(
    connection: &mut PgConnection,
    requests: impl Iterator<Item = (&NewRequest, &i32)>,
) -> Result<(), StoreError> {
    let rows: Vec<([u8; 16], i32, &NewRecord)> = requests
        .flat_map(|(request, ledger)| request.records.iter().map(move |record| (request.id, *ledger, record)))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let times = rows.iter().map(|(_, _, record)| to_bigint("author's time", record.author_time_ms));
    let times = times.collect::<Result<Vec<_>, _>>()?;
    let bytes = rows.iter().map(|(_, _, record)| record.content.len().saturating_add(RECORD_BYTES)).sum();
    if bytes > INSERT_BYTES {
        let mut copy = Copy::new(11, bytes);
        for ((request, ledger, record), time) in rows.iter().zip(times) {
            copy.row()
                .bytea(&record.id)
                .integer(*ledger)
                .bytea(request)
                .smallint(record.form.number())
                .bytea(record.content_type.as_bytes())
                .bytea(&record.content)
                .bytea(&record.salt)
                .bytea(&record.commitment)
                .bytea(&record.stream)
                .optional(record.subject.as_ref().map(|subject| &subject[..]))
                .bigint(time);
        }
        let statement =
            "copy gateway.record (id, ledger, request, form, content_type, content, salt, commitment, stream, subject,
                                              author_time_ms)
                         from stdin (format binary)";
        return copy.send(connection, statement).await;
    }
    let column = |value: fn(&NewRecord) -> &[u8]| rows.iter().map(|(_, _, record)| value(record)).collect::<Vec<_>>();
    sqlx::query!(
        "insert into gateway.record (id, ledger, request, form, content_type, content, salt, commitment, stream, subject,
                                     author_time_ms)
         select * from unnest($1::uuid[], $2::integer[], $3::uuid[], $4::smallint[], $5::text[], $6::bytea[], $7::bytea[],
                              $8::bytea[], $9::bytea[], $10::bytea[], $11::bigint[])",
        &rows.iter().map(|(_, _, record)| Uuid::from_bytes(record.id)).collect::<Vec<_>>(),
        &rows.iter().map(|(_, ledger, _)| *ledger).collect::<Vec<_>>(),
        &rows.iter().map(|(request, _, _)| Uuid::from_bytes(*request)).collect::<Vec<_>>(),
        &rows.iter().map(|(_, _, record)| record.form.number()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, _, record)| record.content_type.as_str()).collect::<Vec<_>>() as &[&str],
        &column(|record| &record.content) as &[&[u8]],
        &column(|record| &record.salt) as &[&[u8]],
        &column(|record| &record.commitment) as &[&[u8]],
        &column(|record| &record.stream) as &[&[u8]],
        &rows.iter().map(|(_, _, record)| record.subject.as_ref().map(|subject| &subject[..])).collect::<Vec<_>>()
            as &[Option<&[u8]>],
        &times,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes the entries of records from ordinal `first` on.
pub(super) async fn write_sealed(
    connection: &mut PgConnection,
    ledger: i32,
    first: i64,
    records: &[Unsealed],
    entries: &[Vec<u8>],
) -> Result<(), StoreError> {
    let bytes = entries.iter().map(|entry| entry.len().saturating_add(50)).sum();
    if bytes > INSERT_BYTES {
        let mut copy = Copy::new(4, bytes);
        for (ordinal, (record, entry)) in (first..).zip(records.iter().zip(entries)) {
            copy.row().integer(ledger).bigint(ordinal).bytea(&record.id).bytea(entry);
        }
        let statement = "copy gateway.sealed (ledger, ordinal, record, entry) from stdin (format binary)";
        return copy.send(connection, statement).await;
    }
    sqlx::query!(
        "insert into gateway.sealed (ledger, ordinal, record, entry)
         select $1, $2 + at - 1, record, entry from unnest($3::uuid[], $4::bytea[]) with ordinality as rows (record, entry, at)",
        ledger,
        first,
        &records.iter().map(|record| Uuid::from_bytes(record.id)).collect::<Vec<_>>(),
        entries,
    )
    .execute(connection)
    .await?;
    Ok(())
}
