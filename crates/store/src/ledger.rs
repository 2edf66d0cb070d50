//! Tables `ledger` and `cursor`: which ledgers there are, and how far each is.

use counterfoil_core::{LedgerHead, LedgerId};
use merkle_log::{Root, TreeHead, TreeSize};
use sqlx::PgConnection;

use crate::StoreError;
use crate::convert::{bytes, from_bigint, tree_size};

/// A selection of ledgers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// These alone; all when absent.
    pub only: Option<Vec<LedgerId>>,
    /// And none of these.
    pub except: Vec<LedgerId>,
}

/// A ledger's halt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// When the ledger was halted, RFC 3339 in UTC.
    pub since: String,
    /// The reason, with both heads.
    pub reason: String,
}

/// A ledger's row, with how far it is.
#[derive(Clone, Debug)]
pub struct LedgerRow {
    /// The number that stands for the ledger in the big tables.
    pub(crate) key: i32,
    /// The ledger.
    pub ledger: LedgerId,
    /// Leaves of the log that were recomputed from events.
    pub applied_size: TreeSize,
    /// Events that were recomputed.
    pub applied_event_seq: TreeSize,
    /// The newest heads that equalled the account's, and the slot at which the account was read; none yet when the
    /// ledger was never compared. Proofs end here.
    pub checked: Option<(LedgerHead, u64)>,
    /// Of the leaves below the checked size, how many entries are not in the index: they were appended by the hashes of
    /// subtrees, and were not filled in.
    pub missing: u64,
    /// Whether anything was ever appended by the hash of a subtree.
    pub(crate) has_subtrees: bool,
    /// Set when the ledger must not go on.
    pub halt: Option<Halt>,
}

struct Row {
    id: i32,
    address: Vec<u8>,
    event_seq: i64,
    size: i64,
    checked_event_seq: i64,
    checked_size: i64,
    checked_root: Option<Vec<u8>>,
    checked_event_root: Option<Vec<u8>>,
    checked_slot: Option<i64>,
    missing: i64,
    has_subtrees: bool,
    halt_since: Option<String>,
    halt_reason: Option<String>,
}

impl TryFrom<Row> for LedgerRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let ledger = LedgerId(bytes("ledger", row.id, &row.address)?);
        let head = |size, root: &[u8]| -> Result<TreeHead, StoreError> {
            Ok(TreeHead { size: tree_size("cursor", ledger, size)?, root: Root(bytes("cursor", ledger, root)?) })
        };
        let checked = match (&row.checked_root, &row.checked_event_root, row.checked_slot) {
            (Some(root), Some(event_root), Some(slot)) => {
                let entries = head(row.checked_size, root)?;
                let events = head(row.checked_event_seq, event_root)?;
                Some((LedgerHead { ledger, entries, events }, from_bigint("cursor", ledger, slot)?))
            }
            _ => None,
        };
        let halt = row.halt_reason.zip(row.halt_since).map(|(reason, since)| Halt { since, reason });
        Ok(Self {
            key: row.id,
            ledger,
            applied_size: tree_size("cursor", ledger, row.size)?,
            applied_event_seq: tree_size("cursor", ledger, row.event_seq)?,
            checked,
            missing: from_bigint("cursor", ledger, row.missing)?,
            has_subtrees: row.has_subtrees,
            halt,
        })
    }
}

/// Makes the ledger known, if it is not yet.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn add_ledger(connection: &mut PgConnection, ledger: LedgerId) -> Result<(), StoreError> {
    // One statement, so that each ledger has its cursor.
    sqlx::query!(
        "with added as (
             insert into ledger (address) select $1 where not exists (select from ledger where address = $1)
             returning id
         )
         insert into cursor (ledger) select id from added",
        &ledger.0[..],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Reads one ledger.
///
/// # Errors
/// [`StoreError::UnknownLedger`], [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_ledger(connection: &mut PgConnection, ledger: LedgerId) -> Result<LedgerRow, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, address, event_seq, size, checked_event_seq, checked_size, checked_root, checked_event_root,
                  checked_slot, missing,
                  exists (select from subtree where subtree.ledger = ledger.id) as "has_subtrees!",
                  to_char(since at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as halt_since,
                  reason as "halt_reason?"
           from ledger join cursor on cursor.ledger = ledger.id left join halt on halt.ledger = ledger.id
           where address = $1"#,
        &ledger.0[..],
    )
    .fetch_optional(connection)
    .await?;
    row.ok_or(StoreError::UnknownLedger(ledger))?.try_into()
}

/// Reads at most `limit` ledgers in the order of their addresses, those after `after`.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_ledgers(
    connection: &mut PgConnection,
    after: Option<LedgerId>,
    limit: u32,
) -> Result<Vec<LedgerRow>, StoreError> {
    load_selected_ledgers(connection, &Selection::default(), after, limit).await
}

/// As [`load_ledgers`], of a selection.
///
/// # Errors
/// As [`load_ledgers`].
pub async fn load_selected_ledgers(
    connection: &mut PgConnection,
    selection: &Selection,
    after: Option<LedgerId>,
    limit: u32,
) -> Result<Vec<LedgerRow>, StoreError> {
    let addresses = |ledgers: &[LedgerId]| -> Vec<Vec<u8>> { ledgers.iter().map(|ledger| ledger.0.to_vec()).collect() };
    let (only, except) = (selection.only.as_deref().map(addresses), addresses(&selection.except));
    let rows = sqlx::query_as!(
        Row,
        r#"select id, address, event_seq, size, checked_event_seq, checked_size, checked_root, checked_event_root,
                  checked_slot, missing,
                  exists (select from subtree where subtree.ledger = ledger.id) as "has_subtrees!",
                  to_char(since at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as halt_since,
                  reason as "halt_reason?"
           from ledger join cursor on cursor.ledger = ledger.id left join halt on halt.ledger = ledger.id
           where ($1::bytea is null or address > $1) and ($3::bytea[] is null or address = any($3))
               and address <> all($4)
           order by address limit $2"#,
        after.as_ref().map(|ledger| &ledger.0[..]),
        i64::from(limit),
        only.as_deref(),
        &except,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(LedgerRow::try_from).collect()
}
