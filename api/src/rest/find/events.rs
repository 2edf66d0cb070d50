//! GET /v1/ledgers/{ledger}/events/find.

use counterfoil_store::{Comparison, Condition, EventColumn};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{next, parse_order, search};
use crate::condition::{EventKind, push_comparison};
use crate::problem::{Problem, ProblemBody};
use crate::query::{self, CheckedEvent, View};
use crate::rest::body::{Event, Head};
use crate::rest::json::Json;
use crate::rest::parameters::{LedgerPath, Limit, Parameters};
use crate::value::{Key, Signature, Time, U64};

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
    /// `next` of the page before.
    after: Option<String>,
    /// At most how many, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// A page of the events that were found. Each is proven; that none is left out is not.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FoundEvents {
    head: Head,
    /// The checked head of the event log at which they were looked for.
    event_head: Head,
    /// In the order that was wanted.
    events: Vec<Event>,
    /// For `after`; null when there are no more.
    #[schema(required)]
    next: Option<String>,
}

/// Events that are all that is given, in any order. Each was verified to be in the checked tree; that none was left out is
/// the database's word.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/events/find", tag = "Events", operation_id = "find_events",
    params(("ledger" = Key, Path, description = "The ledger's address."), WhichEvents),
    responses(
        (status = 200, body = FoundEvents),
        (status = "4XX", description = "malformed_key, malformed_parameter, page_too_large, unknown_ledger, \
            unknown_cursor, not_checked_yet, too_expensive", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = "5XX", description = "stored_data_corrupt, database_unavailable, too_many_searches, timeout", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn events(
    view: View,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<WhichEvents>,
) -> Result<Json<FoundEvents>, Problem> {
    let (after, limit) = (which.after.clone(), which.limit.map(|limit| limit.0));
    let order = parse_order(which.order.as_deref(), event_column)?;
    let search = search(which.condition()?, order, after, limit);
    let found = query::find_events(&view, ledger, search).await?;
    let next = next(&found);
    Ok(Json(FoundEvents {
        head: found.head.entries.into(),
        event_head: found.head.events.into(),
        events: found.items.iter().map(|(_, event)| Event::from(AsRef::<CheckedEvent>::as_ref(event))).collect(),
        next,
    }))
}

impl WhichEvents {
    fn condition(self) -> Result<Condition<EventColumn>, Problem> {
        use EventColumn::{Kind, Signer, Slot, Time, Transaction};
        let mut parts = Vec::new();
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

fn event_column(name: &str) -> Option<EventColumn> {
    Some(match name {
        "seq" => EventColumn::Seq,
        "kind" => EventColumn::Kind,
        "slot" => EventColumn::Slot,
        "time" => EventColumn::Time,
        "signer" => EventColumn::Signer,
        "transaction" => EventColumn::Transaction,
        "leaf_hash" => EventColumn::LeafHash,
        "first_index" => EventColumn::FirstIndex,
        "count" => EventColumn::Count,
        _ => return None,
    })
}
