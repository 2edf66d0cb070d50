//! What satisfies a condition, in any order.
//!
//! Each row that is answered is verified to be in the checked tree, as everywhere. That none was left out is the
//! database's word: only whole ranges have a certificate.

use std::sync::Arc;

use counterfoil_core::LedgerId;
use counterfoil_store::{
    Column, Condition, EntryColumn, EventColumn, LedgerColumn, Log, Scope, Selection, Value, limit_statements,
    load_entries_at, load_selected_ledgers,
};

use super::entries::{hash_row, join_events, verify_entries};
use super::error::{MAX_PAGE, Place, QueryError};
use super::events::{leaves_of, load_checked_events};
use super::ledgers::load_frontiers;
use super::moment::Moment;
use super::search::{Found, Keys, MAX_COUNT, MOST, Plan, Search, expect_small, expensive};
use super::tree::{Reading, verify_leaves};
use super::view::View;
use super::{CheckedEvent, CheckedLedger, Entry};

/// Answers a page of the entries that satisfy a condition.
///
/// # Errors
/// [`QueryError`].
pub async fn find_entries(
    view: &View,
    ledger: LedgerId,
    search: Search<EntryColumn>,
) -> Result<Found<Entry>, QueryError> {
    let _place = view.begin_search().await?;
    let mut moment = Moment::open(view, ledger).await?;
    let keys = find_leaves(&mut moment, Log::Entries, search, Vec::new(), read_index).await?;
    let indexes: Vec<u64> = keys.rows.iter().map(|(_, index)| *index).collect();
    let (connection, row) = moment.parts().await?;
    let rows = load_entries_at(connection, row, &indexes).await;
    let rows = rows.map_err(Place::Log(ledger, Log::Entries).store_error())?;
    let rows = rows.into_iter().map(|row| hash_row(ledger, row)).collect::<Result<_, _>>()?;
    let entries = join_events(&mut moment, rows).await?;
    verify_entries(&mut moment, &entries, None).await?;
    let found = entries.into_iter().map(|entry| (entry.index.get(), entry)).collect();
    keys.with(moment.head, found, |index| Place::Leaf(ledger, Log::Entries, *index))
}

/// Answers a page of the events that satisfy a condition.
///
/// # Errors
/// [`QueryError`].
pub async fn find_events(
    view: &View,
    ledger: LedgerId,
    search: Search<EventColumn>,
) -> Result<Found<Arc<CheckedEvent>>, QueryError> {
    let _place = view.begin_search().await?;
    let mut moment = Moment::open(view, ledger).await?;
    let keys = find_leaves(&mut moment, Log::Events, search, Vec::new(), read_index).await?;
    let reading = Reading::new(&moment.head, Log::Events);
    let seqs = keys.rows.iter().map(|(_, seq)| reading.index(*seq)).collect::<Result<Vec<_>, _>>()?;
    let events = load_checked_events(&mut moment, seqs).await?;
    verify_leaves(&mut moment, &[], &leaves_of(&events), None).await?;
    let found = events.into_iter().map(|(seq, event)| (seq.get(), event)).collect();
    keys.with(moment.head, found, |seq| Place::Leaf(ledger, Log::Events, *seq))
}

/// Answers a page of the ledgers that satisfy a condition.
///
/// # Errors
/// [`QueryError`].
pub async fn find_ledgers(view: &View, search: Search<LedgerColumn>) -> Result<Found<CheckedLedger, ()>, QueryError> {
    let _place = view.begin_search().await?;
    let (mut snapshot, selection) = view.moment_of_lists().await?;
    let scope = Scope::Ledgers(&selection);
    let plan = Plan::new(None, search, Vec::new())?;
    let rows = plan.find(&mut snapshot, scope, Place::Index).await?;
    let keys = plan.keys(rows, Place::Index, |values| match values {
        [Value::Bytes(address)] => address.as_slice().try_into().ok().map(LedgerId),
        _ => None,
    })?;
    let only = Selection { only: Some(keys.rows.iter().map(|(_, ledger)| *ledger).collect()), except: Vec::new() };
    let rows = load_selected_ledgers(&mut snapshot, &only, None, MAX_PAGE).await;
    let rows = rows.map_err(Place::Index.store_error())?;
    let ledgers = load_frontiers(view, &mut snapshot, Place::Index, rows).await?;
    let found = ledgers.into_iter().map(|ledger| (ledger.row.ledger, ledger)).collect();
    keys.with((), found, |ledger| Place::Ledger(*ledger))
}

/// Counts the ledgers that satisfy a condition, up to [`MAX_COUNT`] and one more.
///
/// # Errors
/// [`QueryError`].
pub async fn count_ledgers(view: &View, condition: &Condition<LedgerColumn>) -> Result<u64, QueryError> {
    expect_small(condition)?;
    let _place = view.begin_search().await?;
    let (mut snapshot, selection) = view.moment_of_lists().await?;
    let count = async {
        limit_statements(&mut snapshot, MOST).await?;
        let scope = Scope::Ledgers(&selection);
        counterfoil_store::count(&mut snapshot, scope, condition, MAX_COUNT.saturating_add(1)).await
    };
    count.await.map_err(expensive(Place::Index))
}

/// Counts what satisfies a condition, up to [`MAX_COUNT`] and one more.
///
/// # Errors
/// [`QueryError`].
pub async fn count_found<C: Column>(
    view: &View,
    ledger: LedgerId,
    log: Log,
    condition: &Condition<C>,
) -> Result<u64, QueryError> {
    expect_small(condition)?;
    let _place = view.begin_search().await?;
    let mut moment = Moment::open(view, ledger).await?;
    let end = moment.tree_head(log).size.get();
    let (connection, row) = moment.parts().await?;
    let count = async {
        limit_statements(connection, MOST).await?;
        counterfoil_store::count(connection, Scope::Ledger(row, end), condition, MAX_COUNT.saturating_add(1)).await
    };
    count.await.map_err(expensive(Place::Log(ledger, log)))
}

/// Finds the keys of a page of a list of a ledger's, whose keys are leaves of one of its logs. `key` reads such a leaf, and
/// after it what was read besides.
pub(super) async fn find_leaves<C: Column, K>(
    moment: &mut Moment,
    log: Log,
    search: Search<C>,
    also: Vec<C>,
    key: impl Fn(&[Value]) -> Option<K>,
) -> Result<Keys<K>, QueryError> {
    let plan = Plan::new(Some(moment.ledger()), search, also)?;
    let place = Place::Log(moment.ledger(), log);
    let end = moment.tree_head(log).size.get();
    let (connection, row) = moment.parts().await?;
    let rows = plan.find(connection, Scope::Ledger(row, end), place).await?;
    plan.keys(rows, place, key)
}

fn read_index(values: &[Value]) -> Option<u64> {
    match values {
        [Value::Number(index)] => u64::try_from(*index).ok(),
        _ => None,
    }
}
