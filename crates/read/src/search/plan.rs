//! The plan of a search, and the page of keys that it finds, in the database or in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::{
    Column, Condition, Direction, Field, Find, JsonTest, PgConnection, Scope, StoreError, Value, find, limit_statements,
};
use sha2::{Digest, Sha256};

use crate::error::{Difference, MAX_CONDITIONS, MAX_FILTER_DEPTH, MAX_ORDER, MAX_PAGE, Place, ReadError};
use crate::page::page_limit;
use crate::snapshot::LedgerSnapshot;

/// The largest count of found rows.
pub const MAX_COUNT: u32 = 10_000;

/// A search.
#[derive(Clone, Debug)]
pub struct Search<C> {
    /// The condition that a row satisfies.
    pub condition: Condition<C>,
    /// In which order; what is equal there is in the log's.
    pub order: Vec<(C, Direction)>,
    /// The longest page from the beginning, as in Relay's connections; not with `last`.
    pub first: Option<u64>,
    /// Only rows after this cursor.
    pub after: Option<String>,
    /// The longest page from the end.
    pub last: Option<u64>,
    /// Only rows before this cursor.
    pub before: Option<String>,
}

/// A page of a search's results.
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

/// A search that can be made: its filter is small enough, its order whole, and its cursor of this list.
pub(crate) struct Plan<C> {
    list: ListName,
    /// One row more than the page holds, which shows whether there are more; from the page's end on when it is counted from
    /// there.
    pub(crate) wanted: Find<C>,
    is_backwards: bool,
}

impl<C: Field> Plan<C> {
    /// In the list of a ledger, or of the index. The fields `also` are read besides those of the order.
    pub(crate) fn new(ledger: Option<LedgerId>, search: Search<C>, also: Vec<C>) -> Result<Self, ReadError> {
        expect_small(&search.condition)?;
        expect_short(&search.order)?;
        let order = whole_order(search.order);
        let list = ListName::new(ledger, &order);
        let is_backwards = search.last.is_some() || search.before.is_some();
        if is_backwards && (search.first.is_some() || search.after.is_some()) {
            return Err(ReadError::BothEnds);
        }
        let (asked, beyond) = if is_backwards { (search.last, search.before) } else { (search.first, search.after) };
        let reversed = || order.iter().map(|(field, way)| (*field, reverse(*way))).collect();
        let wanted = Find {
            condition: search.condition,
            also,
            after: beyond.as_deref().map(|cursor| list.parse(cursor)).transpose()?,
            limit: page_limit(asked)?.saturating_add(1),
            order: if is_backwards { reversed() } else { order },
        };
        Ok(Self { list, wanted, is_backwards })
    }

    /// The page that the rows found come to. `key` reads what follows the order: the key, and what was read besides.
    pub(crate) fn keys<K>(
        &self,
        mut rows: Vec<Vec<Value>>,
        place: Place,
        key: impl Fn(&[Value]) -> Option<K>,
    ) -> Result<Keys<K>, ReadError> {
        let limit = self.wanted.limit.saturating_sub(1) as usize;
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let rows = rows.iter().map(|values| {
            // The order ends with the key.
            let key = values.get(self.wanted.order.len().saturating_sub(1)..).and_then(&key);
            Ok((self.list.cursor(values), key.ok_or_else(|| place.corrupt(Difference::Key))?))
        });
        let rows = rows.collect::<Result<_, ReadError>>()?;
        Ok(Keys { rows, has_more, has_beyond: self.wanted.after.is_some(), is_backwards: self.is_backwards })
    }
}

impl<C: Column> Plan<C> {
    /// Finds the rows.
    pub(crate) async fn find(
        &self,
        connection: &mut PgConnection,
        scope: Scope<'_>,
        place: Place,
        time: Duration,
    ) -> Result<Vec<Vec<Value>>, ReadError> {
        let found = async {
            limit_statements(&mut *connection, time).await?;
            find(connection, scope, &self.wanted).await
        };
        found.await.map_err(expensive(place))
    }
}

/// The keys of a page with their cursors, from where the page is counted.
pub(crate) struct Keys<K> {
    pub(crate) rows: Vec<(String, K)>,
    has_more: bool,
    has_beyond: bool,
    is_backwards: bool,
}

impl<K: Ord> Keys<K> {
    /// Ends the page before its rows weigh more than [`MAX_PAGE`] together.
    pub(crate) fn cut(&mut self, weight: impl Fn(&K) -> u64) {
        let mut sum = 0_u64;
        let fits = self.rows.iter().take_while(|(_, key)| {
            sum = sum.saturating_add(weight(key));
            sum <= MAX_PAGE.into()
        });
        let fits = fits.count();
        self.has_more |= fits < self.rows.len();
        self.rows.truncate(fits);
    }

    /// The page of what was found by these keys, in its order.
    pub(crate) fn with<T, H>(
        mut self,
        head: H,
        mut found: BTreeMap<K, T>,
        place: impl Fn(&K) -> Place,
    ) -> Result<Found<T, H>, ReadError> {
        if self.is_backwards {
            self.rows.reverse();
        }
        let (has_previous, has_next) =
            if self.is_backwards { (self.has_more, self.has_beyond) } else { (self.has_beyond, self.has_more) };
        let items = self.rows.into_iter().map(|(cursor, key)| {
            let item = found.remove(&key);
            Ok((cursor, item.ok_or_else(|| place(&key).corrupt(Difference::Missing))?))
        });
        let items = items.collect::<Result<_, ReadError>>()?;
        Ok(Found { head, items, has_previous, has_next })
    }
}

/// For `map_err`: a search that was given up is not the database's failure.
pub(crate) fn expensive(place: Place) -> impl Fn(StoreError) -> ReadError {
    move |error| match error {
        error if error.is_statement_timeout() => ReadError::TooExpensive,
        error => place.store_error()(error),
    }
}

/// Gives the statements of a search their time.
pub(crate) async fn limit(snapshot: &mut LedgerSnapshot) -> Result<(), ReadError> {
    let place = Place::Ledger(snapshot.ledger());
    let time = snapshot.search_time();
    limit_statements(snapshot.parts().await?.0, time).await.map_err(place.store_error())
}

/// Refuses a filter with more conditions than [`MAX_CONDITIONS`], or deeper than [`MAX_FILTER_DEPTH`].
///
/// A filter is a [`Condition::All`]. Each comparison counts one, and so do each value of a list and each filter within
/// a filter: what one filter costs the database is bounded by it.
pub(crate) fn expect_small<C>(condition: &Condition<C>) -> Result<(), ReadError> {
    fn count<C>(condition: &Condition<C>, depth: usize) -> Option<usize> {
        let sum = |parts: &[Condition<C>], depth: usize| {
            parts.iter().try_fold(0_usize, |sum, part| sum.checked_add(count(part, depth)?))
        };
        match condition {
            Condition::All(parts) => sum(parts, depth.checked_sub(1)?)?.checked_add(1),
            Condition::Any(parts) => sum(parts, depth),
            Condition::Not(part) => count(part, depth),
            Condition::In(_, values) => Some(values.len().max(1)),
            Condition::Json(_, _, JsonTest::OneOf(values)) => Some(values.len().max(1)),
            Condition::Compare(..) | Condition::StartsWith(..) | Condition::Json(_, _, JsonTest::Exists) => Some(1),
        }
    }
    // The outermost filter is within none.
    let most = MAX_CONDITIONS.saturating_add(1);
    count(condition, MAX_FILTER_DEPTH).filter(|count| *count <= most).map(|_| ()).ok_or(ReadError::FilterTooLarge)
}

/// Refuses an order of more than [`MAX_ORDER`] columns: the condition that a page begins with compares each column with
/// all before it.
fn expect_short<C>(order: &[(C, Direction)]) -> Result<(), ReadError> {
    if order.len() <= MAX_ORDER { Ok(()) } else { Err(ReadError::OrderTooLong) }
}

/// Rows that are equal in the order wanted are in the key's, so that each row has one place. A column that stands there once more
/// orders nothing.
fn whole_order<C: Field>(order: Vec<(C, Direction)>) -> Vec<(C, Direction)> {
    let mut whole: Vec<(C, Direction)> = Vec::with_capacity(order.len().saturating_add(1));
    for (field, way) in order.into_iter().chain([(C::KEY, Direction::Ascending)]) {
        if whole.iter().all(|(earlier, _)| *earlier != field && *earlier != C::KEY) {
            whole.push((field, way));
        }
    }
    whole
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
    fn new<C: Field>(ledger: Option<LedgerId>, order: &[(C, Direction)]) -> Self {
        let ledger = ledger.map(|ledger| ledger.0);
        let digest = Sha256::digest(format!("{} {ledger:?} {order:?}", C::LIST));
        let mut name = [0; 8];
        name.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self { name, numbers: order.iter().map(|(field, _)| field.is_number()).collect() }
    }

    /// The list's name and each value of the order after its length in two bytes, as base64.
    fn cursor(&self, values: &[Value]) -> String {
        let mut bytes = self.name.to_vec();
        for value in values.iter().take(self.numbers.len()) {
            let value = match value {
                Value::Number(number) => number.to_be_bytes().to_vec(),
                Value::Bytes(bytes) => bytes.clone(),
            };
            bytes.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend_from_slice(&value);
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn parse(&self, cursor: &str) -> Result<Vec<Value>, ReadError> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| ReadError::ForeignCursor)?;
        self.parse_bytes(&bytes).ok_or(ReadError::ForeignCursor)
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
