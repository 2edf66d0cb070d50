//! Transactions, as far as one ledger is concerned.
//!
//! A transaction locks each account that it writes to, so its events of one ledger are neighbours. That neighbours of one
//! signature came in it is the database's word, for no proof covers a signature; each of the events is verified.

use std::collections::BTreeMap;
use std::sync::Arc;

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::{Comparison, Condition, Log, TransactionColumn, Value};
use merkle_log::LeafIndex;

use super::find::find_leaves;
use super::plan::{Found, Search};
use crate::CheckedEvent;
use crate::error::{Difference, MAX_PAGE, Place, ReadError};
use crate::events::{leaves_of, load_checked_events};
use crate::reader::Reader;
use crate::snapshot::LedgerSnapshot;
use crate::tree::{Reading, verify_leaves};

/// The events of a ledger that came in one transaction, as far as they are checked.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// The first of them, whose slot and time are those of all.
    pub first: Arc<CheckedEvent>,
    /// All of them, in order.
    pub events: Vec<Arc<CheckedEvent>>,
    /// How many entries they appended.
    pub entry_count: u64,
}

/// The number of a transaction's first event, and how many there are.
type Run = (u64, u64);

/// Answers a page of the transactions that satisfy a condition. It ends early where they have more than [`MAX_PAGE`] events
/// together.
///
/// # Errors
/// [`ReadError`].
pub async fn find_transactions(
    reader: &Reader,
    ledger: LedgerId,
    search: Search<TransactionColumn>,
) -> Result<Found<Transaction>, ReadError> {
    let _place = reader.begin_search().await?;
    let mut snapshot = LedgerSnapshot::open(reader, ledger).await?;
    let mut keys =
        find_leaves(&mut snapshot, Log::Events, search, vec![TransactionColumn::EventCount], read_run).await?;
    let place = |run: &Run| Place::Leaf(ledger, Log::Events, run.0);
    if let Some((_, run)) = keys.rows.iter().find(|(_, (_, count))| *count > MAX_PAGE.into()) {
        return Err(place(run).corrupt(Difference::LongTransaction { events: run.1 }));
    }
    keys.cut(|(_, count)| *count);
    let runs: Vec<Run> = keys.rows.iter().map(|(_, run)| *run).collect();
    let found = load_transactions(&mut snapshot, &runs).await?;
    keys.with(snapshot.head, found, place)
}

/// Answers the transaction that begins with an event.
///
/// # Errors
/// [`ReadError`].
pub async fn transaction(
    reader: &Reader,
    ledger: LedgerId,
    first: u64,
) -> Result<(LedgerHead, Transaction), ReadError> {
    let condition = Condition::Compare(TransactionColumn::FirstSeq, Comparison::Equal, first.into());
    let condition = Condition::All(vec![condition]);
    let search = Search { condition, order: Vec::new(), first: Some(1), after: None, last: None, before: None };
    let mut found = find_transactions(reader, ledger, search).await?;
    let (_, transaction) = found.items.pop().ok_or(ReadError::NoTransaction { ledger, first })?;
    Ok((found.head, transaction))
}

fn read_run(values: &[Value]) -> Option<Run> {
    match values {
        [Value::Number(first), Value::Number(count)] => {
            Some((u64::try_from(*first).ok()?, u64::try_from(*count).ok()?))
        }
        _ => None,
    }
}

/// Reads the events of all runs by one query, and verifies them by another.
async fn load_transactions(
    snapshot: &mut LedgerSnapshot,
    runs: &[Run],
) -> Result<BTreeMap<Run, Transaction>, ReadError> {
    let reading = Reading::new(&snapshot.head, Log::Events);
    let seqs = runs.iter().flat_map(|(first, count)| *first..first.saturating_add(*count));
    let seqs = seqs.map(|seq| reading.index(seq)).collect::<Result<Vec<_>, _>>()?;
    let events = load_checked_events(snapshot, seqs).await?;
    verify_leaves(snapshot, &[], &leaves_of(&events), None).await?;
    let ledger = snapshot.ledger();
    runs.iter().map(|run| Ok((*run, join(ledger, *run, &events)?))).collect()
}

/// Puts the events of a run together, which all must have come in one slot.
fn join(
    ledger: LedgerId,
    (first, count): Run,
    events: &BTreeMap<LeafIndex, Arc<CheckedEvent>>,
) -> Result<Transaction, ReadError> {
    let place = |seq| Place::Leaf(ledger, Log::Events, seq);
    let find = |seq: u64| LeafIndex::new(seq).ok().and_then(|seq| events.get(&seq)).cloned();
    let run = (first..first.saturating_add(count))
        .map(|seq| find(seq).ok_or_else(|| place(seq).corrupt(Difference::Missing)));
    let run = run.collect::<Result<Vec<_>, _>>()?;
    let (Some(head), Some(last)) = (run.first().cloned(), run.last()) else {
        return Err(place(first).corrupt(Difference::Missing));
    };
    if let Some(other) = run.iter().find(|event| event.event.header.slot != head.event.header.slot) {
        let (slot, first_slot) = (other.event.header.slot, head.event.header.slot);
        return Err(place(other.seq.get()).corrupt(Difference::OtherSlot { slot, first, first_slot }));
    }
    let entry_count = last.event.header.size.get().saturating_sub(head.event.header.first_index.get());
    Ok(Transaction { first: head, events: run, entry_count })
}
