//! New rows of the gateway's big tables: few of them by INSERT, many by COPY, for the reason that `write/rows.rs` gives.

use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::request::{ACCEPT_LOCK, NewRecord, NewRequest};
use super::usage::Sums;
use crate::StoreError;
use crate::convert::to_bigint;
use crate::write::copy::Copy;
use crate::write::rows::INSERT_BYTES;

/// The bytes of a record's row but for its content.
const RECORD_BYTES: usize = 250;

/// The most bytes of records that INSERT writes: some ten thousand records.
const INSERTED_RECORD_BYTES: usize = 4 << 20;

/// Writes the records of requests, with the numbers of their ledgers, and adds to what their keys used. From here to its end the
/// transaction is the only one that does.
pub(super) async fn write_records(
    connection: &mut PgConnection,
    requests: &[(&NewRequest, i32)],
) -> Result<(), StoreError> {
    if requests.is_empty() {
        return Ok(());
    }
    let rows: Vec<([u8; 16], i32, &NewRecord)> = requests
        .iter()
        .flat_map(|(request, ledger)| request.records.iter().map(move |record| (request.id, *ledger, record)))
        .collect();
    let times = rows.iter().map(|(_, _, record)| to_bigint("author's time", record.author_time_ms));
    let times = times.collect::<Result<Vec<_>, _>>()?;
    let sums = Sums::of(requests)?;
    let bytes = rows.iter().map(|(_, _, record)| record.content.len().saturating_add(RECORD_BYTES)).sum();
    if bytes > INSERTED_RECORD_BYTES {
        sqlx::query_scalar!("select pg_advisory_xact_lock($1)", ACCEPT_LOCK).fetch_one(&mut *connection).await?;
        sums.add(&mut *connection).await?;
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
    // One statement, for each costs a round trip under the lock. Numbers are drawn row by row, once the lock is held.
    sqlx::query!(
        "with held as materialized (select pg_advisory_xact_lock($1)), used as (
             insert into gateway.usage as used (api_key, ledger, hour, records, bytes)
             select added.api_key, added.ledger, date_trunc('hour', now()), added.records, added.bytes
             from held, unnest($13::bytea[], $14::integer[], $15::bigint[], $16::bigint[])
                 as added (api_key, ledger, records, bytes)
             on conflict (api_key, ledger, hour) do update
             set records = used.records + excluded.records, bytes = used.bytes + excluded.bytes
         )
         insert into gateway.record (id, ledger, request, form, content_type, content, salt, commitment, stream, subject,
                                     author_time_ms)
         select id, ledger, request, form, content_type, content, salt, commitment, stream, subject, author_time_ms
         from held, unnest($2::uuid[], $3::integer[], $4::uuid[], $5::smallint[], $6::text[], $7::bytea[], $8::bytea[],
                           $9::bytea[], $10::bytea[], $11::bytea[], $12::bigint[]) with ordinality
             as rows (id, ledger, request, form, content_type, content, salt, commitment, stream, subject, author_time_ms, at)
         order by at",
        ACCEPT_LOCK,
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
        &sums.keys,
        &sums.ledgers,
        &sums.records,
        &sums.bytes,
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
    records: &[Uuid],
    entries: &[Vec<u8>],
) -> Result<(), StoreError> {
    let bytes = entries.iter().map(|entry| entry.len().saturating_add(50)).sum();
    if bytes > INSERT_BYTES {
        let mut copy = Copy::new(4, bytes);
        for (ordinal, (record, entry)) in (first..).zip(records.iter().zip(entries)) {
            copy.row().integer(ledger).bigint(ordinal).bytea(record.as_bytes()).bytea(entry);
        }
        let statement = "copy gateway.sealed (ledger, ordinal, record, entry) from stdin (format binary)";
        return copy.send(connection, statement).await;
    }
    sqlx::query!(
        "insert into gateway.sealed (ledger, ordinal, record, entry)
         select $1, $2 + at - 1, record, entry from unnest($3::uuid[], $4::bytea[]) with ordinality as rows (record, entry, at)",
        ledger,
        first,
        records,
        entries,
    )
    .execute(connection)
    .await?;
    Ok(())
}
