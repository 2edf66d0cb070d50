//! The wallets that were granted to append, as a list. It follows from few events, so it is searched in memory.

use std::cmp::Ordering;

use counterfoil_core::{LedgerHead, LedgerId, Wallet};
use counterfoil_store::{Comparison, Condition, Direction, Field, Find, Value};

use super::plan::{Found, Plan, Search};
use crate::error::{Place, ReadError};
use crate::ledger_at::{LedgerAt, When, Writer, ledger_at};
use crate::reader::Reader;

/// The fields that conditions and orders of writers may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriterField {
    /// The wallet.
    Wallet,
    /// 1 for one that may append entries, else 0.
    MayAppend,
    /// 1 for one that may append subtrees, else 0.
    MayAppendSubtrees,
    /// When the grant expires: seconds since 1970; the largest number for never.
    ExpiresAt,
    /// The event that granted it.
    GrantedSeq,
    /// 1 for one that was revoked, else 0.
    IsRevoked,
}

impl Field for WriterField {
    const LIST: &'static str = "writers";
    const KEY: Self = Self::Wallet;

    fn is_number(self) -> bool {
        self != Self::Wallet
    }
}

/// The checked heads at which writers were looked for, and how many there are in all.
#[derive(Clone, Copy, Debug)]
pub struct CountedHead {
    /// The checked heads.
    pub head: LedgerHead,
    /// How many satisfy the condition.
    pub count: u64,
}

/// Answers a page of the writers, as they are now, that satisfy a condition. The events that they follow from are verified; that
/// these are all shows the event log itself.
///
/// # Errors
/// [`ReadError`].
pub async fn find_writers(
    reader: &Reader,
    ledger: LedgerId,
    search: Search<WriterField>,
) -> Result<Found<Writer, CountedHead>, ReadError> {
    let standing = ledger_at(reader, ledger, When::default()).await?;
    let plan = Plan::new(Some(ledger), search, Vec::new())?;
    let mut writers = standing.writers;
    writers.retain(|writer| holds(&plan.wanted.condition, &|field| value(writer, field)));
    let head = CountedHead { head: standing.head, count: writers.len() as u64 };
    let rows = select(&plan.wanted, &writers);
    let keys = plan.keys(rows, Place::Ledger(ledger), |values| match values {
        [Value::Bytes(wallet)] => wallet.as_slice().try_into().ok().map(Wallet),
        _ => None,
    })?;
    keys.with(head, writers.into_iter().map(|writer| (writer.wallet, writer)).collect(), |_| Place::Ledger(ledger))
}

/// Answers one writer, as of now or at a number of events.
///
/// # Errors
/// [`ReadError`].
pub async fn writer(
    reader: &Reader,
    ledger: LedgerId,
    wallet: Wallet,
    events: Option<u64>,
) -> Result<(LedgerHead, Writer), ReadError> {
    ledger_at(reader, ledger, When { events, ..When::default() }).await?.writer(wallet)
}

impl LedgerAt {
    /// One of its writers, with the head that it is proven against.
    ///
    /// # Errors
    /// [`ReadError::NoWriter`].
    pub fn writer(&self, wallet: Wallet) -> Result<(LedgerHead, Writer), ReadError> {
        let writer = self.writers.iter().find(|writer| writer.wallet == wallet).cloned();
        Ok((self.head, writer.ok_or(ReadError::NoWriter { ledger: self.head.ledger, wallet })?))
    }
}

fn value(writer: &Writer, field: WriterField) -> Value {
    match field {
        WriterField::Wallet => Value::Bytes(writer.wallet.0.to_vec()),
        WriterField::MayAppend => u64::from(writer.may_append()).into(),
        WriterField::MayAppendSubtrees => u64::from(writer.may_append_subtrees()).into(),
        WriterField::ExpiresAt => Value::Number(writer.expiry().map_or(i64::MAX, |time| time.as_second())),
        WriterField::GrantedSeq => writer.granted.seq.get().into(),
        WriterField::IsRevoked => u64::from(writer.revoked.is_some()).into(),
    }
}

/// Whether a condition holds of these values, as the database would say it.
fn holds<C: Copy>(condition: &Condition<C>, value: &impl Fn(C) -> Value) -> bool {
    match condition {
        Condition::All(parts) => parts.iter().all(|part| holds(part, value)),
        Condition::Any(parts) => parts.iter().any(|part| holds(part, value)),
        Condition::Not(part) => !holds(part, value),
        Condition::Compare(field, comparison, other) => {
            let ordering = value(*field).cmp(other);
            match comparison {
                Comparison::Equal => ordering.is_eq(),
                Comparison::Less => ordering.is_lt(),
                Comparison::AtMost => ordering.is_le(),
                Comparison::Greater => ordering.is_gt(),
                Comparison::AtLeast => ordering.is_ge(),
            }
        }
        Condition::In(field, values) => values.contains(&value(*field)),
        Condition::StartsWith(field, prefix) => {
            matches!(value(*field), Value::Bytes(bytes) if bytes.starts_with(prefix))
        }
        // No field of a writer is JSON.
        Condition::Json(..) => false,
    }
}

/// The values of the order of those after the cursor, in order, as many as are wanted.
fn select(wanted: &Find<WriterField>, writers: &[Writer]) -> Vec<Vec<Value>> {
    let values = |writer| wanted.order.iter().map(|(field, _)| value(writer, *field)).collect();
    let mut rows: Vec<Vec<Value>> = writers.iter().map(values).collect();
    rows.retain(|row| wanted.after.as_ref().is_none_or(|after| compare(wanted, row, after).is_gt()));
    rows.sort_by(|left, right| compare(wanted, left, right));
    rows.truncate(wanted.limit as usize);
    rows
}

fn compare(wanted: &Find<WriterField>, left: &[Value], right: &[Value]) -> Ordering {
    let mut parts = wanted.order.iter().zip(left.iter().zip(right)).map(|((_, way), (left, right))| match way {
        Direction::Ascending => left.cmp(right),
        Direction::Descending => right.cmp(left),
    });
    parts.find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}
