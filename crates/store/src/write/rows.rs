//! New rows of the big tables: few of them by INSERT, many by COPY.
//!
//! sqlx sends a COPY's data and its end apart, and without `TCP_NODELAY`: what is small enough to be one segment is not
//! acknowledged for 40 ms, for which the end waits. An INSERT is one message, and no slower up to [`INSERT_BYTES`].

use merkle_log::FullTile;
use sqlx::PgConnection;

use crate::convert::to_bigint;
use crate::write::copy::Copy;
use crate::{Log, StoreError};

/// The most bytes of rows that INSERT writes; COPY writes larger batches. At 100 bytes an entry these are 1,500 rows.
pub(crate) const INSERT_BYTES: usize = 256 * 1024;

/// Rows of `event`, of one ledger.
#[derive(Default)]
pub(crate) struct EventRows<'a> {
    seqs: Vec<i64>,
    signatures: Vec<&'a [u8]>,
    leaf_hashes: Vec<&'a [u8]>,
    leaves: Vec<&'a [u8]>,
}

impl<'a> EventRows<'a> {
    pub(crate) fn push(&mut self, seq: i64, signature: &'a [u8; 64], leaf_hash: &'a [u8; 32], leaf: &'a [u8]) {
        self.seqs.push(seq);
        self.signatures.push(signature);
        self.leaf_hashes.push(leaf_hash);
        self.leaves.push(leaf);
    }

    pub(crate) async fn write(&self, connection: &mut PgConnection, ledger: i32) -> Result<(), StoreError> {
        let bytes = copied_bytes(&self.leaves, 136);
        if bytes > INSERT_BYTES {
            let mut copy = Copy::new(5, bytes);
            let hashes = self.signatures.iter().zip(&self.leaf_hashes);
            for ((seq, (signature, leaf_hash)), leaf) in self.seqs.iter().zip(hashes).zip(&self.leaves) {
                copy.row().integer(ledger).bigint(*seq).bytea(signature).bytea(leaf_hash).bytea(leaf);
            }
            let statement = "copy event (ledger, seq, signature, leaf_hash, leaf) from stdin (format binary)";
            return copy.send(connection, statement).await;
        }
        sqlx::query!(
            "insert into event (ledger, seq, signature, leaf_hash, leaf)
             select $1, * from unnest($2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[])",
            ledger,
            &self.seqs,
            &self.signatures as &[&[u8]],
            &self.leaf_hashes as &[&[u8]],
            &self.leaves as &[&[u8]],
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Rows of `entry`, of one ledger.
#[derive(Default)]
pub(crate) struct EntryRows<'a> {
    indexes: Vec<i64>,
    event_seqs: Vec<i64>,
    leaf_hashes: Vec<&'a [u8]>,
    payloads: Vec<&'a [u8]>,
}

impl<'a> EntryRows<'a> {
    pub(crate) fn push(&mut self, index: i64, event_seq: i64, leaf_hash: &'a [u8; 32], payload: &'a [u8]) {
        self.indexes.push(index);
        self.event_seqs.push(event_seq);
        self.leaf_hashes.push(leaf_hash);
        self.payloads.push(payload);
    }

    pub(crate) async fn write(&self, connection: &mut PgConnection, ledger: i32) -> Result<(), StoreError> {
        if self.indexes.is_empty() {
            return Ok(());
        }
        let bytes = copied_bytes(&self.payloads, 74);
        if bytes > INSERT_BYTES {
            let mut copy = Copy::new(5, bytes);
            let places = self.indexes.iter().zip(&self.event_seqs);
            for (((index, event_seq), leaf_hash), payload) in places.zip(&self.leaf_hashes).zip(&self.payloads) {
                copy.row().integer(ledger).bigint(*index).bigint(*event_seq).bytea(leaf_hash).bytea(payload);
            }
            let statement = "copy entry (ledger, index, event_seq, leaf_hash, payload) from stdin (format binary)";
            return copy.send(connection, statement).await;
        }
        sqlx::query!(
            "insert into entry (ledger, index, event_seq, leaf_hash, payload)
             select $1, * from unnest($2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[])",
            ledger,
            &self.indexes,
            &self.event_seqs,
            &self.leaf_hashes as &[&[u8]],
            &self.payloads as &[&[u8]],
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Rows of `subtree`, of one ledger.
#[derive(Default)]
pub(crate) struct SubtreeRows<'a> {
    levels: Vec<i16>,
    indexes: Vec<i64>,
    roots: Vec<&'a [u8]>,
    event_seqs: Vec<i64>,
    are_tiles: Vec<bool>,
}

impl<'a> SubtreeRows<'a> {
    pub(crate) fn push(&mut self, level: i16, index: i64, root: &'a [u8; 32], event_seq: i64, is_tile: bool) {
        self.levels.push(level);
        self.indexes.push(index);
        self.roots.push(root);
        self.event_seqs.push(event_seq);
        self.are_tiles.push(is_tile);
    }

    pub(crate) async fn write(&self, connection: &mut PgConnection, ledger: i32) -> Result<(), StoreError> {
        if self.levels.is_empty() {
            return Ok(());
        }
        let bytes = copied_bytes(&self.roots, 56);
        if bytes > INSERT_BYTES {
            let mut copy = Copy::new(6, bytes);
            let places = self.levels.iter().zip(&self.indexes).zip(&self.roots);
            for (((level, index), root), (event_seq, is_tile)) in
                places.zip(self.event_seqs.iter().zip(&self.are_tiles))
            {
                copy.row().integer(ledger).smallint(*level).bigint(*index).bytea(root);
                copy.bigint(*event_seq).boolean(*is_tile);
            }
            let statement = "copy subtree (ledger, level, index, root, event_seq, is_tile) from stdin (format binary)";
            return copy.send(connection, statement).await;
        }
        sqlx::query!(
            "insert into subtree (ledger, level, index, root, event_seq, is_tile)
             select $1, * from unnest($2::smallint[], $3::bigint[], $4::bytea[], $5::bigint[], $6::boolean[])",
            ledger,
            &self.levels,
            &self.indexes,
            &self.roots as &[&[u8]],
            &self.event_seqs,
            &self.are_tiles,
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Writes rows of `tile`, of one ledger.
pub(crate) async fn write_tiles(
    connection: &mut PgConnection,
    ledger: i32,
    tiles: &[(Log, &FullTile)],
) -> Result<(), StoreError> {
    if tiles.is_empty() {
        return Ok(());
    }
    let indexes = tiles.iter().map(|(_, tile)| to_bigint("tile", tile.index)).collect::<Result<Vec<_>, _>>()?;
    let bytes = tiles.len().saturating_mul(8_300);
    if bytes > INSERT_BYTES {
        let mut copy = Copy::new(6, bytes);
        for ((log, tile), index) in tiles.iter().zip(indexes) {
            copy.row().integer(ledger).smallint(log.number()).smallint(i16::from(tile.level)).bigint(index);
            let hashes: Vec<&[u8]> = tile.hashes.iter().map(|hash| hash.as_bytes().as_slice()).collect();
            copy.bytea(&tile.root.0).value(&hashes);
        }
        let statement = "copy tile (ledger, log, level, index, root, hashes) from stdin (format binary)";
        return copy.send(connection, statement).await;
    }
    let hashes = |tile: &FullTile| -> Vec<u8> { tile.hashes.iter().flat_map(|hash| *hash.as_bytes()).collect() };
    sqlx::query!(
        "insert into tile (ledger, log, level, index, root, hashes)
         select $1, * from unnest($2::smallint[], $3::smallint[], $4::bigint[], $5::bytea[], $6::bytea[])",
        ledger,
        &tiles.iter().map(|(log, _)| log.number()).collect::<Vec<_>>(),
        &tiles.iter().map(|(_, tile)| i16::from(tile.level)).collect::<Vec<_>>(),
        &indexes,
        &tiles.iter().map(|(_, tile)| &tile.root.0[..]).collect::<Vec<_>>() as &[&[u8]],
        &tiles.iter().map(|(_, tile)| hashes(tile)).collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The bytes that COPY takes for rows whose one column has these values, and whose others have `others` bytes in each row.
fn copied_bytes(values: &[&[u8]], others: usize) -> usize {
    values.iter().map(|value| value.len().saturating_add(others)).sum()
}
