//! GET /v1/ledgers/{ledger}/events/find.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read::{self as read, CheckedEvent};
use counterfoil_store::{Comparison, Condition, EventColumn};
use counterfoil_wire::{Event, FoundEvents, Key, Signature, Time, U64};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Bounds, cursors};
use crate::rest::json::Json;
use crate::rest::parameters::{LedgerPath, Limit, Parameters};
use crate::rest::problems::{LogProblems, SearchProblems};
use crate::search::{EventFilter, EventKind, parse_filter, push_comparison};

/// Which events: those that are all that is given.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichEvents {
    /// What happened.
    #[param(inline)]
    kind: Option<EventKind>,
    /// The wallet whose signature allowed it.
    signer: Option<Key>,
    /// The signature of the transaction that it came in.
    transaction: Option<Signature>,
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
    /// By what they are put in order, each with - before it for the largest first; by number when absent.
    #[param(
        pattern = "^-?(seq|kind|slot|time|signer|transaction|leaf_hash|first_index|count)\
            (,-?(seq|kind|slot|time|signer|transaction|leaf_hash|first_index|count)){0,3}$",
        example = "-count,seq"
    )]
    order: Option<String>,
    /// What else they must satisfy, as JSON: `and`, `or`, `not`, and the fields of this list with their operators.
    #[serde(rename = "where")]
    #[param(value_type = EventFilter, required = false)]
    filter: Option<String>,
    /// `next` or `previous` of another page.
    after: Option<String>,
    /// At most how many, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// Events that are all that is given, in any order. Each was verified to be in the checked tree; that none was left out is
/// the database's word.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/events/find", tag = "Events", operation_id = "find_events",
    params(("ledger" = Key, Path, description = "The ledger's address."), WhichEvents),
    responses(
        (status = 200, body = FoundEvents),
        LogProblems, SearchProblems,
    ),
)]
pub(crate) async fn events(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(mut which): Parameters<WhichEvents>,
) -> Result<Json<FoundEvents>, Rejection> {
    let bounds = Bounds::new(&mut which.order, &mut which.after, which.limit);
    let search = bounds.search(which.condition()?)?;
    let found = read::find_events(&reader, ledger, search).await?;
    let (next, previous) = cursors(&found);
    Ok(Json(FoundEvents {
        head: found.head.entries.into(),
        event_head: found.head.events.into(),
        events: found.items.iter().map(|(_, event)| Event::from(AsRef::<CheckedEvent>::as_ref(event))).collect(),
        next,
        previous,
    }))
}

impl WhichEvents {
    fn condition(self) -> Result<Condition<EventColumn>, Rejection> {
        use EventColumn::{Kind, Signer, Slot, Time, Transaction};
        let mut parts = vec![parse_filter::<EventFilter>(self.filter.as_deref())?];
        push_comparison(&mut parts, Kind, Comparison::Equal, self.kind)?;
        push_comparison(&mut parts, Signer, Comparison::Equal, self.signer)?;
        push_comparison(&mut parts, Transaction, Comparison::Equal, self.transaction)?;
        push_comparison(&mut parts, Slot, Comparison::AtLeast, self.from_slot)?;
        push_comparison(&mut parts, Slot, Comparison::Less, self.to_slot)?;
        push_comparison(&mut parts, Time, Comparison::AtLeast, self.from_time)?;
        push_comparison(&mut parts, Time, Comparison::Less, self.to_time)?;
        Ok(Condition::All(parts))
    }
}
