//! What satisfies a condition, in any order.
//!
//! Each row that is answered is verified to be in the checked tree, as everywhere. That none was left out is the
//! database's word: only whole ranges have a certificate.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::{
    Column, Condition, Direction, EntryColumn, EventColumn, Find, LedgerColumn, Log, PgConnection, Scope, Selection,
    StoreError, Value, find, limit_statements, load_entries_at, load_selected_ledgers,
};
use sha2::{Digest, Sha256};

use super::entries::{hash_row, join_events, verify_entries};
use super::error::{Difference, MAX_CONDITIONS, MAX_FILTER_DEPTH, MAX_PAGE, Place, QueryError};
use super::events::{leaves_of, load_checked_events};
use super::ledgers::load_frontiers;
use super::moment::Moment;
use super::page::page_limit;
use super::tree::{Reading, verify_leaves};
use super::view::View;
use super::{CheckedEvent, CheckedLedger, Entry};

/// How long the database may look.
const MOST: Duration = Duration::from_secs(3);
/// How far found rows are counted.
pub const MAX_COUNT: u32 = 10_000;

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Search<C> {
    /// What a row must satisfy.
    pub condition: Condition<C>,
    /// In which order; what is equal there is in the log's.
    pub order: Vec<(C, Direction)>,
    /// As Relay's connections ask: at most so many from the beginning; not with `last`.
    pub first: Option<u64>,
    /// Only rows after this cursor.
    pub after: Option<String>,
    /// At most so many, from the end.
    pub last: Option<u64>,
    /// Only rows before this cursor.
    pub before: Option<String>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Found<T, H = LedgerHead> {
    /// The checked heads at which it was looked for, where that was one ledger.
    pub head: H,
    /// The rows, each with its cursor.
    pub items: Vec<(String, T)>,
    /// Whether there are more before these.
    pub has_previous: bool,
    /// Whether there are more after these.
    pub has_next: bool,
}

/// Answers a page of the entries that satisfy a condition.
///
/// # Errors
/// [`QueryError`].
pub async fn find_entries(
    view: &View,
    ledger: LedgerId,
    search: Search<EntryColumn>,
) -> Result<Found<Entry>, QueryError> {
    let mut moment = Moment::open(view, ledger).await?;
    let keys = find_leaves(&mut moment, Log::Entries, search).await?;
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
    let mut moment = Moment::open(view, ledger).await?;
    let keys = find_leaves(&mut moment, Log::Events, search).await?;
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
    let (mut snapshot, selection) = view.moment_of_lists().await?;
    let scope = Scope::Ledgers(&selection);
    let keys = find_keys(&mut snapshot, scope, Place::Index, b"ledgers", search, |value| match value {
        Value::Bytes(address) => address.as_slice().try_into().ok().map(LedgerId),
        Value::Number(_) => None,
    });
    let keys = keys.await?;
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
    let mut moment = Moment::open(view, ledger).await?;
    let end = moment.tree_head(log).size.get();
    let (connection, row) = moment.parts().await?;
    let count = async {
        limit_statements(connection, MOST).await?;
        counterfoil_store::count(connection, Scope::Ledger(row, end), condition, MAX_COUNT.saturating_add(1)).await
    };
    count.await.map_err(expensive(Place::Log(ledger, log)))
}

/// For `map_err`: a search that was given up is not the database's failure.
pub(super) fn expensive(place: Place) -> impl Fn(StoreError) -> QueryError {
    move |error| match error {
        error if error.is_statement_timeout() => QueryError::TooExpensive { limit_ms: MOST.as_millis() },
        error => place.store_error()(error),
    }
}

/// Gives the statements of a search their time.
pub(super) async fn limit(moment: &mut Moment) -> Result<(), QueryError> {
    let place = Place::Ledger(moment.ledger());
    limit_statements(moment.parts().await?.0, MOST).await.map_err(place.store_error())
}

/// Refuses a filter with more conditions than [`MAX_CONDITIONS`], or deeper than [`MAX_FILTER_DEPTH`].
///
/// A filter is a [`Condition::All`]. Whatever compares counts one, and so do each value of a list and each filter within
/// a filter: what one filter costs the database is bounded by it.
pub(super) fn expect_small<C>(condition: &Condition<C>) -> Result<(), QueryError> {
    fn count<C>(condition: &Condition<C>, depth: usize) -> Option<usize> {
        let sum = |parts: &[Condition<C>], depth: usize| {
            parts.iter().try_fold(0_usize, |sum, part| sum.checked_add(count(part, depth)?))
        };
        match condition {
            Condition::All(parts) => sum(parts, depth.checked_sub(1)?)?.checked_add(1),
            Condition::Any(parts) => sum(parts, depth),
            Condition::Not(part) => count(part, depth),
            Condition::In(_, values) => Some(values.len().max(1)),
            Condition::Compare(..) | Condition::StartsWith(..) => Some(1),
        }
    }
    // The outermost filter is within none.
    let most = MAX_CONDITIONS.saturating_add(1);
    count(condition, MAX_FILTER_DEPTH).filter(|count| *count <= most).map(|_| ()).ok_or(QueryError::FilterTooLarge)
}

/// The keys of a page, in its order, with their cursors.
struct Keys<K> {
    rows: Vec<(String, K)>,
    has_previous: bool,
    has_next: bool,
}

impl<K: Ord> Keys<K> {
    fn with<T, H>(
        self,
        head: H,
        mut found: BTreeMap<K, T>,
        place: impl Fn(&K) -> Place,
    ) -> Result<Found<T, H>, QueryError> {
        let items = self.rows.into_iter().map(|(cursor, key)| {
            let item = found.remove(&key);
            Ok((cursor, item.ok_or_else(|| place(&key).corrupt(Difference::Missing))?))
        });
        let items = items.collect::<Result<_, QueryError>>()?;
        Ok(Found { head, items, has_previous: self.has_previous, has_next: self.has_next })
    }
}

/// Finds the keys of a page of one of a ledger's logs.
async fn find_leaves<C: Column>(moment: &mut Moment, log: Log, search: Search<C>) -> Result<Keys<u64>, QueryError> {
    let ledger = moment.ledger();
    let name = [&ledger.0[..], &[u8::from(log == Log::Events)]].concat();
    let place = Place::Log(ledger, log);
    let end = moment.tree_head(log).size.get();
    let (connection, row) = moment.parts().await?;
    find_keys(connection, Scope::Ledger(row, end), place, &name, search, |value| match value {
        Value::Number(number) => u64::try_from(*number).ok(),
        Value::Bytes(_) => None,
    })
    .await
}

/// Finds the keys of a page of the list of this name.
async fn find_keys<C: Column, K>(
    connection: &mut PgConnection,
    scope: Scope<'_>,
    place: Place,
    name: &[u8],
    search: Search<C>,
    key: impl Fn(&Value) -> Option<K>,
) -> Result<Keys<K>, QueryError> {
    expect_small(&search.condition)?;
    let order = whole_order(search.order);
    let list = ListName::new(name, &order);
    let is_backwards = search.last.is_some() || search.before.is_some();
    if is_backwards && (search.first.is_some() || search.after.is_some()) {
        return Err(QueryError::BothEnds);
    }
    let (asked, beyond) = if is_backwards { (search.last, search.before) } else { (search.first, search.after) };
    let limit = page_limit(asked)?;
    let wanted = Find {
        condition: search.condition,
        order: if is_backwards { order.iter().map(|(column, way)| (*column, reverse(*way))).collect() } else { order },
        after: beyond.as_deref().map(|cursor| list.parse(cursor)).transpose()?,
        // One more than wanted shows whether there are more.
        limit: limit.saturating_add(1),
    };
    let found = async {
        limit_statements(&mut *connection, MOST).await?;
        find(connection, scope, &wanted).await
    };
    let mut rows = found.await.map_err(expensive(place))?;
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    if is_backwards {
        rows.reverse();
    }
    let has_beyond = wanted.after.is_some();
    let (has_previous, has_next) = if is_backwards { (has_more, has_beyond) } else { (has_beyond, has_more) };
    // The order ends with the key.
    let rows = rows.iter().map(|values| {
        let key = values.last().and_then(&key).ok_or_else(|| place.corrupt(Difference::Key))?;
        Ok((list.cursor(values), key))
    });
    Ok(Keys { rows: rows.collect::<Result<_, QueryError>>()?, has_previous, has_next })
}

/// What is equal in the order wanted is in the key's, so that each row has one place.
fn whole_order<C: Column>(mut order: Vec<(C, Direction)>) -> Vec<(C, Direction)> {
    match order.iter().position(|(column, _)| *column == C::KEY) {
        Some(at) => order.truncate(at.saturating_add(1)),
        None => order.push((C::KEY, Direction::Ascending)),
    }
    order
}

const fn reverse(direction: Direction) -> Direction {
    match direction {
        Direction::Ascending => Direction::Descending,
        Direction::Descending => Direction::Ascending,
    }
}

/// Tells a list's cursors from those of other lists, ledgers and orders.
struct ListName {
    name: [u8; 8],
    /// Which values are numbers.
    numbers: Vec<bool>,
}

impl ListName {
    fn new<C: Column>(name: &[u8], order: &[(C, Direction)]) -> Self {
        let mut digest = Sha256::new();
        digest.update(name);
        for (column, direction) in order {
            digest.update(column.sql());
            digest.update([u8::from(*direction == Direction::Descending)]);
        }
        let mut name = [0; 8];
        name.iter_mut().zip(digest.finalize()).for_each(|(to, from)| *to = from);
        Self { name, numbers: order.iter().map(|(column, _)| column.is_number()).collect() }
    }

    /// The list's name and each value after its length in two bytes, as base64.
    fn cursor(&self, values: &[Value]) -> String {
        let mut bytes = self.name.to_vec();
        for value in values {
            let value = match value {
                Value::Number(number) => number.to_be_bytes().to_vec(),
                Value::Bytes(bytes) => bytes.clone(),
            };
            bytes.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend_from_slice(&value);
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn parse(&self, cursor: &str) -> Result<Vec<Value>, QueryError> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| QueryError::ForeignCursor)?;
        self.parse_bytes(&bytes).ok_or(QueryError::ForeignCursor)
    }

    fn parse_bytes(&self, bytes: &[u8]) -> Option<Vec<Value>> {
        let mut rest = bytes.strip_prefix(&self.name)?;
        let mut values = Vec::new();
        for is_number in &self.numbers {
            let (length, after) = rest.split_first_chunk::<2>()?;
            let (value, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            values.push(match is_number {
                true => Value::Number(i64::from_be_bytes(value.try_into().ok()?)),
                false => Value::Bytes(value.to_vec()),
            });
            rest = after;
        }
        rest.is_empty().then_some(values)
    }
}
