//! Table `evidence`: the servers' accounts in comparisons.

use std::collections::BTreeMap;

use counterfoil_core::{LedgerHead, LedgerId};
use merkle_log::{Root, TreeHead};
use sqlx::PgConnection;

use crate::convert::{bytes, from_bigint, to_bigint, tree_size};
use crate::{LedgerRow, StoreError, load_ledger};

/// One server's account in a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The server's name for everybody: neither path nor credentials.
    pub server: String,
    /// The slot at which it was asked.
    pub slot: u64,
    /// The heads of its account.
    pub head: LedgerHead,
    /// Whether they are those that were rebuilt from the events.
    pub agrees: bool,
}

/// A kept account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The server's account.
    pub said: Said,
    /// Since when this server has agreed without interruption, RFC 3339 in UTC; none for an answer that did not.
    pub since: Option<String>,
    /// When the answer was compared first, RFC 3339 in UTC.
    pub observed_at: String,
}

/// Keeps what servers said. The same answer again, right after, is kept once.
///
/// # Errors
/// [`StoreError::UnknownLedger`], [`StoreError::Database`].
pub async fn keep_evidence(connection: &mut PgConnection, ledger: LedgerId, said: &[Said]) -> Result<(), StoreError> {
    // Of servers that share a name the last one counts: one statement writes a row once.
    let said: BTreeMap<&str, &Said> = said.iter().map(|said| (said.server.as_str(), said)).collect();
    if said.is_empty() {
        return Ok(());
    }
    let row = load_ledger(&mut *connection, ledger).await?;
    let number = |what, of: fn(&Said) -> u64| -> Result<Vec<i64>, StoreError> {
        said.values().map(|said| to_bigint(what, of(said))).collect()
    };
    let servers: Vec<String> = said.keys().map(|server| (*server).to_owned()).collect();
    let agree: Vec<bool> = said.values().map(|said| said.agrees).collect();
    let roots: Vec<Vec<u8>> = said.values().map(|said| said.head.entries.root.0.to_vec()).collect();
    let event_roots: Vec<Vec<u8>> = said.values().map(|said| said.head.events.root.0.to_vec()).collect();
    sqlx::query!(
        "insert into evidence (ledger, server, agrees, place, number, slot, event_seq, size, root, event_root, since)
         select $1, said.server, said.agrees,
                (coalesce(alike.place, -1) + 1) % case when said.agrees then 16 else 64 end,
                coalesce(before.number, -1) + 1, said.slot, said.event_seq, said.size, said.root, said.event_root,
                case when said.agrees then coalesce(before.since, now()) end
         from unnest($2::text[], $3::boolean[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[], $8::bytea[])
              as said (server, agrees, slot, event_seq, size, root, event_root)
         left join lateral (
             select * from evidence where ledger = $1 and server = said.server order by number desc limit 1
         ) as before on true
         left join lateral (
             select place from evidence where ledger = $1 and server = said.server and agrees = said.agrees
             order by number desc limit 1
         ) as alike on true
         where (before.agrees, before.event_seq, before.size, before.root, before.event_root)
             is distinct from (said.agrees, said.event_seq, said.size, said.root, said.event_root)
         on conflict (ledger, server, agrees, place) do update
         set number = excluded.number, slot = excluded.slot, event_seq = excluded.event_seq, size = excluded.size,
             root = excluded.root, event_root = excluded.event_root, since = excluded.since,
             observed_at = excluded.observed_at",
        row.key,
        &servers,
        &agree,
        &number("slot", |said| said.slot)?,
        &number("event", |said| said.head.events.size.get())?,
        &number("size", |said| said.head.entries.size.get())?,
        &roots,
        &event_roots,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Reads what is kept of a ledger, each server's newest answer first; at most `limit`.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_evidence(
    connection: &mut PgConnection,
    row: &LedgerRow,
    limit: u32,
) -> Result<Vec<Evidence>, StoreError> {
    let rows = sqlx::query!(
        r#"select server, agrees, slot, event_seq, size, root, event_root,
                  to_char(since at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since,
                  to_char(observed_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "observed_at!"
           from evidence where ledger = $1 order by server, number desc limit $2"#,
        row.key,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    let ledger = row.ledger;
    let head = |size, root: &[u8]| -> Result<TreeHead, StoreError> {
        Ok(TreeHead { size: tree_size("evidence", ledger, size)?, root: Root(bytes("evidence", ledger, root)?) })
    };
    let read = rows.into_iter().map(|row| {
        let (entries, events) = (head(row.size, &row.root)?, head(row.event_seq, &row.event_root)?);
        let said = Said {
            server: row.server,
            slot: from_bigint("evidence", ledger, row.slot)?,
            head: LedgerHead { ledger, entries, events },
            agrees: row.agrees,
        };
        Ok(Evidence { said, since: row.since, observed_at: row.observed_at })
    });
    read.collect()
}
