//! GET /v1/ledgers/{ledger}/transactions/find.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_store::{Comparison, Condition, TransactionColumn};
use counterfoil_wire::{FoundTransactions, Key, Signature, Time, U64};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Bounds, cursors};
use crate::rest::json::Json;
use crate::rest::parameters::{LedgerPath, Limit, Parameters};
use crate::rest::problems::{LogProblems, SearchProblems};
use crate::search::{TransactionFilter, parse_filter, push_comparison};

/// Which transactions: those that are all that is given.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichTransactions {
    /// The signature.
    signature: Option<Signature>,
    /// The first slot.
    from_slot: Option<U64>,
    /// The slot before which they end.
    to_slot: Option<U64>,
    /// The first second of the chain's clock.
    #[param(inline)]
    from_time: Option<Time>,
    /// The second before which they end.
    #[param(inline)]
    to_time: Option<Time>,
    /// At least how many events came in each.
    from_event_count: Option<U64>,
    /// At least how many entries each appended.
    from_entry_count: Option<U64>,
    /// By what they are put in order, each with - before it for the largest first; by their first event when absent.
    #[param(
        pattern = "^-?(first_seq|signature|slot|time|event_count|first_index|entry_count)\
            (,-?(first_seq|signature|slot|time|event_count|first_index|entry_count)){0,3}$",
        example = "-entry_count,slot"
    )]
    order: Option<String>,
    /// What else they must satisfy, as JSON: `and`, `or`, `not`, and the fields of this list with their operators.
    #[serde(rename = "where")]
    #[param(value_type = TransactionFilter, required = false)]
    filter: Option<String>,
    /// `next` or `previous` of another page.
    after: Option<String>,
    /// At most how many, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// Transactions that are all that is given, in any order, each with its events of this ledger. Each event was verified to be in
/// the checked tree; which came in one transaction, and that none was left out, is the database's word.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/transactions/find", tag = "Events", operation_id = "find_transactions",
    params(("ledger" = Key, Path, description = "The ledger's address."), WhichTransactions),
    responses(
        (status = 200, body = FoundTransactions),
        LogProblems, SearchProblems,
    ),
)]
pub(crate) async fn transactions(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(mut which): Parameters<WhichTransactions>,
) -> Result<Json<FoundTransactions>, Rejection> {
    let bounds = Bounds::new(&mut which.order, &mut which.after, which.limit);
    let search = bounds.search(which.condition()?)?;
    let found = read::find_transactions(&reader, ledger, search).await?;
    let (next, previous) = cursors(&found);
    Ok(Json(FoundTransactions {
        head: found.head.entries.into(),
        event_head: found.head.events.into(),
        transactions: found.items.into_iter().map(|(_, transaction)| transaction.into()).collect(),
        next,
        previous,
    }))
}

impl WhichTransactions {
    fn condition(self) -> Result<Condition<TransactionColumn>, Rejection> {
        use TransactionColumn::{EntryCount, EventCount, Signature, Slot, Time};
        let mut parts = vec![parse_filter::<TransactionFilter>(self.filter.as_deref())?];
        push_comparison(&mut parts, Signature, Comparison::Equal, self.signature)?;
        push_comparison(&mut parts, Slot, Comparison::AtLeast, self.from_slot)?;
        push_comparison(&mut parts, Slot, Comparison::Less, self.to_slot)?;
        push_comparison(&mut parts, Time, Comparison::AtLeast, self.from_time)?;
        push_comparison(&mut parts, Time, Comparison::Less, self.to_time)?;
        push_comparison(&mut parts, EventCount, Comparison::AtLeast, self.from_event_count)?;
        push_comparison(&mut parts, EntryCount, Comparison::AtLeast, self.from_entry_count)?;
        Ok(Condition::All(parts))
    }
}
