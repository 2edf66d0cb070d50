//! Searches: the rows that satisfy a condition, in any order.
//!
//! Each row that is answered is verified to be in the checked tree, as everywhere. That none was left out is the
//! database's word: only whole ranges have a certificate.

use std::sync::Arc;

use counterfoil_core::LedgerId;
use counterfoil_store::{
    Column, Condition, EntryColumn, EventColumn, LedgerColumn, Log, Scope, Selection, Value, limit_statements,
    load_entries_at, load_selected_ledgers,
};

use super::plan::{Found, Keys, MAX_COUNT, Plan, Search, expect_small, expensive};
use crate::entries::{hash_row, join_events, verify_entries};
use crate::error::{MAX_PAGE, Place, ReadError};
use crate::events::{leaves_of, load_checked_events};
use crate::ledgers::load_frontiers;
use crate::reader::Reader;
use crate::snapshot::LedgerSnapshot;
use crate::tree::{Reading, verify_leaves};
use crate::{CheckedEvent, CheckedLedger, Entry};

/// Answers a page of the entries that satisfy a condition.
///
/// # Errors
/// [`ReadError`].
pub async fn find_entries(
    reader: &Reader,
    ledger: LedgerId,
    search: Search<EntryColumn>,
) -> Result<Found<Entry>, ReadError> {
    let _place = reader.begin_search().await?;
    let mut snapshot = LedgerSnapshot::open(reader, ledger).await?;
    let keys = find_leaves(&mut snapshot, Log::Entries, search, Vec::new(), read_index).await?;
    let indexes: Vec<u64> = keys.rows.iter().map(|(_, index)| *index).collect();
    let (connection, row) = snapshot.parts().await?;
    let rows = load_entries_at(connection, row, &indexes).await;
    let rows = rows.map_err(Place::Log(ledger, Log::Entries).store_error())?;
    let rows = rows.into_iter().map(|row| hash_row(ledger, row)).collect::<Result<_, _>>()?;
    let entries = join_events(&mut snapshot, rows).await?;
    verify_entries(&mut snapshot, &entries, None).await?;
    let found = entries.into_iter().map(|entry| (entry.index.get(), entry)).collect();
    keys.with(snapshot.head, found, |index| Place::Leaf(ledger, Log::Entries, *index))
}

/// Answers a page of the events that satisfy a condition.
///
/// # Errors
/// [`ReadError`].
pub async fn find_events(
    reader: &Reader,
    ledger: LedgerId,
    search: Search<EventColumn>,
) -> Result<Found<Arc<CheckedEvent>>, ReadError> {
    let _place = reader.begin_search().await?;
    let mut snapshot = LedgerSnapshot::open(reader, ledger).await?;
    let keys = find_leaves(&mut snapshot, Log::Events, search, Vec::new(), read_index).await?;
    let reading = Reading::new(&snapshot.head, Log::Events);
    let seqs = keys.rows.iter().map(|(_, seq)| reading.index(*seq)).collect::<Result<Vec<_>, _>>()?;
    let events = load_checked_events(&mut snapshot, seqs).await?;
    verify_leaves(&mut snapshot, &[], &leaves_of(&events), None).await?;
    let found = events.into_iter().map(|(seq, event)| (seq.get(), event)).collect();
    keys.with(snapshot.head, found, |seq| Place::Leaf(ledger, Log::Events, *seq))
}

/// Answers a page of the ledgers that satisfy a condition.
///
/// # Errors
/// [`ReadError`].
pub async fn find_ledgers(
    reader: &Reader,
    search: Search<LedgerColumn>,
) -> Result<Found<CheckedLedger, ()>, ReadError> {
    let _place = reader.begin_search().await?;
    let (mut snapshot, selection) = reader.snapshot_of_lists().await?;
    let scope = Scope::Ledgers(&selection);
    let plan = Plan::new(None, search, Vec::new())?;
    let rows = plan.find(&mut snapshot, scope, Place::Index, reader.search_time()).await?;
    let keys = plan.keys(rows, Place::Index, |values| match values {
        [Value::Bytes(address)] => address.as_slice().try_into().ok().map(LedgerId),
        _ => None,
    })?;
    let only = Selection { only: Some(keys.rows.iter().map(|(_, ledger)| *ledger).collect()), except: Vec::new() };
    let rows = load_selected_ledgers(&mut snapshot, &only, None, MAX_PAGE).await;
    let rows = rows.map_err(Place::Index.store_error())?;
    let ledgers = load_frontiers(reader, &mut snapshot, Place::Index, rows).await?;
    let found = ledgers.into_iter().map(|ledger| (ledger.row.ledger, ledger)).collect();
    keys.with((), found, |ledger| Place::Ledger(*ledger))
}

/// Counts the ledgers that satisfy a condition, up to [`MAX_COUNT`] and one more.
///
/// # Errors
/// [`ReadError`].
pub async fn count_ledgers(reader: &Reader, condition: &Condition<LedgerColumn>) -> Result<u64, ReadError> {
    expect_small(condition)?;
    let _place = reader.begin_search().await?;
    let (mut snapshot, selection) = reader.snapshot_of_lists().await?;
    let count = async {
        limit_statements(&mut snapshot, reader.search_time()).await?;
        let scope = Scope::Ledgers(&selection);
        counterfoil_store::count(&mut snapshot, scope, condition, MAX_COUNT.saturating_add(1)).await
    };
    count.await.map_err(expensive(Place::Index))
}

/// Counts what satisfies a condition, up to [`MAX_COUNT`] and one more.
///
/// # Errors
/// [`ReadError`].
pub async fn count_found<C: Column>(
    reader: &Reader,
    ledger: LedgerId,
    log: Log,
    condition: &Condition<C>,
) -> Result<u64, ReadError> {
    expect_small(condition)?;
    let _place = reader.begin_search().await?;
    let mut snapshot = LedgerSnapshot::open(reader, ledger).await?;
    let end = snapshot.tree_head(log).size.get();
    let (connection, row) = snapshot.parts().await?;
    let count = async {
        limit_statements(connection, reader.search_time()).await?;
        counterfoil_store::count(connection, Scope::Ledger(row, end), condition, MAX_COUNT.saturating_add(1)).await
    };
    count.await.map_err(expensive(Place::Log(ledger, log)))
}

/// Finds the keys of a page of a list of a ledger's, whose keys are leaves of one of its logs. `key` reads such a leaf, and
/// after it what was read besides.
pub(crate) async fn find_leaves<C: Column, K>(
    snapshot: &mut LedgerSnapshot,
    log: Log,
    search: Search<C>,
    also: Vec<C>,
    key: impl Fn(&[Value]) -> Option<K>,
) -> Result<Keys<K>, ReadError> {
    let plan = Plan::new(Some(snapshot.ledger()), search, also)?;
    let place = Place::Log(snapshot.ledger(), log);
    let end = snapshot.tree_head(log).size.get();
    let time = snapshot.search_time();
    let (connection, row) = snapshot.parts().await?;
    let rows = plan.find(connection, Scope::Ledger(row, end), place, time).await?;
    plan.keys(rows, place, key)
}

fn read_index(values: &[Value]) -> Option<u64> {
    match values {
        [Value::Number(index)] => u64::try_from(*index).ok(),
        _ => None,
    }
}
