//! Searches: the rows that satisfy a condition, and their count.
//!
//! The one place where SQL is put together at run time: names and operators are constants of this file, and values are
//! bound. A search finds keys; its caller reads each row and proves it. That nothing was left out is the
//! database's word.

use counterfoil_core::LedgerId;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row};

use crate::convert::{from_bigint, to_bigint};
use crate::search::column::{Column, DAY, EntryColumn, HOUR, SIGNER};
use crate::{LedgerRow, Selection, StoreError};

/// The type of a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A number.
    Number(i64),
    /// Bytes: a hash, a key, a payload.
    Bytes(Vec<u8>),
}

impl From<u64> for Value {
    /// Numbers beyond the database's are beyond each that it holds.
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// The rows that a search covers.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// Those of one ledger whose key is below this.
    Ledger(&'a LedgerRow, u64),
    /// Those of a selection of ledgers.
    Ledgers(&'a Selection),
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The same.
    Equal,
    /// Below.
    Less,
    /// Below or the same.
    AtMost,
    /// Above.
    Greater,
    /// Above or the same.
    AtLeast,
}

impl Comparison {
    const fn sql(self) -> &'static str {
        match self {
            Self::Equal => " = ",
            Self::Less => " < ",
            Self::AtMost => " <= ",
            Self::Greater => " > ",
            Self::AtLeast => " >= ",
        }
    }
}

/// A condition on a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition<C> {
    /// Each of these; of none, every row does.
    All(Vec<Self>),
    /// At least one of these; of none, no row does.
    Any(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// A column compares so with a value.
    Compare(C, Comparison, Value),
    /// A column is one of these values.
    In(C, Vec<Value>),
    /// A column of bytes begins with these.
    StartsWith(C, Vec<u8>),
    /// A column of bytes is JSON that has this at a path.
    Json(C, Vec<String>, JsonTest),
}

/// A test of the value at a path of JSON. Bytes that are not JSON have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonTest {
    /// There is one, if only `null`.
    Exists,
    /// Its text is one of these: of a string its content, of others the JSON.
    OneOf(Vec<String>),
}

/// The direction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The smallest first.
    Ascending,
    /// The largest first.
    Descending,
}

impl Direction {
    const fn sql(self) -> &'static str {
        match self {
            Self::Ascending => " asc",
            Self::Descending => " desc",
        }
    }

    const fn beyond(self) -> Comparison {
        match self {
            Self::Ascending => Comparison::Greater,
            Self::Descending => Comparison::Less,
        }
    }
}

/// A search.
#[derive(Clone, Debug)]
pub struct Find<C> {
    /// A condition on a row.
    pub condition: Condition<C>,
    /// In which order; the key must be the last.
    pub order: Vec<(C, Direction)>,
    /// Columns that are read besides.
    pub also: Vec<C>,
    /// The values of `order` of the row after which the rows begin.
    pub after: Option<Vec<Value>>,
    /// At most how many.
    pub limit: u32,
}

/// Finds rows. Of each the values of the order, of which the key's is the last, and then those of `also`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find<C: Column>(
    connection: &mut PgConnection,
    scope: Scope<'_>,
    find: &Find<C>,
) -> Result<Vec<Vec<Value>>, StoreError> {
    let mut query = QueryBuilder::new("select ");
    let columns: Vec<C> = find.order.iter().map(|(column, _)| *column).chain(find.also.iter().copied()).collect();
    for (at, column) in columns.iter().enumerate() {
        query.push(if at == 0 { "" } else { ", " }).push(column.sql());
    }
    push_scope::<C>(&mut query, scope, &find.condition)?;
    if let Some(after) = &find.after {
        query.push(" and ");
        push_after(&mut query, &find.order, after);
    }
    for (at, (column, direction)) in find.order.iter().enumerate() {
        query.push(if at == 0 { " order by " } else { ", " }).push(column.sql()).push(direction.sql());
    }
    query.push(" limit ").push_bind(i64::from(find.limit));
    let rows = query.build().persistent(false).fetch_all(connection).await?;
    rows.iter().map(|row| read_row(row, &columns)).collect()
}

/// Counts the rows that satisfy a condition, up to `most`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count<C: Column>(
    connection: &mut PgConnection,
    scope: Scope<'_>,
    condition: &Condition<C>,
    most: u32,
) -> Result<u64, StoreError> {
    let mut query = QueryBuilder::new("select count(*) from (select");
    push_scope::<C>(&mut query, scope, condition)?;
    query.push(" limit ").push_bind(i64::from(most)).push(") as found");
    let count: i64 = query.build_query_scalar().persistent(false).fetch_one(connection).await?;
    from_bigint("entry", "count", count)
}

/// How entries are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// All in one.
    Whole,
    /// By whose signature allowed them.
    Signer,
    /// By the hour in UTC of their event.
    Hour,
    /// By the day in UTC of their event.
    Day,
}

impl Bucket {
    const fn sql(self) -> &'static str {
        match self {
            Self::Whole => "0::bigint",
            Self::Signer => SIGNER,
            Self::Hour => HOUR,
            Self::Day => DAY,
        }
    }
}

/// Entries put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// The bucket: the signer; or where the hour or day begins, in seconds since 1970; 0 for all in one.
    pub bucket: Value,
    /// How many entries.
    pub count: u64,
    /// How many bytes they have together.
    pub payload_bytes: u64,
    /// The first index.
    pub first_index: u64,
    /// The last index.
    pub last_index: u64,
}

/// Counts the entries that satisfy a condition, by bucket, in the order of the buckets; at most `limit` buckets from
/// `after` on, which is left out.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn aggregate(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    end: u64,
    condition: &Condition<EntryColumn>,
    bucket: Bucket,
    after: Option<&Value>,
    limit: u32,
) -> Result<Vec<Aggregate>, StoreError> {
    let mut query = QueryBuilder::new("select ");
    query.push(bucket.sql()).push(" as bucket, count(*), sum(octet_length(entry.payload)), min(entry.index)");
    query.push(", max(entry.index)");
    push_scope::<EntryColumn>(&mut query, Scope::Ledger(ledger, end), condition)?;
    if let Some(after) = after {
        query.push(" and ").push(bucket.sql()).push(" > ");
        push_value(&mut query, after);
    }
    query.push(" group by 1 order by 1 limit ").push_bind(i64::from(limit));
    let rows = query.build().persistent(false).fetch_all(connection).await?;
    let number = |row: &PgRow, at: usize| from_bigint("entry", ledger.ledger, row.try_get::<i64, _>(at)?);
    // Without rows there is one bucket of nothing, which is none.
    let rows = rows.iter().map(|row| {
        Ok(Aggregate {
            bucket: read_value(row, 0, bucket != Bucket::Signer)?,
            count: number(row, 1)?,
            payload_bytes: number(row, 2)?,
            first_index: number(row, 3)?,
            last_index: number(row, 4)?,
        })
    });
    rows.collect()
}

fn push_scope<C: Column>(
    query: &mut QueryBuilder<Postgres>,
    scope: Scope<'_>,
    condition: &Condition<C>,
) -> Result<(), StoreError> {
    query.push(" from ").push(C::FROM);
    match scope {
        Scope::Ledger(ledger, end) => {
            query
                .push(" cross join (select ")
                .push_bind(to_bigint("size", end)?)
                .push("::bigint) as scope (size) where ");
            query.push(C::LEDGER).push(" = ").push_bind(ledger.key);
            query.push(" and ").push(C::KEY.sql()).push(" < scope.size");
        }
        Scope::Ledgers(selection) => {
            query.push(" where ledger.address <> all(").push_bind(addresses(&selection.except)).push(")");
            if let Some(only) = &selection.only {
                query.push(" and ledger.address = any(").push_bind(addresses(only)).push(")");
            }
        }
    }
    query.push(" and ");
    push_condition(query, condition);
    Ok(())
}

fn push_condition<C: Column>(query: &mut QueryBuilder<Postgres>, condition: &Condition<C>) {
    match condition {
        Condition::All(parts) => push_joined(query, parts, " and ", "true"),
        Condition::Any(parts) => push_joined(query, parts, " or ", "false"),
        Condition::Not(part) => {
            // A test of JSON that is not there is null, and its opposite is true.
            query.push("(");
            push_condition(query, part);
            query.push(") is not true");
        }
        Condition::Compare(column, comparison, value) => push_comparison(query, *column, *comparison, value),
        Condition::In(column, values) => {
            query.push("(").push(column.sql()).push(" = any(");
            let numbers = values.iter().filter_map(|value| match value {
                Value::Number(number) => Some(*number),
                Value::Bytes(_) => None,
            });
            let bytes = values.iter().filter_map(|value| match value {
                Value::Bytes(bytes) => Some(bytes.clone()),
                Value::Number(_) => None,
            });
            if column.is_number() {
                query.push_bind(numbers.collect::<Vec<i64>>());
            } else {
                query.push_bind(bytes.collect::<Vec<Vec<u8>>>());
            }
            query.push("))");
        }
        Condition::StartsWith(column, bytes) => {
            let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
            query.push("(substring(").push(column.sql()).push(", 1, ").push_bind(length).push(") = ");
            query.push_bind(bytes.clone()).push(")");
        }
        Condition::Json(column, path, test) => {
            query.push("(entry_json(").push(column.sql()).push(match test {
                JsonTest::Exists => ") #> ",
                JsonTest::OneOf(_) => ") #>> ",
            });
            query.push_bind(path.clone());
            match test {
                JsonTest::Exists => query.push(" is not null)"),
                JsonTest::OneOf(texts) => query.push(" = any(").push_bind(texts.clone()).push("))"),
            };
        }
    }
}

fn push_joined<C: Column>(
    query: &mut QueryBuilder<Postgres>,
    parts: &[Condition<C>],
    word: &'static str,
    none: &'static str,
) {
    query.push("(");
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            query.push(word);
        }
        push_condition(query, part);
    }
    if parts.is_empty() {
        query.push(none);
    }
    query.push(")");
}

fn push_comparison<C: Column>(query: &mut QueryBuilder<Postgres>, column: C, comparison: Comparison, value: &Value) {
    query.push("(").push(column.sql()).push(comparison.sql());
    push_value(query, value);
    query.push(")");
}

fn push_value(query: &mut QueryBuilder<Postgres>, value: &Value) {
    match value {
        Value::Number(number) => query.push_bind(*number),
        Value::Bytes(bytes) => query.push_bind(bytes.clone()),
    };
}

/// Beyond a row in the order: at the first column; or the same there, and beyond it at the next; and so on.
fn push_after<C: Column>(query: &mut QueryBuilder<Postgres>, order: &[(C, Direction)], after: &[Value]) {
    let beyond = |at: usize| {
        let columns = order.iter().zip(after).take(at.saturating_add(1));
        Condition::All(
            columns
                .enumerate()
                .map(|(place, ((column, direction), value))| {
                    let comparison = if place == at { direction.beyond() } else { Comparison::Equal };
                    Condition::Compare(*column, comparison, value.clone())
                })
                .collect(),
        )
    };
    push_condition(query, &Condition::Any((0..order.len().min(after.len())).map(beyond).collect()));
}

fn read_row<C: Column>(row: &PgRow, columns: &[C]) -> Result<Vec<Value>, StoreError> {
    columns.iter().enumerate().map(|(at, column)| read_value(row, at, column.is_number())).collect()
}

fn addresses(ledgers: &[LedgerId]) -> Vec<Vec<u8>> {
    ledgers.iter().map(|ledger| ledger.0.to_vec()).collect()
}

fn read_value(row: &PgRow, at: usize, is_number: bool) -> Result<Value, StoreError> {
    Ok(if is_number { Value::Number(row.try_get(at)?) } else { Value::Bytes(row.try_get(at)?) })
}
