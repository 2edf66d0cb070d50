//! Table `subtree`: leaves that were appended by the hashes of their subtrees, and which of their entries are missing.

use std::ops::Range;

use counterfoil_core::LedgerId;
use merkle_log::{Hash, LeafIndex, Position};
use sqlx::PgConnection;

use crate::convert::{bytes, from_bigint, leaf_index, to_bigint};
use crate::{LedgerRow, StoreError};

/// A subtree that was appended by its hash, and of whose leaves the index has no entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingSubtree {
    /// Where it stands.
    pub position: Position,
    /// Its root, to which the entries must lead.
    pub root: Hash,
    /// The event that appended it.
    pub event_seq: LeafIndex,
}

impl MissingSubtree {
    /// The index of its first leaf.
    #[must_use]
    pub const fn first_index(&self) -> u64 {
        self.position.offset << self.position.level
    }

    /// How many leaves it has.
    #[must_use]
    pub const fn leaves(&self) -> u64 {
        1 << self.position.level
    }
}

/// A row of a subtree that was appended by its hash.
pub(crate) struct Row {
    pub(crate) level: i16,
    pub(crate) index: i64,
    pub(crate) root: Vec<u8>,
    pub(crate) event_seq: i64,
}

impl Row {
    pub(crate) fn read(&self, ledger: LedgerId) -> Result<MissingSubtree, StoreError> {
        let name = || format!("ledger {ledger}, {}/{}", self.level, self.index);
        Ok(MissingSubtree {
            position: position(ledger, self.level, self.index)?,
            root: Hash(bytes("subtree", name(), &self.root)?),
            event_seq: leaf_index("subtree", name(), self.event_seq)?,
        })
    }
}

/// A position as stored. Its first leaf is in range, so that nothing that is computed from it wraps.
pub(crate) fn position(ledger: LedgerId, level: i16, index: i64) -> Result<Position, StoreError> {
    let name = || format!("ledger {ledger}, {level}/{index}");
    let outside = || StoreError::corrupt("subtree", name(), "it is beyond the largest log");
    let level = u8::try_from(level).ok().filter(|level| *level < 48).ok_or_else(outside)?;
    let offset = from_bigint("subtree", name(), index)?;
    let end = offset.checked_add(1).and_then(|end| end.checked_mul(1 << level));
    end.filter(|end| *end <= merkle_log::MAX_TREE_SIZE).ok_or_else(outside)?;
    Ok(Position { level, offset })
}

/// Reads at most `limit` subtrees below the checked size whose entries are missing, in the order of the log, from the
/// first that begins at leaf `first` or after it.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_missing(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    first: u64,
    limit: u32,
) -> Result<Vec<MissingSubtree>, StoreError> {
    if ledger.missing == 0 {
        return Ok(Vec::new());
    }
    let checked = ledger.checked.map_or(0, |(head, _)| head.entries.size.get());
    // Entries come for a whole subtree in one transaction, so its first one stands for all.
    let rows = sqlx::query_as!(
        Row,
        "select level, index, root, event_seq from subtree
         where ledger = $1 and not is_tile and (index << level) >= $2 and (index << level) < $3
             and not exists (
                 select from entry where entry.ledger = $1 and entry.index = (subtree.index << subtree.level)
             )
         order by (index << level) limit $4",
        ledger.key,
        to_bigint("index", first)?,
        to_bigint("size", checked)?,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| row.read(ledger.ledger)).collect()
}

/// Reads the subtree that a leaf lies in, if the leaf was appended by that subtree's hash and the entries are missing.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_missing_at(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    index: u64,
) -> Result<Option<MissingSubtree>, StoreError> {
    let Some(first) = load_first_index_at_or_before(&mut *connection, ledger, index).await? else { return Ok(None) };
    let missing = load_missing(connection, ledger, first, 1).await?.pop();
    let covers = |missing: &MissingSubtree| {
        index.checked_sub(missing.first_index()).is_some_and(|offset| offset < missing.leaves())
    };
    Ok(missing.filter(covers))
}

async fn load_first_index_at_or_before(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    index: u64,
) -> Result<Option<u64>, StoreError> {
    let first = sqlx::query_scalar!(
        r#"select index << level as "first!" from subtree
           where ledger = $1 and not is_tile and (index << level) <= $2 order by (index << level) desc limit 1"#,
        ledger.key,
        to_bigint("index", index)?,
    )
    .fetch_optional(connection)
    .await?;
    first.map(|first| from_bigint("subtree", ledger.ledger, first)).transpose()
}

/// The index at which a page of at most `limit` entries ends that begins with `range`: after its last entry, or at the
/// end of the range when there are fewer.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_page_end(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    range: Range<u64>,
    limit: u32,
) -> Result<u64, StoreError> {
    let page = sqlx::query!(
        r#"select count(*) as "entries!", max(index) as last from (
               select index from entry where ledger = $1 and index >= $2 and index < $3 order by index limit $4
           ) as page"#,
        ledger.key,
        to_bigint("index", range.start)?,
        to_bigint("index", range.end)?,
        i64::from(limit),
    )
    .fetch_one(connection)
    .await?;
    match page.last.filter(|_| page.entries == i64::from(limit)) {
        Some(last) => Ok(leaf_index("entry", ledger.ledger, last)?.smallest_size().get()),
        None => Ok(range.end),
    }
}
